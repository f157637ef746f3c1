package slave

import (
	"errors"
	"fmt"

	"renraku/contactfile"
)

// WithRemedy is an error of the contact file while monitoring goes on. Where it says that the file is damaged, what mends that stands
// before it: a response has room for the beginning of a text.
func WithRemedy(err error) error {
	var field *contactfile.FieldError
	if errors.As(err, &field) || errors.Is(err, contactfile.ErrNoRecord) {
		return fmt.Errorf("contact file damaged (renraku start makes it anew): %w", err)
	}
	return err
}

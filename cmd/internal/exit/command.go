package exit

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Args makes what a check of arguments finds wrong usage.
func Args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return FlagError(c, err)
		}
		return nil
	}
}

// FlagError makes a wrong flag wrong usage, and shows the right one.
func FlagError(c *cobra.Command, err error) error {
	err = fmt.Errorf("%w; usage: %s", err, c.UseLine())
	if c.HasParent() {
		err = fmt.Errorf("%s: %w", c.Name(), err)
	}
	return With(Usage, err)
}

// Lines is the text of err, each line after the name of a program or command.
func Lines(name string, err error) string {
	return name + ": " + strings.ReplaceAll(err.Error(), "\n", "\n"+name+": ")
}

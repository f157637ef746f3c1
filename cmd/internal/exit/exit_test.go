package exit

import (
	"errors"
	"fmt"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
)

var errCause = errors.New("cause")

func TestStatusIsTheOneThatTheErrorNames(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want int
	}{
		{"no error", nil, Done},
		{"an error that names none", errCause, NotWell},
		{"usage", With(Usage, errCause), Usage},
		{"no daemon", With(NoDaemon, errCause), NoDaemon},
		{"wrapped", fmt.Errorf("run: %w", With(NoDaemon, errCause)), NoDaemon},
		{"the outer of two", With(Usage, With(NoDaemon, errCause)), Usage},
		{"one of several", errors.Join(errCause, With(Usage, errCause)), Usage},
		{"everything said already", With(NotWell, nil), NotWell},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, Status(c.err)) })
	}
}

func TestErrorReadsAndUnwrapsAsItsCause(t *testing.T) {
	err := With(Usage, errCause)
	assert.EqualError(t, err, "cause")
	assert.ErrorIs(t, err, errCause)
	assert.EqualError(t, With(NotWell, nil), "")
}

func TestWrongArgumentsAndFlagsAreUsage(t *testing.T) {
	c := &cobra.Command{Use: "try", Args: Args(cobra.NoArgs), SilenceUsage: true, SilenceErrors: true, Run: func(*cobra.Command, []string) {}}
	c.SetFlagErrorFunc(FlagError)
	for _, args := range [][]string{{"extra"}, {"--unknown"}} {
		c.SetArgs(args)
		err := c.Execute()
		assert.Error(t, err)
		assert.Equal(t, Usage, Status(err), args)
	}
	c.SetArgs([]string{})
	assert.NoError(t, c.Execute())
}

func TestEveryLineBeginsWithTheProgram(t *testing.T) {
	assert.Equal(t, "renraku: cause", Lines("renraku", errCause))
	assert.Equal(t, "renraku: one\nrenraku: two", Lines("renraku", errors.New("one\ntwo")))
}

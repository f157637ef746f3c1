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

func TestWrongUsageNamesWhatIsMissingOrTooMuch(t *testing.T) {
	for _, c := range []struct {
		use   string
		check cobra.PositionalArgs
		args  []string
		want  string // "": nothing is wrong
	}{
		{"try", cobra.NoArgs, nil, ""},
		{"try", cobra.NoArgs, []string{"extra"}, `"extra" is one argument too many; usage: try`},
		{"try [--n 3]", cobra.NoArgs, []string{"extra"}, `"extra" is one argument too many; usage: try [--n 3]`},
		{"try FROM TO [--n 3]", cobra.ExactArgs(2), []string{"a", "b"}, ""},
		{"try FROM TO [--n 3]", cobra.ExactArgs(2), []string{"a"}, "TO is missing; usage: try FROM TO [--n 3]"},
		{"try FROM TO --n N", cobra.ExactArgs(2), nil, "FROM is missing; usage: try FROM TO --n N"},
		{"try FROM TO", cobra.ExactArgs(2), []string{"a", "b", "c", "d"}, `"c" is one argument too many; usage: try FROM TO`},
		{"try [FILE]", cobra.MaximumNArgs(1), []string{"a", "b"}, `"b" is one argument too many; usage: try [FILE]`},
		{"try", cobra.NoArgs, []string{"--unknown"}, "no flag --unknown; usage: try"},
		{"try", cobra.NoArgs, []string{"-xy"}, "no flag -xy; usage: try"},
		{"try", cobra.NoArgs, []string{"--n"}, "--n: its value is missing; usage: try"},
		{"try", cobra.NoArgs, []string{"--n", "many"}, `--n "many": a whole number such as 3 is right; usage: try`},
		{"try", cobra.NoArgs, []string{"--for", "3"}, `--for "3": a time such as 20s, 1h30m or 7d is right; usage: try`},
		{"try", cobra.NoArgs, []string{"--all=maybe"}, `--all "maybe": true or false is right; usage: try`},
	} {
		command := &cobra.Command{Use: c.use, Args: Args(c.check), SilenceUsage: true, SilenceErrors: true, DisableFlagsInUseLine: true,
			Run: func(*cobra.Command, []string) {}}
		command.Flags().Int("n", 0, "")
		command.Flags().Duration("for", 0, "")
		command.Flags().Bool("all", false, "")
		command.SetFlagErrorFunc(FlagError)
		command.SetArgs(append([]string{}, c.args...))
		err := command.Execute()
		if c.want == "" {
			assert.NoError(t, err, "%s %q", c.use, c.args)
			continue
		}
		assert.EqualError(t, err, c.want, "%s %q", c.use, c.args)
		assert.Equal(t, Usage, Status(err), "%s %q", c.use, c.args)
	}
}

func TestEveryLineBeginsWithTheProgram(t *testing.T) {
	assert.Equal(t, "renraku: cause", Lines("renraku", errCause))
	assert.Equal(t, "renraku: one\nrenraku: two", Lines("renraku", errors.New("one\ntwo")))
}

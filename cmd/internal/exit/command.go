package exit

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Args makes what a check of arguments finds wrong usage. What is missing has the name that the command's Use gives it.
func Args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if check(c, args) == nil {
			return nil
		}
		names := operands(c)
		if len(args) < len(names) {
			return usage(c, names[len(args)]+" is missing")
		}
		return usage(c, fmt.Sprintf("%q is one argument too many", args[len(names)]))
	}
}

// operands are the arguments in a command's Use, which stand before its flags; they may have the brackets of what can be left out.
func operands(c *cobra.Command) (names []string) {
	for _, word := range strings.Fields(c.Use)[1:] {
		if strings.HasPrefix(strings.TrimPrefix(word, "["), "-") {
			break
		}
		names = append(names, word)
	}
	return names
}

// FlagError makes a wrong flag wrong usage.
func FlagError(c *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		bare    *pflag.ValueRequiredError
		invalid *pflag.InvalidValueError
	)
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return usage(c, "no flag -"+unknown.GetSpecifiedShortnames())
	case errors.As(err, &unknown):
		return usage(c, "no flag --"+unknown.GetSpecifiedName())
	case errors.As(err, &bare):
		return usage(c, "--"+bare.GetSpecifiedName()+": its value is missing")
	case errors.As(err, &invalid):
		return usage(c, fmt.Sprintf("--%s %q: %s is right", invalid.GetFlag().Name, invalid.GetValue(), rightValue(invalid.GetFlag())))
	}
	return usage(c, err.Error())
}

func rightValue(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "int":
		return "a whole number such as 3"
	case "duration":
		return "a time such as 20s, 1h30m or 7d"
	case "bool":
		return "true or false"
	}
	return "a " + f.Value.Type()
}

// usage is wrong usage, with the right one behind it.
func usage(c *cobra.Command, what string) error {
	return wrong(c, fmt.Sprintf("%s; usage: %s", what, c.UseLine()))
}

// wrong is wrong usage, after the name of the command unless that is the program's.
func wrong(c *cobra.Command, text string) error {
	if _, name, ok := strings.Cut(c.CommandPath(), " "); ok {
		text = name + ": " + text
	}
	return With(Usage, errors.New(text))
}

// Command makes what is no command of c wrong usage, and names the one that may be meant. It is the Args and the RunE of a
// command that only has others.
func Command(c *cobra.Command, args []string) error {
	all := c.CommandPath() + " --help shows them all"
	if len(args) == 0 {
		return wrong(c, "which command? "+all)
	}
	c.SuggestionsMinimumDistance = 2 // letters that differ
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		return wrong(c, fmt.Sprintf("no command %q: is %s meant?", args[0], strings.Join(near, " or ")))
	}
	return wrong(c, fmt.Sprintf("no command %q: %s", args[0], all))
}

// Lines is the text of err, each line after the name of a program or command.
func Lines(name string, err error) string {
	return name + ": " + strings.ReplaceAll(err.Error(), "\n", "\n"+name+": ")
}

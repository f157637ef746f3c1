// Renraku is the operator's command: it talks to the daemon of the same server, or reads its files.
//
// main.go puts the commands together; each command has a file of its own. table.go is how servers and results are shown.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"renraku/cmd/internal/control"
	"renraku/cmd/internal/daemon"
	"renraku/cmd/internal/exit"
	"renraku/cmd/internal/version"
	"renraku/slave/runs"
)

func main() {
	if runs.IsParent() { // of a process of renraku demo
		os.Exit(runs.Parent())
	}
	os.Exit(run())
}

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err := root().ExecuteContext(ctx)
	if err != nil && err.Error() != "" {
		fmt.Fprintln(os.Stderr, exit.Lines("renraku", err))
	}
	return exit.Status(err)
}

func root() *cobra.Command {
	c := &cobra.Command{
		Use:   "renraku COMMAND",
		Short: "Know whether every server is up, and order their applications from one place",
		Long: "renraku talks to the daemon (renrakud) of this server, or reads its files.\n" +
			"Exit status: 0 done, 1 done but not all is well, 2 wrong usage or definition, 3 no daemon reached.\n" +
			"That of check is a Nagios plugin's.",
		Args:          exit.Command,
		RunE:          exit.Command,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	c.DisableFlagsInUseLine = true
	c.SetFlagErrorFunc(exit.FlagError)
	version.Flag(c)
	c.AddCommand(demoCommand(), demoApplicationCommand(), validateCommand(), statusCommand(), checkCommand(), runCommand(), stopCommand(),
		startCommand(), maintainCommand(), messageCommand(), historyCommand(), outputCommand(), setStatusCommand(), decodeCommand(), simulateCommand(), keygenCommand())
	c.SetUsageTemplate(usage)
	for _, sub := range c.Commands() {
		if sub.Args == nil {
			sub.Args = exit.Args(cobra.NoArgs)
		}
		sub.DisableFlagsInUseLine = true // Use has them
		named(sub)
		complete(sub)
	}
	addStandard(c)
	return c
}

// usage is cobra's, with one line for a command that only has others.
const usage = `Usage:
  {{.UseLine}}
{{if .HasAvailableSubCommands}}
Commands:{{range .Commands}}{{if or .IsAvailableCommand (eq .Name "help")}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}
{{end}}{{if .HasAvailableLocalFlags}}
Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}{{if .HasAvailableSubCommands}}
"{{.CommandPath}} COMMAND --help" says more about a command.
{{end}}`

// addStandard adds the commands that cobra has for every program, with usage as of the others.
func addStandard(c *cobra.Command) {
	c.InitDefaultHelpCmd()
	c.InitDefaultCompletionCmd()
	for _, sub := range c.Commands() {
		switch sub.Name() {
		case "help":
			sub.Use = "help [COMMAND]"
			sub.Args = func(_ *cobra.Command, args []string) error {
				if found, _, err := c.Find(args); err != nil || found == c && len(args) > 0 {
					return exit.Command(c, args)
				}
				return nil
			}
		case "completion":
			sub.Use, sub.Args, sub.RunE = "completion SHELL", exit.Command, exit.Command
			for _, shell := range sub.Commands() {
				shell.Args = exit.Args(cobra.NoArgs)
			}
		}
	}
}

// named has each line of a command's errors begin with the command's name.
func named(c *cobra.Command) {
	run := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		err := run(c, args)
		if err == nil || err.Error() == "" {
			return err
		}
		return exit.With(exit.Status(err), errors.New(exit.Lines(c.Name(), err)))
	}
}

func dirFlag(c *cobra.Command, dir *string) {
	c.Flags().StringVar(dir, "dir", daemon.DefaultDir, "the `directory` of the daemon")
}

// notPermitted says of a file that may not be read who may.
func notPermitted(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: its group may read it, and this user is not in it", err)
	}
	return err
}

// daemonError gives what a client of the daemon says its exit status.
func daemonError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, control.ErrNoDaemon):
		return exit.With(exit.NoDaemon, fmt.Errorf("%w: start renrakud there, or name another directory with --dir", err))
	case errors.Is(err, control.ErrRequest):
		return exit.With(exit.Usage, err)
	}
	return exit.With(exit.NotWell, err)
}

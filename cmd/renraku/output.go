package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/spf13/cobra"

	"renraku/cmd/internal/exit"
	"renraku/slave/runs"
	"renraku/telegram"
)

func outputCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "output PROCESS [--dir DIR]",
		Short: "Show what the last run of a process on this server printed",
		Long: fmt.Sprintf("Standard output and error of the last run of the process on this server, while it runs or afterwards, with or\n"+
			"without a daemon. Of a long output the first and the last %d KiB are kept.", runs.OutputPart>>10),
		Args: exit.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := telegram.NewProcessID(args[0])
			if err != nil {
				return exit.With(exit.Usage, fmt.Errorf("process %q: %w", args[0], err))
			}
			o, err := runs.ReadOutput(dir, id)
			if errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("no directory %s: has renrakud ever run there? --dir names another directory", dir)
			}
			if errors.Is(err, runs.ErrNoOutput) {
				return exit.With(exit.NotWell, fmt.Errorf("no run of %v is known on this server: the server where it ran has its output", id))
			}
			if err != nil {
				return exit.With(exit.NotWell, notPermitted(err))
			}
			if err := writeOutput(c.OutOrStdout(), c.ErrOrStderr(), &o); err != nil {
				return exit.With(exit.NotWell, fmt.Errorf("write the output: %w", err))
			}
			return nil
		},
	}
	dirFlag(c, &dir)
	return c
}

// writeOutput writes the bytes as they were printed; what is left out is said on notes, so that the output itself stays as it is.
func writeOutput(out, notes io.Writer, o *runs.Output) error {
	_, headErr := out.Write(o.Head)
	if o.Omitted > 0 {
		fmt.Fprintf(notes, "renraku: output: %d bytes in the middle were not kept\n", o.Omitted)
	}
	_, tailErr := out.Write(o.Tail)
	return errors.Join(headErr, tailErr)
}

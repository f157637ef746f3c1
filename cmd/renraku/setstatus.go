package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"renraku/cmd/internal/exit"
)

func setStatusCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "set-status STATUS [--dir DIR]",
		Short: "Correct the application status of this server",
		Long: "For when a person knows better than the daemon: STATUS, such as NOT-STARTED, stands from now on as the application\n" +
			"execution status of this server. Nothing is started or ended. The history notes it with SET.",
		Args: exit.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if err := clientOf(c, dir).SetStatus(c.Context(), args[0]); err != nil {
				return daemonError(err)
			}
			fmt.Fprintf(c.OutOrStdout(), "the application status of this server is %s\n", args[0])
			return nil
		},
	}
	dirFlag(c, &dir)
	return c
}

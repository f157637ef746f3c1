package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func stopCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "stop [--dir DIR]",
		Short: "End monitoring: the contact file is emptied until start",
		Long: "At the manager, every slave is told END, and the contact files are emptied.\n" +
			"At a slave, this server alone: it tells the manager STOPPED, and answers so until renraku start.",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := clientOf(c, dir).End(c.Context()); err != nil {
				return daemonError(err)
			}
			fmt.Fprintln(c.OutOrStdout(), "monitoring has ended")
			return nil
		},
	}
	dirFlag(c, &dir)
	return c
}

func startCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "start [--dir DIR]",
		Short: "Begin monitoring again after stop",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := clientOf(c, dir).Begin(c.Context()); err != nil {
				return daemonError(err)
			}
			fmt.Fprintln(c.OutOrStdout(), "monitoring is on")
			return nil
		},
	}
	dirFlag(c, &dir)
	return c
}

package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"renraku/cmd/internal/exit"
)

func messageCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "message TEXT [--dir DIR]",
		Short: "Give the triggers of this server a message",
		Long: "Every trigger with a message that matches TEXT orders its process: at the manager, on the hosts of the trigger; at a\n" +
			"slave, the triggers with local = true. Several words are one message, with a space between them.",
		Args: exit.Args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			text := strings.Join(args, " ")
			if strings.TrimSpace(text) == "" {
				return exit.With(exit.Usage, errors.New("TEXT is empty: one such as 'backup done' is right"))
			}
			return daemonError(clientOf(c, dir).Message(c.Context(), text))
		},
	}
	dirFlag(c, &dir)
	return c
}

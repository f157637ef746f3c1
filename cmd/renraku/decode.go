package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"renraku/cmd/internal/exit"
	"renraku/cmd/internal/inspect"
)

func decodeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "decode [FILE]",
		Short: "Show telegrams field by field: hex, raw bytes or a capture",
		Long: "Reads telegrams from FILE or standard input: as hex (a blank line between datagrams, # comments), as raw bytes,\n" +
			"or out of a capture (pcap, pcapng). Of a bad telegram it says the field and the offset of its first bad byte, and\n" +
			"the exit status is 1. A sealed telegram is shown with its trailer; its MAC is not checked, since that needs a key.",
		Args: exit.Args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			in := c.InOrStdin()
			if len(args) == 1 && args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return exit.With(exit.Usage, err)
				}
				defer f.Close()
				if info, err := f.Stat(); err == nil && info.IsDir() {
					return exit.With(exit.Usage, fmt.Errorf("%s is a directory: a file is right", args[0]))
				}
				in = f
			}
			summary, err := inspect.Print(c.OutOrStdout(), in)
			switch {
			case err != nil:
				return err
			case summary.Telegrams == 0:
				return errors.New("no telegram found")
			case summary.Bad > 0:
				return fmt.Errorf("%d of %d telegrams bad", summary.Bad, summary.Telegrams)
			}
			return nil
		},
	}
}

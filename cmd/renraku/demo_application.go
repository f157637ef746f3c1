package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"renraku/cmd/internal/exit"
)

// demoApplicationCommand is the processes that the demo orders: each leaves a file behind, and fails where there is one already,
// so that a second launch would be seen.
func demoApplicationCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "demo-application DIR",
		Hidden: true,
		Args:   exit.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			host, process := os.Getenv("RENRAKU_HOST"), os.Getenv("RENRAKU_PROCESS")
			if host == "" || process == "" {
				return exit.With(exit.Usage, errors.New("the demo's daemons start this, nobody else"))
			}
			f, err := os.OpenFile(tracePath(args[0], host, process), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
			if errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("%s has been started on %s before", process, host)
			}
			if err != nil {
				return err
			}
			defer f.Close()
			takes, says := applicationTakes, "the application of %s is up\n"
			if process == demoBatch {
				takes, says = batchTakes, "the night's work of %s is done\n"
			}
			if err := pause(c.Context(), takes); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), says, host)
			_, err = fmt.Fprintf(f, "started at %s\n", time.Now().UTC().Format(time.RFC3339))
			return err
		},
	}
}

// How long the demo's application takes to come up, and how long its batch works.
const (
	applicationTakes = 300 * time.Millisecond
	batchTakes       = 1500 * time.Millisecond
)

func tracePath(dir, host, process string) string { return filepath.Join(dir, host, process+".started") }

package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"renraku/cmd/internal/control"
)

// answerWait is how long a daemon may take before the person in front of the command is told that it has not answered.
const answerWait = 5 * time.Second

// clientOf talks to the daemon in dir for a command that waits for its answer as long as it takes, and says so.
func clientOf(c *cobra.Command, dir string) *control.Client {
	client := control.NewClient(dir)
	client.OnWait(answerWait, func() {
		fmt.Fprintf(c.ErrOrStderr(), "renraku: %s: no answer yet from the daemon in %s: still waiting; Ctrl-C ends the wait, not what was begun\n",
			c.Name(), dir)
	})
	return client
}

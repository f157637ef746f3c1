package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"renraku/cmd/internal/definition"
	"renraku/cmd/internal/exit"
	"renraku/cmd/internal/keygen"
	"renraku/cmd/internal/screen"
	"renraku/slave/credentials"
)

const (
	day     = 24 * time.Hour
	maxDays = int(credentials.AuthorityLife / day)
)

type keygenFlags struct {
	config string
	rotate bool
	days   int
}

func keygenCommand() *cobra.Command {
	var f keygenFlags
	c := &cobra.Command{
		Use:   "keygen DIR --config FILE [--rotate] [--days N]",
		Short: "Make or renew the keys and certificates of sealed mode, a folder for each host",
		Long: "Makes in DIR an authority and, for each host of the definition, a folder with its keys and its certificate. What is there is\n" +
			"kept, unless --rotate makes the next key ID and new certificates. Keep DIR where no server is: who has it can speak for all.",
		Args: exit.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error { return runKeygen(c, args[0], f) },
	}
	c.Flags().StringVar(&f.config, "config", "", "the definition `file`")
	c.Flags().BoolVar(&f.rotate, "rotate", false, "make the next key ID, and a new certificate for every host")
	c.Flags().IntVar(&f.days, "days", int(credentials.HostLife/day), "the `number` of days that new certificates of hosts hold")
	return c
}

func runKeygen(c *cobra.Command, dir string, f keygenFlags) error {
	switch {
	case f.config == "":
		return exit.With(exit.Usage, errors.New("for which hosts? --config FILE is missing"))
	case f.days < 1 || f.days > maxDays:
		return exit.With(exit.Usage, fmt.Errorf("--days %d: 1 to %d is right", f.days, maxDays))
	}
	d, err := definition.Load(f.config)
	if err != nil {
		return exit.With(exit.Usage, err)
	}
	hosts := d.Hosts()
	draw, end := keygenProgress(c.ErrOrStderr(), len(hosts))
	report, err := keygen.Run(keygen.Options{Dir: dir, Manager: hosts[0], Slaves: hosts[1:], Rotate: f.rotate,
		Life: time.Duration(f.days) * day, Now: time.Now(), Progress: draw})
	end()
	if errors.Is(err, keygen.ErrName) {
		return exit.With(exit.Usage, fmt.Errorf("%s: %w", f.config, err))
	}
	if err != nil {
		return err
	}
	printLines(c.OutOrStdout(), keygenLines(dir, d, &report))
	return nil
}

// keygenProgress draws a line where out is a terminal.
func keygenProgress(out io.Writer, all int) (draw func(done int), end func()) {
	file, ok := out.(*os.File)
	if !ok {
		return nil, func() {}
	}
	live, ok := screen.NewLive(file)
	if !ok {
		return nil, func() {}
	}
	var last time.Time
	draw = func(done int) {
		if now := time.Now(); now.Sub(last) >= progressEvery {
			last = now
			live.Draw([]string{fmt.Sprintf("%d of %d hosts", done, all)})
		}
	}
	return draw, func() { live.Draw(nil) }
}

// keygenLines says what was done, and what is to be done with it.
func keygenLines(dir string, d *definition.Definition, r *keygen.Report) []string {
	var lines []string
	if r.Authority {
		lines = append(lines, fmt.Sprintf("%s: a new authority, which holds for %d years", dir, credentials.AuthorityLife/(365*day)))
	}
	if r.Finished {
		lines = append(lines, "the rotation that was begun before is done now; no other was begun")
	}
	newest := r.KeyIDs[len(r.KeyIDs)-1]
	lines = append(lines, fmt.Sprintf("%s: %s made, %d renewed, %d kept; the manager's key ID is %d", dir,
		count(r.Made, "folder", "folders"), r.Renewed, r.Kept, newest))
	lines = append(lines, r.Ends...)
	if len(r.Ends) > 0 {
		lines = append(lines, "renraku keygen --rotate makes new certificates of hosts")
	}
	if r.Made+r.Renewed == 0 {
		return lines
	}
	lines = append(lines, "",
		"Copy the files of each new or renewed folder to its host, in this order:",
		fmt.Sprintf("1. those of the slaves: %s to %s, and SIGHUP to its daemon where one runs", dir+"/HOST/*", d.Security.Keys),
		fmt.Sprintf("2. when every slave has read them, those of the manager: %s/%s/* to %s, and SIGHUP", dir, d.Manager.Host, d.Security.KeysOf(d.Manager.Host)))
	if slices.Contains(r.KeyIDs, newest-1) {
		lines = append(lines, fmt.Sprintf("The slaves take the key IDs %d and %d; from step 2 on, the manager uses %d.", newest-1, newest, newest))
	}
	return lines
}

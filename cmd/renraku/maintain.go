package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"renraku/cmd/internal/control"
	"renraku/cmd/internal/duration"
	"renraku/cmd/internal/exit"
	"renraku/contactfile"
	"renraku/manager"
	"renraku/slave"
)

type maintainFlags struct {
	dir       string
	length    time.Duration
	off, json bool
}

func maintainCommand() *cobra.Command {
	var f maintainFlags
	c := &cobra.Command{
		Use:   "maintain [HOST…] [--for 2h] [--off] [--json] [--dir DIR]",
		Short: "Leave servers alone for a while: no orders, no events; or show which are left alone",
		Long: "At the manager. In maintenance a server is asked as ever, and the contact file says how it is; but nothing is ordered on it, by nobody\n" +
			"(SKIPPED), and the manager's triggers are told nothing of it. HOST may be a pattern such as 'web[001-020]' or 'app*'.\n" +
			"Maintenance ends by itself, or with --off; what is otherwise then than before is told then. Said again, the new end stands.\n" +
			"Without HOST it shows the servers in maintenance. Times are UTC.",
		Args: exit.Args(cobra.ArbitraryArgs),
		RunE: func(c *cobra.Command, args []string) error { return maintain(c, f, args) },
	}
	dirFlag(c, &f.dir)
	f.length = manager.DefaultMaintenance
	duration.Flag(c.Flags(), &f.length, "for", "how long, from now on, such as 2h or 2d: "+slave.AsWritten(manager.LeastMaintenance)+" to "+
		slave.AsWritten(manager.MostMaintenance)+" ("+duration.Text(manager.MostMaintenance)+")")
	c.Flags().BoolVar(&f.off, "off", false, "end it")
	c.Flags().BoolVar(&f.json, "json", false, "print JSON")
	return c
}

func maintain(c *cobra.Command, f maintainFlags, hosts []string) error {
	timed := c.Flags().Changed("for")
	switch {
	case f.off && timed:
		return exit.With(exit.Usage, errors.New("--for and --off together: one of them is right"))
	case len(hosts) == 0 && (f.off || timed):
		return exit.With(exit.Usage, errors.New("on which servers? HOST is missing: '*' is all of them"))
	}
	answer, err := askForMaintenance(c, f, hosts)
	switch {
	case err != nil:
		return daemonError(err)
	case f.json:
		return printMaintenanceJSON(c.OutOrStdout(), answer.Servers)
	case len(answer.Servers) == 0:
		printLines(c.OutOrStdout(), []string{"no server is in maintenance"})
		return nil
	}
	printLines(c.OutOrStdout(), maintenanceLines(answer.Servers, time.Now()))
	return nil
}

func askForMaintenance(c *cobra.Command, f maintainFlags, hosts []string) (control.Maintenance, error) {
	client := clientOf(c, f.dir)
	if len(hosts) == 0 {
		return client.Maintenance(c.Context())
	}
	m := control.Maintain{Hosts: hosts, Off: f.off}
	if !f.off {
		m.For = duration.Text(f.length)
	}
	return client.Maintain(c.Context(), m)
}

func printMaintenanceJSON(out io.Writer, servers []control.Maintained) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(append([]control.Maintained{}, servers...))
}

// maintenanceLines is the table of maintain: a heading, and a line for each server.
func maintenanceLines(servers []control.Maintained, now time.Time) []string {
	rows := [][]string{{"HOST", "MAINTENANCE", "FOR"}}
	for _, s := range servers {
		row := []string{s.Host, "-", "-"}
		if !s.Until.IsZero() {
			row = []string{s.Host, s.Until.UTC().Format(time.RFC3339), shortDuration(s.Until.Sub(now))}
		}
		rows = append(rows, row)
	}
	return columns(rows)
}

// maintenance is the hosts in maintenance, and when that ends.
type maintenance map[string]time.Time

// in says whether a server is in maintenance.
func (m maintenance) in(host string) bool {
	_, in := m[host]
	return in
}

// written is when the maintenance of a host ends, "" where it is not in it.
func (m maintenance) written(host string) string {
	if until, in := m[host]; in {
		return until.Format(time.RFC3339)
	}
	return ""
}

// readMaintenance reads the maintenance file of the manager's daemon in dir. With an error, which says what is wrong with it, nobody is in
// maintenance.
func readMaintenance(dir string, now time.Time) (maintenance, error) {
	all, err := contactfile.ReadMaintenance(filepath.Join(dir, manager.MaintenanceFile))
	if err != nil {
		return nil, fmt.Errorf("%w: no server is taken as in maintenance", err)
	}
	m := maintenance{}
	for _, r := range all {
		if r.Until.After(now) {
			m[r.Host] = r.Until
		}
	}
	return m, nil
}

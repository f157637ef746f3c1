package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"renraku/cmd/internal/daemon"
	"renraku/cmd/internal/definition"
	"renraku/cmd/internal/exit"
	"renraku/cmd/internal/web"
	"renraku/slave"
	"renraku/slave/credentials"
)

func validateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "validate FILE",
		Short: "Check a definition file; show roles, processes and detection times",
		Args:  exit.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := definition.Load(args[0])
			if err != nil {
				return exit.With(exit.Usage, err)
			}
			limits, err := daemon.Limits(d)
			if err != nil {
				return exit.With(exit.Usage, err)
			}
			note, trouble := tokenTrouble(d, readToken(d))
			lines := append(describe(d), certificateEnds(d, time.Now())...)
			if note != "" {
				lines = append(lines, note)
			}
			printLines(c.OutOrStdout(), append(append(lines, ""), columns(limitRows(limits))...))
			return trouble
		},
	}
}

// describe says what a definition means.
func describe(d *definition.Definition) []string {
	lines := []string{fmt.Sprintf("%s: correct: 1 manager, %s, %s, %s", d.File, count(len(d.Slaves), "slave", "slaves"),
		count(len(d.Processes), "process", "processes"), count(len(d.Triggers), "trigger", "triggers")), ""}
	lines = append(lines, columns(roleRows(d))...)
	if len(d.Processes) > 0 {
		lines = append(lines, "")
		lines = append(lines, columns(processRows(d))...)
	}
	if len(d.Triggers) > 0 {
		lines = append(lines, "")
		lines = append(lines, columns(triggerRows(d))...)
	}
	if len(d.Groups) > 0 {
		worst, held := time.Duration(0), time.Duration(0)
		for i := range d.Groups {
			g := &d.Groups[i]
			worst, held = max(worst, g.Detection()), max(held, d.DetectionHeld(g))
		}
		lines = append(lines, "", fmt.Sprintf("worst-case detection time of a server that falls silent: %s "+
			"(interval + (retries + 1) × timeout)", slave.AsWritten(worst)), heldLine(d, worst, held))
	}
	return append(lines, "", describeMode(d), describeWeb(d))
}

// describeWeb says where the manager's page is, and who can order from it.
func describeWeb(d *definition.Definition) string {
	w := &d.Web
	if w.Listen == "" {
		return "page: none (no [web])"
	}
	line := fmt.Sprintf("page: http://%s/ at the manager; ", w.Listen)
	if w.TokenFile == "" {
		line += "nothing can be ordered from it (no token_file)"
	} else {
		line += "orders with the token in " + w.TokenFile
	}
	if w.Exposed() {
		line += "; others than the manager's machine reach it, and nothing on the way is encrypted"
	}
	return line
}

// readToken reads the token of the page, where the definition has one, as the manager does.
func readToken(d *definition.Definition) error {
	if d.Web.Listen == "" || d.Web.TokenFile == "" {
		return nil
	}
	_, err := web.ReadToken(d.Web.TokenFile)
	return err
}

// tokenTrouble is what the error of readToken means. The token is on the manager's machine alone, and whoever may not read it finds nothing
// wrong with it by that: a note says so.
func tokenTrouble(d *definition.Definition, err error) (note string, trouble error) {
	own, _ := os.Hostname()
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist) && own != d.Manager.Host:
		return "", nil
	case errors.Is(err, fs.ErrPermission):
		return "token of the page: not looked at, since this user may not read " + d.Web.TokenFile, nil
	}
	return "", exit.With(exit.NotWell, fmt.Errorf("%w; the manager starts all the same, and nothing can be ordered from the page", err))
}

func describeMode(d *definition.Definition) string {
	if d.Security.Mode == definition.Sealed {
		return "mode: sealed: telegrams have a MAC, TCP is TLS 1.3; each server's keys and certificate are in its " + d.Security.Keys
	}
	return "mode: plain: source addresses are checked, and nothing is encrypted or signed"
}

// certificateEnds names the certificates of this machine that are near their end or past it. There may be none here.
func certificateEnds(d *definition.Definition, now time.Time) []string {
	if d.Security.Mode != definition.Sealed {
		return nil
	}
	var ends []string
	before := ""
	for _, host := range d.Hosts() {
		path := filepath.Join(d.Security.KeysOf(host), credentials.CertificateFile)
		if path == before {
			break // all have the same
		}
		before = path
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		c, err := credentials.ParseCertificate(path, text)
		if err != nil {
			continue // it is the daemon's to say
		}
		if end := credentials.End(path, c, now); end != "" {
			ends = append(ends, end+": renraku keygen --rotate makes a new one")
		}
	}
	return ends
}

// heldLine says how much longer detection may take where the manager suspects itself.
func heldLine(d *definition.Definition, worst, held time.Duration) string {
	if d.Monitor.IsolationHold == 0 {
		return "the manager never suspects itself (isolation_hold = \"0\"): it is the same when many fall silent together"
	}
	return fmt.Sprintf("up to %s longer, %s, when more than half of the running servers, and at least 3, fall silent together: "+
		"the manager suspects itself for %s at most (isolation_hold), and then may ask once more", slave.AsWritten(held-worst), slave.AsWritten(held),
		slave.AsWritten(d.Monitor.IsolationHold))
}

func roleRows(d *definition.Definition) [][]string {
	rows := [][]string{
		{"HOST", "ROLE", "SERVERS", "ADDRESS", "INTERVAL", "TIMEOUT", "RETRIES", "DETECTION"},
		{d.Manager.Host, "manager", "1", d.Manager.Address, "-", "-", "-", "-"},
	}
	for _, g := range d.Groups {
		rows = append(rows, []string{g.Host, "slave", strconv.Itoa(g.Count), g.Address,
			slave.AsWritten(g.Interval), slave.AsWritten(g.Timeout), strconv.Itoa(g.Retries), slave.AsWritten(g.Detection())})
	}
	return rows
}

func processRows(d *definition.Definition) [][]string {
	rows := [][]string{{"PROCESS", "TYPE", "FROM", "STATUS", "FAILED", "TIMEOUT", "SERVERS", "COMMAND"}}
	hosts := d.Hosts()
	for i := range d.Processes {
		p := &d.Processes[i]
		servers := 0
		for _, h := range hosts {
			if p.On(h) {
				servers++
			}
		}
		timeout := "none"
		switch {
		case p.Type != slave.Oneshot:
			timeout = "-" // it is for processes that run to their end
		case p.Timeout > 0:
			timeout = slave.AsWritten(p.Timeout)
		}
		rows = append(rows, []string{p.ID.String(), p.Type.String(), fromOf(p), orDash(p.Status.String()),
			orDash(p.Failed.String()), timeout, strconv.Itoa(servers), strings.Join(p.Command, " ")})
	}
	return rows
}

func limitRows(limits []slave.Limit) [][]string {
	rows := [][]string{{"LIMIT", "AT", "VALUE", "MORE IS"}}
	for _, l := range limits {
		rows = append(rows, []string{l.What, l.At, l.Value, l.More})
	}
	return rows
}

func fromOf(p *slave.Process) string {
	if len(p.From) == 0 {
		return "any"
	}
	var from []string
	for _, s := range p.From {
		from = append(from, s.String())
	}
	return strings.Join(from, ",")
}

func triggerRows(d *definition.Definition) [][]string {
	rows := [][]string{{"TRIGGER", "WHEN", "HOSTS"}}
	for i := range d.Triggers {
		t := &d.Triggers[i]
		when := "at " + t.At
		if t.Message != nil {
			when = "message " + t.Message.String()
		} else if t.Location != nil {
			when += " " + t.Location.String()
		}
		var hosts []string
		for _, h := range t.Hosts {
			hosts = append(hosts, h.String())
		}
		where := orDash(strings.Join(hosts, ","))
		if t.Local {
			where += " (each itself)"
		}
		rows = append(rows, []string{t.Process, when, where})
	}
	return rows
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

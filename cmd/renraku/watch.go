package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"renraku/cmd/internal/exit"
	"renraku/cmd/internal/screen"
	"renraku/contactfile"
	"renraku/slave"
)

// watchEvery is the time between two looks at the contact file.
const watchEvery = 500 * time.Millisecond

// watch shows the contact file until ctx ends.
func watch(ctx context.Context, dir string, wanted []slave.Pattern, out, errOut io.Writer) error {
	show := watchPlainly(out, errOut)
	if f, ok := out.(*os.File); ok {
		if live, ok := screen.NewLive(f); ok {
			show = watchLive(live)
		}
	}
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for first := true; ; first = false {
		records, empty, err := readRecords(dir, wanted)
		readable := err == nil && (empty || len(records) > 0)
		if err == nil && !empty {
			err = missing(records, wanted)
		}
		if err != nil && first {
			return err
		}
		var notes []string
		if err == nil { // an error while watching may pass, and so may this
			notes, err = daemonNotes(ctx, dir)
		}
		if len(notes) > 0 {
			err = errors.New(strings.Join(notes, "\n"))
		}
		show(records, readable, err)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// watchPlainly prints a line for each change, and each new remark on errOut.
func watchPlainly(out, errOut io.Writer) func(records []contactfile.Record, readable bool, remark error) {
	show, said := changes(out), ""
	return func(records []contactfile.Record, readable bool, remark error) {
		text := ""
		if remark != nil {
			text = exit.Lines("renraku: status", remark)
		}
		if text != said && text != "" {
			fmt.Fprintln(errOut, text)
		}
		said = text
		if readable {
			show(records)
		}
	}
}

// watchLive draws a table, and the remark below it.
func watchLive(live *screen.Live) func(records []contactfile.Record, readable bool, remark error) {
	return func(records []contactfile.Record, readable bool, remark error) {
		var remarks, lines []string
		if remark != nil {
			remarks = strings.Split(remark.Error(), "\n")
		}
		if readable {
			lines = watchLines(records, live.Rows()-len(remarks), time.Now())
		}
		live.Draw(append(lines, remarks...))
	}
}

// watchLines is the live table, cut to the terminal's height, and a line of counts below it.
func watchLines(records []contactfile.Record, height int, now time.Time) []string {
	lines := statusLines(records, now)
	running := 0
	applications := map[string]int{}
	for _, r := range records {
		if r.Operating == contactfile.Running {
			running++
		}
		applications[r.Application]++
	}
	summary := fmt.Sprintf("%d running, %d stopped%s · %s UTC · Ctrl-C ends", running, len(records)-running,
		applicationCounts(applications), now.UTC().Format(time.TimeOnly))
	if len(records) == 0 {
		summary = "no monitoring · " + now.UTC().Format(time.TimeOnly) + " UTC · Ctrl-C ends"
	}
	if room := height - 2; len(lines) > room && room > 2 {
		hidden := len(lines) - (room - 1)
		lines = append(lines[:room-1:room-1], fmt.Sprintf("… and %d more; name hosts to see them", hidden))
	}
	return append(lines, "", summary)
}

func applicationCounts(counts map[string]int) string {
	text := ""
	for _, name := range sortedKeys(counts) {
		text += fmt.Sprintf(", %d %s", counts[name], orDash(name))
	}
	return text
}

// changes prints a line for each record that is new or has changed since the last call.
func changes(out io.Writer) func([]contactfile.Record) {
	last := map[string]contactfile.Record{}
	ended := false
	return func(records []contactfile.Record) {
		if len(records) == 0 && !ended {
			fmt.Fprintf(out, "%s no monitoring\n", time.Now().UTC().Format(time.RFC3339))
			clear(last)
		}
		ended = len(records) == 0
		for _, r := range records {
			if before, ok := last[r.Host]; ok && before == r {
				continue
			}
			last[r.Host] = r
			fmt.Fprintln(out, strings.Join([]string{r.Since.Format(time.RFC3339), r.Host, string(r.Operating), orDash(r.Application)}, " "))
		}
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"renraku/cmd/internal/exit"
	"renraku/cmd/internal/screen"
	"renraku/cmd/internal/words"
	"renraku/contactfile"
	"renraku/slave"
)

// watchEvery is the time between two looks at the contact file.
const watchEvery = 500 * time.Millisecond

// watch shows the contact file until ctx ends, or until the person in front of it has seen enough.
func watch(ctx context.Context, dir string, wanted []slave.Pattern, language words.Language, out, errOut io.Writer) error {
	first, err := lookAt(ctx, dir, wanted)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	looks, ended := make(chan look), make(chan struct{})
	go func() {
		defer close(ended)
		lookOn(ctx, dir, wanted, looks)
	}()
	defer func() {
		cancel()
		<-ended
	}()
	if f, ok := out.(*os.File); ok {
		full, ok, err := screen.NewFull(os.Stdin, f)
		if err != nil {
			return err
		}
		if ok {
			defer full.Close()
			ctx, stop := signal.NotifyContext(ctx, unix.SIGHUP) // after which the terminal may be there still
			defer stop()
			watchScreen(ctx, full, first, looks, language)
			return nil
		}
	}
	show := watchPlainly(out, errOut, language)
	for l := first; ; {
		show(l)
		select {
		case <-ctx.Done():
			return nil
		case l = <-looks:
		}
	}
}

// look is what was seen of a contact file and its daemon at one moment.
type look struct {
	records []contactfile.Record
	maintenance
	readable bool  // there are records, or the file is empty
	remark   error // what is to be said besides
}

// lookAt looks once. The error is what is wrong with the contact file, which stands in the remark too.
func lookAt(ctx context.Context, dir string, wanted []slave.Pattern) (l look, err error) {
	records, empty, err := readRecords(dir, wanted)
	l = look{records: records, readable: err == nil && (empty || len(records) > 0)}
	if err == nil && !empty {
		err = missing(records, wanted)
	}
	if err != nil {
		l.remark = err
		return l, err
	}
	maintained, damage := readMaintenance(dir, time.Now())
	l.maintenance = maintained
	notes, remark := daemonNotes(ctx, dir)
	if len(notes) > 0 {
		remark = errors.New(strings.Join(notes, "\n"))
	}
	l.remark = errors.Join(damage, remark)
	return l, nil
}

// lookOn looks again and again, until ctx ends. What is wrong with the file may pass.
func lookOn(ctx context.Context, dir string, wanted []slave.Pattern, looks chan<- look) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		l, _ := lookAt(ctx, dir, wanted)
		select {
		case <-ctx.Done():
			return
		case looks <- l:
		}
	}
}

// watchScreen shows a board until ctx ends, or until it is told to quit.
func watchScreen(ctx context.Context, full *screen.Full, l look, looks <-chan look, language words.Language) {
	b := newBoard(full.HasKeys())
	b.language = language
	b.take(l, time.Now())
	for {
		width, height := full.Size()
		full.Draw(b.lines(width, height, time.Now()))
		select {
		case <-ctx.Done():
			return
		case l = <-looks:
			b.take(l, time.Now())
		case <-full.Resized():
		case k, more := <-full.Keys():
			if !more || k == screen.Quit {
				return
			}
			b.scroll(k)
		}
	}
}

// watchPlainly prints a line for each change, and each new remark on errOut.
func watchPlainly(out, errOut io.Writer, language words.Language) func(look) {
	show, showMaintenance, said := changes(out, language), maintenanceChanges(out), ""
	return func(l look) {
		text := ""
		if l.remark != nil {
			text = exit.Lines("renraku: status", l.remark)
		}
		if text != said && text != "" {
			fmt.Fprintln(errOut, text)
		}
		said = text
		if l.readable {
			show(l.records)
			showMaintenance(l)
		}
	}
}

// changes prints a line for each record that is new or has changed since the last call.
func changes(out io.Writer, language words.Language) func([]contactfile.Record) {
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
			fmt.Fprintln(out, strings.Join([]string{r.Since.Format(time.RFC3339), r.Host, language.Status(string(r.Operating)), orDash(language.Status(r.Application))}, " "))
		}
	}
}

// maintenanceChanges prints a line for each server whose maintenance is another than at the last call.
func maintenanceChanges(out io.Writer) func(look) {
	last := maintenance{}
	return func(l look) {
		for _, r := range l.records {
			until, in := l.maintenance[r.Host]
			before, was := last[r.Host]
			now := time.Now().UTC().Format(time.RFC3339)
			switch {
			case in && !(was && until.Equal(before)):
				fmt.Fprintf(out, "%s %s in maintenance until %s\n", now, r.Host, l.written(r.Host))
			case was && !in:
				fmt.Fprintf(out, "%s %s not in maintenance any more\n", now, r.Host)
			}
		}
		last = l.maintenance
	}
}

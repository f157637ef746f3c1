package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"renraku/cmd/internal/manual"
)

// document is a page that is made of a document of the repository.
type document struct {
	name    manual.Name
	path    string
	without []string // sections that are for developers
}

var documents = []document{
	{manual.Name{Name: "renraku.toml", Section: 5}, "cmd/internal/definition/DEFINITION.md", nil},
	{manual.Name{Name: "renraku-contactfile", Section: 5}, "contactfile/CONTACTFILE.md", nil},
	{manual.Name{Name: "renraku-history", Section: 5}, "contactfile/HISTORY.md", nil},
	{manual.Name{Name: "renraku-maintenance", Section: 5}, "contactfile/MAINTENANCE.md", nil},
	{manual.Name{Name: "renraku-runs", Section: 5}, "slave/runs/FORMAT.md", []string{"What it withstands"}},
}

// daemonSummary is the daemon's line in the manual; the commands' are in the help of renraku.
const daemonSummary = "the daemon of one server, manager or slave, by the definition"

// command is a page that is made of the help of a command.
type command struct {
	name    manual.Name
	program string
	args    []string
	summary string
	more    []string // files of further sections, in the directory pages
}

// manual writes all pages into the directory man.
func (b *builder) manual(ctx context.Context) error {
	commands, err := b.commands(ctx)
	if err != nil {
		return err
	}
	var all []manual.Name
	for _, c := range commands {
		all = append(all, c.name)
	}
	for _, d := range documents {
		all = append(all, d.name)
	}
	edition := manual.Edition{Version: b.version, Date: b.date}
	for _, c := range commands {
		page, err := b.commandPage(ctx, c, edition, all)
		if err != nil {
			return err
		}
		if err := b.writePage(c.name, page); err != nil {
			return err
		}
	}
	for _, d := range documents {
		text, err := os.ReadFile(filepath.Join(b.root, d.path))
		if err != nil {
			return err
		}
		page, err := manual.Document(d.name, edition, asPages(string(text)), d.without, all)
		if err != nil {
			return err
		}
		if err := b.writePage(d.name, page); err != nil {
			return err
		}
	}
	return nil
}

// asPages has a document name the page of another where it names the document itself.
func asPages(text string) string {
	for _, d := range documents {
		text = strings.ReplaceAll(text, "`"+filepath.Base(d.path)+"`", d.name.String())
	}
	return text
}

// ownStatuses are the commands whose exit statuses are their own, and stand in their help.
var ownStatuses = []string{"check"}

// commands are renrakud, renraku and all that renraku's help lists.
func (b *builder) commands(ctx context.Context) ([]command, error) {
	commands := []command{
		{name: manual.Name{Name: "renrakud", Section: 8}, program: "renrakud", summary: daemonSummary, more: []string{"renrakud.8.md"}},
	}
	h, err := b.help(ctx, "renraku")
	if err != nil {
		return nil, err
	}
	commands = append(commands, command{name: manual.Name{Name: "renraku", Section: 1}, program: "renraku",
		summary: "know whether every server is up, and order their applications from one place", more: []string{"statuses.md"}})
	for _, entry := range h.Commands {
		if entry.Name == "help" {
			continue
		}
		c := command{name: manual.Name{Name: "renraku-" + entry.Name, Section: 1}, program: "renraku", args: []string{entry.Name}, summary: entry.Text,
			more: []string{"statuses.md"}}
		for _, own := range ownStatuses {
			if entry.Name == own {
				c.more = nil
			}
		}
		commands = append(commands, c)
	}
	return commands, nil
}

func (b *builder) commandPage(ctx context.Context, c command, edition manual.Edition, all []manual.Name) ([]byte, error) {
	h, err := b.help(ctx, c.program, c.args...)
	if err != nil {
		return nil, err
	}
	var more strings.Builder
	for _, file := range c.more {
		text, err := os.ReadFile(filepath.Join(b.root, packagingDir, "pages", file))
		if err != nil {
			return nil, err
		}
		more.Write(text)
	}
	return manual.Command(c.name, edition, c.summary, h, more.String(), all), nil
}

// help is what a command of this machine's own binaries says of itself.
func (b *builder) help(ctx context.Context, program string, args ...string) (*manual.Help, error) {
	text, err := output(ctx, b.work, b.path(runtime.GOARCH, program), append(args, "--help")...)
	if err != nil {
		return nil, err
	}
	h, err := manual.ParseHelp(text)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", program, strings.Join(args, " "), err)
	}
	return h, nil
}

// writePage writes a page as the system's manual has it, compressed.
func (b *builder) writePage(n manual.Name, page []byte) error {
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(page); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	dir := b.path("man", fmt.Sprintf("man%d", n.Section))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, n.File()+".gz"), packed.Bytes(), 0o644)
}

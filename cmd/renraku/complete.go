package main

import (
	"context"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"renraku/cmd/internal/control"
	"renraku/cmd/internal/daemon"
	"renraku/cmd/internal/definition"
	"renraku/cmd/internal/words"
	"renraku/contactfile"
)

// completionWait is how long the daemon is waited for while somebody waits at the Tab key.
const completionWait = 300 * time.Millisecond

// complete has the shells complete what the arguments and flags of c stand for, by the names that its Use and its flags give them.
func complete(c *cobra.Command) {
	operands := operandsOf(c)
	if c.ValidArgsFunction == nil {
		c.ValidArgsFunction = func(c *cobra.Command, given []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(operands) == 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			operand := operands[min(len(given), len(operands)-1)]
			if len(given) >= len(operands) && !strings.HasSuffix(operand, "…") {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return candidates(c, strings.TrimSuffix(operand, "…"), given, begun)
		}
	}
	c.Flags().VisitAll(func(f *pflag.Flag) {
		c.RegisterFlagCompletionFunc(f.Name, func(c *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return candidates(c, flagOperands[f.Name], nil, begun)
		})
	})
}

// flagOperands are the operands that the values of flags are; of others, such as a time, there is nothing to complete.
var flagOperands = map[string]string{"host": "HOST", "process": "PROCESS", "warn": "STATUS", "lang": "LANGUAGE", "dir": "DIR", "keys": "DIR",
	"config": "FILE"}

// flagInUse is a flag in a Use, with its value.
var flagInUse = regexp.MustCompile(`\[-[^]]*\]…?|--?\S+ \S+`)

// operandsOf are the arguments in the Use of c, without brackets; the last may have "…" behind it: any number of them.
func operandsOf(c *cobra.Command) (names []string) {
	_, rest, _ := strings.Cut(c.Use, " ")
	for word := range strings.FieldsSeq(flagInUse.ReplaceAllString(rest, "")) {
		names = append(names, strings.Trim(word, "[]"))
	}
	return names
}

// candidates are what may stand for the operand, begun as somebody has typed it; what is given already is left out.
func candidates(c *cobra.Command, operand string, given []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	dir := daemon.DefaultDir
	if f := c.Flags().Lookup("dir"); f != nil {
		dir = f.Value.String()
	}
	var found []cobra.Completion
	switch operand {
	case "HOST":
		found = hostNames(dir)
	case "PROCESS":
		found = processIDs(c.Context(), dir)
	case "STATUS":
		found = statusNames(c.Context(), dir)
	case "LANGUAGE":
		found = words.Languages()
	case "FILE":
		return nil, cobra.ShellCompDirectiveDefault
	case "DIR":
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
	return slices.DeleteFunc(found, func(f cobra.Completion) bool {
		name, _, _ := strings.Cut(f, "\t")
		return !strings.HasPrefix(name, begun) || slices.Contains(given, name)
	}), cobra.ShellCompDirectiveNoFileComp
}

// hostNames are those of the contact file, each with what it is doing.
func hostNames(dir string) (found []cobra.Completion) {
	records, err := contactfile.ReadFile(filepath.Join(dir, daemon.ContactFile))
	if err != nil {
		return nil // there is nobody to tell
	}
	for i := range records {
		r := &records[i]
		found = append(found, cobra.CompletionWithDesc(r.Host, strings.TrimSpace(string(r.Operating)+" "+r.Application)))
	}
	return found
}

// definitionOf is the definition of the daemon in dir, or, where it does not say, of the place where definitions are; nil: there is none
// that can be read.
func definitionOf(ctx context.Context, dir string) *definition.Definition {
	ctx, cancel := context.WithTimeout(ctx, completionWait)
	defer cancel()
	path := daemon.DefaultDefinition
	if state, err := control.NewClient(dir).State(ctx); err == nil && state.Definition != "" {
		path = state.Definition
	} else if dir != daemon.DefaultDir {
		return nil // that place is another daemon's
	}
	d, err := definition.Load(path)
	if err != nil {
		return nil
	}
	return d
}

// processIDs are those of the definition, each with its program, and those that have run on this server.
func processIDs(ctx context.Context, dir string) (found []cobra.Completion) {
	known := map[string]bool{}
	if d := definitionOf(ctx, dir); d != nil {
		for i := range d.Processes {
			p := &d.Processes[i]
			known[p.ID.String()] = true
			found = append(found, cobra.CompletionWithDesc(p.ID.String(), strings.Join(p.Command, " ")))
		}
	}
	paths, _ := filepath.Glob(filepath.Join(dir, "runs", "*.run"))
	for _, path := range paths {
		if id := strings.TrimSuffix(filepath.Base(path), ".run"); !known[id] {
			found = append(found, id)
		}
	}
	return found
}

// statusNames are all that the definition names, and that of an application that has not started.
func statusNames(ctx context.Context, dir string) []cobra.Completion {
	found := []string{contactfile.NotStarted}
	if d := definitionOf(ctx, dir); d != nil {
		for i := range d.Processes {
			p := &d.Processes[i]
			for _, s := range append(slices.Clone(p.From), p.Status, p.After, p.Failed) {
				if !s.IsZero() {
					found = append(found, s.String())
				}
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

package definition

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/BurntSushi/toml"

	"renraku/cmd/internal/trusted"
	"renraku/slave"
)

// Limits of a definition.
const (
	MaxSize   = 16 << 20 // bytes of the file
	MaxSlaves = slave.MaxRange
)

// Load reads and checks the file. A file that is wrong gives Errors; one that cannot be read, or that others may write, gives the cause,
// wrapped.
func Load(path string) (*Definition, error) {
	f, err := trusted.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the definition: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read the definition: %w", err)
	}
	return Parse(path, data)
}

// Parse checks the text of a definition file; name stands in messages. Its error is Errors.
func Parse(name string, data []byte) (*Definition, error) {
	noted := &mistakes{file: name, lines: 1}
	if len(data) > MaxSize {
		noted.add(1, "", fmt.Sprintf("the file is too large: at most %d MiB are right", MaxSize>>20))
		return nil, noted.err()
	}
	text := string(data)
	noted.lines += strings.Count(text, "\n")
	places, line, tooDeep := indexLines(text)
	if tooDeep != "" {
		noted.add(line, "", fmt.Sprintf("%s: at most %d brackets inside brackets, %d parts of a key and %d bytes of a part are right", tooDeep, maxDepth, maxDepth, maxKeyLen))
		return nil, noted.err()
	}
	values, err := decode(text)
	if err != nil {
		noted.syntax(text, err)
		return nil, noted.err()
	}
	r := &reader{def: &Definition{File: name}, noted: noted}
	r.file(&table{values: values, lines: places, noted: noted})
	if err := noted.err(); err != nil {
		return nil, err
	}
	return r.def, nil
}

// decode reads the TOML. The parser panics where it finds a fault of its own; a daemon must survive that on SIGHUP.
func decode(text string) (values map[string]any, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("the parser gave up: %v", fault)
		}
	}()
	_, err = toml.Decode(text, &values)
	return values, err
}

// oneLine keeps what comes from the file inside the line of its message.
func oneLine(s string) string {
	if len(s) > 4*maxShown {
		s = s[:4*maxShown] + "…"
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// reader fills a Definition from the tables of a file.
type reader struct {
	def   *Definition
	noted *mistakes

	hostLine  map[string]int // where each host is defined
	members   int            // of all ranges so far, right or wrong, so that the time for them has a limit
	hostsOK   bool           // every host is known: a pattern without a match is a mistake of its own
	matches   map[string]bool
	processes map[string]*known
}

// known is a process ID that is defined, however wrong the rest of its table is.
type known struct {
	line    int
	process slave.Process
	hostsOK bool
}

func (r *reader) file(top *table) {
	r.hostLine, r.hostsOK = map[string]int{}, true
	r.matches, r.processes = map[string]bool{}, map[string]*known{}
	r.security(top)
	r.manager(top)
	standard := r.monitor(top)
	r.web(top)
	slaves := top.tables("slave")
	r.def.Slaves, r.def.Groups = slices.Grow(r.def.Slaves, len(slaves)), slices.Grow(r.def.Groups, len(slaves))
	for _, t := range slaves {
		r.slave(t, standard)
	}
	r.hold(standard)
	for _, t := range top.tables("process") {
		r.process(t)
	}
	for _, t := range top.tables("trigger") {
		r.trigger(t)
	}
	top.unknown()
}

// patterns reads host patterns. Each has to match a host of the definition.
func (r *reader) patterns(t *table, key string) (patterns []slave.Pattern, ok bool) {
	const right = `a list of host names and patterns such as ["app*"]`
	texts, allTexts := t.strings(key, right)
	ok = allTexts
	for i, text := range texts {
		if text == "" && !allTexts {
			continue // noted already: it is no text
		}
		p, err := slave.ParsePattern(text)
		switch {
		case err != nil:
			t.wrongItem(key, i, "%s is not a host pattern: %v", quoted(text), err)
			ok = false
		case r.hostsOK && !r.matchesHost(p):
			t.wrongItem(key, i, "%s matches no host of this file: %s is right", quoted(text), right)
			ok = false
		}
		patterns = append(patterns, p)
	}
	return patterns, ok
}

func (r *reader) matchesHost(p slave.Pattern) bool {
	if p.Literal() {
		return r.hostLine[p.String()] > 0
	}
	matches, known := r.matches[p.String()]
	if !known {
		matches = r.anyHost(p.Match)
		r.matches[p.String()] = matches
	}
	return matches
}

// anyHost says whether the condition holds for a host of the definition.
func (r *reader) anyHost(holds func(host string) bool) bool {
	if holds(r.def.Manager.Host) {
		return true
	}
	for i := range r.def.Slaves {
		if holds(r.def.Slaves[i].Host) {
			return true
		}
	}
	return false
}

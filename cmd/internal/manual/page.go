// Package manual writes manual pages, for man(7), from what there is already: the help of commands, and documents in Markdown.
//
// page.go is a page and its escapes, help.go reads the help of a command, markdown.go a document, table.go its tables.
package manual

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// Edition is what all pages of one build have in common.
type Edition struct {
	Version string
	Date    time.Time
}

// Name is a page as others name it.
type Name struct {
	Name    string // such as "renraku-status"
	Section int    // 1 to 8
}

// String is the name as readers of manuals write it: renraku-status(1).
func (n Name) String() string { return fmt.Sprintf("%s(%d)", n.Name, n.Section) }

// File is the name of the page's file.
func (n Name) File() string { return fmt.Sprintf("%s.%d", n.Name, n.Section) }

// page is a page while it is written.
type page struct {
	bytes.Buffer
	headed bool // a heading is the last that was written
}

// begin writes what every page begins with. summary is one line without a full stop.
func (p *page) begin(n Name, e Edition, summary string) {
	p.line("'\\\" t") // tables go through tbl(1)
	p.line(`.TH %s %d %s "renraku %s" "renraku"`, strings.ToUpper(code(n.Name)), n.Section, e.Date.Format(time.DateOnly), text(e.Version))
	p.line(".ad l") // spread, the lines of narrow columns cannot be read
	p.line(".nh")   // a name in two parts cannot be copied
	p.section("Name")
	p.line(`%s \- %s`, code(n.Name), inline(summary))
}

func (p *page) line(format string, args ...any) {
	fmt.Fprintf(p, format, args...)
	p.WriteByte('\n')
	p.headed = false
}

func (p *page) section(title string) { p.heading(".SH", strings.ToUpper(title)) }

func (p *page) heading(macro, title string) {
	p.line("%s %s", macro, argument(strings.ReplaceAll(title, "`", "")))
	p.headed = true
}

// gap has space before what follows, unless that is the first below a heading, which has space of its own.
func (p *page) gap() {
	if !p.headed {
		p.line(".PP")
	}
}

// paragraph writes text that is filled.
func (p *page) paragraph(words string) {
	p.gap()
	p.line("%s", guarded(inline(words)))
}

// example writes lines as they are.
func (p *page) example(lines []string) {
	p.gap()
	p.line(".RS 4")
	p.line(".nf")
	for _, l := range lines {
		p.line("%s", guarded(code(l)))
	}
	p.line(".fi")
	p.line(".RE")
}

// item writes one of a list of terms; term is written as it is.
func (p *page) item(term, words string) {
	p.line(".TP")
	p.line("%s", guarded(term))
	p.line("%s", guarded(inline(words)))
}

// seeAlso is the last section: all pages but the page itself.
func (p *page) seeAlso(own Name, all []Name) {
	var others []string
	for _, n := range all {
		if n != own {
			others = append(others, fmt.Sprintf(`\fB%s\fR(%d)`, code(n.Name), n.Section))
		}
	}
	p.section("See also")
	p.line("%s", strings.Join(others, ",\n"))
}

var (
	textEscapes = strings.NewReplacer(`\`, `\e`)
	// What stands in a program or a file has to stay what it is when it is copied.
	codeEscapes = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`)
)

// text is prose as roff has it.
func text(s string) string { return textEscapes.Replace(s) }

// code is what is typed or read byte by byte.
func code(s string) string { return codeEscapes.Replace(s) }

// argument is text as the argument of a macro.
func argument(s string) string { return `"` + strings.ReplaceAll(text(s), `"`, `\(dq`) + `"` }

// guarded has a line that begins like a request be none.
func guarded(s string) string {
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		return `\&` + s
	}
	return s
}

// inline is prose with the marks of Markdown: `code` and **strong** become bold, *emphasis* italic, [text](link) its text.
func inline(s string) string {
	var b strings.Builder
	for s != "" {
		i := strings.IndexAny(s, "`*[")
		if i < 0 {
			break
		}
		b.WriteString(text(s[:i]))
		s = s[i:]
		written, rest := mark(s)
		b.WriteString(written)
		s = rest
	}
	return b.String() + text(s)
}

// mark writes the mark that s begins with, and gives what follows it; a mark without an end is a character like others.
func mark(s string) (written, rest string) {
	switch {
	case s[0] == '`':
		if inside, after, ok := strings.Cut(s[1:], "`"); ok {
			return `\fB` + code(inside) + `\fR`, after
		}
	case strings.HasPrefix(s, "**"):
		if inside, after, ok := strings.Cut(s[2:], "**"); ok {
			return `\fB` + text(strings.ReplaceAll(inside, "`", "")) + `\fR`, after
		}
	case s[0] == '*':
		if inside, after, ok := strings.Cut(s[1:], "*"); ok && inside != "" && inside[0] != ' ' {
			return `\fI` + text(inside) + `\fR`, after
		}
	case s[0] == '[':
		if inside, after, ok := strings.Cut(s[1:], "]("); ok && !strings.ContainsAny(inside, "[]") {
			if _, after, ok := strings.Cut(after, ")"); ok {
				return inline(inside), after
			}
		}
	}
	return text(s[:1]), s[1:]
}

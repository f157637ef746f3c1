package manual

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Help is what a command prints with --help, as cobra has it: a description, and the sections Usage, Commands and Flags.
type Help struct {
	Description []string // its lines
	Usage       string
	Commands    []Entry
	Flags       []Entry
}

// Entry is a line of Commands or Flags.
type Entry struct {
	Name string // of a command, or a flag with its value, such as "-h, --help" or "--dir directory"
	Text string
}

// entryLine has two spaces or more in the front and between its parts.
var entryLine = regexp.MustCompile(`^ {2,}(\S.*?) {2,}(\S.*)$`)

// ParseHelp reads it. The error says what is missing: then the help is not of that form any more.
func ParseHelp(printed string) (*Help, error) {
	h := &Help{}
	section := ""
	for l := range strings.Lines(printed) {
		l = strings.TrimRight(l, "\n")
		switch l {
		case "Usage:", "Commands:", "Flags:":
			section = l
			continue
		}
		switch {
		case section == "":
			h.Description = append(h.Description, l)
		case l == "" || strings.HasPrefix(l, `"`):
		case section == "Usage:":
			h.Usage = strings.TrimSpace(l)
		default:
			entry := entryLine.FindStringSubmatch(l)
			if entry == nil {
				return nil, fmt.Errorf("help, %s %q is no entry", section, l)
			}
			e := Entry{entry[1], entry[2]}
			if section == "Flags:" {
				h.Flags = append(h.Flags, e)
			} else {
				h.Commands = append(h.Commands, e)
			}
		}
	}
	if h.Usage == "" || len(h.Flags) == 0 || len(h.Description) == 0 {
		return nil, fmt.Errorf("help without description, usage or flags: %.60q", printed)
	}
	return h, nil
}

// Command writes the page of a command. more, in Markdown, are further sections.
func Command(n Name, e Edition, summary string, h *Help, more string, all []Name) []byte {
	p := &page{}
	p.begin(n, e, lowered(summary))
	p.section("Synopsis")
	p.line("%s", usage(h.Usage))
	p.section("Description")
	p.description(h.Description)
	if len(h.Commands) > 0 {
		p.section("Commands")
		for _, c := range h.Commands {
			p.item(`\fB`+code(c.Name)+`\fR`, c.Text)
		}
	}
	p.section("Options")
	for _, f := range h.Flags {
		p.item(flagTerm(f.Name), f.Text)
	}
	p.document(more)
	p.seeAlso(n, all)
	return p.Bytes()
}

// lowered has a sentence of the help be the summary of a page.
func lowered(s string) string {
	if len(s) > 1 && strings.ToLower(s[1:2]) == s[1:2] {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

// description writes paragraphs; lines that are indented stay as they are.
func (p *page) description(lines []string) {
	var prose, shown []string
	flush := func() {
		if len(prose) > 0 {
			p.paragraph(strings.Join(prose, " "))
		}
		if len(shown) > 0 {
			p.example(shown)
		}
		prose, shown = nil, nil
	}
	for _, l := range append(lines, "") {
		switch {
		case strings.TrimSpace(l) == "":
			flush()
		case l[0] == '\t' || strings.HasPrefix(l, "  "):
			shown = append(shown, strings.TrimSpace(l))
		default:
			prose = append(prose, strings.TrimLeft(l, "# "))
		}
	}
}

var value = regexp.MustCompile(`[A-Z]+|\|`)

// usage has what is typed in bold, and what stands for something else in italics.
func usage(line string) string {
	words := strings.Fields(line)
	for i, word := range words {
		core := strings.Trim(word, "[]…")
		written := `\fB` + code(core) + `\fR`
		if value.FindString(core) == core {
			written = `\fI` + code(core) + `\fR`
		}
		words[i] = strings.Replace(text(word), core, written, 1)
		if i > 0 && strings.HasSuffix(strings.TrimSuffix(words[i], "…"), "]") && !strings.HasPrefix(words[i], "[") {
			words[i-1] += `\ ` + words[i] // a flag and its value stay together
			words[i] = ""
		}
	}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}

// flagTerm is a flag with its value.
func flagTerm(name string) string {
	i := strings.Index(name, "--")
	flag, value, ok := strings.Cut(name[i:], " ")
	term := `\fB` + code(name[:i]+flag) + `\fR`
	if ok {
		term += ` \fI` + code(value) + `\fR`
	}
	return term
}

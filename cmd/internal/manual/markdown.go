package manual

import (
	"fmt"
	"strings"
)

// Document writes the page of a document in Markdown: headings, paragraphs, lists, tables and blocks of code. Its title, after which the
// page is summed up, is the first line. Sections whose title is in without are left out.
func Document(n Name, e Edition, markdown string, without []string, all []Name) ([]byte, error) {
	title, rest, _ := strings.Cut(markdown, "\n")
	summary, ok := strings.CutPrefix(title, "# ")
	if !ok {
		return nil, fmt.Errorf("document of %v: its first line is not a title with #", n)
	}
	for _, section := range without {
		var err error
		if rest, err = cutSection(rest, section); err != nil {
			return nil, fmt.Errorf("document of %v: %w", n, err)
		}
	}
	p := &page{}
	p.begin(n, e, lowered(summary))
	p.section("Description")
	p.document(rest)
	p.seeAlso(n, all)
	return p.Bytes(), nil
}

// cutSection removes one section of the second level.
func cutSection(markdown, title string) (string, error) {
	before, section, ok := strings.Cut(markdown, "\n## "+title+"\n")
	if !ok {
		return "", fmt.Errorf("no section %q", title)
	}
	if _, after, ok := strings.Cut(section, "\n## "); ok {
		return before + "\n## " + after, nil
	}
	return before + "\n", nil
}

// document writes the blocks of a document.
func (p *page) document(markdown string) {
	lines := strings.Split(markdown, "\n")
	listed := false // the block before is a table
	for len(lines) > 0 {
		l := lines[0]
		switch {
		case strings.HasPrefix(l, "## "):
			p.heading(".SH", headline(strings.TrimPrefix(l, "## ")))
			lines = lines[1:]
		case strings.HasPrefix(l, "### "):
			p.heading(".SS", strings.TrimPrefix(l, "### "))
			lines = lines[1:]
		case strings.HasPrefix(l, "```"):
			n := until(lines[1:], func(l string) bool { return strings.HasPrefix(l, "```") })
			p.example(lines[1 : 1+n])
			lines = lines[min(n+2, len(lines)):]
		case strings.HasPrefix(l, "|"):
			n := until(lines, func(l string) bool { return !strings.HasPrefix(l, "|") })
			p.table(lines[:n], listed)
			lines = lines[n:]
		case strings.HasPrefix(l, "- "):
			n := 1 + until(lines[1:], func(l string) bool { return !strings.HasPrefix(l, "  ") })
			p.line(`.IP \(bu 2`)
			p.line("%s", guarded(inline(joined(lines[:n])[2:])))
			lines = lines[n:]
		case strings.TrimSpace(l) == "":
			lines = lines[1:]
		default:
			n := 1 + until(lines[1:], endsParagraph)
			p.paragraph(joined(lines[:n]))
			lines = lines[n:]
		}
		if l != "" {
			listed = strings.HasPrefix(l, "|")
		}
	}
}

// headline is a heading as manuals have it, unless it names something whose letters count.
func headline(title string) string {
	if strings.ContainsAny(title, "[`") {
		return title
	}
	return strings.ToUpper(title)
}

func endsParagraph(l string) bool {
	return strings.TrimSpace(l) == "" || strings.HasPrefix(l, "#") || strings.HasPrefix(l, "|") || strings.HasPrefix(l, "- ") || strings.HasPrefix(l, "```")
}

// until is how many lines there are before the one for which ends holds.
func until(lines []string, ends func(string) bool) int {
	for i, l := range lines {
		if ends(l) {
			return i
		}
	}
	return len(lines)
}

// joined is lines as one.
func joined(lines []string) string {
	parts := make([]string, len(lines))
	for i, l := range lines {
		parts[i] = strings.TrimSpace(l)
	}
	return strings.Join(parts, " ")
}

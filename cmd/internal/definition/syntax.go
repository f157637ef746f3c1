package definition

import (
	"errors"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
)

// The parser knows that a text is not TOML; this file says in which key, and what would be right. The parser's own words do
// not: they tell of characters, and name the key that it took last, which may stand in another table.

// fault is where and why the scanner stopped.
type fault struct {
	line int
	key  string // "" where none is meant
	text string // what is wrong, and what would be right
}

// doubt is where the parser stopped. A scanner that has one looks closer there than it does elsewhere.
type doubt struct {
	line, offset int

	key    string // whose value, or whose own text, is there; "" in a comment
	header bool   // it is a table's
	list   bool   // of tables
	before int    // the line in which that key stands already, else 0
	listed bool   // as a list of tables
}

// syntax notes the parser's error.
func (m *mistakes) syntax(text string, err error) {
	var e toml.ParseError
	if !errors.As(err, &e) {
		m.add(1, "", "not TOML: "+oneLine(strings.TrimPrefix(err.Error(), "toml: ")))
		return
	}
	f := explain(text, &e)
	m.add(f.line, oneLine(f.key), oneLine(f.text))
}

func explain(text string, e *toml.ParseError) fault {
	s := newScanner(text)
	d := &doubt{line: e.Position.Line, offset: e.Position.Start}
	s.doubt = d
	s.all()
	found := fault{line: d.line, key: d.key}
	switch message := e.Message; {
	case strings.Contains(message, "NULL bytes"):
		found.text = "a zero byte: a file saved as UTF-8, not as UTF-16, is right"
	case strings.HasPrefix(message, "invalid UTF-8 byte"):
		found.text = strings.TrimPrefix(message, "invalid UTF-8 byte: ") + " is not UTF-8: a file saved as UTF-8 is right"
	case strings.Contains(message, "control characters"):
		code := strings.Trim(message[strings.LastIndexByte(message, ' ')+1:], "'")
		found.text = "the control character " + code + ": a text without it is right"
	case s.wrong != nil && (s.line <= d.line || d.offset >= len(s.text)-1): // the last line may count as the one before
		return *s.wrong
	case strings.HasPrefix(message, "Key '"):
		found.text = d.twice(message)
	case strings.Contains(message, `'\`):
		found.text = `a \ in double quotes begins an escape: '…' in single quotes, or \\ for each \, is right`
	default:
		found.text = "not TOML: " + message
	}
	return found
}

// twice says what is wrong with a key that is there already, or that is inside one which is no table.
func (d *doubt) twice(message string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(message, "Key '"), "' ")
	if name != d.key {
		return fmt.Sprintf("%s is there already, and is no table: [%s] without a value of its own is right", name, name)
	}
	place := "it is in this line"
	if d.before > 0 && d.before < d.line {
		place = fmt.Sprintf("it is in line %d", d.before)
	}
	switch {
	case d.header && d.list != d.listed:
		return fmt.Sprintf("%s already, in brackets of the other kind: [%s] once, or [[%s]] each time, is right", place, d.key, d.key)
	case d.header:
		return fmt.Sprintf("%s already: one table [%s] with all its keys is right", place, d.key)
	}
	return place + " already: each key once in its table is right"
}

// meets keeps what was read where the parser stopped, if it was read there: the text from start, and the place where its key
// stands first. The innermost comes first, and stays.
func (d *doubt) meets(s *scanner, start, line int, at *lines) bool {
	if d == nil || d.key != "" || d.offset < start || d.offset >= s.pos || d.line < line || d.line > s.line {
		return false
	}
	d.key = s.name()
	d.before, d.listed = at.line, len(at.items) > 0
	return true
}

// stop notes why the scanner stops; key is "" where none is meant.
func (s *scanner) stop(line int, key, format string, args ...any) bool {
	if s.wrong == nil && s.tooDeep == "" {
		s.wrong = &fault{line, key, fmt.Sprintf(format, args...)}
	}
	return false
}

// name is the key that is being read, as messages have it.
func (s *scanner) name() string {
	parts := make([]string, len(s.path))
	for i, part := range s.path {
		parts[i] = keyName(part)
	}
	return strings.Join(parts, ".")
}

// rest is what stands in the line from start on.
func (s *scanner) rest(start int) string {
	text := s.text[start:]
	if end := strings.IndexByte(text, '\n'); end >= 0 {
		text = text[:end]
	}
	return shortened(strings.TrimRight(text, " \t\r"))
}

// shortened is a text of the file as it stands there, cut where it is long.
func shortened(text string) string {
	if len(text) <= maxShown {
		return text
	}
	return strings.ToValidUTF8(text[:maxShown], "") + "…"
}

// lineEnds says whether nothing but a comment follows in the line of a header or of a key and its value.
func (s *scanner) lineEnds(header bool) bool {
	s.blank(false)
	switch c := s.peek(); {
	case s.pos == len(s.text) || strings.IndexByte("\r\n#", c) >= 0:
		return true
	case header && c == ']':
		return s.stop(s.line, s.name(), "more brackets after the name than before it: [%s] or [[%s]] is right", s.name(), s.name())
	case header:
		return s.stop(s.line, s.name(), "%s stands after the table's name: a line of its own is right", s.rest(s.pos))
	case c == ',':
		return s.stop(s.line, s.name(), `more than one value: a list in brackets such as ["a", "b"] is right`)
	}
	return s.stop(s.line, s.name(), `%s stands after the value: one value in each line, and \" for a quote inside a text, is right`, s.rest(s.pos))
}

// bareValue looks at a value without quotes and brackets where the parser stopped; elsewhere it is right.
func (s *scanner) bareValue(start int) bool {
	if s.doubt == nil || s.line != s.doubt.line || s.doubt.offset < start || s.doubt.offset > s.pos {
		return true
	}
	text := strings.TrimRight(s.text[start:s.pos], " \t")
	if len(text) <= maxShown {
		if _, err := decode("K = " + text); err == nil {
			return true
		}
	}
	before := strings.TrimLeft(s.text[1+strings.LastIndexByte(s.text[:start], '\n'):start], " \t")
	if s.open < s.line && s.open > 0 && (strings.Trim(before, "[") == "" && before != "" || strings.Contains(text, "=")) {
		return s.notClosed('[') // the next table or key has begun
	}
	word := strings.Trim(text, `"'“”„‘’`)
	switch strings.ToLower(word) {
	case "true", "false", "yes", "no", "on", "off":
		return s.stop(s.line, s.name(), "%s is not a value: true or false is right, or %s as text", shortened(text), quoted(word))
	}
	if strings.Trim(text, "0123456789_+-") == "" {
		return s.stop(s.line, s.name(), "%s is not a number: one such as 5, of at most 18 digits and without zeros before them, is right", shortened(text))
	}
	return s.stop(s.line, s.name(), "%s is not text in quotes: %s is right", shortened(text), quoted(word))
}

// notClosed stops for a list or an inline table whose end is missing, in the line where it begins.
func (s *scanner) notClosed(bracket byte) bool {
	return s.stop(s.open, s.name(), "the %c that begins here is not closed: %c at its end is right", bracket, bracket+2)
}

// noComma stops between two items of a list or an inline table.
func (s *scanner) noComma(bracket byte, after int) bool {
	c := s.peek()
	if c == 0 || c == ']' || c == '}' || s.line > after && c != '"' && c != '\'' {
		return s.notClosed(bracket)
	}
	return s.stop(s.line, s.name(), "no comma before %s: one between two items is right", s.rest(s.pos))
}

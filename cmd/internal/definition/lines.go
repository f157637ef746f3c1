package definition

import (
	"strings"

	"github.com/BurntSushi/toml"
)

// Limits of the text. The TOML parser calls itself for every bracket inside another, and its time grows with the square of a
// key's parts: without limits a bad file would end the daemon.
const (
	maxDepth  = 16  // of brackets inside brackets, and of the parts of a dotted key
	maxKeyLen = 256 // bytes of one part of a key
)

// lines is where a value stands: its own line, and those of what it holds. The parser gives no lines for tables in arrays.
type lines struct {
	line  int
	keys  map[string]*lines
	items []*lines
}

// key gives the place of a key of a table, and that of the table where the key is not in it.
func (l *lines) key(name string) *lines {
	if inside, ok := l.keys[name]; ok {
		return inside
	}
	return &lines{line: l.line}
}

// item gives the place of an item of an array, and that of the array where it has no such item.
func (l *lines) item(i int) *lines {
	if i < len(l.items) {
		return l.items[i]
	}
	return &lines{line: l.line}
}

func (l *lines) add(name string, line int) *lines {
	if inside, ok := l.keys[name]; ok {
		return inside
	}
	if l.keys == nil {
		l.keys = map[string]*lines{}
	}
	inside := &lines{line: line}
	l.keys[name] = inside
	return inside
}

func (l *lines) addItem(line int) *lines {
	inside := &lines{line: line}
	l.items = append(l.items, inside)
	return inside
}

// at goes down a dotted key. A list of tables on the way stands for its last table.
func (l *lines) at(parts []string, line int) *lines {
	for _, part := range parts {
		l = l.add(part, line)
		if n := len(l.items); n > 0 {
			l = l.items[n-1]
		}
	}
	return l
}

// scanner walks over TOML text. Where the text is wrong it stops; that it is, the parser says.
type scanner struct {
	text    string
	pos     int
	line    int
	path    []string // the key that is being read
	open    int      // the line of the outermost bracket around, 0: none
	tooDeep string   // what passes a limit, in the line where the scanner stopped
	wrong   *fault   // why it stopped
	doubt   *doubt   // where to look closer; nil: nowhere
}

func newScanner(text string) *scanner {
	for _, mark := range []string{"\xff\xfe", "\xfe\xff", "\xef\xbb\xbf"} { // byte order marks, as the parser skips them
		if strings.HasPrefix(text, mark) {
			text = text[len(mark):]
			break
		}
	}
	return &scanner{text: text, line: 1}
}

// indexLines gives the lines of a text. Where the text passes a limit, tooDeep says it and line says where.
func indexLines(text string) (root *lines, line int, tooDeep string) {
	s := newScanner(text)
	root = s.all()
	return root, s.line, s.tooDeep
}

// all reads the text to its end, or to where it is wrong.
func (s *scanner) all() *lines {
	root := &lines{line: 1}
	for table, prefix := root, []string(nil); ; {
		s.blank(true)
		if s.pos == len(s.text) {
			return root
		}
		header := s.peek() == '['
		if header {
			if table = s.header(root); table == nil {
				return root
			}
			prefix = s.path
		} else if !s.pair(table, 0) {
			return root
		}
		if !s.lineEnds(header) {
			return root
		}
		s.path = prefix
	}
}

func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

func (s *scanner) take(c byte) bool {
	if s.pos == len(s.text) || s.text[s.pos] != c {
		return false
	}
	s.pos++
	return true
}

// blank skips spaces, and with newlines also line ends and comments.
func (s *scanner) blank(newlines bool) {
	for s.pos < len(s.text) {
		switch c := s.text[s.pos]; {
		case c == ' ' || c == '\t':
		case newlines && c == '\r':
		case newlines && c == '\n':
			s.line++
		case newlines && c == '#':
			end := strings.IndexByte(s.text[s.pos:], '\n')
			if end < 0 {
				s.pos = len(s.text)
				return
			}
			s.pos += end
			continue
		default:
			return
		}
		s.pos++
	}
}

// header reads [a.b] or [[a.b]] and gives the place of the table that begins there, and nil where the text is wrong.
func (s *scanner) header(root *lines) *lines {
	line, start := s.line, s.pos
	s.pos++
	list, right := s.take('['), "[%s]"
	if list {
		right = "[[%s]]"
	}
	parts := s.key()
	if len(parts) == 0 {
		s.stop(line, "", "%s names no table: one such as [manager] or [[slave]] is right", s.rest(start))
		return nil
	}
	s.path = parts
	if !s.take(']') || list && !s.take(']') {
		s.stop(line, s.name(), "%s is not closed: "+right+" is right", s.rest(start), s.name())
		return nil
	}
	last := len(parts) - 1
	table := root.at(parts[:last], line).add(parts[last], line)
	if s.doubt.meets(s, start, line, table) {
		s.doubt.header, s.doubt.list = true, list
	}
	if list {
		return table.addItem(line)
	}
	return table
}

// pair reads a key, "=" and a value. The key stays in path.
func (s *scanner) pair(table *lines, depth int) bool {
	line, start := s.line, s.pos
	parts := s.key()
	if len(parts) == 0 {
		return s.stop(line, "", `%s does not begin with a key: one with "=" and a value is right, such as host = "app01"`, s.rest(start))
	}
	s.path = append(s.path[:len(s.path):len(s.path)], parts...)
	if !s.take('=') {
		return s.stop(line, s.name(), `no "=" after the key: "=" and a value are right, such as host = "app01"`)
	}
	at := table.at(parts, line)
	if !s.value(at, depth) {
		return false
	}
	s.doubt.meets(s, start, line, at)
	return true
}

// key reads a dotted key and the spaces around it; none where the text is wrong.
func (s *scanner) key() (parts []string) {
	for {
		s.blank(false)
		part, ok := s.keyPart()
		if !ok {
			return nil
		}
		parts = append(parts, part)
		if len(parts) > maxDepth {
			s.tooDeep = "a key of too many parts"
			return nil
		}
		if len(part) > maxKeyLen {
			s.tooDeep = "a key that is too long"
			return nil
		}
		s.blank(false)
		if !s.take('.') {
			return parts
		}
	}
}

func (s *scanner) keyPart() (string, bool) {
	start := s.pos
	switch quote := s.peek(); quote {
	case '"', '\'':
		if !s.quotedLine(quote) {
			return "", false
		}
		inside := s.text[start+1 : s.pos-1]
		if quote == '"' && strings.Contains(inside, `\`) && len(inside) <= maxKeyLen {
			return unescaped(s.text[start:s.pos])
		}
		return inside, true
	}
	for s.pos < len(s.text) && bare(s.text[s.pos]) {
		s.pos++
	}
	return s.text[start:s.pos], s.pos > start
}

func bare(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}

// unescaped asks the parser, so that a key with escapes has the same name here and there.
func unescaped(literal string) (string, bool) {
	var v struct{ K string }
	_, err := toml.Decode("K = "+literal, &v)
	return v.K, err == nil
}

// value reads a value and the places inside it.
func (s *scanner) value(at *lines, depth int) bool {
	s.blank(false)
	start, line := s.pos, s.line
	if depth == 0 {
		s.open = 0
	}
	switch c := s.peek(); c {
	case '"', '\'':
		if quotes := strings.Repeat(string(c), 3); strings.HasPrefix(s.text[s.pos:], quotes) {
			return s.quotedLines(c) || s.stop(line, s.name(), "the text that begins here is not closed: %s at its end is right", quotes)
		}
		return s.quotedLine(c) || s.stop(line, s.name(), "%s is not closed: a %c at its end is right", s.rest(start), c)
	case '[', '{':
		if depth == maxDepth {
			s.tooDeep = "brackets too deep inside brackets"
			return false
		}
		if depth == 0 {
			s.open = line
		}
		s.pos++
		return s.inside(at, depth+1, c)
	}
	for s.pos < len(s.text) && strings.IndexByte(",]}#\r\n", s.text[s.pos]) < 0 {
		s.pos++
	}
	if s.pos == start {
		return s.stop(line, s.name(), "no value: text in quotes, a number, true, false or a list in brackets is right")
	}
	return s.bareValue(start)
}

// inside reads an array or an inline table after its opening bracket.
func (s *scanner) inside(at *lines, depth int, bracket byte) bool {
	end := bracket + 2 // "]" and "}" stand two after their openers
	outside := s.path
	for {
		s.blank(true)
		if s.take(end) {
			return true
		}
		if s.pos == len(s.text) {
			return s.notClosed(bracket)
		}
		ok := false
		if bracket == '[' {
			ok = s.value(at.addItem(s.line), depth)
		} else {
			ok = s.pair(at, depth)
		}
		if !ok {
			return false
		}
		s.path = outside
		after := s.line
		s.blank(true)
		if !s.take(',') {
			return s.take(end) || s.noComma(bracket, after)
		}
	}
}

// quotedLine reads a string of one line with its quotes.
func (s *scanner) quotedLine(quote byte) bool {
	for s.pos++; s.pos < len(s.text); s.pos++ {
		switch c := s.text[s.pos]; {
		case c == quote:
			s.pos++
			return true
		case c == '\n':
			return false
		case c == '\\' && quote == '"':
			s.pos++
			if s.peek() == '\n' {
				return false
			}
		}
	}
	s.pos = len(s.text)
	return false
}

// quotedLines reads a string of several lines with its quotes. One or two quotes before the closing three belong to it.
func (s *scanner) quotedLines(quote byte) bool {
	for s.pos += 3; s.pos < len(s.text); s.pos++ {
		switch c := s.text[s.pos]; {
		case c == '\n':
			s.line++
		case c == '\\' && quote == '"':
			s.pos++
			if s.peek() == '\n' {
				s.line++
			}
		case c == quote:
			run := 1
			for run < 5 && s.pos+run < len(s.text) && s.text[s.pos+run] == quote {
				run++
			}
			s.pos += run
			if run >= 3 {
				return true
			}
			s.pos--
		}
	}
	s.pos = len(s.text)
	return false
}

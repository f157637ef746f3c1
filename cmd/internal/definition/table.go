package definition

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"renraku/cmd/internal/duration"
)

// table is a table of the file while it is read. Its getters note what is wrong and give a default then; a key that no getter
// asked for is unknown.
type table struct {
	path   string // "" at the top
	values map[string]any
	lines  *lines
	noted  *mistakes
	asked  []string
}

// has says whether the key stands in the table, and makes it a known one.
func (t *table) has(key string) bool {
	if !slices.Contains(t.asked, key) {
		t.asked = append(t.asked, key)
	}
	_, ok := t.values[key]
	return ok
}

// line is that of the key, and that of the table where the key is missing.
func (t *table) line(key string) int { return t.lines.key(key).line }

// name is the key as messages have it.
func (t *table) name(key string) string {
	if t.path == "" {
		return keyName(key)
	}
	return t.path + "." + keyName(key)
}

// keyName is one part of a key, in quotes where the file needs them too.
func keyName(key string) string {
	if key == "" || len(key) > maxShown || strings.ContainsFunc(key, func(r rune) bool { return r > 0x7E || !bare(byte(r)) }) {
		return quoted(key)
	}
	return key
}

func (t *table) wrong(key, format string, args ...any) {
	t.noted.add(t.line(key), t.name(key), fmt.Sprintf(format, args...))
}

// wrongItem is wrong with the line of an array's item.
func (t *table) wrongItem(key string, i int, format string, args ...any) {
	t.noted.add(t.lines.key(key).item(i).line, t.name(key), fmt.Sprintf(format, args...))
}

// missing notes a key that has to be there; right says what it should hold.
func (t *table) missing(key, right string) { t.wrong(key, "missing: %s is right", right) }

// text gives a text that is not empty, and not ok where there is none.
func (t *table) text(key, right string) (string, bool) {
	if !t.has(key) {
		return "", false
	}
	s, ok := t.values[key].(string)
	if !ok {
		t.wrong(key, "%s is not text in quotes: %s is right", shown(t.values[key]), right)
		return "", false
	}
	if s == "" {
		t.wrong(key, "empty: %s is right", right)
		return "", false
	}
	return s, true
}

// needed is text for a key that has to be there.
func (t *table) needed(key, right string) (string, bool) {
	if !t.has(key) {
		t.missing(key, right)
		return "", false
	}
	return t.text(key, right)
}

// span is what durations a key may have.
type span struct {
	least, most time.Duration
	zero        string // what "0" means although it is below least; "" where it is not allowed
	example     string
}

func (s span) String() string {
	zero := ""
	if s.zero != "" {
		zero = fmt.Sprintf(`"0" (%s) or `, s.zero)
	}
	return fmt.Sprintf("%s%s to %s is right, such as %q", zero, short(s.least), short(s.most), s.example)
}

// short is a duration without the units that are zero: 1h and not 1h0m0s.
func short(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func (t *table) duration(key string, allowed span, standard time.Duration) time.Duration {
	if !t.has(key) {
		return standard
	}
	s, ok := t.values[key].(string)
	if !ok {
		t.wrong(key, "%s is not a duration in quotes: %v", shown(t.values[key]), allowed)
		return standard
	}
	d, err := duration.Parse(s)
	switch {
	case err != nil:
		t.wrong(key, "%s is not a duration: %v", quoted(s), allowed)
	case d == 0 && allowed.zero != "":
		return 0
	case d < allowed.least || d > allowed.most:
		t.wrong(key, "%s is out of range: %v", quoted(s), allowed)
	default:
		return d
	}
	return standard
}

func (t *table) integer(key string, least, most, standard int) int {
	if !t.has(key) {
		return standard
	}
	n, ok := t.values[key].(int64)
	switch {
	case !ok:
		t.wrong(key, "%s is not a whole number: %d to %d is right", shown(t.values[key]), least, most)
	case n < int64(least) || n > int64(most):
		t.wrong(key, "%d is out of range: %d to %d is right", n, least, most)
	default:
		return int(n)
	}
	return standard
}

func (t *table) boolean(key string, standard bool) bool {
	if !t.has(key) {
		return standard
	}
	b, ok := t.values[key].(bool)
	if !ok {
		t.wrong(key, "%s is neither true nor false: one of these, without quotes, is right", shown(t.values[key]))
	}
	return b
}

// strings gives a list of texts that has at least one, and not ok where there is none.
func (t *table) strings(key, right string) ([]string, bool) {
	if !t.has(key) {
		return nil, false
	}
	values, ok := t.values[key].([]any)
	if !ok {
		t.wrong(key, "%s is not a list: %s is right", shown(t.values[key]), right)
		return nil, false
	}
	if len(values) == 0 {
		t.wrong(key, "empty: %s is right", right)
		return nil, false
	}
	list := make([]string, len(values))
	for i, v := range values {
		s, isText := v.(string)
		if !isText {
			t.wrongItem(key, i, "%s is not text in quotes: %s is right", shown(v), right)
			ok = false
		}
		list[i] = s
	}
	return list, ok
}

// stringMap gives a table of texts; check is called for each, in the order of the names.
func (t *table) stringMap(key, right string, check func(inside *table, name, value string)) map[string]string {
	if !t.has(key) {
		return nil
	}
	values, ok := t.values[key].(map[string]any)
	if !ok {
		t.wrong(key, "%s is not a table: %s is right", shown(t.values[key]), right)
		return nil
	}
	inside := t.inside(key, values, t.lines.key(key))
	texts := make(map[string]string, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v := values[name]
		s, isText := v.(string)
		if !isText {
			inside.wrong(name, "%s is not text in quotes: %s is right", shown(v), right)
			continue
		}
		check(inside, name, s)
		texts[name] = s
	}
	return texts
}

func (t *table) inside(key string, values map[string]any, at *lines) *table {
	return &table{path: t.name(key), values: values, lines: at, noted: t.noted}
}

// table gives the table of that name, and nil where there is none.
func (t *table) table(key string) *table {
	if !t.has(key) {
		return nil
	}
	if values, ok := t.values[key].(map[string]any); ok {
		return t.inside(key, values, t.lines.key(key))
	}
	t.wrong(key, "%s is not a table: [%s] in single brackets, once, is right", shown(t.values[key]), key)
	return nil
}

// tables gives the tables of a list, in order.
func (t *table) tables(key string) []*table {
	if !t.has(key) {
		return nil
	}
	at := t.lines.key(key)
	var found []*table
	switch values := t.values[key].(type) {
	case []map[string]any:
		found = make([]*table, 0, len(values))
		for i, v := range values {
			found = append(found, t.inside(key, v, at.item(i)))
		}
	case []any:
		for i, v := range values {
			if inside, ok := v.(map[string]any); ok {
				found = append(found, t.inside(key, inside, at.item(i)))
				continue
			}
			t.wrongItem(key, i, "%s is not a table: [[%s]] in double brackets is right", shown(v), key)
		}
	case map[string]any:
		t.wrong(key, "one table in single brackets: [[%s]] in double brackets is right", key)
		found = append(found, t.inside(key, values, at))
	default:
		t.wrong(key, "%s is not a table: [[%s]] in double brackets is right", shown(values), key)
	}
	return found
}

// unknown notes every key that no getter asked for.
func (t *table) unknown() {
	for _, key := range slices.Sorted(maps.Keys(t.values)) {
		if slices.Contains(t.asked, key) {
			continue
		}
		kind := "key"
		switch t.values[key].(type) {
		case map[string]any, []map[string]any:
			kind = "table"
		}
		if near := nearest(key, t.asked); near != "" {
			t.wrong(key, "unknown %s: is %q meant?", kind, near)
			continue
		}
		known := slices.Sorted(slices.Values(t.asked))
		t.wrong(key, "unknown %s: known here are %s", kind, strings.Join(known, ", "))
	}
}

// shown is a value of any type as messages have it.
func shown(v any) string {
	switch v := v.(type) {
	case string:
		return quoted(v)
	case int64, float64, bool:
		return fmt.Sprint(v)
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	case []map[string]any:
		return "a list of tables"
	case time.Time:
		return "a date or time"
	}
	return "this"
}

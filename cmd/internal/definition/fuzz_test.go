package definition

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"renraku/telegram"
)

// FuzzParse: whatever the bytes are, Parse gives a definition without contradictions, or mistakes that stand in the file; and
// the line index knows every key that the parser knows.
func FuzzParse(f *testing.F) {
	example, err := os.ReadFile("testdata/renraku.toml")
	require.NoError(f, err)
	f.Add(example)
	f.Add([]byte(strings.ReplaceAll(string(example), "\n", "\r\n")))
	for _, c := range slices.Concat(wrongTexts, webWrongTexts) {
		if !strings.Contains(c.text, "-20000") { // what grows from the largest ranges takes all the time there is
			f.Add([]byte(whole(c.text)))
		}
	}
	for _, s := range []string{
		"\xef\xbb\xbf" + head, "\xff\xfe" + head, "\xfe\xff\xff\xfe" + head, "a = \"\"\"\\\"\"\"\"\"\"", "a = ''''''''", "a = \"\"\"\n\\\n b\"\"\"\nb = 1",
		"[[process]]\nid = 'A'\n" + head + "[[slave]]\nhost = 'a'\n", // mistakes that are not found in the order of their lines
		"slave = [{host = \"a\", address = \"a\"}, {host = \"b\", address = \"b\"}]\n" + head,
		"manager = {host = \"m\", address.x = \"m\"}", "manager.host = 'm'\nmanager.address = 'm'\n", "[a.b]\n[a]\n[[a.c]]\n[[a.c]]\n[a.c.d]\nx.y.z = [[{}]]",
		head + "[[slave]]\nhost = \"a[1-9]\"\naddress = \"[::[1-9]]:1\"\n", "a = 1979-05-27 07:32:00Z # x\nb = +inf\nc = 0x_f", "[[process]]\nenv.A = '1'\n[process.env.B]\n",
		"[[process]]\nenv = ['x']\n[[process]]\nenv.A = '1'\nenv.B = '2'\n", "a = [\r\n1,#\r\n]\r\nb=1", "a.\"\\u0062\\x63\\e\" = 1", "[[a]]\n[[a.b]]\n[[a]]\n[[a.b]]\n[a.b.c]\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		checkLines(t, string(data))
		d, err := Parse("f", data)
		if err == nil {
			checkDefinition(t, d)
			return
		}
		require.Nil(t, d)
		var wrong Errors
		require.True(t, errors.As(err, &wrong))
		require.NotEmpty(t, wrong)
		require.LessOrEqual(t, len(wrong), MaxErrors+1)
		require.Len(t, strings.Split(err.Error(), "\n"), len(wrong), "one line each")
		last, end := 1, 1+strings.Count(string(data), "\n")
		for _, e := range wrong {
			require.NotEmpty(t, e.Text)
			require.Equal(t, "f", e.File)
			require.True(t, last <= e.Line && e.Line <= end, "line %d after %d of %d", e.Line, last, end)
			last = e.Line
		}
	})
}

func checkLines(t *testing.T, text string) {
	root, line, tooDeep := indexLines(text)
	require.True(t, 1 <= line && line <= 1+strings.Count(text, "\n"))
	if tooDeep != "" {
		return
	}
	if values, err := decode(text); err == nil {
		everywhere(t, root, values, "")
	}
}

func checkDefinition(t *testing.T, d *Definition) {
	require.NotNil(t, d)
	seen := map[string]bool{}
	for i, host := range d.Hosts() { // a range has up to MaxSlaves members, too many for an assertion each
		_, err := telegram.NewHost(host)
		if err != nil || strings.ContainsAny(host, "*?[]") || seen[host] {
			t.Fatalf("host %q: %v", host, err)
		}
		seen[host] = true
		if i > 0 && i < 100 {
			role, index, ok := d.Role(host)
			require.True(t, ok && role == SlaveRole && index == i-1)
		}
	}
	count := 0
	for _, g := range d.Groups {
		count += g.Count
	}
	require.Equal(t, len(d.Slaves), count)
	for i := range d.Slaves {
		s := &d.Slaves[i]
		if again, err := complete(s.Address); err != nil || again != s.Address || d.GroupOf(s).Detection() <= 0 {
			t.Fatalf("%+v is complete as %q: %v", s, again, err)
		}
	}
	for i := range d.Processes {
		p := &d.Processes[i]
		require.False(t, p.ID.IsZero())
		require.Same(t, p, d.Process(p.ID.String()), "IDs are unique")
		require.NotEmpty(t, p.Command)
	}
	for _, g := range d.Triggers {
		require.NotNil(t, d.Process(g.Process))
		require.True(t, (g.At != "") != (g.Message != nil))
		require.Equal(t, g.At != "", g.Location != nil)
		require.True(t, g.Local || len(g.Hosts) > 0)
	}
}

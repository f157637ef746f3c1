//go:build interop

package interop

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var dissector = repository("telegram", "wireshark", "renraku.lua")

// wiresharkLimit is the longest that one of Wireshark's commands may take for a capture of a test.
const wiresharkLimit = 30 * time.Second

// runWireshark runs one of Wireshark's commands with a configuration of the test's own, so that nothing of the user's counts.
func runWireshark(home, stdin, name string, args ...string) (out, errOut string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), wiresharkLimit)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	foreign := func(variable string) bool {
		return strings.HasPrefix(variable, "WIRESHARK_") || strings.HasPrefix(variable, "XDG_")
	}
	c.Env = append(slices.DeleteFunc(os.Environ(), foreign), "HOME="+home, "LC_ALL=C.UTF-8", "TZ=UTC")
	var stdout, stderr bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &stdout, &stderr
	if err := c.Run(); err != nil {
		return "", "", fmt.Errorf("%v: %w\n%s", c, err, stderr.String())
	}
	return stdout.String(), stderr.String(), nil
}

// runTshark gives what tshark prints, or an error. Its exit status is 0 where a script does not load, or fails at a packet.
func runTshark(script, capture string, args ...string) (string, error) {
	home, err := os.MkdirTemp("", "renraku-wireshark-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(home)
	out, errOut, err := runWireshark(home, "", "tshark", append([]string{"-X", "lua_script:" + script, "-r", capture}, args...)...)
	if err != nil {
		return "", err
	}
	if strings.Contains(errOut, "Lua:") {
		return "", fmt.Errorf("the script does not load:\n%s", errOut)
	}
	if _, after, failed := strings.Cut(out, "Lua Error"); failed {
		line, _, _ := strings.Cut(after, "\n")
		return "", fmt.Errorf("the script fails at a packet%s", line)
	}
	return out, nil
}

// reorder makes TCP put segments in order before it gives them to a dissector.
const reorder = "tcp.reassemble_out_of_order:TRUE"

// tshark prints a capture through the dissector.
func tshark(t testing.TB, capture string, args ...string) string {
	t.Helper()
	out, err := runTshark(dissector, capture, args...)
	require.NoError(t, err)
	return out
}

// item is a protocol or field of a packet, as tshark exports it.
type item struct {
	Name     string `xml:"name,attr"`
	Show     string `xml:"show,attr"`
	ShowName string `xml:"showname,attr"`
	Size     int    `xml:"size,attr"`
	Fields   []item `xml:"field"`
	Protos   []item `xml:"proto"`
}

// XML has no U+FFFE and U+FFFF. tshark writes them as they are; two characters for private use stand for them here.
var (
	intoXML  = strings.NewReplacer("\uFFFE", "\uF8FE", "\uFFFF", "\uF8FF")
	outOfXML = strings.NewReplacer("\uF8FE", "\uFFFE", "\uF8FF", "\uFFFF")
)

// all is the values of a field, wherever in the item it is.
func (i item) all(name string) []string {
	var values []string
	for _, f := range i.Fields {
		if f.Name == name {
			values = append(values, f.shown())
		}
		values = append(values, f.all(name)...)
	}
	return values
}

// shown is the item's value.
func (i item) shown() string { return outOfXML.Replace(i.Show) }

// value is the value of a field that is there once, "" where it is not there.
func (i item) value(t testing.TB, name string) string {
	t.Helper()
	values := i.all(name)
	if len(values) == 0 {
		return ""
	}
	require.Len(t, values, 1, name)
	return values[0]
}

// field is the item of a field directly below this one.
func (i item) field(name string) (item, bool) {
	for _, f := range i.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return item{}, false
}

// dissect gives for each frame of a capture what the dissector made of it: an item for each telegram, without those that ICMP
// quotes.
func dissect(t testing.TB, capture string, args ...string) [][]item {
	t.Helper()
	out := tshark(t, capture, append([]string{"-2", "-o", reorder, "-T", "pdml", "-J", "renraku"}, args...)...)
	var file struct {
		Packets []item `xml:"packet"`
	}
	require.NoError(t, xml.Unmarshal([]byte(intoXML.Replace(out)), &file))
	frames := make([][]item, len(file.Packets))
	for i, packet := range file.Packets {
		for _, proto := range packet.Protos {
			if proto.Name == "icmp" {
				break // what is behind it is quoted
			}
			if proto.Name == "renraku" {
				frames[i] = append(frames[i], proto)
			}
		}
	}
	return frames
}

// saved writes a recording where tshark finds it.
func saved(t testing.TB, r *recording) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "recording.pcap")
	require.NoError(t, os.WriteFile(path, r.file(), 0o644))
	return path
}

func TestAScriptThatDoesNotLoadOrFailsAtAPacketIsNoticed(t *testing.T) {
	r := newRecording(t)
	r.udp(0, manager4+ourPort, slave4+ourPort, wireSQ("app01", check))
	capture := saved(t, r)
	good, err := os.ReadFile(dissector)
	require.NoError(t, err)
	const entry = "function renraku.dissector(tvb, pinfo, tree)"
	for name, script := range map[string]string{
		"syntax":       string(good) + "\nlocal = 1\n",
		"loading":      string(good) + "\nno_such_function()\n",
		"at a packet":  strings.Replace(string(good), entry, entry+"\n  no_such_function()", 1),
		"in the first": strings.Replace(string(good), "function follow.SQ(", "function follow.none(", 1),
	} {
		require.NotEqual(t, string(good), script, name)
		path := filepath.Join(t.TempDir(), "broken.lua")
		require.NoError(t, os.WriteFile(path, []byte(script), 0o644))
		_, err := runTshark(path, capture, "-V")
		assert.ErrorContains(t, err, "the script", name)
	}
	_, err = runTshark(dissector, capture, "-V")
	assert.NoError(t, err)
}

// The same port counts for UDP and TCP, for both ends, and where it is changed, the old one no longer does.
func TestThePortIsAPreference(t *testing.T) {
	r := newRecording(t)
	for _, port := range []string{ourPort, ":20000", ":20005"} {
		r.udp(ms, manager4+aPort, slave4+port, wireSQ("app01", check))
		r.udp(ms, slave4+port, manager4+aPort, wireSR("app01", running, "ONLINE", ""))
		c := r.dial(ms, manager4+aPort, slave4+port)
		c.send(ms, there, wireXQ("app01", launch, "ONLINE"))
		c.send(ms, back, wireXR("app01", launched, "ONLINE", "ONLINE", ""))
		c.end(ms)
	}
	capture := saved(t, r)
	const perPort = 4
	for ports, want := range map[string][]string{
		"":                  {"10320"},
		"20000":             {"20000"},
		"20000-20005":       {"20000", "20005"},
		"10320,20000-20004": {"10320", "20000"},
		"9":                 nil,
	} {
		args := []string{"-Y", "renraku", "-T", "fields", "-e", "udp.port", "-e", "tcp.port"}
		if ports != "" {
			args = append(args, "-o", "renraku.port:"+ports)
		}
		seen := map[string]int{}
		for line := range strings.Lines(tshark(t, capture, args...)) {
			for _, port := range strings.Split(strings.Join(strings.Fields(line), ","), ",") {
				if port != strings.TrimPrefix(aPort, ":") {
					seen[port]++
				}
			}
		}
		counts := map[string]int{}
		for _, port := range want {
			counts[port] = perPort
		}
		assert.Equal(t, counts, seen, "port preference %q", ports)
	}
}

// Wireshark's own dialogue writes these preferences; the installation is that of the README beside the dissector.
func TestTheDissectorIsFoundWhereItIsInstalledAndReadsTheSavedPreferences(t *testing.T) {
	r := newRecording(t)
	r.udp(0, manager4+":20000", slave4+":20000", wireSQ("app01", check))
	home := installedDissector(t, "renraku.port: 20000\n")
	out, _, err := runWireshark(home, "", "tshark", "-r", saved(t, r), "-T", "fields", "-e", "renraku.host")
	require.NoError(t, err)
	assert.Equal(t, "app01\n", out)
}

// installedDissector gives a home directory that has the dissector as a plugin, and Wireshark's preferences.
func installedDissector(t testing.TB, preferences string) string {
	t.Helper()
	home := t.TempDir()
	script, err := os.ReadFile(dissector)
	require.NoError(t, err)
	for path, content := range map[string]string{
		".local/lib/wireshark/plugins/renraku.lua": string(script),
		".config/wireshark/preferences":            preferences,
	} {
		path = filepath.Join(home, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	}
	return home
}

//go:build interop

package interop

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// infos is the Info column of a recording's frames that have telegrams.
func infos(t *testing.T, r *recording, args ...string) []string {
	t.Helper()
	lines := strings.Split(columnsOf(t, saved(t, r), []string{"_ws.col.Info"}, append([]string{"-2"}, args...)...), "\n")
	return lines[1 : len(lines)-1]
}

// Two fleets may have the same host names, and a port may be used again.
func TestTelegramsOfOtherServersAndConnectionsAreKeptApart(t *testing.T) {
	const otherManager, otherSlave = "198.51.100.10", "198.51.100.11"
	r := newRecording(t)
	r.udp(0, manager4+ourPort, slave4+ourPort, wireSQ("app01", check))
	r.udp(ms, otherManager+ourPort, otherSlave+ourPort, wireSQ("app01", check))
	r.udp(ms, manager4+ourPort, slave4+ourPort, wireSQ("app02", check))
	r.udp(ms, manager4+aPort, slave4+ourPort, wireSQ("app01", check))
	r.udp(ms, otherSlave+ourPort, otherManager+ourPort, wireSR("app01", running, "A", ""))
	r.udp(ms, slave4+ourPort, manager4+ourPort, wireSR("app01", running, "B", ""))
	r.udp(ms, slave4+ourPort, manager4+aPort, wireSR("app01", running, "C", ""))
	first := r.dial(ms, manager4+aPort, slave4+ourPort)
	first.send(0, there, wireXQ("app01", launch, "ONLINE"))
	other := r.dial(ms, otherManager+aPort, otherSlave+ourPort)
	other.send(0, there, wireXQ("app01", launch, "ONLINE"))
	first.reset(ms, there)
	again := r.dial(ms, manager4+aPort, slave4+ourPort)
	again.send(0, there, wireXQ("app01", launch, "ONLINE"))
	again.send(0, there, wireXQ("app01", launch, "BACKUP"))
	simulated := r.dial(ms, manager4+aPort, slave4+":10321")
	simulated.send(0, there, wireXQ("app01", launch, "ONLINE"))
	other.send(ms, back, wireXR("app01", launched, "ONLINE", "A", ""))
	again.send(ms, back, wireXR("app01", already, "ONLINE", "B", ""))
	assert.Equal(t, []string{
		"SQ CHECK app01", "SQ CHECK app01", "SQ CHECK app02", "SQ CHECK app01",
		"SR RUNNING app01 A, answers 2 after 3.000 ms",
		"SR RUNNING app01 B, answers 1 after 5.000 ms",
		"SR RUNNING app01 C, answers 4 after 3.000 ms",
		"XQ LAUNCH app01 ONLINE", "XQ LAUNCH app01 ONLINE", "XQ LAUNCH app01 ONLINE", "XQ LAUNCH app01 BACKUP",
		"XQ LAUNCH app01 ONLINE",
		"XR LAUNCHED app01 ONLINE A, answers 15 after 4.000 ms",
		"XR ALREADY app01 ONLINE B, answers 20 after 3.000 ms",
	}, infos(t, r, "-o", "renraku.port:10320-10321"))
}

func TestNamesInThePlaceOfAddressesChangeNothing(t *testing.T) {
	hosts := filepath.Join(t.TempDir(), "hosts")
	require.NoError(t, os.WriteFile(hosts, []byte(slave4+" app01.example\n"), 0o644))
	out := columnsOf(t, captureFile("delivery.pcap"), append([]string{"ip.src_host"}, shownColumns...), "-2", "-N", "n", "-H", hosts)
	require.Contains(t, out, "app01.example")
	var rest []string
	for line := range strings.Lines(out) {
		_, columns, _ := strings.Cut(line, "\t")
		rest = append(rest, columns)
	}
	assert.Equal(t, shownText(t, "delivery"), strings.Join(rest, ""))
}

func TestAnInquiryIsOverAfterTheWaitOfThePreferences(t *testing.T) {
	r := newRecording(t)
	r.udp(0, manager4+ourPort, slave4+ourPort, wireSQ("app01", start))
	r.udp(2000*ms, manager4+ourPort, slave4+ourPort, wireSQ("app01", start))
	r.udp(2001*ms, manager4+ourPort, slave4+ourPort, wireSQ("app01", start))
	r.udp(2001*ms, slave4+ourPort, manager4+ourPort, wireSR("app01", running, "", ""))
	assert.Equal(t, []string{
		"SQ START app01", "SQ START app01, retry of 1", "SQ START app01", "SR RUNNING app01 -, unasked",
	}, infos(t, r))
	assert.Equal(t, []string{
		"SQ START app01", "SQ START app01, retry of 1", "SQ START app01, retry of 1", "SR RUNNING app01 -, answers 3 after 2001.000 ms",
	}, infos(t, r, "-o", "renraku.wait:3000"))
	assert.Equal(t, []string{
		"SQ START app01", "SQ START app01", "SQ START app01", "SR RUNNING app01 -, unasked",
	}, infos(t, r, "-o", "renraku.wait:500"))
}

func TestOrdersAndResultsByUDPAreShownAndAnswerNothing(t *testing.T) {
	r := newRecording(t)
	r.udp(0, manager4+ourPort, slave4+ourPort, wireXQ("app01", launch, "ONLINE"))
	r.udp(ms, slave4+ourPort, manager4+ourPort, wireXR("app01", launched, "ONLINE", "ONLINE", ""))
	c := r.dial(ms, manager4+ourPort, slave4+ourPort)
	c.send(ms, there, wireXQ("app01", launch, "ONLINE"))
	frames := dissect(t, saved(t, r))
	for i, want := range map[int]int{0: 1, 1: 1, len(frames) - 1: 0} {
		require.Len(t, frames[i], 1)
		assert.Len(t, frames[i][0].all("renraku.expert.carrier"), want, "frame %d", i+1)
		assert.Empty(t, frames[i][0].all("renraku.response_to"))
		assert.Nil(t, luaError(t, frames[i][0]))
	}
}

// savedCut writes a recording of which the capture has only the first bytes of each packet.
func savedCut(t *testing.T, r *recording, snap int) string {
	t.Helper()
	var file bytes.Buffer
	w := pcapgo.NewWriter(&file)
	require.NoError(t, w.WriteFileHeader(uint32(snap), layers.LinkTypeEthernet))
	for i, packet := range r.packets {
		info := gopacket.CaptureInfo{Timestamp: r.times[i], CaptureLength: snap, Length: len(packet)}
		require.NoError(t, w.WritePacket(info, packet[:snap]))
	}
	capture := filepath.Join(t.TempDir(), "cut.pcap")
	require.NoError(t, os.WriteFile(capture, file.Bytes(), 0o644))
	return capture
}

// What the capture has not is no error of the sender; what it has is shown, and checked.
func TestOfATelegramThatTheCaptureCutsIsShownWhatIsThere(t *testing.T) {
	const snap = 14 + 20 + 8 + 92
	r := newRecording(t)
	r.udp(0, slave4+ourPort, manager4+ourPort, wireSR("app01", running, "ONLINE", "text"))
	r.udp(0, slave4+ourPort, manager4+ourPort, wireSR("app01", running, "ON LINE", "text"))
	capture := savedCut(t, r, snap)
	frames := dissect(t, capture)
	require.Len(t, frames, 2)
	require.Len(t, frames[0], 1)
	assert.Nil(t, luaError(t, frames[0][0]))
	assert.Len(t, frames[0][0].all("renraku.expert.cut"), 1)
	assert.Equal(t, "ONLINE", frames[0][0].value(t, "renraku.application"))
	assert.Empty(t, frames[0][0].all("renraku.text"))
	require.Len(t, frames[1], 1)
	assert.Equal(t, &telegramError{"application", "space", 70}, luaError(t, frames[1][0]))
	assert.Contains(t, columnsOf(t, capture, []string{"_ws.col.Info"}), "\nSR RUNNING app01 ONLINE, cut\nbad SR: ")
}

func TestWithoutReassemblyEachSegmentShowsWhatItHas(t *testing.T) {
	r := newRecording(t)
	c := r.dial(0, manager4+aPort, slave4+ourPort)
	c.send(ms, there, wireXQ("app01", launch, "ONLINE"), 70)
	c.send(ms, there, wireXQ("app01", taken, "ONLINE"))
	assert.Equal(t, []string{"XQ LAUNCH app01, cut", "14 bytes skipped", "XQ TAKEN app01 ONLINE"},
		infos(t, r, "-o", "tcp.desegment_tcp_streams:FALSE"))
}

// Nothing calls a dissector where a connection ends; tshark leaves the beginning of a telegram to TCP, and renraku decode
// names the error of length.
func TestATelegramThatTheEndOfItsConnectionCutsIsLeftToTCP(t *testing.T) {
	r := newRecording(t)
	c := r.dial(0, manager4+aPort, slave4+ourPort)
	c.send(ms, there, wireXQ("app01", launch, "ONLINE")[:83])
	c.end(ms)
	capture := saved(t, r)
	assert.Empty(t, dissectedLines(t, capture))
	assert.Equal(t, []string{"83 bytes: bad length: length, offset 83"}, decodedLines(t, capture))
}

// Segments that come in the wrong order reach the dissector only where TCP is told to put them in order, which the README says.
func TestOutOfOrderSegmentsNeedThePreferenceThatTheREADMENames(t *testing.T) {
	name, _, _ := strings.Cut(reorder, ":")
	require.Contains(t, dissectorDocument(t), name)
	const result = "XR LAUNCHED app01 ONLINE"
	assert.Contains(t, shownText(t, "execution-control"), result)
	without := columnsOf(t, captureFile("execution-control.pcap"), []string{"_ws.col.Info"}, "-2", "-o", name+":FALSE")
	assert.NotContains(t, without, result)
	assert.Contains(t, without, "XQ LAUNCH app01 ONLINE")
}

func dissectorDocument(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(repository("telegram", "wireshark", "README.md"))
	require.NoError(t, err)
	return string(text)
}

func TestTheREADMEOfTheDissectorNamesEveryFieldAndItsFiltersAreFilters(t *testing.T) {
	text := dissectorDocument(t)
	out, _, err := runWireshark(installedDissector(t, ""), "", "tshark", "-G", "fields")
	require.NoError(t, err)
	found := 0
	for line := range strings.Lines(out) {
		columns := strings.Split(line, "\t")
		if len(columns) < 3 || columns[0] != "F" || !strings.HasPrefix(columns[2], "renraku.") {
			continue
		}
		found++
		name := columns[2]
		last := name[strings.LastIndexAny(name, "._"):] // in the lists of bits and kinds
		word := name[strings.LastIndex(name, ".")+1:]
		assert.True(t, strings.Contains(text, "`"+name+"`") || strings.Contains(text, "`"+last+"`") || strings.Contains(text, "`"+word+"`") ||
			strings.Contains(text, "`."+word+"`"), name)
	}
	require.Greater(t, found, 40)

	_, table, _ := strings.Cut(text, "\n## Filters\n")
	table, _, _ = strings.Cut(table, "\n\n`renraku.response_in`")
	var filters []string
	for _, line := range strings.Split(table, "\n") {
		if cells := strings.SplitN(line, "|", 3); len(cells) == 3 && strings.Contains(cells[2], "`") {
			filters = append(filters, "("+strings.Split(cells[2], "`")[1]+")")
		}
	}
	require.GreaterOrEqual(t, len(filters), 9)
	assert.NotEmpty(t, tshark(t, captureFile("status-control.pcap"), "-2", "-Y", strings.Join(filters, " || ")))
}

//go:build interop

package browser

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/cmd/internal/control"
	"renraku/slave"
	"renraku/slave/datagram"
)

const (
	many     = 10_000
	mostSize = 200_000_000 // bytes of the browser's process for the page
	openings = 7           // of which the middle one counts
	watching = 5           // pages at once while polling is measured
	measured = 5 * time.Second
	rounds   = 3
	leastOf  = 0.98 // inquiries with pages open, of those without
	mostBusy = 3    // times as long as alone, however busy the machine is: more would assert nothing
)

// manyServers is a manager with a page and 10,000 simulated slaves.
type manyServers struct {
	*slave.Simulation
	url, dir string
	manager  *cmdtest.Daemon
}

func newManyServers(t *testing.T) *manyServers {
	t.Helper()
	s, err := slave.NewSimulation("sim", many)
	require.NoError(t, err)
	ports := cmdtest.Ports(t, 3)
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: ports[2]})
	require.NoError(t, err)
	packets, err := datagram.New(udp)
	require.NoError(t, err)
	packets.SetReadBuffer(8 << 20)
	listener, err := net.Listen("tcp", packets.LocalAddr().String())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, packets, listener, slog.New(slog.NewTextHandler(io.Discard, nil))) }()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	m := &manyServers{Simulation: s, url: fmt.Sprintf("http://127.0.0.1:%d/", ports[1]), dir: filepath.Join(cmdtest.Dir(t), "mgr01")}
	config := cmdtest.WriteDefinition(t, filepath.Dir(m.dir), fmt.Sprintf(`[manager]
host = "mgr01"
address = "127.0.0.1:%d"
[monitor]
interval = "2s"
timeout = "1s"
retries = 5
[web]
listen = "127.0.0.1:%d"
[[slave]]
host = %q
address = %q
[[process]]
id = "ONLINE"
command = ["/bin/true"]
status = "ONLINE"
`, ports[0], ports[1], s.Hosts(), packets.LocalAddr().String()))
	m.manager = cmdtest.Start(t, config, "mgr01", m.dir)
	cmdtest.Until(t, time.Minute, "all RUNNING", func() bool { return strings.Count(m.manager.Log(), " RUNNING\"") >= many })
	return m
}

// inquiries is how often slaves are asked in a time.
func (m *manyServers) inquiries(in time.Duration) float64 {
	sum := func() (n uint64) {
		for _, of := range m.Inquiries() {
			n += uint64(of)
		}
		return n
	}
	began, before := time.Now(), sum()
	<-time.After(in) // it is the time that is measured
	return float64(sum()-before) / time.Since(began).Seconds()
}

func TestTenThousandServersAreSeenAtOnceAndSoIsEveryChange(t *testing.T) {
	limit := time.Duration(float64(aSecond) * busy(t))
	m := newManyServers(t)
	p := browse(t, desk)
	var views, changes []time.Duration
	for range openings {
		p.do(chromedp.Navigate("about:blank"))
		p.open(m.url, many+1)
		p.await("the mark", `performance.getEntriesByName("shown").length === 1`)
		milliseconds := eval[float64](p, `performance.getEntriesByName("shown")[0].startTime`)
		views = append(views, time.Duration(milliseconds)*time.Millisecond)
	}
	assertMedian(t, views, limit, "after it was opened the page showed %d servers", many)
	p.shot("many")
	assertSize(t, p, "with all servers")

	for i := range openings {
		changes = append(changes, m.change(t, p, 7000+i))
	}
	assertMedian(t, changes, limit, "after an order was given the page showed its status")

	out := cmdtest.Renraku(t, "run", "ONLINE", "--all", "--dir", m.dir)
	require.Equal(t, 0, out.Code, out.Stderr[:min(len(out.Stderr), 500)])
	t.Logf("%d changes are seen %v after the order was done", many, p.await("all ONLINE", `document.querySelector(".count.online b").textContent === "10,001"`))
	m.SetSilent(4000, 4999, true)
	p.awaitFor(time.Minute, "1,000 STOPPED", `document.querySelector(".count.stopped b").textContent === "1,000"`)
	p.shot("many-stopped")
	m.SetSilent(4000, 4999, false)
	p.awaitFor(time.Minute, "none STOPPED", `document.querySelector(".count.stopped b").textContent === "0"`)
	p.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#table .body").scrollTop = 150000`))
	p.await("the middle of the table", `Array.from(document.querySelectorAll("#table .row"), (r) => Number(r.getAttribute("aria-rowindex"))).includes(5002)`)
	assert.Less(t, eval[int](p, `document.querySelectorAll("#table .row").length`), 100, "only those that are seen stand in the document")

	assertSize(t, p, "at the end")
}

// change orders ONLINE on a server, and gives how long it takes from then on until the page shows it: the order itself too.
func (m *manyServers) change(t *testing.T, p *page, place int) time.Duration {
	t.Helper()
	began := time.Now()
	order := control.Order{Process: "ONLINE", Hosts: []string{fmt.Sprintf("sim%05d", place)}}
	require.NoError(t, control.NewClient(m.dir).Order(t.Context(), order, func(control.Head) {}, func(r control.Row) {
		require.Equal(t, "LAUNCHED", r.Outcome, r.Text)
	}))
	p.awaitCell(patience, place, "online")
	return time.Since(began).Round(time.Millisecond)
}

// assertMedian asserts that the middle one of some times is below a limit, and logs all of them.
func assertMedian(t *testing.T, times []time.Duration, limit time.Duration, what string, args ...any) {
	t.Helper()
	sorted := slices.Sorted(slices.Values(times))
	median := sorted[len(sorted)/2]
	said := fmt.Sprintf("%s: median %v of %v", fmt.Sprintf(what, args...), median, times)
	t.Log(said)
	assert.Less(t, median, limit, said)
}

// busy is how many times slower than alone whatever is measured may be, for what else the machine has to do before it begins: 1 where
// twice as much could run as there are processors, as right after a build, and mostBusy at most.
func busy(t *testing.T) float64 {
	t.Helper()
	b, err := os.ReadFile("/proc/loadavg")
	require.NoError(t, err)
	load, err := strconv.ParseFloat(strings.Fields(string(b))[0], 64)
	require.NoError(t, err)
	times := min(mostBusy, max(1, load/float64(2*runtime.NumCPU())))
	t.Logf("load average %.2f of %d processors before the measurement: limits of time are %.1f times as long as on a machine that is idle", load, runtime.NumCPU(), times)
	return times
}

// assertSize asserts that the browser takes no more memory for the page than it may.
func assertSize(t *testing.T, p *page, when string) {
	t.Helper()
	size := largestRenderer(t, p)
	t.Logf("the browser's process for the page %s: %d MiB, of which JavaScript %d MiB", when, size>>20, eval[int](p, "performance.memory.usedJSHeapSize")>>20)
	assert.Less(t, size, mostSize, when)
}

func TestPollingIsUndisturbedByPagesThatWatch(t *testing.T) {
	m := newManyServers(t)
	client := control.NewClient(m.dir)
	var with, without, cpuWith, cpuWithout float64
	for range rounds {
		cpu := cpuOf(t, m.manager.Cmd.Process.Pid)
		without += m.inquiries(measured)
		cpuWithout += cpuOf(t, m.manager.Cmd.Process.Pid) - cpu
		stop := watch(t, m.url, watching)
		cpu = cpuOf(t, m.manager.Cmd.Process.Pid)
		with += m.inquiries(measured)
		cpuWith += cpuOf(t, m.manager.Cmd.Process.Pid) - cpu
		stop()
	}
	state, err := client.State(t.Context())
	require.NoError(t, err)
	t.Logf("inquiries in a second: %.0f with %d pages, %.0f without, ratio %.4f; processor time of the manager in a second: %.0f ms with, %.0f ms without; rounds skipped: %d",
		with/rounds, watching, without/rounds, with/without, 1000*cpuWith/rounds/measured.Seconds(), 1000*cpuWithout/rounds/measured.Seconds(), state.Dropped["rounds skipped"])
	assert.GreaterOrEqual(t, with/without, leastOf)
	assert.Zero(t, state.Dropped["rounds skipped"])
}

// cpuOf is the processor time of a process so far, in seconds.
func cpuOf(t *testing.T, pid int) float64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+2:]))
	user, err := strconv.Atoi(fields[11])
	require.NoError(t, err)
	system, err := strconv.Atoi(fields[12])
	require.NoError(t, err)
	return float64(user+system) / 100 // the unit of proc(5) on Linux
}

// largestRenderer is the memory in bytes of the largest of the browser's processes that show a page: its own, and its part of what is
// shared.
func largestRenderer(t *testing.T, p *page) (size int) {
	t.Helper()
	browser := chromedp.FromContext(p.ctx).Browser.Process().Pid
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, path := range all {
		line, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(line), "--type=renderer") {
			continue
		}
		dir := filepath.Dir(path)
		if !descends(dir, browser) {
			continue
		}
		rollup, err := os.ReadFile(filepath.Join(dir, "smaps_rollup"))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(rollup)) {
			if kib, ok := strings.CutPrefix(line, "Pss:"); ok {
				n, err := strconv.Atoi(strings.Fields(kib)[0])
				require.NoError(t, err)
				size = max(size, n<<10)
			}
		}
	}
	require.Positive(t, size)
	return size
}

// descends says whether the process of a directory in /proc is a descendant of another.
func descends(dir string, of int) bool {
	for range 10 {
		status, err := os.ReadFile(filepath.Join(dir, "status"))
		if err != nil {
			return false
		}
		_, after, _ := strings.Cut(string(status), "PPid:")
		parent, err := strconv.Atoi(strings.Fields(after)[0])
		if err != nil || parent <= 1 {
			return false
		}
		if parent == of {
			return true
		}
		dir = fmt.Sprintf("/proc/%d", parent)
	}
	return false
}

package slave

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave/runs"
)

func memoryIn(t testing.TB, dir string) *Memory {
	runsDir, err := runs.Open(dir)
	require.NoError(t, err)
	m, err := openMemory(runsDir.Path(), thisBoot(t))
	require.NoError(t, err)
	t.Cleanup(func() { m.Close() })
	return m
}

func thisBoot(t testing.TB) string {
	return strings.TrimSpace(contents(t, "/proc/sys/kernel/random/boot_id"))
}

func TestTheMemoryIsOneLineWithTheBootID(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "runs", "application.dat")
	m := memoryIn(t, dir)
	_, ok := m.Load()
	assert.False(t, ok, "nothing has been stored")
	for _, status := range []string{"ONLINE", "", strings.Repeat("x", 24), "BATCH"} {
		require.NoError(t, m.Store(appStatus(status)))
		assert.Equal(t, thisBoot(t)+" "+padded(status, 24)+"\n", contents(t, path))
		for _, reader := range []*Memory{m, memoryIn(t, dir)} {
			got, ok := reader.Load()
			assert.True(t, ok)
			assert.Equal(t, appStatus(status), got)
		}
	}
	for name, mode := range map[string]os.FileMode{path: 0o640, filepath.Dir(path): os.ModeDir | 0o750} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode(), name)
	}
}

func TestWhatIsNotOfThisBootIsNotRemembered(t *testing.T) {
	boot := thisBoot(t)
	other := strings.Map(func(r rune) rune {
		if r == '-' {
			return r
		}
		return 'f'
	}, boot)
	online := " " + padded("ONLINE", 24) + "\n"
	cases := []struct {
		name, content string
		ok            bool
	}{
		{"whole", boot + online, true},
		{"whole, and more after it", boot + online + "x", true},
		{"empty", "", false},
		{"of another boot", other + online, false},
		{"cut", (boot + online)[:61], false},
		{"no line feed", (boot + online)[:61] + "x", false},
		{"no space", boot + "x" + online[1:], false},
		{"no status", boot + " " + padded("ON LINE", 24) + "\n", false},
		{"zeros, as a crash leaves them", strings.Repeat("\x00", 62), false},
	}
	for _, c := range cases {
		dir := t.TempDir()
		require.NoError(t, os.Mkdir(filepath.Join(dir, "runs"), 0o750))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "runs", "application.dat"), []byte(c.content), 0o640))
		m := memoryIn(t, dir)
		status, ok := m.Load()
		assert.Equal(t, c.ok, ok, c.name)
		if c.ok {
			assert.Equal(t, appStatus("ONLINE"), status, c.name)
		}
		file, _ := openContactFile(t)
		own := NewOwnRecord(app01, file, 0)
		own.Remember(m)
		if !c.ok {
			assert.Equal(t, NotStarted, own.Application(), c.name)
		}
		require.NoError(t, own.SetApplication(noon, appStatus("BATCH")))
		status, ok = memoryIn(t, dir).Load()
		assert.True(t, ok, c.name)
		assert.Equal(t, appStatus("BATCH"), status, c.name)
	}
}

// A new daemon on the same directory, with no leave taken by the one before, as after kill -9.
func TestField133OutlivesTheDaemon(t *testing.T) {
	online := Process{ID: processID("ONLINE"), Command: sh(""), Status: appStatus("ONLINE")}
	stop := Process{ID: processID("STOP"), Command: sh(""), Status: NotStarted}
	e := newExecutor(t, online)
	assert.Equal(t, "NOT-STARTED", e.stands())
	assert.Equal(t, Launched, e.order("ONLINE").Outcome)

	e = e.again(online)
	assert.Equal(t, "ONLINE", e.stands())
	assert.Equal(t, Already, e.order("ONLINE").Outcome)
	writeStatus(t, e.path, "BATCH") // by hand
	assert.Equal(t, appStatus("BATCH"), e.own.Application())

	e = e.again(stop)
	assert.Equal(t, "BATCH", e.stands())
	assert.Equal(t, Launched, e.order("STOP").Outcome)

	e = e.again()
	assert.Equal(t, "NOT-STARTED", e.stands())
	require.NoError(t, e.records.Memory.Close())
	require.ErrorIs(t, e.own.SetApplication(noon, appStatus("ONLINE")), os.ErrClosed)
	assert.Equal(t, "ONLINE", e.stands(), "the contact file is written all the same")
}

func TestAServerTakesUpWhatItsMemoryHas(t *testing.T) {
	r := newRig(t)
	require.NoError(t, r.cfg.Records.Memory.Store(appStatus("ONLINE")))
	r.Server = newServer(t, r.cfg, r.own.file, r.packets, r.listener)
	r.run()
	b, _ := r.receive()
	assert.Equal(t, sr("app01", 0x0010, "ONLINE", ""), b)
	assert.Equal(t, "ONLINE", statusInFile(t, r.path))
}

func TestRecordsThatCannotBeOpenedSayWhy(t *testing.T) {
	log, _ := newLog()
	cases := []struct {
		name, why string
		damage    func(dir string) error
	}{
		{"no directory", "open the records of runs", os.Remove},
		{"a file in the place of the runs", "open the records of runs", func(dir string) error { return os.WriteFile(filepath.Join(dir, "runs"), nil, 0o640) }},
		{"a directory in the place of the memory", "open the memory of field 133", func(dir string) error { return os.MkdirAll(filepath.Join(dir, "runs", "application.dat"), 0o750) }},
		{"a directory in the place of the history", "open history", func(dir string) error { return os.Mkdir(filepath.Join(dir, "history.dat"), 0o750) }},
	}
	for _, c := range cases {
		dir := t.TempDir()
		require.NoError(t, c.damage(dir))
		_, err := OpenRecords(dir, log)
		require.ErrorContains(t, err, c.why, c.name)
	}
}

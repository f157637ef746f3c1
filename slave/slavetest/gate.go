package slavetest

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// gatePatience is how long a test waits for processes that are to come to a gate, on a machine that is loaded.
const gatePatience = 30 * time.Second

// Fifo is a fifo(7) by which processes tell a test how far they are. It is open at both ends, so that nobody waits for the other in
// open(2).
type Fifo struct {
	t    testing.TB
	file *os.File
}

// NewFifo makes one for the time of the test.
func NewFifo(t testing.TB) *Fifo {
	path := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(path, 0o666))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return &Fifo{t, f}
}

// Name is its path.
func (f *Fifo) Name() string { return f.file.Name() }

// Await waits until processes have written n lines, each empty.
func (f *Fifo) Await(n int) {
	f.t.Helper()
	require.NoError(f.t, f.file.SetReadDeadline(time.Now().Add(gatePatience)))
	for b := make([]byte, n); len(b) > 0; {
		got, err := f.file.Read(b)
		require.NoError(f.t, err)
		b = b[got:]
	}
}

// Gate holds processes back: each says that it has started, and waits until it is let go.
type Gate struct{ started, pass *Fifo }

// NewGate makes one for the time of the test.
func NewGate(t testing.TB) *Gate { return &Gate{NewFifo(t), NewFifo(t)} }

// Script is what a shell does to stand at the gate.
func (g *Gate) Script() string {
	return "echo >" + g.started.Name() + "; read x <" + g.pass.Name()
}

// Await waits until n processes stand at the gate.
func (g *Gate) Await(n int) {
	g.started.t.Helper()
	g.started.Await(n)
}

// LetGo lets n processes go.
func (g *Gate) LetGo(n int) {
	_, err := g.pass.file.WriteString(strings.Repeat("\n", n))
	require.NoError(g.pass.t, err)
}

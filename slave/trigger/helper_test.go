package trigger

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"renraku/slave"
)

// patience is how long a test waits for what must come; only a test that fails waits so long.
const patience = 30 * time.Second

// logBook keeps what is logged, one line each.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
	hook func() // not nil: called with each line
}

func (l *logBook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hook != nil {
		l.hook()
	}
	return l.text.Write(b)
}

// with gives the lines that have all the words.
func (l *logBook) with(words ...string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
next:
	for line := range strings.Lines(l.text.String()) {
		for _, word := range words {
			if !strings.Contains(line, word) {
				continue next
			}
		}
		found = append(found, line)
	}
	return found
}

// firings notes what fires.
type firings struct {
	mu   sync.Mutex
	all  []string  // "P TIME 10:43" or "P MESSAGE text"
	hold chan bool // not nil: each firing waits for it, or for its ctx
}

func (f *firings) fire(ctx context.Context, t Trigger, cause Cause) {
	what := cause.Message
	if cause.By == slave.ByTime {
		what = cause.At.UTC().Format("02T15:04")
	}
	f.mu.Lock()
	f.all = append(f.all, t.Process+" "+string(cause.By)+" "+what)
	hold := f.hold
	f.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
		}
	}
}

// take gives what fired since the last call.
func (f *firings) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.all
	f.all = nil
	return all
}

func (f *firings) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.all)
}

// rig is an engine with what it fires and logs.
type rig struct {
	*Engine
	*firings
	book *logBook
}

func newRig(t testing.TB, c Config) *rig {
	r := &rig{firings: &firings{}, book: &logBook{}}
	c.Log = slog.New(slog.NewTextHandler(r.book, nil))
	if c.Fire == nil {
		c.Fire = r.firings.fire
	}
	e, err := New(c)
	require.NoError(t, err)
	r.Engine = e
	return r
}

// run runs the engine until the returned function is called, which gives what Run gave.
func (r *rig) run(t testing.TB) (end func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

func atTime(process, at, zone string) Trigger {
	location, err := time.LoadLocation(zone)
	if err != nil {
		panic(err)
	}
	return Trigger{Process: process, At: at, Location: location}
}

func onMessage(process, expression string) Trigger {
	return Trigger{Process: process, Message: regexp.MustCompile(expression)}
}

func contents(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

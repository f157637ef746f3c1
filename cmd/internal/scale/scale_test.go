package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMain is a child where the test binary is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "-role" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestBareLoopAndPollAreMeasuredInTurnsInProcessesOfTheirOwn(t *testing.T) {
	const window = 50 * time.Millisecond
	var all []*loop
	defer func() { stopLoops(all) }()
	for _, kind := range []string{"", "-single"} {
		l, err := startBare(t.Context(), kind)
		require.NoError(t, err)
		all = append(all, l)
	}
	for _, how := range []mode{plain, sealed} {
		p := &poll{500, how}
		l, err := startPoll(t.Context(), p, saturation(p))
		require.NoError(t, err)
		assert.Positive(t, l.heap)
		all = append(all, l)
	}
	for range 2 {
		for _, l := range all {
			var s speed
			require.Eventually(t, func() bool { // other tests may have the processors for the whole of a turn
				var err error
				s, err = l.measure(t.Context(), window)
				return assert.NoError(t, err) && s.perSecond > 1000 && s.mallocs < 1
			}, patience, time.Millisecond, l.name)
			assert.Positive(t, s.cost, l.name)
			assert.Zero(t, s.lost, l.name)
		}
	}
}

// patience is for what takes a moment on a machine that is not loaded.
const patience = 30 * time.Second

func TestALoopDoesNothingButInItsTurns(t *testing.T) {
	l, err := startBare(t.Context(), "")
	require.NoError(t, err)
	defer l.stop()
	before, err := usageOf(l.asking.PID())
	require.NoError(t, err)
	other, err := startBare(t.Context(), "")
	require.NoError(t, err)
	defer other.stop()
	_, err = other.measure(t.Context(), 200*time.Millisecond)
	require.NoError(t, err)
	after, err := usageOf(l.asking.PID())
	require.NoError(t, err)
	assert.LessOrEqual(t, after.CPU-before.CPU, 20*time.Millisecond)
}

func TestAPollThatIsNotAtItsLimitIsNoMeasurement(t *testing.T) {
	l, err := startPoll(t.Context(), &poll{100, plain}, 200*time.Millisecond)
	require.NoError(t, err)
	defer l.stop()
	_, err = l.measure(t.Context(), 400*time.Millisecond)
	assert.ErrorIs(t, err, errNotAtLimit)
	assert.ErrorContains(t, err, "poll of 100 slaves was not at its limit: it asked everyone in time")
}

func TestUsageOfAProcessIsThatOfThisOne(t *testing.T) {
	begun := ownUsage(false)
	for until := time.Now().Add(time.Minute); ownUsage(false).CPU-begun.CPU < 100*time.Millisecond; {
		require.True(t, time.Now().Before(until), "it counts no CPU")
	}
	own := ownUsage(true)
	proc, err := usageOf(os.Getpid())
	require.NoError(t, err)
	assert.InDelta(t, own.CPU.Seconds(), proc.CPU.Seconds(), 0.5)
	assert.InEpsilon(t, own.Resident, proc.Resident, 0.5)
	assert.Greater(t, own.Heap, uint64(1000))
	_, err = usageOf(-1)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestALogIsReadForWhoIsStoppedAndItsEnd(t *testing.T) {
	var j journal
	j.follow(strings.NewReader(`{"time":"2026-11-22T10:43:05.5Z","msg":"ready","host":"mgr01"}
{"time":"2026-11-22T10:43:06Z","msg":"sim1 RUNNING","host":"sim1"}
no JSON
{"time":"2026-11-22T10:43:07Z","msg":"sim2 STOPPED","host":"sim2"}
`))
	assert.Equal(t, time.Date(2026, 11, 22, 10, 43, 5, 5e8, time.UTC), j.readyAt())
	assert.Equal(t, []judgement{{"sim2", time.Date(2026, 11, 22, 10, 43, 7, 0, time.UTC)}}, j.takeStopped())
	assert.Empty(t, j.takeStopped())
	assert.Equal(t, 3, len(strings.Split(j.said(), "\n")))
	assert.NotContains(t, j.said(), "RUNNING")
}

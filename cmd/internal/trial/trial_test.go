package trial

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// patience is for what takes a moment.
const patience = 30 * time.Second

// TestMain is a child where the test binary is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "-role" {
		serve(os.Args[2])
		return
	}
	os.Exit(m.Run())
}

func serve(role string) {
	switch role {
	case "nobody":
		fmt.Fprintln(os.Stderr, "no such role")
		os.Exit(1)
	case "echo":
		Serve("here", func(question []string) (any, error) { return question, nil })
	}
}

func TestAChildAnswersUntilItsInputEnds(t *testing.T) {
	c, err := Start(t.Context(), "one", os.Stderr, "-role", "echo")
	require.NoError(t, err)
	assert.Equal(t, "here", c.Address)
	var words []string
	require.NoError(t, c.Ask(&words, "how", 2, "ask"))
	assert.Equal(t, []string{"how", "2", "ask"}, words)
	require.NoError(t, c.Ask(nil))
	assert.False(t, c.HasEnded())
	c.Stop()
	assert.True(t, c.HasEnded())
	assert.ErrorContains(t, c.Ask(nil), "ask one: ")
	assert.ErrorIs(t, c.Signal(syscall.SIGHUP), os.ErrProcessDone)
}

func TestAChildThatCannotServeIsAnError(t *testing.T) {
	var log bytes.Buffer
	_, err := Start(t.Context(), "one", &log, "-role", "nobody")
	assert.ErrorContains(t, err, "answer of one: it has ended")
	assert.Equal(t, "no such role\n", log.String())
}

func TestAPausedChildAnswersWhenItIsResumed(t *testing.T) {
	c, err := Start(t.Context(), "one", os.Stderr, "-role", "echo")
	require.NoError(t, err)
	defer c.Kill()
	require.NoError(t, c.Pause())
	require.Eventually(t, func() bool { return stateOf(t, c.PID()) == "T" }, patience, time.Millisecond, "stopped")
	answered := make(chan error, 1)
	go func() { answered <- c.Ask(nil, "anything") }()
	assert.Empty(t, answered)
	require.NoError(t, c.Resume())
	assert.NoError(t, <-answered)
}

// stateOf is the letter that proc(5) has for the state of a process.
func stateOf(t *testing.T, pid int) (state string) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	_, err = fmt.Sscan(string(b[bytes.LastIndex(b, []byte(") "))+2:]), &state)
	require.NoError(t, err)
	return state
}

func TestHowAChildEndsAfterSIGTERMIsSaid(t *testing.T) {
	c, err := Start(t.Context(), "one", os.Stderr, "-role", "echo")
	require.NoError(t, err)
	assert.EqualError(t, c.Terminate(patience), "one ended with -1 after SIGTERM", "it does nothing about the signal")
	c, err = Start(t.Context(), "two", os.Stderr, "-role", "echo")
	require.NoError(t, err)
	require.NoError(t, c.Pause())
	assert.EqualError(t, c.Terminate(time.Millisecond), "two has not ended 1ms after SIGTERM")
	assert.True(t, c.HasEnded())
}

func TestAChildEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c, err := Start(ctx, "one", os.Stderr, "-role", "echo")
	require.NoError(t, err)
	cancel()
	<-c.Ended
	assert.ErrorIs(t, Sleep(ctx, time.Hour), context.Canceled)
}

func TestWhatDoesNotHoldIsSaid(t *testing.T) {
	var all Claims
	var out bytes.Buffer
	all.Add(true, "the first", "1", "at most 2")
	assert.True(t, all.Print(&out))
	all.Add(false, "the second", "3", "at most 2")
	assert.False(t, all.Print(&out))
	assert.Regexp(t, `the first +1 +at most 2 +holds\nthe second +3 +at most 2 +DOES NOT HOLD\n$`, out.String())
}

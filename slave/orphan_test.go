package slave

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave/slavetest"
)

// Where the record of a run has its times, in milliseconds of twelve digits.
const (
	timeoutOffset = 216
	settleOffset  = 229
)

// killParent kills the parent of the process's run, once it has named the process, and waits until the daemon says so.
func (e *executor) killParent(id string) {
	e.t.Helper()
	var started []string
	require.Eventually(e.t, func() bool {
		started = e.log.with(id + "@app01 started")
		return len(started) == 1 && strings.Contains(contents(e.t, e.runFile(id)), "\nLEADER ")
	}, patience, pollOften)
	pid := regexp.MustCompile(` parent=(\d+)`).FindStringSubmatch(started[0])
	require.Len(e.t, pid, 2)
	require.NoError(e.t, syscall.Kill(must(strconv.Atoi(pid[1])), syscall.SIGKILL))
	e.requireOrphan(id)
}

// requireOrphan waits until the daemon says what it follows.
func (e *executor) requireOrphan(id string) {
	e.t.Helper()
	require.Eventually(e.t, func() bool {
		return len(e.log.with("level=ERROR", "the parent of the run was killed", "the run will be unknown", "process="+id)) == 1
	}, patience, pollOften)
}

func (e *executor) runFile(id string) string { return filepath.Join(e.dir, "runs", id+".run") }

func TestTheTimeoutIsKeptWhereTheParentOfTheRunWasKilled(t *testing.T) {
	for name, restarted := range map[string]bool{"by the daemon": false, "by the next daemon": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := slavetest.NewGate(t)
			p := Process{ID: processID("P"), Command: gated(g, "", ""), Timeout: time.Hour, Status: appStatus("ONLINE"), Failed: appStatus("BROKEN")}
			e := newExecutor(t, p)
			result := e.orderLater("P")
			g.Await(1)
			e.killParent("P")
			if restarted {
				e = e.again(p)
				e.requireOrphan("P")
			}
			assert.Len(t, e.log.with("the daemon keeps its timeout of 1h0m0s"), 1)
			assert.Equal(t, Already, e.order("P").Outcome)
			writeAt(t, e.runFile("P"), timeoutOffset, "000000000001")
			if !restarted {
				assert.Equal(t, Failed, await(t, result).Outcome)
			}
			all := e.settled()
			require.Len(t, all, 2)
			assert.Equal(t, Failed, all[1].Outcome)
			assert.Regexp(t, "^unknown: the parent of the run was killed; timed out after 1ms; started at 20", all[1].Text)
			assert.Equal(t, "BROKEN", e.stands())
			assert.Len(t, e.log.with("level=ERROR", "the parent of the run was killed", "the run will be unknown"), 1, "said once")
		})
	}
}

func TestASimpleProcessIsCalledUpWhereItsParentWasKilledBefore(t *testing.T) {
	for name, restarted := range map[string]bool{"by the daemon": false, "by the next daemon": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := slavetest.NewGate(t)
			p := simpleBatch(g, "")
			p.Settle, p.After, p.Failed = time.Hour, appStatus("READY"), appStatus("BROKEN")
			other := Process{ID: processID("OTHER"), Command: sh(""), Failed: appStatus("BROKEN")}
			e := newExecutor(t, p, other)
			result := e.orderLater("BATCH")
			g.Await(1)
			e.killParent("BATCH")
			if restarted {
				e = e.again(p, other)
				e.requireOrphan("BATCH")
			}
			assert.Equal(t, "BATCH is in progress", e.order("OTHER").Text)
			assert.Equal(t, "NOT-STARTED", e.stands())

			writeAt(t, e.runFile("BATCH"), settleOffset, "000000000000")
			if !restarted {
				r := await(t, result)
				assert.Equal(t, Launched, r.Outcome)
				assert.Regexp(t, `^up after `, r.Text)
			}
			require.Eventually(t, func() bool {
				e.mu.Lock()
				defer e.mu.Unlock()
				return e.changing() == nil
			}, patience, pollOften)
			assert.Equal(t, "BATCH", e.stands())
			assert.Equal(t, Launched, e.order("OTHER").Outcome, "it is in nobody's way any more")
			g.LetGo(1)
			end := e.ended()
			assert.Regexp(t, "^unknown: the parent of the run was killed; started at 20", end.Text)
			assert.Equal(t, appStatus("BROKEN"), end.Application)
			assert.Equal(t, []Outcome{Launched, Ended}, e.filed()["BATCH"])
		})
	}
}

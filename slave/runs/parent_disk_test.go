package runs_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"renraku/slave/runs"
	"renraku/telegram"
)

// envDisk says which line a parent cannot write, in which call, why, and how often.
const envDisk = "RENRAKU_TEST_DISK"

// spoilDisk gives this parent the disk that the test wants.
func spoilDisk() {
	var word string
	var syncing bool
	var errno, times int
	if _, err := fmt.Sscan(os.Getenv(envDisk), &word, &syncing, &errno, &times); err != nil {
		return
	}
	runs.SetParentDisk(func(w string, s bool) error {
		if w != word || s != syncing || times == 0 {
			return nil
		}
		times--
		return unix.Errno(errno)
	})
}

// envSyncs names a file in which a parent notes each wait of its for the disk.
const envSyncs = "RENRAKU_TEST_SYNCS"

// noteSyncs has this parent do so.
func noteSyncs() {
	path := os.Getenv(envSyncs)
	if path == "" {
		return
	}
	runs.SetParentDisk(func(word string, syncing bool) error {
		if !syncing {
			return nil
		}
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.WriteString(word + " ")
		return err
	})
}

// The intent goes to the disk with STARTED. The end of a run does not, where the history has it soon.
func TestWhatAParentWaitsForTheDiskFor(t *testing.T) {
	for name, filed := range map[string]bool{"STARTED ": true, "STARTED DONE ": false} {
		dir := t.TempDir()
		syncs := filepath.Join(dir, "syncs")
		runs.SetParentEnv(envSyncs + "=" + syncs)
		t.Cleanup(func() { runs.SetParentEnv() })
		d, err := runs.Open(dir)
		require.NoError(t, err)
		id, err := telegram.NewProcessID("P")
		require.NoError(t, err)
		r, err := d.Launch(runs.Intent{Process: id, Time: time.Now(), Trigger: "ORDER"}, runs.Command{Argv: []string{"/bin/true"}, Dir: "/"}, 0)
		require.NoError(t, err)
		_, err = r.Await(t.Context(), false, func(text string) { t.Error(text) })
		require.NoError(t, err)
		if filed {
			require.NoError(t, r.SetFiled("LAUNCHED"))
		}
		r.AwaitParent(t.Context())
		require.NoError(t, r.Close())
		b, err := os.ReadFile(syncs)
		require.NoError(t, err)
		assert.Equal(t, name, string(b))
	}
}

// launchOn launches a program that leaves a file behind, with a parent whose disk has a fault, and gives how the run ended, what
// its parent told meanwhile, and whether the program was run.
func launchOn(t *testing.T, fault string, simple bool) (runs.State, runs.Record, []string, bool) {
	t.Helper()
	runs.SetParentEnv(envDisk + "=" + fault)
	t.Cleanup(func() { runs.SetParentEnv() })
	dir := t.TempDir()
	d, err := runs.Open(dir)
	require.NoError(t, err)
	id, err := telegram.NewProcessID("P")
	require.NoError(t, err)
	mark := filepath.Join(dir, "mark")
	r, err := d.Launch(runs.Intent{Process: id, Time: time.Now(), Simple: simple, Trigger: "ORDER"},
		runs.Command{Argv: []string{"/bin/sh", "-c", "echo done; sleep 0.1; : > " + mark}, Dir: "/", Env: []string{"PATH=/usr/bin:/bin"}, Simple: simple}, 0)
	require.NoError(t, err)
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var troubles []string
	state, err := r.Await(ctx, false, func(text string) { troubles = append(troubles, text) })
	require.NoError(t, err)
	_, err = os.Stat(mark)
	return state, r.Record(), troubles, err == nil
}

func TestAParentThatCannotWriteSTARTEDRunsNothing(t *testing.T) {
	for _, errno := range []unix.Errno{unix.ENOSPC, unix.EIO} {
		for _, syncing := range []bool{false, true} {
			state, record, troubles, ran := launchOn(t, fmt.Sprintf("STARTED %t %d 1", syncing, int(errno)), false)
			assert.False(t, ran)
			assert.Equal(t, runs.Done, state)
			assert.Equal(t, runs.NotStarted, record.End)
			want := "not started: P.run: " + errno.Error()
			assert.Equal(t, want, record.Text)
			assert.Equal(t, []string{want}, troubles)
		}
	}
}

func TestTheEndOfARunIsWrittenOnceTheDiskTakesIt(t *testing.T) {
	for _, errno := range []unix.Errno{unix.ENOSPC, unix.EIO} {
		for _, syncing := range []bool{false, true} {
			state, record, troubles, ran := launchOn(t, fmt.Sprintf("DONE %t %d 2", syncing, int(errno)), false)
			assert.True(t, ran)
			assert.Equal(t, runs.Done, state)
			assert.Equal(t, runs.Normal, record.End)
			assert.Regexp(t, `^ended normally after .*: done$`, record.Text)
			if !syncing { // with a line that stands already, the daemon has read it before the parent can complain
				assert.Equal(t, []string{"DONE of the run cannot be written and is tried again: P.run: " + errno.Error()}, troubles)
			}
		}
	}
}

func TestThatASimpleProcessIsUpIsWrittenOnceTheDiskTakesIt(t *testing.T) {
	state, record, _, ran := launchOn(t, fmt.Sprintf("UP false %d 1", int(unix.ENOSPC)), true)
	assert.True(t, ran)
	assert.Equal(t, runs.Done, state)
	assert.False(t, record.Up.IsZero())
}

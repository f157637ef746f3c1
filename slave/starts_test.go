package slave

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave/slavetest"
	"renraku/telegram"
)

func TestEveryStartHasAGreaterNumberWhateverTheClockSays(t *testing.T) {
	records := openRecords(t)
	log, book := newLog()
	at := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	last := uint64(0)
	next := func(clock time.Time) uint64 { return records.NextStart(clock, log).Number }
	for _, clock := range []time.Time{at, at, at.Add(-time.Hour), time.Unix(0, 0), time.Unix(-5, 0), at.Add(time.Hour), at} {
		n := next(clock)
		assert.Greater(t, n, last)
		last = n
	}
	path := filepath.Join(records.Runs.Path(), startsFile)
	assert.Len(t, contents(t, path), startsDigits+1)
	require.NoError(t, os.Remove(path))
	n := next(at.Add(2 * time.Hour))
	assert.Greater(t, n, last, "where the file is lost, by the clock")
	assert.Empty(t, book.with(""), "nothing is wrong with that")
	require.NoError(t, os.WriteFile(path, []byte("rubbish\n"), 0o640))
	assert.Greater(t, next(at.Add(3*time.Hour)), n)
	assert.Len(t, book.with("level=ERROR", "number of the last start not known", startsFile+" is damaged"), 1)
}

// A slave that has remembered too high a term is helped by that number in the manager's file, written by hand.
func TestANumberThatIsWrittenByHandIsTheLastOne(t *testing.T) {
	records := openRecords(t)
	log, book := newLog()
	require.NoError(t, os.WriteFile(filepath.Join(records.Runs.Path(), startsFile), []byte("5000000000\n"), 0o640))
	assert.EqualValues(t, 5_000_000_001, records.NextStart(time.Now(), log).Number)
	assert.Empty(t, book.with(""))
}

// Or it is told to forget that term.
func TestASlaveTakesALowerTermOnceTheMemoryOfTheHigherOneIsRemoved(t *testing.T) {
	records := openRecords(t)
	r := newSealedEnd(t, records)
	require.Equal(t, NoDrop, r.dropOf(telegram.Start, from1(5_000_000_000, 1, 10)))
	r = newSealedEnd(t, records)
	require.Equal(t, DropReplay, r.dropOf(telegram.Start, from1(7, 2, 1)))
	require.NoError(t, os.Remove(filepath.Join(records.Runs.Path(), heardFile)))
	r = newSealedEnd(t, records)
	assert.Equal(t, NoDrop, r.dropOf(telegram.Start, from1(7, 2, 1)))
}

func TestANumberThatTheDiskDoesNotTakeIsWrittenAgainUntilItDoes(t *testing.T) {
	records := openRecords(t)
	path := filepath.Join(records.Runs.Path(), startsFile)
	require.NoError(t, os.Mkdir(path, 0o750)) // which nothing can be written to
	synctest.Test(t, func(t *testing.T) {
		log, book := newLog()
		s := records.NextStart(time.Now(), log)
		keep := func(ctx context.Context) <-chan error {
			ended := make(chan error, 1)
			go func() { ended <- s.Keep(ctx) }()
			return ended
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := keep(ctx)
		time.Sleep(100*startAgain + time.Nanosecond)
		assert.Len(t, book.with("level=ERROR", "number of this start not on disk", path), 1, "once")
		begun := time.Now()
		cancel()
		require.NoError(t, <-ended)
		assert.Zero(t, time.Since(begun), "the daemon does not wait for it")

		ended = keep(t.Context())
		require.NoError(t, os.Remove(path))
		time.Sleep(startAgain)
		require.NoError(t, <-ended)
		assert.Equal(t, fmt.Sprintf("%020d\n", s.Number), contents(t, path))
		assert.Len(t, book.with("level=INFO", "number of this start on disk"), 1)
	})
}

// The clock of the machine is behind the last number, as it is where it was once ahead, or has lost its battery.
func TestASealedSlaveStartedOnAFullDiskKeepsTheNumberOfItsStartOnceThereIsRoom(t *testing.T) {
	dir, fill, free := slavetest.TinyDisk(t)
	log, book := newLog()
	records, err := OpenRecords(dir, log)
	require.NoError(t, err)
	file, err := contactfile.Open(filepath.Join(dir, "contact.dat"))
	require.NoError(t, err)
	t.Cleanup(func() { records.Close(); file.Close() })
	r := newRig(t)
	r.serve(records, file, log, nil) // an earlier daemon, in plain mode
	require.NoError(t, r.outbox.close())
	r.security = slavetest.NewKeys(t, "mgr01").Security(t, "app01")
	fill()
	r.serve(records, file, log, nil)
	assert.Len(t, book.with("number of this start not on disk", "no space left on device"), 1)
	assert.Empty(t, contents(t, filepath.Join(records.Runs.Path(), startsFile)))
	r.run()
	r.receive()
	free()
	require.Eventually(t, func() bool { return len(book.with("number of this start on disk")) == 1 }, patience, pollOften)
	require.NoError(t, r.stop())
	assert.Equal(t, r.sealing.start+1, records.NextStart(time.Unix(0, 0), log).Number, "the next one takes another")
}

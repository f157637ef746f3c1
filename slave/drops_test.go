package slave

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"renraku/telegram"
)

func TestEveryReasonHasItsOwnWords(t *testing.T) {
	seen := map[string]bool{}
	for reason := NoDrop + 1; reason < dropCount; reason++ {
		assert.NotEmpty(t, reason.String(), "reason %d", reason)
		assert.False(t, seen[reason.String()], reason)
		seen[reason.String()] = true
	}
	assert.Empty(t, NoDrop.String())
}

func TestWhatDoesNotDecodeIsCountedByItsField(t *testing.T) {
	fields := []telegram.Field{telegram.FieldLength, telegram.FieldHost, telegram.FieldType, telegram.FieldControl,
		telegram.FieldProcess, telegram.FieldStatus, telegram.FieldText}
	assert.Len(t, dropFields, len(fields))
	for _, field := range fields {
		drop := DropOf(fmt.Errorf("wrapped: %w", &telegram.FieldError{Field: field, Err: telegram.ErrByte}))
		assert.NotEqual(t, NoDrop, drop)
		assert.Equal(t, string(field), drop.String())
	}
	assert.Equal(t, DropCut, DropOf(io.ErrUnexpectedEOF))
	assert.Equal(t, DropCut, DropOf(errors.New("anything else")))
}

func TestDropsAreCountedByReason(t *testing.T) {
	var d Drops
	assert.Empty(t, d.All())
	d.Count(DropText)
	d.Count(DropSend)
	d.Count(DropSend)
	assert.Equal(t, uint64(2), d.Of(DropSend))
	assert.Zero(t, d.Of(DropLength))
	assert.Equal(t, map[string]uint64{"text": 1, "not sent": 2}, d.All())
	each := maps.Collect(d.Each())
	assert.Len(t, each, int(dropCount)-1, "also those that did not occur, and not that of none")
	assert.Equal(t, []uint64{1, 2, 0}, []uint64{each[DropText], each[DropSend], each[DropLength]})
}

func TestDropsAreLoggedEveryMinuteAndAtTheEndOnceEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d Drops
		log, book := newLog()
		ctx, cancel := context.WithCancel(t.Context())
		go d.Report(ctx, log)
		time.Sleep(dropReport + 1)
		assert.Empty(t, book.with("dropped"), "nothing was")
		d.Count(DropText)
		d.Count(DropText)
		time.Sleep(dropReport)
		assert.Len(t, book.with("dropped.text=2"), 1)
		time.Sleep(dropReport)
		assert.Len(t, book.with("dropped"), 1, "nothing new")
		d.Count(DropMaintenance)
		time.Sleep(dropReport)
		assert.Len(t, book.with("dropped"), 1, "somebody wanted that")
		d.Count(DropAddress)
		cancel()
		synctest.Wait()
		assert.Len(t, book.with(`"dropped.unknown address"=1`), 1)
		assert.Len(t, book.with("dropped"), 2)
	})
}

package runs

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave/slavetest"
)

func TestARunThatIsNotInTheHistoryIsNotOverwritten(t *testing.T) {
	d := openDir(t)
	r := launched(t, d, Command{Argv: sh("")})
	awaitEnd(t, r)
	again := Command{Argv: sh(""), Dir: "/"}
	_, err := d.Launch(intentOf(), again, 0)
	require.ErrorIs(t, err, ErrUnsettled)
	assert.Equal(t, Done, must(adopted(t, d).Await(t.Context(), false, nil)), "its record stands")

	require.NoError(t, r.SetFiled("FAILED"))
	second, err := d.Launch(intentOf(), again, 0)
	require.NoError(t, err, "noted as filed")
	awaitEnd(t, second)
	third, err := d.Launch(intentOf(), again, second.Record().Run)
	require.NoError(t, err, "known to be filed")
	awaitEnd(t, third)
	second.Close()
	third.Close()
}

func TestADiskThatCannotBeReadSaysNothingOfARun(t *testing.T) {
	d := openDir(t)
	g := slavetest.NewGate(t)
	r := launched(t, d, Command{Argv: sh(g.Script())})
	g.Await(1)
	reader := adopted(t, d)
	require.NoError(t, reader.file.Close())
	ctx, cancel := context.WithTimeout(t.Context(), 3*pollInterval)
	defer cancel()
	var troubles []string
	state, err := reader.Await(ctx, false, func(text string) { troubles = append(troubles, text) })
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Equal(t, InProgress, state)
	assert.Len(t, troubles, 1, "said once: %v", troubles)
	g.LetGo(1)
	state, _ = awaitEnd(t, r)
	assert.Equal(t, Done, state)
	assert.WithinDuration(t, time.Now(), r.Record().Done, patience)
}

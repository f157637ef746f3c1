package slavetest

import (
	"math/bits"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var bad = Impairment{Loss: 0.1, Burst: 0.02, BurstMost: 5, Duplicate: 0.2, Delay: time.Second, Flip: 0.3}

func carried(seed, number uint64, n int) (all [][]Copy) {
	line := NewLine(seed, number, bad)
	for range n {
		all = append(all, line.Carry(make([]byte, 68)))
	}
	return all
}

func TestALineDoesTheSameAgainWithTheSameSeed(t *testing.T) {
	assert.Equal(t, carried(1, 1, 1000), carried(1, 1, 1000))
	assert.NotEqual(t, carried(1, 1, 1000), carried(2, 1, 1000))
	assert.NotEqual(t, carried(1, 1, 1000), carried(1, 2, 1000))
}

func TestALineIsAsBadAsItIsMade(t *testing.T) {
	const n = 100_000
	single, longest := 0, time.Duration(0)
	for _, copies := range carried(1, 1, n) {
		for _, c := range copies {
			flipped := 0
			for _, b := range c.Bytes {
				flipped += bits.OnesCount8(b)
			}
			require.LessOrEqual(t, flipped, 1)
			single += flipped
			longest = max(longest, c.After)
		}
	}
	line := NewLine(1, 1, bad)
	for range n {
		line.Carry(make([]byte, 68))
	}
	got := line.Counts()
	assert.Equal(t, single, got.Flipped)
	assert.InEpsilon(t, bad.Duplicate, float64(got.Duplicated)/float64(got.Carried), 0.05)
	assert.InEpsilon(t, bad.Flip, float64(single)/float64(got.Carried+got.Duplicated), 0.05)
	// A burst of one to five takes three on the average: of one that would be carried or lost by itself.
	begin := bad.Burst
	assert.InEpsilon(t, (3*begin+(1-begin)*bad.Loss)/(1+2*begin), float64(got.Lost)/n, 0.05)
	assert.InDelta(t, bad.Delay, longest, float64(10*time.Millisecond))
}

func TestALineShowsEverythingThatComesOutOfIt(t *testing.T) {
	line := NewLine(1, 1, bad)
	var shown, out [][]byte
	line.Watch(func(b []byte) { shown = append(shown, b) })
	for i := range 1000 {
		for _, c := range line.Carry([]byte{byte(i), byte(i >> 8)}) {
			out = append(out, c.Bytes)
		}
	}
	assert.NotEmpty(t, out)
	assert.Equal(t, out, shown)
}

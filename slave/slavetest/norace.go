//go:build !race

package slavetest

// Race says whether the race detector is in the test: what runs very often in one goroutine takes ten times as long then.
const Race = false

package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

const (
	// noPolls is control data with which nothing is found by a poll: it is at the start, by a message, or not at all.
	noPolls = "interval = \"1h\"\ntimeout = \"1s\"\nretries = 5"
	atOnce  = 2 * time.Second
	aWhile  = 20 * time.Second

	manager, first, second = cmdtest.Manager, cmdtest.First, cmdtest.Second
)

func TestMain(m *testing.M) { cmdtest.Main(m) }

// orderOnline has ONLINE launched on some hosts.
func orderOnline(t *testing.T, f *cmdtest.Fleet, hosts ...string) {
	t.Helper()
	args := []string{"run", "ONLINE"}
	for _, host := range hosts {
		args = append(args, "--host", host)
	}
	out := f.Renraku(t, manager, args...)
	require.Equal(t, 0, out.Code, out.Stderr)
	require.Equal(t, len(hosts), strings.Count(out.Stdout, "LAUNCHED"), out.Stdout)
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Size()
}

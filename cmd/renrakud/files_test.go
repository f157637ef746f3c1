package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), "LC_ALL=C")
	out, err := c.Output()
	require.NoError(t, err)
	return string(out)
}

func TestContactFilesAreReadWithTheToolsOfTheSystem(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	f.StartAll(t)
	orderOnline(t, f, second)
	for host, want := range map[string][][2]string{
		manager: {{manager, "NOT-STARTED"}, {first, "NOT-STARTED"}, {second, "ONLINE"}},
		first:   {{first, "NOT-STARTED"}},
		second:  {{second, "ONLINE"}},
	} {
		path := f.File(host, "contact.dat")
		assert.EqualValues(t, 128*len(want), size(t, path))
		var hosts, operating, applications, words string
		for n, w := range want {
			record := tool(t, "dd", "if="+path, "bs=128", fmt.Sprintf("skip=%d", n), "count=1", "status=none")
			assert.Regexp(t, fmt.Sprintf(`\A%-64sRUNNING %-24s[0-9-]{10}T[0-9:]{8}Z {11}\n\z`, w[0], w[1]), record)
			hosts += fmt.Sprintf("%-64s\n", w[0])
			operating += "RUNNING \n"
			applications += fmt.Sprintf("%-24s\n", w[1])
			words += w[0] + " RUNNING " + w[1] + " 4\n"
		}
		assert.Equal(t, hosts, tool(t, "cut", "-c1-64", path))
		assert.Equal(t, operating, tool(t, "cut", "-c65-72", path))
		assert.Equal(t, applications, tool(t, "cut", "-c73-96", path))
		for _, when := range strings.Fields(tool(t, "cut", "-c97-116", path)) {
			since, err := time.Parse("2006-01-02T15:04:05Z", when)
			assert.NoError(t, err)
			assert.WithinDuration(t, time.Now(), since, time.Minute)
		}
		assert.Equal(t, strings.Repeat("           \n", len(want)), tool(t, "cut", "-c117-", path))
		assert.Equal(t, words, tool(t, "awk", "{print $1, $2, $3, NF}", path))
	}
}

// Whatever umask a daemon is started with, and with whichever its processes run.
func TestFilesAreForTheDaemonAndItsGroup(t *testing.T) {
	t.Parallel()
	for _, umask := range []string{"000", "077"} {
		t.Run(umask, func(t *testing.T) {
			t.Parallel()
			f := cmdtest.NewFleet(t, noPolls)
			f.Define(t, "\n[[trigger]]\nprocess = \"ONLINE\"\nat = \"0 0 1 1 *\"\nlocal = true\n")
			f.Seal(t) // which has more files
			start := func(host string) {
				c := exec.Command("/bin/sh", "-c", `umask "$0" && exec "$@"`, umask, cmdtest.Binary(t, "renrakud"),
					"--config", f.Config, "--host", host, "--dir", f.Dir(host))
				p := cmdtest.Begin(t, c)
				cmdtest.Until(t, aWhile, host+" ready", func() bool { return strings.Contains(p.Stderr(), "msg=ready") })
			}
			start(first)
			start(manager)
			f.AwaitManager(t, atOnce, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING NOT-STARTED", "app02 STOPPED NOT-STARTED")
			require.Equal(t, 1, f.Renraku(t, manager, "run", "FAIL", "--host", manager, "--host", first).Code)
			got := map[string]string{}
			for _, host := range []string{first, manager} {
				require.NoError(t, filepath.WalkDir(f.Dir(host), func(path string, d fs.DirEntry, err error) error {
					require.NoError(t, err)
					info, err := d.Info()
					require.NoError(t, err)
					got[strings.TrimPrefix(path, f.Dir(host))] = info.Mode().String()
					return nil
				}))
			}
			assert.Equal(t, map[string]string{
				"":                      "drwxr-x---",
				"/contact.dat":          "-rw-r-----",
				"/history.dat":          "-rw-r-----",
				"/control.sock":         "Srw-rw----",
				"/message.sock":         "Srw-rw----",
				"/runs":                 "drwxr-x---",
				"/runs/application.dat": "-rw-r-----",
				"/runs/clock.dat":       "-rw-r-----",
				"/runs/inquiry.dat":     "-rw-r-----",
				"/runs/start.dat":       "-rw-r-----",
				"/runs/orders.dat":      "-rw-r-----",
				"/runs/taken.dat":       "-rw-r-----",
				"/runs/FAIL.run":        "-rw-r-----",
				"/runs/FAIL.out":        "-rw-r-----",
			}, got)
		})
	}
}

func TestStatusNamesTheDamageOfAFileInUse(t *testing.T) {
	t.Parallel()
	f := cmdtest.NewFleet(t, noPolls)
	f.StartAll(t)
	file, err := os.OpenFile(f.File(manager, "contact.dat"), os.O_WRONLY, 0)
	require.NoError(t, err)
	defer file.Close()
	_, err = file.WriteAt([]byte("RUNNIN'"), 1*128+64)
	require.NoError(t, err)
	out := f.Renraku(t, manager, "status")
	assert.Equal(t, cmdtest.Output{Code: 1, Stderr: fmt.Sprintf("renraku: status: read contact file %s: record 1: operating status: "+
		"offset 192: neither RUNNING nor STOPPED: \"RUNNIN'\"\n", file.Name())}, out)
	assert.Equal(t, 0, f.Renraku(t, first, "status").Code, "the others are well")
}

package keygen

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave/credentials"
	"renraku/telegram"
)

// options are those of mgr01 with two slaves in a new directory.
func options(t *testing.T) Options {
	return Options{Dir: filepath.Join(t.TempDir(), "fleet"), Manager: "mgr01", Slaves: []string{"app01", "app02"},
		Life: credentials.HostLife, Now: time.Now()}
}

func run(t *testing.T, o Options) Report {
	t.Helper()
	r, err := Run(o)
	require.NoError(t, err)
	return r
}

// load is the credentials in the folder of a host.
func load(t *testing.T, o Options, host string) *credentials.Credentials {
	t.Helper()
	h, err := telegram.NewHost(host)
	require.NoError(t, err)
	m, err := telegram.NewHost(o.Manager)
	require.NoError(t, err)
	c, err := credentials.Load(filepath.Join(o.Dir, host), os.ReadFile, h, m)
	require.NoError(t, err)
	return c
}

// fits says that the folders of all hosts fit together, and have these key IDs.
func fits(t *testing.T, o Options, ids ...uint16) {
	t.Helper()
	manager := load(t, o, o.Manager)
	assert.Equal(t, ids, manager.IDs())
	for _, name := range o.Slaves {
		c := load(t, o, name)
		require.Equal(t, ids, c.IDs(), name)
		for i := range manager.Masters {
			assert.Equal(t, manager.Masters[i].Derive(manager.Host, c.Host), c.SlaveKeys[i])
		}
		assert.True(t, c.Authority.Equal(manager.Authority))
	}
}

// contents is every file below the directory with its mode and text.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := e.Info()
		require.NoError(t, err)
		name, err := filepath.Rel(dir, path)
		require.NoError(t, err)
		text := ""
		if !e.IsDir() {
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			text = string(b)
		}
		all[name] = fmt.Sprintf("%v %s", info.Mode(), text)
		return nil
	}))
	return all
}

func TestTheFirstRunMakesAFolderForEveryHost(t *testing.T) {
	o := options(t)
	assert.Equal(t, Report{Authority: true, Made: 3, KeyIDs: []uint16{1}}, run(t, o))
	fits(t, o, 1)
	modes := map[string]string{}
	for name, text := range contents(t, o.Dir) {
		modes[name] = text[:10]
	}
	want := map[string]string{".": "drwx------", "authority.crt": "-rw-r--r--", "authority.key": "-rw-------"}
	for _, host := range []string{"mgr01", "app01", "app02"} {
		want[host] = "drwx------"
		for name, mode := range map[string]string{"keys": "-rw-------", "host.key": "-rw-------", "host.crt": "-rw-r--r--", "authority.crt": "-rw-r--r--"} {
			want[host+"/"+name] = mode
		}
	}
	assert.Equal(t, want, modes)
	c := load(t, o, "app01").Certificate
	assert.WithinDuration(t, o.Now.Add(o.Life), c.NotAfter, time.Second)
	other := options(t)
	run(t, other)
	assert.NotEqual(t, load(t, o, "mgr01").Masters, load(t, other, "mgr01").Masters, "each fleet has keys of its own")
}

func TestTheNextRunMakesWhatIsMissingAndKeepsTheRest(t *testing.T) {
	o := options(t)
	run(t, o)
	before := contents(t, o.Dir)
	o.Slaves = append(o.Slaves, "app03")
	assert.Equal(t, Report{Made: 1, Kept: 3, KeyIDs: []uint16{1}}, run(t, o))
	fits(t, o, 1)
	after := contents(t, o.Dir)
	for name, text := range before {
		assert.Equal(t, text, after[name], name)
	}
	assert.Len(t, after, len(before)+5)
}

func TestARotationKeepsTheTwoNewestKeysAndRenewsEveryCertificate(t *testing.T) {
	o := options(t)
	run(t, o)
	first := load(t, o, "app01")
	o.Rotate = true
	assert.Equal(t, Report{Renewed: 3, KeyIDs: []uint16{1, 2}}, run(t, o))
	fits(t, o, 1, 2)
	second := load(t, o, "app01")
	assert.Equal(t, first.SlaveKeys[0], second.SlaveKeys[0])
	assert.NotEqual(t, first.Certificate.Raw, second.Certificate.Raw)
	assert.NotEqual(t, first.Certificate.PublicKey, second.Certificate.PublicKey)
	o.Slaves = append(o.Slaves, "app03")
	assert.Equal(t, Report{Made: 1, Renewed: 3, KeyIDs: []uint16{2, 3}}, run(t, o))
	fits(t, o, 2, 3)
	assert.Equal(t, second.SlaveKeys[1], load(t, o, "app01").SlaveKeys[0])
	assert.NoFileExists(t, filepath.Join(o.Dir, "rotation"))
}

// A rotation that stops anywhere is finished by the next run, with the same keys; the manager has the next key only when all slaves do.
func TestAnInterruptedRotationIsFinishedByTheNextRun(t *testing.T) {
	for _, stop := range []string{"app02/.new-authority.crt", "app02/.new-host.key", "app02/.new-host.crt", "app02/.new-keys",
		"mgr01/.new-authority.crt", "mgr01/.new-host.key", "mgr01/.new-host.crt", "mgr01/.new-keys"} {
		for _, again := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, again with rotate=%v", stop, again), func(t *testing.T) {
				o := options(t)
				run(t, o)
				o.Rotate = true
				obstacle := filepath.Join(o.Dir, stop)
				require.NoError(t, os.MkdirAll(filepath.Join(obstacle, "full"), 0o700))
				_, err := Run(o)
				require.Error(t, err)
				text, err := os.ReadFile(filepath.Join(o.Dir, "rotation"))
				require.NoError(t, err)
				keys, err := os.ReadFile(filepath.Join(o.Dir, "mgr01", "keys"))
				require.NoError(t, err)
				manager, err := credentials.ParseKeys("keys", keys)
				require.NoError(t, err)
				assert.Equal(t, []uint16{1}, manager.IDs())

				require.NoError(t, os.RemoveAll(obstacle))
				o.Rotate = again
				r := run(t, o)
				assert.True(t, r.Finished)
				assert.Equal(t, 3, r.Renewed+r.Kept)
				if strings.HasPrefix(stop, "mgr01") {
					assert.Equal(t, 2, r.Kept, "what was done is not done again: it may have been copied")
				}
				assert.Equal(t, []uint16{1, 2}, r.KeyIDs)
				fits(t, o, 1, 2)
				begun, err := credentials.ParseKeys("rotation", text)
				require.NoError(t, err)
				assert.Equal(t, begun.Masters, load(t, o, "mgr01").Masters)
				assert.NoFileExists(t, filepath.Join(o.Dir, "rotation"))
			})
		}
	}
}

func TestAnInterruptedFirstRunIsFinishedByTheNext(t *testing.T) {
	o := options(t)
	require.NoError(t, os.MkdirAll(o.Dir, 0o700))
	obstacle := filepath.Join(o.Dir, "app02")
	require.NoError(t, os.WriteFile(obstacle, nil, 0o600))
	_, err := Run(o)
	require.Error(t, err)
	masters := load(t, o, "mgr01").Masters
	require.NoError(t, os.Remove(obstacle))
	require.NoError(t, os.MkdirAll(filepath.Join(o.Dir, ".new-app02", "half"), 0o700)) // as if it had been killed there
	r := run(t, o)
	assert.False(t, r.Authority)
	fits(t, o, 1)
	assert.Equal(t, masters, load(t, o, "mgr01").Masters)
	assert.NoDirExists(t, filepath.Join(o.Dir, ".new-app02"))

	o = options(t) // killed between the two files of the authority
	require.NoError(t, os.MkdirAll(o.Dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(o.Dir, "authority.key"), []byte("half"), 0o600))
	assert.True(t, run(t, o).Authority)
	fits(t, o, 1)
}

func TestWhatIsNotAsKeygenMadeItIsNamed(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, o *Options)
		want  string
	}{
		{"a changed key", func(t *testing.T, o *Options) {
			other := options(t)
			run(t, other)
			copyFile(t, other, "app01/keys", *o)
		}, "keys of app01: not made with the authority and the master keys of "},
		{"another authority's", func(t *testing.T, o *Options) {
			other := options(t)
			run(t, other)
			for _, name := range []string{"host.crt", "host.key", "authority.crt"} {
				copyFile(t, other, "app02/"+name, *o)
			}
		}, "keys of app02: not made with the authority and the master keys of "},
		{"a missing file", func(t *testing.T, o *Options) {
			require.NoError(t, os.Remove(filepath.Join(o.Dir, "app01", "host.key")))
		},
			"app01/host.key: no such file or directory; without the folder "},
		{"another manager", func(_ *testing.T, o *Options) { o.Manager = "mgr02" },
			" has the keys of the manager mgr01, and the definition's is mgr02: another directory is right"},
		{"no authority", func(t *testing.T, o *Options) { require.NoError(t, os.Remove(filepath.Join(o.Dir, "authority.crt"))) },
			"authority.crt: no such file or directory"},
		{"a directory that others may read", func(t *testing.T, o *Options) { require.NoError(t, os.Chmod(o.Dir, 0o750)) },
			" has the mode 0750: only its owner may read it, so 0700 is right"},
		{"an authority's key that others may read", chmod(0o644, "authority.key"), "authority.key is not to be trusted: it is secret, and its mode of 0644"},
		{"master keys that others may read", chmod(0o604, "mgr01", "keys"), "mgr01/keys is not to be trusted: it is secret, and its mode of 0604"},
		{"a slave's private key that others may read", chmod(0o644, "app01", "host.key"), "app01/host.key is not to be trusted: it is secret, and its mode of 0644"},
		{"a rotation that others may read", func(t *testing.T, o *Options) {
			c := load(t, *o, "mgr01")
			require.NoError(t, os.WriteFile(filepath.Join(o.Dir, "rotation"), c.Keys.Append(nil, "mgr01"), 0o644))
		}, "rotation is not to be trusted: it is secret, and its mode of 0644"},
		{"an authority's certificate that others may write", chmod(0o646, "authority.crt"), "authority.crt is not to be trusted: others may write it"},
		{"a directory of another user", func(t *testing.T, o *Options) {
			if os.Geteuid() != 0 {
				t.Skip("only root can give a directory away")
			}
			require.NoError(t, os.Chown(o.Dir, 65534, 65534))
		}, " belongs to user 65534, who could read all keys: one of user 0, who runs this, is right"},
		{"another run", func(t *testing.T, o *Options) {
			dir, err := openDir(o.Dir)
			require.NoError(t, err)
			t.Cleanup(func() { dir.Close() })
		}, "another renraku keygen works on "},
		{"a host without a folder", func(_ *testing.T, o *Options) { o.Slaves = append(o.Slaves, "a/b") }, `host "a/b": no name for a folder: a slash stands in no file name`},
		{"a host above", func(_ *testing.T, o *Options) { o.Slaves = append(o.Slaves, "..") }, `host "..": no name for a folder: `},
		{"a rotation that is none", func(t *testing.T, o *Options) {
			require.NoError(t, os.WriteFile(filepath.Join(o.Dir, "rotation"), []byte("# keys\n"), 0o600))
		}, "rotation:2: no key"},
		{"a rotation of a slave", func(t *testing.T, o *Options) {
			text, err := os.ReadFile(filepath.Join(o.Dir, "app01", "keys"))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(o.Dir, "rotation"), text, 0o600))
		}, "rotation: not the keys of a manager"},
		{"the last key ID", func(t *testing.T, o *Options) {
			c := load(t, *o, "mgr01")
			c.Keys.Masters[0].ID = 65535
			require.NoError(t, os.WriteFile(filepath.Join(o.Dir, "mgr01", "keys"), c.Keys.Append(nil, "mgr01"), 0o600))
			o.Rotate = true
		}, "65535 is the last key ID there is"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(t)
			run(t, o)
			c.spoil(t, &o)
			r, err := Run(o)
			assert.ErrorContains(t, err, c.want)
			assert.Zero(t, r)
		})
	}
}

// chmod gives a file of the directory another mode.
func chmod(mode fs.FileMode, name ...string) func(*testing.T, *Options) {
	return func(t *testing.T, o *Options) {
		require.NoError(t, os.Chmod(filepath.Join(append([]string{o.Dir}, name...)...), mode))
	}
}

func copyFile(t *testing.T, from Options, name string, to Options) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(from.Dir, name))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(to.Dir, name), text, 0o600))
}

func TestCertificatesNearTheirEndAreNamed(t *testing.T) {
	o := options(t)
	o.Life = 40 * 24 * time.Hour
	for i := range 20 {
		o.Slaves = append(o.Slaves, fmt.Sprintf("web%02d", i))
	}
	assert.Empty(t, run(t, o).Ends)
	o.Now = o.Now.Add(20 * 24 * time.Hour)
	ends := run(t, o).Ends
	require.Len(t, ends, maxEnds+1)
	assert.Regexp(t, `^the certificate of app01 ends at \S+, in (19|20) days$`, ends[0])
	assert.Equal(t, "13 more certificates end soon or have ended", ends[maxEnds])
	o.Rotate = true
	assert.Empty(t, run(t, o).Ends)
}

func TestManyHostsAreDoneAndTheirProgressIsTold(t *testing.T) {
	o := options(t)
	for i := range 300 {
		o.Slaves = append(o.Slaves, fmt.Sprintf("web%05d", i))
	}
	last := 0
	o.Progress = func(done int) {
		assert.Equal(t, last+1, done)
		last = done
	}
	assert.Equal(t, 303, run(t, o).Made)
	assert.Equal(t, 303, last)
}

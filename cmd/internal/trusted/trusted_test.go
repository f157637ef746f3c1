package trusted

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestWhoMayWriteAndReadWhat(t *testing.T) {
	const me, root, somebody, file, dir, sticky = 1000, 0, 4000000, unix.S_IFREG, unix.S_IFDIR, unix.S_ISVTX
	const group, others, both = "its group may write it: chmod g-w", "others may write it: chmod o-w", "its group and others may write it: chmod go-w"
	const foreign = "it belongs to user 4000000, who is neither root nor the user of this process: chown root"
	cases := []struct {
		owner, mode   uint32
		plain, secret string
	}{
		{me, file | 0o600, "", ""},
		{me, file | 0o400, "", ""},
		{root, file | 0o600, "", ""},
		{me, file | 0o644, "", "it is secret, and its mode of 0644 lets others use it: chmod 0600"},
		{me, file | 0o640, "", "it is secret, and its mode of 0640 lets others use it: chmod 0600"},
		{root, file | 0o640, "", ""},
		{root, file | 0o440, "", ""},
		{root, file | 0o644, "", "it is secret, and its mode of 0644 lets others use it: chmod 0640"},
		{root, file | 0o650, "", "it is secret, and its mode of 0650 lets others use it: chmod 0640"},
		{me, file | 0o601, "", "it is secret, and its mode of 0601 lets others use it: chmod 0600"},
		{me, file | 0o620, group, group},
		{root, file | 0o660, group, group},
		{me, file | 0o602, others, others},
		{root, file | 0o666, both, both},
		{me, file | sticky | 0o666, both, both},
		{somebody, file | 0o600, foreign, foreign},
		{somebody, file | 0o444, foreign, foreign},
		{me, dir | 0o755, "", ""},
		{root, dir | 0o755, "", ""},
		{me, dir | 0o775, group, group},
		{me, dir | 0o777, both, both},
		{root, dir | sticky | 0o777, "", ""},
		{somebody, dir | sticky | 0o777, foreign, foreign},
		{somebody, dir | 0o700, foreign, foreign},
	}
	for _, c := range cases {
		s := &unix.Stat_t{Uid: c.owner, Mode: c.mode}
		for _, want := range []struct {
			secret bool
			text   string
		}{{false, c.plain}, {true, c.secret}} {
			if c.mode&unix.S_IFMT == dir && want.secret {
				continue
			}
			got, mend := verdict(s, me, want.secret)
			if got != "" {
				got += ": " + mend
			}
			assert.Equal(t, want.text, got, "owner %d, mode %o, secret %v", c.owner, c.mode, want.secret)
		}
	}
}

// put makes a file in a directory of its own, both with these modes.
func put(t *testing.T, mode, dirMode os.FileMode) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "dir")
	require.NoError(t, os.Mkdir(dir, 0o700))
	path := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(path, []byte("text"), 0o600))
	require.NoError(t, os.Chmod(path, mode))
	require.NoError(t, os.Chmod(dir, dirMode))
	return path
}

func TestAFileIsOpenedOnlyWhereNobodyElseCouldHaveWrittenIt(t *testing.T) {
	cases := []struct {
		name          string
		mode, dirMode os.FileMode
		open          func(string) (*os.File, error)
		want          string // of the file FILE in DIR
	}{
		{"as it should be", 0o644, 0o755, Open, ""},
		{"everybody may write it", 0o666, 0o755, Open, "FILE is not to be trusted: its group and others may write it; this mends it: chmod go-w FILE"},
		{"everybody may write its directory", 0o644, 0o777, Open, "DIR is not to be trusted: its group and others may write it; this mends it: chmod go-w DIR"},
		{"everybody may write its directory, each for himself", 0o644, 0o777 | os.ModeSticky, Open, ""},
		{"a secret", 0o600, 0o755, OpenSecret, ""},
		{"a secret that all may read", 0o644, 0o755, OpenSecret, "FILE is not to be trusted: it is secret, and its mode of 0644 lets others use it; this mends it: chmod 06.0 FILE"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := put(t, c.mode, c.dirMode)
			f, err := c.open(path)
			if c.want == "" {
				require.NoError(t, err)
				defer f.Close()
				b := make([]byte, 4)
				_, err = f.Read(b)
				require.NoError(t, err)
				assert.Equal(t, "text", string(b))
				assert.Equal(t, path, f.Name())
				return
			}
			require.Error(t, err)
			assert.Nil(t, f)
			assert.ErrorAs(t, err, new(*Error))
			assert.Regexp(t, "^"+strings.NewReplacer("FILE", path, "DIR", filepath.Dir(path)).Replace(c.want)+"$", err.Error())
		})
	}
}

func TestOfASymbolicLinkBothDirectoriesCount(t *testing.T) {
	good := put(t, 0o644, 0o755)
	link := filepath.Join(filepath.Dir(put(t, 0o644, 0o755)), "link")
	require.NoError(t, os.Symlink(good, link))
	f, err := Open(link)
	require.NoError(t, err)
	f.Close()

	require.NoError(t, os.Chmod(filepath.Dir(link), 0o777))
	_, err = Open(link)
	assert.ErrorContains(t, err, filepath.Dir(link)+" is not to be trusted: ")
	require.NoError(t, os.Chmod(filepath.Dir(link), 0o755))
	require.NoError(t, os.Chmod(filepath.Dir(good), 0o777))
	_, err = Open(link)
	assert.ErrorContains(t, err, filepath.Dir(good)+" is not to be trusted: ")
	require.NoError(t, os.Chmod(filepath.Dir(good), 0o755))
	require.NoError(t, os.Chmod(good, 0o666))
	_, err = Open(link)
	assert.ErrorContains(t, err, good+" is not to be trusted: ")
}

func TestAFileThatIsNotThereIsSaidAsTheSystemDoes(t *testing.T) {
	path := put(t, 0o644, 0o755)
	for _, missing := range []string{path + ".none", filepath.Join(path, "below")} {
		_, err := Open(missing)
		assert.ErrorAs(t, err, new(*fs.PathError), missing)
	}
	t.Chdir(filepath.Dir(path))
	f, err := Open("file")
	require.NoError(t, err, "a path without a directory")
	f.Close()
}

package version

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const full = "abcdef0123456789abcdef0123456789abcdef01"

func TestTheVersionIsThePackagesOrElseWhatGoHasNoted(t *testing.T) {
	noted := []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: full}}
	for _, c := range []struct {
		name             string
		info             debug.BuildInfo
		packaged, commit string
		want             string
	}{
		{"of a package", debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, "1.2.3", full, "1.2.3 (GO, commit abcdef012345)"},
		{"of a package made outside of a repository", debug.BuildInfo{}, "1.2.3", "", "1.2.3 (GO)"},
		{"of a package, and noted", debug.BuildInfo{Main: debug.Module{Version: "v9.9.9"}, Settings: noted}, "1.2.3", "", "1.2.3 (GO)"},
		{"of a tag", debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: noted}, "", "", "1.2.3 (GO, commit abcdef012345)"},
		{"between two", debug.BuildInfo{Main: debug.Module{Version: "v0.0.0-20251129143159-abcdef012345+dirty"}, Settings: noted}, "", "",
			"0.0.0-20251129143159-abcdef012345+dirty (GO, commit abcdef012345)"},
		{"without a repository", debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, "", "", "devel (GO)"},
		{"of which nothing is noted", debug.BuildInfo{}, "", "", "devel (GO)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := of(&c.info, c.packaged, c.commit)
			v.Go = "GO"
			assert.Equal(t, c.want, v.String())
		})
	}
	assert.Equal(t, runtime.Version(), Get().Go)
}

// The names in the linker's flags are looked up by nobody: one that is wrong is ignored in silence.
func TestTheLinkerWritesWhatSetSays(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nimport \"renraku/cmd/internal/version\"\n\n"+
		"func main() { println(version.Get().String()) }\n"), 0o644))
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	// The program is one of this module, though its file is elsewhere: only such a one may import this package.
	overlay := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(overlay, []byte(`{"Replace": {"`+filepath.Join(root, "cmd/internal/version/says/main.go")+`": "`+
		filepath.Join(dir, "main.go")+`"}}`), 0o644))
	c := exec.Command("go", "run", "-overlay", overlay, "-ldflags="+Set("1.2.3", full), "renraku/cmd/internal/version/says")
	c.Dir = root
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Equal(t, "1.2.3 ("+runtime.Version()+", commit abcdef012345)\n", string(out))
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/cmd/internal/definition"
)

func TestValidateSaysWhereThePageIsAndWhoCanOrderFromIt(t *testing.T) {
	for _, c := range []struct {
		name string
		web  definition.Web
		want string
	}{
		{"none", definition.Web{}, "page: none (no [web])"},
		{"to look at", definition.Web{Listen: "127.0.0.1:10380"},
			"page: http://127.0.0.1:10380/ at the manager; nothing can be ordered from it (no token_file)"},
		{"to order from", definition.Web{Listen: "[::1]:10380", TokenFile: "/etc/renraku/web-token"},
			"page: http://[::1]:10380/ at the manager; orders with the token in /etc/renraku/web-token"},
		{"for everybody", definition.Web{Listen: "0.0.0.0:10380"},
			"page: http://0.0.0.0:10380/ at the manager; nothing can be ordered from it (no token_file); " +
				"others than the manager's machine reach it, and nothing on the way is encrypted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, describeWeb(&definition.Definition{Web: c.web}))
		})
	}
}

func TestValidateLooksAtTheTokenWhereItShouldBe(t *testing.T) {
	t.Parallel()
	here, err := os.Hostname()
	require.NoError(t, err)
	dir := cmdtest.Dir(t)
	file := filepath.Join(dir, "web-token")
	validate := func(manager string) cmdtest.Output {
		return cmdtest.Renraku(t, "validate", cmdtest.WriteDefinition(t, dir, fmt.Sprintf("[manager]\nhost = %q\naddress = \"192.0.2.10\"\n"+
			"[web]\nlisten = \"127.0.0.1\"\ntoken_file = %q\n", manager, file)))
	}
	refused := func(why string) string {
		return "renraku: validate: read the token of the page: " + why +
			"; the manager starts all the same, and nothing can be ordered from the page\n"
	}
	write := func(text string, mode os.FileMode) {
		require.NoError(t, os.WriteFile(file, []byte(text), mode))
		require.NoError(t, os.Chmod(file, mode))
	}

	out := validate(here)
	assert.Equal(t, 1, out.Code)
	assert.Equal(t, refused("open "+file+": no such file or directory: openssl rand -hex 32 makes a token, for a file that nobody else may read"), out.Stderr)
	assert.Contains(t, out.Stdout, "correct: 1 manager", "the definition is")
	out = validate("elsewhere01")
	assert.Equal(t, 0, out.Code, "another server has no token")
	assert.Empty(t, out.Stderr)

	mended := "0600"
	if os.Geteuid() == 0 {
		mended = "0640" // what is root's may be its group's to read
	}
	for _, manager := range []string{here, "elsewhere01"} {
		write("0123456789abcdef\n", 0o644)
		out = validate(manager)
		assert.Equal(t, 1, out.Code)
		assert.Equal(t, refused(file+" is not to be trusted: it is secret, and its mode of 0644 lets others use it; this mends it: chmod "+mended+" "+file), out.Stderr)
		write("\n", 0o600)
		out = validate(manager)
		assert.Equal(t, 1, out.Code)
		assert.Equal(t, refused(file+": 16 to 256 bytes 0x21–0x7E are right, such as those of: openssl rand -hex 32"), out.Stderr)
		write("0123456789abcdef\n", 0o600)
		out = validate(manager)
		assert.Equal(t, 0, out.Code)
		assert.Empty(t, out.Stderr)
	}
}

func TestValidateOfWhoMayNotReadTheTokenFindsNothingWrongWithIt(t *testing.T) {
	web := definition.Web{Listen: "127.0.0.1:10380", TokenFile: "/proc/1/nothing"}
	for err, want := range map[error]string{
		os.ErrPermission: "token of the page: not looked at, since this user may not read /proc/1/nothing",
		nil:              "",
	} {
		note, trouble := tokenTrouble(&definition.Definition{Web: web}, err)
		assert.Equal(t, want, note)
		assert.NoError(t, trouble)
	}
}

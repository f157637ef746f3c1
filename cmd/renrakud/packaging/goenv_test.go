package main

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// odd has the user of the test have said much about Go, in his environment and by go env -w.
func odd(t *testing.T) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "env")
	require.NoError(t, os.WriteFile(file, []byte("GOFLAGS=-tags=odd\nGOAMD64=v3\nGOARM64=v9.0\nGOEXPERIMENT=nodwarf5\nGOPROXY=http://127.0.0.1:1\n"), 0o644))
	t.Setenv("GOENV", file)
	t.Setenv("GOFIPS140", "latest")
	t.Setenv("GODEBUG", "http2client=0")
	t.Setenv("GOWORK", filepath.Join(t.TempDir(), "go.work"))
	t.Setenv("GOOS", "plan9")
	t.Setenv("CGO_LDFLAGS", "-lodd")
	t.Setenv("GO_EXTLINK_ENABLED", "1")
}

func TestOfWhatTheUserHasSaidAboutGoThePlacesAloneStand(t *testing.T) {
	asked := []string{"GOFLAGS", "GOAMD64", "GOARM64", "GOEXPERIMENT", "GOFIPS140", "GODEBUG", "GOWORK", "GOOS", "CGO_LDFLAGS"}
	answers := func() string {
		env, err := goEnvironment(t.Context())
		require.NoError(t, err)
		out, err := goOutput(t.Context(), ".", env, append([]string{"env"}, asked...)...)
		require.NoError(t, err)
		return out
	}
	t.Setenv("GOENV", "off")
	t.Setenv("GOFLAGS", "")
	plain := answers()
	assert.Contains(t, strings.Split(plain, "\n"), runtime.GOOS)
	odd(t)
	assert.Equal(t, plain, answers())
	env, err := goEnvironment(t.Context())
	require.NoError(t, err)
	assert.True(t, slices.Contains(env, "GOPROXY=http://127.0.0.1:1"), "where modules are is the user's to say")
	assert.False(t, slices.Contains(env, "GO_EXTLINK_ENABLED=1"), "Go does not list all that it reads")
}

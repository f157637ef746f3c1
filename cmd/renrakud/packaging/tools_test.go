//go:build interop

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

var install = flag.Bool("install", false, "install the Debian packages of tools that are missing (as root)")

// tools are the commands and files that the tests need, with the Debian packages that have them.
var tools = map[string]string{
	"chromium":        "chromium",
	"dpkg":            "dpkg",
	"col":             "bsdextrautils",
	"man":             "man-db",
	"mandoc":          "mandoc",
	"fish":            "fish",
	"mount":           "mount",
	"rpm":             "rpm",
	"rpm2archive":     "rpm",
	"script":          "bsdutils",
	"setpriv":         "util-linux",
	"systemd-analyze": "systemd",
	"unshare":         "util-linux",
	"ip":              "iproute2",
	"nsenter":         "util-linux",
	"pgrep":           "procps",
	"pkill":           "procps",
	"zsh":             "zsh",

	"/usr/share/bash-completion/bash_completion": "bash-completion",
}

func TestMain(m *testing.M) {
	flag.Parse()
	if err := provide(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if packages, err = os.MkdirTemp("", "renraku-test-packages-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(packages)
	return m.Run()
}

// provide sees that every tool is there.
func provide() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("these tests install a package: run them as root")
	}
	return cmdtest.ProvideDebian(*install, tools)
}

// buildLimit is for a machine that has to build nfpm and the standard library for another architecture too.
const buildLimit = 8 * time.Minute

const (
	testVersion  = "1.2.3"
	olderVersion = "0.0.1" // what a machine has before it is upgraded to testVersion
)

// The packages of all formats, and of all architectures or this machine's.
var (
	built = builtOnce(testVersion, "amd64", "arm64")
	older = builtOnce(olderVersion, runtime.GOARCH)
)

// builtOnce gives the packages of a version, built at the first use, in a directory of its own below packages.
func builtOnce(version string, archs ...string) func() ([]string, error) {
	return sync.OnceValues(func() ([]string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), buildLimit)
		defer cancel()
		return build(ctx, options{out: filepath.Join(packages, version), version: version, archs: archs, formats: []string{"deb", "rpm"}})
	})
}

// packages is the directory of the packages that are built.
var packages string

// packageOf is the package of a format and architecture.
func packageOf(t *testing.T, format, arch string) string {
	t.Helper()
	return packageAmong(t, built, format, arch)
}

// olderOf is the older package of a format, for this machine.
func olderOf(t *testing.T, format string) string {
	t.Helper()
	return packageAmong(t, older, format, runtime.GOARCH)
}

func packageAmong(t *testing.T, built func() ([]string, error), format, arch string) string {
	t.Helper()
	all, err := built()
	require.NoError(t, err)
	if own, ok := fileNames[format].archs[arch]; ok {
		arch = own
	}
	i := slices.IndexFunc(all, func(path string) bool { return strings.HasSuffix(path, arch+"."+format) })
	require.GreaterOrEqual(t, i, 0, "%s for %s in %v", format, arch, all)
	return all[i]
}

// ownDeb is that of this machine.
func ownDeb(t *testing.T) string { return packageOf(t, "deb", runtime.GOARCH) }

// tool runs a tool to its end and gives what it prints; it must succeed.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %s\n%s", name, strings.Join(args, " "), out)
	return string(out)
}

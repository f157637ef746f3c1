//go:build interop

package main

import (
	"debug/elf"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

func TestBothFormatsHaveTheSameFilesWithStaticBinaries(t *testing.T) {
	t.Parallel()
	for arch, machine := range machines {
		deb, rpm := cmdtest.Dir(t), cmdtest.Dir(t)
		tool(t, "dpkg", "--extract", packageOf(t, "deb", arch), deb)
		tool(t, "sh", "-c", `rpm2archive --nocompression - <"$1" | tar -xC "$2"`, "sh", packageOf(t, "rpm", arch), rpm)
		// The two have the file of flags, and the completions of zsh, where each distribution looks for them.
		debFiles := strings.NewReplacer("etc/default/", "etc/sysconfig/", "vendor-completions", "site-functions").Replace(strings.Join(filesOf(t, deb), "\n"))
		assert.ElementsMatch(t, strings.Split(debFiles, "\n"), filesOf(t, rpm), arch)
		for _, binary := range []string{"usr/bin/renraku", "usr/sbin/renrakud"} {
			for _, dir := range []string{deb, rpm} {
				assertStatic(t, filepath.Join(dir, binary), machine)
				if arch == runtime.GOARCH {
					assert.Regexp(t, `^`+filepath.Base(binary)+` `+regexp.QuoteMeta(testVersion)+` \(`+regexp.QuoteMeta(runtime.Version())+`, commit [0-9a-f]{12}\)\n$`,
						tool(t, filepath.Join(dir, binary), "--version"))
				}
			}
		}
	}
}

// filesOf are the modes and paths below a directory.
func filesOf(t *testing.T, dir string) []string {
	t.Helper()
	return strings.Split(strings.TrimSpace(tool(t, "find", dir, "-mindepth", "1", "-type", "f", "-printf", "%m %P\n")), "\n")
}

func assertStatic(t *testing.T, path string, machine elf.Machine) {
	t.Helper()
	f, err := elf.Open(path)
	require.NoError(t, err)
	defer f.Close()
	assert.Equal(t, machine, f.Machine, path)
	for _, p := range f.Progs {
		assert.NotEqual(t, elf.PT_INTERP, p.Type, "%s wants a dynamic linker", path)
	}
}

func TestTheRPMNamesWhatRPMHasToKnow(t *testing.T) {
	t.Parallel()
	path := packageOf(t, "rpm", "amd64")
	query := func(args ...string) string {
		return tool(t, "rpm", append([]string{"-qp", "--nosignature"}, append(args, path)...)...)
	}
	assert.Equal(t, "renraku "+testVersion+" 1 x86_64 localhost", query("--queryformat", "%{NAME} %{VERSION} %{RELEASE} %{ARCH} %{BUILDHOST}"))
	assert.Equal(t, "aarch64", tool(t, "rpm", "-qp", "--nosignature", "--queryformat", "%{ARCH}", packageOf(t, "rpm", "arm64")))
	list := query("--list")
	for _, file := range []string{"/usr/sbin/renrakud", "/usr/bin/renraku", "/usr/lib/systemd/system/renrakud.service",
		"/usr/lib/systemd/system/renraku-slave.service", "/usr/lib/systemd/system/renraku-manager.service", "/usr/lib/sysusers.d/renraku.conf", "/usr/lib/tmpfiles.d/renraku.conf"} {
		assert.Contains(t, strings.Fields(list), file)
	}
	assert.ElementsMatch(t, []string{"/etc/init.d/renrakud", "/etc/logrotate.d/renraku", "/etc/sysconfig/renraku", "/etc/renraku/renraku.toml.example"},
		strings.Fields(query("--configfiles")))
	flags := query("--queryformat", `[%{FILENAMES} %{FILEFLAGS:fflags}\n]`)
	assert.Contains(t, flags, "/etc/sysconfig/renraku cn\n", "an upgrade does not replace what the operator has written")
	scripts := query("--scripts")
	for _, part := range []string{"postinstall", "preuninstall", "postuninstall", "systemd-sysusers renraku.conf"} {
		assert.Contains(t, scripts, part)
	}
}

// TestTheSameCommitGivesTheSameBytes is not parallel: it changes the environment, between one build and the other.
func TestTheSameCommitGivesTheSameBytes(t *testing.T) {
	first := map[string]string{"deb": packageOf(t, "deb", runtime.GOARCH), "rpm": packageOf(t, "rpm", runtime.GOARCH)}
	odd(t)
	t.Setenv("TZ", "Asia/Tokyo")
	again, err := build(t.Context(), options{out: cmdtest.Dir(t), version: testVersion, archs: []string{runtime.GOARCH}, formats: []string{"deb", "rpm"}})
	require.NoError(t, err)
	require.Len(t, again, 2)
	for _, path := range again {
		format := strings.TrimPrefix(filepath.Ext(path), ".")
		assert.Equal(t, filepath.Base(first[format]), filepath.Base(path))
		one, err := os.ReadFile(first[format])
		require.NoError(t, err)
		two, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.True(t, string(one) == string(two), "%s differs", format)
	}
}

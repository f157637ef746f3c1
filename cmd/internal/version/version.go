// Package version is which renraku a program is. The build of the packages writes it into their binaries (-ldflags -X); of any other
// build, it is what Go has noted there.
//
// version.go is the version, flag.go has a program print it.
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// These are written by the linker, and empty where it is told nothing. They are the names that Set has.
var packaged, commit string

// Set is the flags of the linker (-ldflags) that have a binary say this version, such as 1.2.3, and this commit, in full; the commit may
// be "".
func Set(version, commit string) string {
	const path = "renraku/cmd/internal/version"
	return fmt.Sprintf("-X %s.packaged=%s -X %s.commit=%s", path, version, path, commit)
}

// Version is which renraku a program is.
type Version struct {
	Number string // such as 1.2.3, or 0.0.0-20251129143159-3f6717e00000 of a build between two versions; Devel where nobody said one
	Commit string // in full; "": it is not known
	Go     string // the compiler's version, such as go1.26.8
}

// Devel is the number of a build of which nobody said one.
const Devel = "devel"

// Get is the version of this program.
func Get() Version {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return of(info, packaged, commit)
}

func of(info *debug.BuildInfo, packaged, commit string) Version {
	v := Version{Number: packaged, Commit: commit, Go: runtime.Version()}
	if v.Number != "" {
		return v
	}
	v.Number = strings.TrimPrefix(info.Main.Version, "v")
	if v.Number == "" || v.Number == "("+Devel+")" {
		v.Number = Devel
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Commit = s.Value
		}
	}
	return v
}

// shortCommit is how many digits of a commit a line shows.
const shortCommit = 12

// String is a line's worth: 1.2.3 (go1.26.8, commit abcdef012345).
func (v Version) String() string {
	if v.Commit == "" {
		return fmt.Sprintf("%s (%s)", v.Number, v.Go)
	}
	return fmt.Sprintf("%s (%s, commit %s)", v.Number, v.Go, v.Commit[:min(len(v.Commit), shortCommit)])
}

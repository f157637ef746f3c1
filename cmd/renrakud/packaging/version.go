package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// epochVariable names the date of what is built, in seconds since 1970, as reproducible-builds.org has it.
const epochVariable = "SOURCE_DATE_EPOCH"

// abbreviation is how long git makes a commit, whatever it is configured to and however many objects the repository has: as --version does.
const abbreviation = "--abbrev=12"

// versionPattern is what both formats order alike.
var versionPattern = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?(\+[0-9A-Za-z.]+)?$`)

// versionOf is the version that was given, or else that of the commit.
func versionOf(ctx context.Context, root, given string) (string, error) {
	if given != "" {
		if !versionPattern.MatchString(given) {
			return "", fmt.Errorf("-version %q: one such as 1.2.3, 1.2.3-rc.1 or 1.2.3+4.gabcdef0 is right", given)
		}
		return given, nil
	}
	if tag, err := output(ctx, root, "git", "describe", "--tags", "--match", "v[0-9]*", "--long", abbreviation, "--dirty"); err == nil {
		return versionOfTag(tag)
	}
	count, err := output(ctx, root, "git", "rev-list", "--count", "HEAD")
	if err != nil {
		return "", fmt.Errorf("find the version: %w; outside of a git repository, -version says it", err)
	}
	described, err := output(ctx, root, "git", "describe", "--always", abbreviation, "--dirty")
	if err != nil {
		return "", fmt.Errorf("find the version: %w", err)
	}
	return versionOfTag("v0.0.0-" + count + "-g" + described)
}

// commitOf is the commit, in full; "" outside of a git repository.
func commitOf(ctx context.Context, root string) string {
	commit, err := output(ctx, root, "git", "rev-parse", "HEAD")
	if err != nil {
		return ""
	}
	return commit
}

// versionOfTag makes v1.2.3-4-gabcdef0-dirty, as git describe --long has it, 1.2.3+4.gabcdef0.dirty, and v1.2.3-0-gabcdef0 1.2.3.
func versionOfTag(described string) (string, error) {
	rest, dirty := strings.CutSuffix(strings.TrimPrefix(described, "v"), "-dirty")
	version := rest
	if i := strings.LastIndex(rest, "-g"); i > 0 {
		if j := strings.LastIndex(rest[:i], "-"); j > 0 {
			version = rest[:j]
			if count := rest[j+1 : i]; count != "0" || dirty {
				version += "+" + count + "." + rest[i+1:]
			}
		}
	}
	if dirty {
		version += ".dirty"
	}
	if !versionPattern.MatchString(version) {
		return "", fmt.Errorf("find the version: git describe says %q, which is none: -version says one", described)
	}
	return version, nil
}

// dateOf is the date of everything in the packages: SOURCE_DATE_EPOCH where it is set, or else that of the commit.
func dateOf(ctx context.Context, root string) (time.Time, error) {
	text := os.Getenv(epochVariable)
	if text == "" {
		var err error
		if text, err = output(ctx, root, "git", "log", "-1", "--format=%ct"); err != nil {
			return time.Time{}, fmt.Errorf("find the date: %w; outside of a git repository, %s says it", err, epochVariable)
		}
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("find the date: %s %q: seconds since 1970 are right", epochVariable, text)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

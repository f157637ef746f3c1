package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"renraku/cmd/internal/version"
)

type options struct {
	out, version   string
	archs, formats []string
}

// packagingDir is this package's directory in the module.
const packagingDir = "cmd/renrakud/packaging"

// builder is one build, in a working directory of its own.
type builder struct {
	root    string // of the module
	work    string
	env     []string // of Go
	version string
	commit  string // "": it is not known
	date    time.Time
}

// build builds the packages and gives their paths.
func build(ctx context.Context, o options) (packages []string, err error) {
	b := &builder{}
	if b.env, err = goEnvironment(ctx); err != nil {
		return nil, err
	}
	if b.root, err = goOutput(ctx, ".", b.env, "list", "-m", "-f", "{{.Dir}}"); err != nil {
		return nil, fmt.Errorf("find the module: %w", err)
	}
	if b.version, err = versionOf(ctx, b.root, o.version); err != nil {
		return nil, err
	}
	b.commit = commitOf(ctx, b.root)
	if b.date, err = dateOf(ctx, b.root); err != nil {
		return nil, err
	}
	if b.work, err = os.MkdirTemp("", "renraku-packages-"); err != nil {
		return nil, err
	}
	defer os.RemoveAll(b.work)
	if o.out, err = filepath.Abs(o.out); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return nil, err
	}
	if err := os.CopyFS(b.path("files"), os.DirFS(filepath.Join(b.root, packagingDir, "files"))); err != nil {
		return nil, fmt.Errorf("copy the files: %w", err)
	}
	if err := b.guides(); err != nil {
		return nil, fmt.Errorf("copy the documents: %w", err)
	}
	if err := b.compile(ctx, runtime.GOARCH); err != nil {
		return nil, err
	}
	if err := b.completion(ctx); err != nil {
		return nil, fmt.Errorf("write the completion: %w", err)
	}
	if err := b.manual(ctx); err != nil {
		return nil, fmt.Errorf("write the manual: %w", err)
	}
	nfpm, err := goOutput(ctx, b.root, b.env, "tool", "-modfile="+filepath.Join(".ci", "packages.mod"), "-n", "nfpm")
	if err != nil {
		return nil, fmt.Errorf("build nfpm: %w", err)
	}
	for _, arch := range o.archs {
		if err := b.compile(ctx, arch); err != nil {
			return packages, err
		}
		for _, format := range o.formats {
			path, err := b.nfpm(ctx, nfpm, format, arch, o.out)
			if err != nil {
				return packages, err
			}
			packages = append(packages, path)
		}
	}
	return packages, nil
}

// path is a path in the working directory.
func (b *builder) path(parts ...string) string {
	return filepath.Join(append([]string{b.work}, parts...)...)
}

// compile builds both binaries, static, into a directory of the architecture's name, where they are not there yet. What differs between two
// machines is left out: the path of the sources, what the user has said about Go, and what Go finds of the repository, in which a file that
// is not of the commit makes a difference. So the version and the commit are written into them here.
func (b *builder) compile(ctx context.Context, arch string) error {
	if _, err := os.Stat(b.path(arch)); err == nil {
		return nil
	}
	if _, err := goOutput(ctx, b.root, append(slices.Clone(b.env), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch),
		"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w "+version.Set(b.version, b.commit),
		"-o", b.path(arch)+string(filepath.Separator), "./cmd/renraku", "./cmd/renrakud"); err != nil {
		return fmt.Errorf("build for %s: %w", arch, err)
	}
	return nil
}

// documentFiles are what /usr/share/doc has: the guide, and what it and the others send their readers to.
var documentFiles = []string{"README.md", "cmd/renrakud/GUIDE.md", "cmd/renrakud/MESSAGES.md", "cmd/renrakud/FAULTS.md",
	"cmd/renrakud/packaging/PACKAGING.md", "cmd/internal/definition/DEFINITION.md", "contactfile/CONTACTFILE.md", "contactfile/HISTORY.md",
	"contactfile/MAINTENANCE.md", "slave/runs/FORMAT.md", "telegram/SPEC.md",
	"cmd/internal/metrics/METRICS.md", "cmd/internal/metrics/alerts.yml", "cmd/internal/metrics/dashboard.json"}

// guides copies the documents, each under its own name.
func (b *builder) guides() error {
	if err := os.Mkdir(b.path("doc"), 0o755); err != nil {
		return err
	}
	for _, file := range documentFiles {
		text, err := os.ReadFile(filepath.Join(b.root, file))
		if err != nil {
			return err
		}
		if err := os.WriteFile(b.path("doc", filepath.Base(file)), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// completion has the command of this machine write what shells need.
func (b *builder) completion(ctx context.Context) error {
	if err := os.Mkdir(b.path("completion"), 0o755); err != nil {
		return err
	}
	for _, shell := range []string{"bash", "fish", "zsh"} {
		text, err := output(ctx, b.work, b.path(runtime.GOARCH, "renraku"), "completion", shell)
		if err != nil {
			return err
		}
		if err := os.WriteFile(b.path("completion", shell), []byte(text+"\n"), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// output is what a command prints, without the line feed at the end.
func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	return outputOf(c)
}

func outputOf(c *exec.Cmd) (string, error) {
	var errOut bytes.Buffer
	c.Stderr = &errOut
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(c.Args, " "), err, strings.TrimSpace(errOut.String()))
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// fileNames are the packages' names as each format has them, by version and architecture.
var fileNames = map[string]struct {
	name  string
	archs map[string]string // where the format's name is not Go's
}{
	"deb": {"renraku_%s-1_%s.deb", nil},
	"rpm": {"renraku-%s-1.%s.rpm", map[string]string{"amd64": "x86_64", "arm64": "aarch64"}},
}

// nfpm makes one package of the binaries in bin, and gives its path.
func (b *builder) nfpm(ctx context.Context, nfpm, format, arch, out string) (string, error) {
	f, ok := fileNames[format]
	if !ok {
		return "", fmt.Errorf("-format %q: deb and rpm are right", format)
	}
	name := arch
	if own, ok := f.archs[arch]; ok {
		name = own
	}
	path := filepath.Join(out, fmt.Sprintf(f.name, b.version, name))
	c := exec.CommandContext(ctx, nfpm, "package", "--config", filepath.Join("files", "nfpm.yaml"), "--packager", format, "--target", path)
	c.Dir = b.work
	c.Env = append(os.Environ(), "ARCH="+arch, "VERSION="+b.version, epochVariable+"="+strconv.FormatInt(b.date.Unix(), 10))
	if text, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("make the %s for %s: %w\n%s", format, arch, err, text)
	}
	return path, nil
}

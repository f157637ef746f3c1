//go:build interop

package interop

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"renraku/cmd/internal/cmdtest"
)

var install = flag.Bool("install", false, "install the tools that are missing: Debian packages (as root), npm packages (for this user)")

// tools are the commands that the tests run, with the Debian packages that have them.
var tools = map[string]string{
	nrpeClient:          "nagios-nrpe-plugin",
	nrpeServer:          "nagios-nrpe-server",
	"cobc":              "gnucobol3",
	"dumpcap":           "wireshark-common",
	"ip":                "iproute2",
	"node":              "nodejs",
	"npm":               "npm",
	"prometheus":        "prometheus",
	"promtool":          "prometheus",
	"python3":           "python3",
	"qemu-arm-static":   "qemu-user-static",
	"qemu-s390x-static": "qemu-user-static",
	"sharkd":            "wireshark-common",
	"tshark":            "tshark",
	"unshare":           "util-linux",
}

// nodeModules are the npm packages that the tests use, each with its exact version.
var nodeModules = []string{"kaitai-struct@0.11.0", "kaitai-struct-compiler@0.11.0", "yaml@2.8.1"}

func TestMain(m *testing.M) {
	flag.Parse()
	if err := provide(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	cmdtest.Main(m)
}

// provide sees that every tool is there.
func provide() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("these tests make network namespaces: run them as root")
	}
	if err := cmdtest.ProvideDebian(*install, tools); err != nil {
		return err
	}
	return provideNodeModules()
}

// nodePath is where the npm packages are, for NODE_PATH: in the user's cache, since they are no part of the repository.
func nodePath() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "renraku-interop", "node_modules"), nil
}

func provideNodeModules() error {
	path, err := nodePath()
	if err != nil {
		return err
	}
	// The packages are there in these versions when the list beside them says so, which is written last.
	list, wanted := filepath.Join(filepath.Dir(path), "installed"), strings.Join(nodeModules, " ")
	if have, err := os.ReadFile(list); err == nil && string(have) == wanted {
		return nil
	}
	command := fmt.Sprintf("npm install --prefix %s --no-save --no-audit --no-fund %s", filepath.Dir(path), wanted)
	if !*install {
		return fmt.Errorf("npm packages are missing; run the tests with -install, or: %s", command)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if out, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", command, err, out)
	}
	return os.WriteFile(list, []byte(wanted), 0o644)
}

// repository is a path in the checkout.
func repository(parts ...string) string {
	return filepath.Join(append([]string{"..", "..", ".."}, parts...)...)
}

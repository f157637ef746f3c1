package cmdtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// installScript installs the Debian packages that are its arguments. Meanwhile the policy of the machine forbids that their services are
// started, as Debian's packages do at their installation; where it has a policy, that holds.
const installScript = `set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap 'rm -f $policy' EXIT
	trap 'exit 1' HUP INT TERM
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
fi
apt-get update -q
apt-get -o DPkg::Lock::Timeout=300 install -qy --no-install-recommends "$@"
`

// InstallDebian installs Debian packages that tests need, and starts none of their services. Only root can. Without allowed, which the flag
// -install of the tests is, it installs nothing, and the error says what would.
func InstallDebian(allowed bool, packages ...string) error {
	if !allowed {
		return fmt.Errorf("packages are missing; run the tests with -install, or: apt-get install --no-install-recommends %s",
			strings.Join(packages, " "))
	}
	c := exec.Command("sh", append([]string{"-c", installScript, "sh"}, packages...)...)
	c.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("install %s: %w\n%s", strings.Join(packages, " "), err, out)
	}
	return nil
}

// ProvideDebian sees that what the tests need is there, and installs it with InstallDebian where it is not: commands or absolute paths, each
// with the Debian package that has it.
func ProvideDebian(allowed bool, needed map[string]string) error {
	packages := missing(needed)
	if len(packages) == 0 {
		return nil
	}
	if err := InstallDebian(allowed, packages...); err != nil {
		return err
	}
	if packages = missing(needed); len(packages) > 0 {
		return fmt.Errorf("still missing after their installation: %s", strings.Join(packages, " "))
	}
	return nil
}

// missing is the packages of what is not there.
func missing(needed map[string]string) []string {
	var packages []string
	for path, name := range needed {
		_, err := exec.LookPath(path)
		if filepath.IsAbs(path) {
			_, err = os.Stat(path)
		}
		if err != nil && !slices.Contains(packages, name) {
			packages = append(packages, name)
		}
	}
	slices.Sort(packages)
	return packages
}

package cmdtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// copied has a script ($3) be run where /usr/sbin is a copy of this machine's ($1 is where), and has the policy that $2 says, or none.
const copied = `set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work"
mount -t overlay overlay -o "lowerdir=/usr/sbin,upperdir=$1/upper,workdir=$1/work" /usr/sbin
policy=/usr/sbin/policy-rc.d
rm -f $policy
[ -z "$2" ] || { printf '#!/bin/sh\nexit %s\n' "$2" >$policy; chmod 755 $policy; }
status=0
sh -c "$3" sh prometheus || status=$?
[ ! -e $policy ] || echo a policy stays
exit $status
`

// aptGet stands for apt-get, and says what a package would be told of its service.
const aptGet = `#!/bin/sh
status=0
/usr/sbin/policy-rc.d prometheus start || status=$?
for last; do :; done
echo "$last $status"
exit $APT_STATUS
`

func TestAnInstallationForTestsStartsNoService(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount")
	}
	bin := Dir(t)
	require.NoError(t, os.WriteFile(filepath.Join(bin, "apt-get"), []byte(aptGet), 0o755))
	for _, c := range []struct {
		name, policy, status string
		says                 string
	}{
		{"without a policy", "", "0", "-q 101\nprometheus 101\n"},
		{"an installation that fails", "", "100", "-q 101\n"},
		{"with a policy of the machine", "104", "0", "-q 104\nprometheus 104\na policy stays\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			command := exec.Command("unshare", "--mount", "sh", "-c", copied, "sh", Dir(t), c.policy, installScript)
			command.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "APT_STATUS="+c.status)
			out, err := command.CombinedOutput()
			assert.Equal(t, c.says, string(out))
			assert.Equal(t, c.status != "0", err != nil, "%v", err)
		})
	}
}

func TestWhatTestsNeedIsNamedWhereItIsMissing(t *testing.T) {
	t.Parallel()
	there, gone := Dir(t), filepath.Join(Dir(t), "gone")
	assert.NoError(t, ProvideDebian(false, map[string]string{"sh": "dash", there: "directory"}))
	assert.EqualError(t, ProvideDebian(false, map[string]string{"sh": "dash", "no-such-command-1": "b", "no-such-command-2": "b", gone: "a"}),
		"packages are missing; run the tests with -install, or: apt-get install --no-install-recommends a b")
}

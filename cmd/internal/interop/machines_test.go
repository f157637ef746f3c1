//go:build interop

package interop

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// machine is another kind of machine than this one.
type machine struct {
	goarch string
	qemu   string // what runs its programs here; "": the system itself
	magic  string // the beginning of its programs (ELF), as binfmt_misc is told, with the mask that goes with it
	mask   string
}

// The machines on which the tests run: one that is big-endian, and two of 32 bits.
var machines = []machine{
	{goarch: "s390x", qemu: "qemu-s390x-static",
		magic: `\x7fELF\x02\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x16`,
		mask:  `\xff\xff\xff\xff\xff\xff\xff\xfc\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff`},
	{goarch: "arm", qemu: "qemu-arm-static",
		magic: `\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x28\x00`,
		mask:  `\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`},
	{goarch: "386"},
}

// enter mounts binfmt_misc for the programs of one machine, in a user and mount namespace of its own, so that they run like this
// machine's own, also where they start themselves; nobody else sees that. $1 is the line for the kernel, the rest the command.
const enter = `mount -t binfmt_misc none /proc/sys/fs/binfmt_misc && printf '%s' "$1" > /proc/sys/fs/binfmt_misc/register && shift && exec "$@"`

// command is a command on this machine that may run programs of the other.
func (m *machine) command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	if m.qemu == "" {
		return exec.Command(name, args...)
	}
	qemu, err := exec.LookPath(m.qemu)
	require.NoError(t, err)
	line := fmt.Sprintf(":%s:M::%s:%s:%s:PF", m.qemu, m.magic, m.mask, qemu)
	return exec.Command("unshare", append([]string{"-Urm", "sh", "-c", enter, "sh", line, name}, args...)...)
}

// run runs a command to its end in dir and gives what it printed.
func run(t *testing.T, c *exec.Cmd, dir string, env ...string) string {
	t.Helper()
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%v\n%s", c, out)
	return string(out)
}

// build compiles the tests of a package for a machine.
func buildTests(t *testing.T, pkg, goarch string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(pkg)+".test")
	run(t, exec.Command("go", "test", "-c", "-o", path, pkg), ".", "GOARCH="+goarch, "CGO_ENABLED=0")
	return path
}

func TestTelegramsAndFilesAreTheSameOnEveryMachine(t *testing.T) {
	for _, m := range machines {
		for _, pkg := range []string{"telegram", "contactfile"} {
			t.Run(pkg+" "+m.goarch, func(t *testing.T) {
				path := buildTests(t, "renraku/"+pkg, m.goarch)
				out := run(t, m.command(t, path, "-test.v"), repository(pkg))
				assert.Contains(t, out, "--- PASS: TestEveryVector", "the vectors were among them")
			})
		}
	}
}

// The daemons and the commands are the other machine's; the tests that run them, and what they compare, are this one's.
func TestAFleetOfOtherMachinesWorks(t *testing.T) {
	const these = "^(TestContactFilesAreReadWithTheToolsOfTheSystem|TestSlaveAnswersTheBytesOfTheSpecification|" +
		"TestKilledManagerLearnsFromTheSlavesWhenItIsBack|TestAResultOutlivesBothDaemons|TestAManagerThatWasKilledGetsTheResultOfItsOrder)$"
	host := buildTests(t, "renraku/cmd/renrakud", "")
	for _, m := range machines {
		t.Run(m.goarch, func(t *testing.T) {
			out := run(t, m.command(t, host, "-test.v", "-test.run", these), repository("cmd", "renrakud"), "GOARCH="+m.goarch)
			for _, name := range []string{"TestContactFilesAreReadWithTheToolsOfTheSystem", "TestSlaveAnswersTheBytesOfTheSpecification",
				"TestKilledManagerLearnsFromTheSlavesWhenItIsBack", "TestAResultOutlivesBothDaemons", "TestAManagerThatWasKilledGetsTheResultOfItsOrder"} {
				assert.Contains(t, out, "--- PASS: "+name)
			}
		})
	}
}

func TestBothBinariesAreStaticForEveryMachine(t *testing.T) {
	for goarch, want := range map[string]elf.Machine{
		"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "386": elf.EM_386, "arm": elf.EM_ARM, "ppc64le": elf.EM_PPC64,
		"s390x": elf.EM_S390, "riscv64": elf.EM_RISCV,
	} {
		t.Run(goarch, func(t *testing.T) {
			dir := t.TempDir()
			run(t, exec.Command("go", "build", "-o", dir, "renraku/cmd/renraku", "renraku/cmd/renrakud"), ".", "GOARCH="+goarch, "CGO_ENABLED=0")
			for _, name := range []string{"renraku", "renrakud"} {
				f, err := elf.Open(filepath.Join(dir, name))
				require.NoError(t, err)
				defer f.Close()
				assert.Equal(t, want, f.Machine)
				libraries, err := f.ImportedLibraries()
				require.NoError(t, err)
				assert.Empty(t, libraries)
				for _, p := range f.Progs {
					assert.NotEqual(t, elf.PT_INTERP, p.Type, "no dynamic linker")
				}
			}
		})
	}
}

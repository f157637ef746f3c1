package slave

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// mayBecomeAnother says whether this process has the right to start others as another user: both capabilities that root has for it.
func mayBecomeAnother() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return os.Geteuid() == 0
	}
	const needed = 1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID
	return sets[0].Effective&needed == needed
}

// noRightError is why a process cannot be run as the user that its definition names.
type noRightError struct{ user string }

func (e *noRightError) Error() string {
	return fmt.Sprintf("cannot run as user %q: the daemon runs as user number %d and has no right to run anything as another user",
		e.user, os.Geteuid())
}

// Unprivileged gives the processes of a server that this daemon cannot run, since they ask for another user, each as "ONLINE as app". Every
// order of one is FAILED.
func Unprivileged(processes []Process, host string) []string {
	var all []string
	for i := range processes {
		p := &processes[i]
		if !p.On(host) || p.User == "" {
			continue
		}
		if _, err := accountOf(p.User); errors.As(err, new(*noRightError)) {
			all = append(all, p.ID.String()+" as "+p.User)
		}
	}
	slices.Sort(all)
	return all
}

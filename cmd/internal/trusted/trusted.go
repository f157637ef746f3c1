// Package trusted opens files that say what a daemon does, such as the definition and keys, and refuses those that somebody else could
// have written, or, of a secret, read. What is checked is the file that is open, and the directory that it was opened in, not what
// stands at the path a moment later.
//
// trusted.go opens them, keys.go reads those of sealed mode.
package trusted

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// Error says what is wrong with a file or directory, and the command that mends it.
type Error struct {
	Path    string
	Problem string // such as "others may write it"
	Mend    string // such as "chmod o-w /etc/renraku/renraku.toml"
}

// Error is one sentence.
func (e *Error) Error() string {
	return fmt.Sprintf("%s is not to be trusted: %s; this mends it: %s", e.Path, e.Problem, e.Mend)
}

// Open opens a file for reading that nobody but root and this process's own user can write or put another in the place of: it and its
// directory belong to one of them, and neither the group nor others may write them; a directory in which everybody may only remove what is
// his own (the sticky bit, as /tmp) will do. Where the path is a symbolic link, both directories have to be so. The error is *Error, or
// the system's.
func Open(path string) (*os.File, error) { return open(path, false) }

// OpenSecret is Open for a file of which in addition nobody else may read anything: mode 0600 or less. A file that belongs to root may be
// read by its group as well (0640), so that a daemon that is not root can have the key without being able to change it.
func OpenSecret(path string) (*os.File, error) { return open(path, true) }

func open(path string, secret bool) (*os.File, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		if p := (*fs.PathError)(nil); errors.As(err, &p) {
			err = p.Err
		}
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	if filepath.Dir(real) != filepath.Dir(path) { // who can write there can have the link lead elsewhere
		dir, err := openDir(filepath.Dir(path))
		if err != nil {
			return nil, err
		}
		dir.Close()
	}
	dir, err := openDir(filepath.Dir(real))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	fd, err := unix.Openat(int(dir.Fd()), filepath.Base(real), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(fd), real)
	if err := check(f, secret); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// openDir opens a directory, only to look at it and to open what is in it.
func openDir(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	d := os.NewFile(uintptr(fd), path)
	if err := check(d, false); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func check(f *os.File, secret bool) error {
	var s unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &s); err != nil {
		return &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	if problem, mend := verdict(&s, uint32(os.Geteuid()), secret); problem != "" {
		return &Error{Path: f.Name(), Problem: problem, Mend: mend + " " + f.Name()}
	}
	return nil
}

// verdict says what is wrong with a file or directory for a process of the user, and what mends it; "": nothing.
func verdict(s *unix.Stat_t, me uint32, secret bool) (problem, mend string) {
	const group, others = 0o020, 0o002
	mode := s.Mode
	sticky := mode&unix.S_IFMT == unix.S_IFDIR && mode&unix.S_ISVTX != 0
	mayRead := uint32(0o077)
	if s.Uid == 0 {
		mayRead = 0o037 // so its group may
	}
	switch {
	case s.Uid != 0 && s.Uid != me:
		return fmt.Sprintf("it belongs to %s, who is neither root nor the user of this process", nameOf(s.Uid)), "chown root"
	case mode&(group|others) == group|others && !sticky:
		return "its group and others may write it", "chmod go-w"
	case mode&group != 0 && !sticky:
		return "its group may write it", "chmod g-w"
	case mode&others != 0 && !sticky:
		return "others may write it", "chmod o-w"
	case secret && mode&mayRead != 0:
		return fmt.Sprintf("it is secret, and its mode of %04o lets others use it", mode&0o777), fmt.Sprintf("chmod %04o", mode&0o777&^mayRead)
	}
	return "", ""
}

// nameOf is the user for a person.
func nameOf(uid uint32) string {
	number := strconv.Itoa(int(uid))
	u, err := user.LookupId(number)
	if err != nil {
		return "user " + number
	}
	return "user " + u.Username
}

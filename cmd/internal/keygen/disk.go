package keygen

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	dirMode    = 0o700
	secretMode = 0o600
	publicMode = 0o644
)

// openDir makes the directory where there is none, and locks it for this run.
func openDir(path string) (*os.File, error) {
	if err := os.MkdirAll(path, dirMode); err != nil {
		return nil, err
	}
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err = checkDir(dir); err == nil {
		err = unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = fmt.Errorf("another renraku keygen works on %s", path)
		}
	}
	if err != nil {
		dir.Close()
		return nil, err
	}
	return dir, nil
}

// checkDir says whether anybody else could read the keys in it, or put others there.
func checkDir(dir *os.File) error {
	var info unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &info); err != nil {
		return &fs.PathError{Op: "stat", Path: dir.Name(), Err: err}
	}
	switch me, mode := os.Geteuid(), info.Mode&0o777; {
	case info.Uid != uint32(me):
		return fmt.Errorf("%s belongs to user %d, who could read all keys: one of user %d, who runs this, is right", dir.Name(), info.Uid, me)
	case mode&^dirMode != 0:
		return fmt.Errorf("%s has the mode %04o: only its owner may read it, so 0700 is right", dir.Name(), mode)
	}
	return nil
}

// temporary is the name under which a file or a folder is made.
func temporary(name string) string { return ".new-" + name }

// replaceFile puts a file into its place as a whole.
func replaceFile(path string, text []byte, mode fs.FileMode) error {
	return replace(path, text, mode, os.WriteFile)
}

// replaceSurely is replaceFile for what cannot be made again: it is on the disk before it takes the place of what was there.
func replaceSurely(path string, text []byte, mode fs.FileMode) error {
	return replace(path, text, mode, writeSurely)
}

// writeFunc is os.WriteFile.
type writeFunc = func(path string, text []byte, mode fs.FileMode) error

func replace(path string, text []byte, mode fs.FileMode, write writeFunc) error {
	making := filepath.Join(filepath.Dir(path), temporary(filepath.Base(path)))
	if err := os.Remove(making); err != nil && !errors.Is(err, fs.ErrNotExist) { // an earlier run's, which may have another mode
		return err
	}
	if err := write(making, text, mode); err != nil {
		return err
	}
	return os.Rename(making, path)
}

// writeSurely is os.WriteFile that waits for the disk.
func writeSurely(path string, text []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

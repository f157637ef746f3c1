package contactfile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// The modes of what a daemon makes in its directory, and of that itself.
const (
	fileMode = 0o640
	dirMode  = 0o750
)

// OpenFile opens a file of a daemon's directory with flag as os.OpenFile does, and makes it where there is none, with mode 0640 whatever
// the umask. The mode of one that is there is left as it is.
func OpenFile(path string, flag int) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, flag, 0)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		f, err = os.OpenFile(path, flag|os.O_CREATE|os.O_EXCL, fileMode)
		if errors.Is(err, fs.ErrExist) { // since
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := f.Chmod(fileMode); err != nil {
			f.Close()
			os.Remove(path)
			return nil, err
		}
		return f, nil
	}
}

// MakeDir makes a directory of a daemon, with mode 0750 whatever the umask. The mode of one that is there is left as it is.
func MakeDir(path string) error {
	switch err := os.Mkdir(path, dirMode); {
	case err == nil:
		return os.Chmod(path, dirMode)
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
	}
	return err
}

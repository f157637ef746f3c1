package contactfile

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// historyFile is the file under a history. An error may be any of the disk's: ENOSPC, EIO, EFBIG, EDQUOT.
type historyFile interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Stat() (os.FileInfo, error)
	size() (int64, error)
	sync() error                         // fdatasync(2)
	allocate(offset, length int64) error // fallocate(2), the size of the file stays
}

type osHistoryFile struct{ *os.File }

func openHistoryFile(path string) (historyFile, error) {
	f, err := OpenFile(path, os.O_RDWR)
	if err != nil {
		return nil, err
	}
	return osHistoryFile{f}, nil
}

func (f osHistoryFile) size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f osHistoryFile) sync() error {
	return f.call("fdatasync", func(fd int) error { return unix.Fdatasync(fd) })
}

func (f osHistoryFile) allocate(offset, length int64) error {
	return f.call("fallocate", func(fd int) error { return unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, offset, length) })
}

// call makes a system call of the file until no signal interrupts it.
func (f osHistoryFile) call(name string, call func(fd int) error) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var callErr error
	if err := c.Control(func(fd uintptr) {
		for callErr = call(int(fd)); callErr == unix.EINTR; {
			callErr = call(int(fd))
		}
	}); err != nil {
		return err
	}
	return os.NewSyscallError(name, callErr)
}

// syncDirectory has the names in a directory on disk.
func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

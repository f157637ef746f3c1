package runs

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"renraku/telegram"
)

// job is what a daemon gives a parent: a run, in JSON, with its files.
type job struct {
	Process string
	Run     uint64
	Command Command
}

// The files of a job, in their order.
const (
	fileRecord = iota // the run's file, for STARTED, LEADER, UP and DONE
	fileLock          // the lock of the run, for the process too
	fileOutput        // the captured output
	jobFiles
)

// MaxCommand is the longest command in bytes as the parent reads it (JSON).
const MaxCommand = 4 << 20

// maxJob is the longest job: a command, and what stands around it.
const maxJob = MaxCommand + 1<<10

// frameHead is the length of what stands before a message to a parent: how long the message is, in bytes, the largest first.
const frameHead = 4

// framed is a message as it is sent.
func framed(b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(make([]byte, 0, frameHead+len(b)), uint32(len(b))), b...)
}

// receiveJob waits for the next job on the daemon's socket; io.EOF: there will be none.
func receiveJob(socket int) (j job, files []*os.File, err error) {
	for {
		var length int
		if length, files, err = receiveHead(socket); err != nil {
			return job{}, nil, err
		}
		if length > 0 {
			text := make([]byte, length)
			if err = readFull(socket, text); err == nil {
				err = json.Unmarshal(text, &j)
			}
			break
		}
	}
	if err == nil && len(files) != jobFiles {
		err = fmt.Errorf("it came with %d files, not %d", len(files), jobFiles)
	}
	if err == nil {
		_, err = telegram.NewProcessID(j.Process)
	}
	return j, files, err
}

// receiveHead gives the length of the next message, and the files that come with it. They are nobody else's.
func receiveHead(socket int) (length int, files []*os.File, err error) {
	var head [frameHead]byte
	ancillary := make([]byte, unix.CmsgSpace(jobFiles*4))
	n, size, err := 0, 0, error(nil)
	for {
		n, size, _, _, err = unix.Recvmsg(socket, head[:], ancillary, unix.MSG_CMSG_CLOEXEC)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err != nil {
		return 0, nil, err
	}
	if files, err = filesOf(ancillary[:size]); err != nil {
		return 0, nil, err
	}
	if err := readFull(socket, head[n:]); err != nil {
		return 0, nil, err
	}
	if length = int(binary.BigEndian.Uint32(head[:])); length > maxJob {
		return 0, nil, fmt.Errorf("a message of %d bytes", length)
	}
	return length, files, nil
}

func filesOf(ancillary []byte) (files []*os.File, err error) {
	messages, err := unix.ParseSocketControlMessage(ancillary)
	if err != nil {
		return nil, err
	}
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return nil, err
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "file of a run"))
		}
	}
	return files, nil
}

func readFull(socket int, b []byte) error {
	for len(b) > 0 {
		n, err := unix.Read(socket, b)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return err
		case n == 0:
			return io.ErrUnexpectedEOF
		}
		b = b[n:]
	}
	return nil
}

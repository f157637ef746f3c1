package slave

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"renraku/contactfile"
	"renraku/telegram"
)

// memoryFile is the name of a server's memory among the records of its runs.
const memoryFile = "application.dat"

const (
	bootIDLength = 36
	memoryLength = bootIDLength + 1 + telegram.StatusLength + 1 // boot ID, space, status padded with spaces, LF
)

// Memory is the file in which a server remembers its own field 133 within one boot of the machine, so that no restart of its
// daemon makes an application that runs look not started. It is one line of 62 bytes, written in place.
type Memory struct {
	file *os.File
	boot string
}

// openMemory opens the memory in the directory of the runs, and makes an empty one where there is none.
func openMemory(dir, boot string) (*Memory, error) {
	file, err := contactfile.OpenFile(filepath.Join(dir, memoryFile), os.O_RDWR)
	if err != nil {
		return nil, fmt.Errorf("open the memory of field 133: %w", err)
	}
	return &Memory{file: file, boot: boot}, nil
}

// Load gives the remembered status; ok is false where there is none of this boot.
func (m *Memory) Load() (status telegram.Status, ok bool) {
	b := make([]byte, memoryLength)
	if n, _ := m.file.ReadAt(b, 0); n != memoryLength || b[memoryLength-1] != '\n' || b[bootIDLength] != ' ' {
		return telegram.Status{}, false // empty, or torn by a crash of the machine, which ended the boot too
	}
	if string(b[:bootIDLength]) != m.boot {
		return telegram.Status{}, false
	}
	status, err := telegram.NewStatus(string(bytes.TrimRight(b[bootIDLength+1:memoryLength-1], " ")))
	return status, err == nil
}

// Store remembers the status. It does not wait for the disk: what only a crash of the machine can lose is forgotten with the boot
// anyway, and answers to inquiries wait for this.
func (m *Memory) Store(status telegram.Status) error {
	line := fmt.Sprintf("%s %-*s\n", m.boot, telegram.StatusLength, status)
	if _, err := m.file.WriteAt([]byte(line), 0); err != nil {
		return fmt.Errorf("remember field 133: %w", err)
	}
	return nil
}

// Close closes the file; what is remembered stays.
func (m *Memory) Close() error { return m.file.Close() }

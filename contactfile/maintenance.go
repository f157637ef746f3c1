package contactfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// MaintenanceLength is the length of a record of the maintenance file in bytes, the line feed included.
const MaintenanceLength = RecordLength

// makingSuffix is added to the name of a file that is being written, until it takes the place of the one before.
const makingSuffix = ".new"

// Maintenance is one record of the maintenance file: a server in maintenance. Its fields stand where those of a contact record do, the
// end of maintenance in the place of the last change.
type Maintenance struct {
	Host        string    // 1 to 64 bytes 0x21–0x7E
	Operating   Operating // (132) as it was last told before the maintenance; "": it was not told
	Application string    // (133) likewise: 0 to 24 bytes 0x21–0x7E
	Until       time.Time // its end; the file keeps whole seconds, UTC
}

// Append appends the 128 bytes of the record to b. Its error is a *FieldError of record 0; b is then returned as it was.
func (m *Maintenance) Append(b []byte) ([]byte, error) {
	if err := m.check(); err != nil {
		return b, err
	}
	b = appendPadded(slices.Grow(b, MaintenanceLength), m.Host, hostLength)
	b = appendPadded(b, string(m.Operating), operatingLength)
	b = appendPadded(b, m.Application, applicationLength)
	b = m.Until.UTC().AppendFormat(b, timeLayout)
	return append(b, ending...), nil
}

func (m *Maintenance) check() error {
	if err := checkName(FieldHost, hostOffset, m.Host, hostLength, 1); err != nil {
		return err
	}
	if m.Operating != "" && m.Operating != Running && m.Operating != Stopped {
		return &FieldError{Field: FieldOperating, Offset: operatingOffset, Err: ErrOperating, Got: fmt.Sprintf("%q", m.Operating)}
	}
	if err := checkName(FieldApplication, applicationOffset, m.Application, applicationLength, 0); err != nil {
		return err
	}
	if y := m.Until.UTC().Year(); y < 0 || y > 9999 {
		return &FieldError{Field: FieldUntil, Offset: sinceOffset, Err: ErrTime, Got: fmt.Sprintf("year %d", y)}
	}
	return nil
}

// decodeMaintenance reads the 128 bytes s of record n.
func decodeMaintenance(s string, n int) (Maintenance, error) {
	r, err := readAsContact(s, n)
	if err != nil {
		return Maintenance{}, err
	}
	m := Maintenance{Host: r.Host, Operating: r.Operating, Application: r.Application, Until: r.Since}
	if isBlankOperating(s) {
		m.Operating = ""
	}
	return m, nil
}

// readAsContact reads the record as one of the contact file, with some operating status where it has none.
func readAsContact(s string, n int) (r Record, err error) {
	if isBlankOperating(s) {
		s = s[:operatingOffset] + string(Stopped) + " " + s[applicationOffset:]
	}
	err = r.decode(s, n)
	var e *FieldError
	if errors.As(err, &e) && e.Field == FieldSince {
		e.Field = FieldUntil
	}
	return r, err
}

func isBlankOperating(s string) bool {
	return s[operatingOffset:applicationOffset] == blank[:operatingLength]
}

// ReadMaintenance reads the maintenance file at path: the servers that the manager's daemon has in maintenance, and those whose end has
// come since. No file is none. Damage is a *FieldError.
func ReadMaintenance(path string) ([]Maintenance, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read maintenance file: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > MaxRecords*MaintenanceLength {
		return nil, fmt.Errorf("read maintenance file %s: %w", path, ErrTooLarge)
	}
	b, err := io.ReadAll(io.LimitReader(f, MaxRecords*MaintenanceLength))
	if err != nil {
		return nil, fmt.Errorf("read maintenance file: %w", err)
	}
	all, err := decodeAllMaintenance(string(b))
	if err != nil {
		return nil, fmt.Errorf("read maintenance file %s: %w", path, err)
	}
	return all, nil
}

func decodeAllMaintenance(s string) (all []Maintenance, err error) {
	if err := partError(len(s)); err != nil {
		var e *FieldError
		if errors.As(err, &e) && e.Field == FieldSince {
			e.Field = FieldUntil
		}
		return nil, err
	}
	for n := 0; n*MaintenanceLength < len(s); n++ {
		m, err := decodeMaintenance(s[n*MaintenanceLength:][:MaintenanceLength], n)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// UnsyncedError is why the directory of a file that has been replaced is perhaps not on disk: who reads the file reads what was written, and
// after a power cut perhaps what was before.
type UnsyncedError struct{ Err error }

func (e *UnsyncedError) Error() string { return e.Err.Error() }

// Unwrap is the error of the disk.
func (e *UnsyncedError) Unwrap() error { return e.Err }

// WriteMaintenance has the maintenance file at path have these records and no others, on disk when it returns. A reader sees the file as
// it was or as it is, and so does the next daemon where this one is killed, or the machine ends. There is one writer. With an error the
// file is as it was, but for an *UnsyncedError.
func WriteMaintenance(path string, all []Maintenance) error {
	var b []byte
	for i := range all {
		var err error
		if b, err = all[i].Append(b); err != nil {
			return fmt.Errorf("write maintenance file: %w", err)
		}
	}
	if err := writeMaking(path+makingSuffix, b); err != nil {
		return fmt.Errorf("write maintenance file: %w", err)
	}
	if err := os.Rename(path+makingSuffix, path); err != nil {
		return fmt.Errorf("write maintenance file: %w", err)
	}
	if err := syncDirectory(filepath.Dir(path)); err != nil {
		return fmt.Errorf("write maintenance file: %w", &UnsyncedError{err})
	}
	return nil
}

// writeMaking writes what an earlier daemon may have begun.
func writeMaking(path string, b []byte) (err error) {
	f, err := OpenFile(path, os.O_WRONLY|os.O_TRUNC)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(b); err != nil {
		return err
	}
	return unix.Fdatasync(int(f.Fd()))
}

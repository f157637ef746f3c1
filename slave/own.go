package slave

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"renraku/contactfile"
	"renraku/telegram"
)

// OwnRecord is a server's own record of its contact file: the only one of a slave (230), the first of the manager (130).
type OwnRecord struct {
	host  telegram.Host
	file  *contactfile.File
	index int

	mu          sync.Mutex
	monitored   bool
	unbegun     error           // why monitoring could not begin
	memory      *Memory         // nil: nothing is remembered beyond the daemon's life
	stored      telegram.Status // as it stands in the memory
	unwritten   bool            // the file has an older status, since it could not be written
	application telegram.Status // as last known: field 133 is remembered while the file is cleared
	tell        func(event string)
}

// NotStarted is the status of a server whose applications have not been started (未起動).
var NotStarted = mustStatus(contactfile.NotStarted)

func mustStatus(s string) telegram.Status {
	status, err := telegram.NewStatus(s)
	if err != nil {
		panic(err)
	}
	return status
}

// NewOwnRecord is record index of file, for the given host; not monitored yet, with the status NOT-STARTED.
func NewOwnRecord(host telegram.Host, file *contactfile.File, index int) *OwnRecord {
	return &OwnRecord{host: host, file: file, index: index, application: NotStarted, tell: func(string) {}}
}

// Tell has every change of field 133 from now on told as an event, such as "app01 application ONLINE". The function must not
// wait.
func (o *OwnRecord) Tell(tell func(event string)) {
	if tell == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tell = tell
}

// Remember takes up the status that an earlier daemon of this boot left in the memory, and keeps the memory up to date from
// now on. The memory stays the caller's.
func (o *OwnRecord) Remember(m *Memory) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.memory = m
	if status, ok := m.Load(); ok {
		o.application, o.stored = status, status
	}
}

// Host is whose record it is.
func (o *OwnRecord) Host() telegram.Host { return o.host }

// Initial is the record as it stands when the contact file is created (14, 31): STOPPED, with the remembered status.
func (o *OwnRecord) Initial(now time.Time) contactfile.Record {
	o.mu.Lock()
	defer o.mu.Unlock()
	return contactfile.Record{Host: o.host.String(), Operating: contactfile.Stopped, Application: o.application.String(), Since: now}
}

// Begin says that the file has been created and monitoring begins; the record becomes RUNNING.
func (o *OwnRecord) Begin(now time.Time) error {
	o.mu.Lock()
	o.monitored, o.unbegun = true, nil
	o.unwritten = true // the status may have changed since Initial; nobody else has written to the new file
	o.mu.Unlock()
	return o.SetRunning(now)
}

// Fail says that monitoring should begin and cannot, since the file could not be created.
func (o *OwnRecord) Fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.unbegun = err
}

// Unbegun is why monitoring could not begin; nil where it has, or should not.
func (o *OwnRecord) Unbegun() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.unbegun
}

// End says that monitoring ends. The caller clears the file.
func (o *OwnRecord) End() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.monitored {
		o.look() // whatever stands there now is what is remembered
	}
	o.monitored, o.unbegun, o.unwritten = false, nil, false
}

// Monitored says whether monitoring goes on.
func (o *OwnRecord) Monitored() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.monitored
}

// SetRunning sets field 132 to RUNNING (38).
func (o *OwnRecord) SetRunning(now time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.monitored {
		return nil
	}
	if err := o.look(); err != nil {
		return err
	}
	return o.write(now)
}

// Application is field 133: as it stands in the file while monitored, else as last known.
func (o *OwnRecord) Application() telegram.Status {
	status, _ := o.ReadApplication()
	return status
}

// ReadApplication reads field 133 from the file (63). Without monitoring there is none to read; then, and where the record
// cannot be read, the status last known comes with the error.
func (o *OwnRecord) ReadApplication() (telegram.Status, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.monitored {
		return o.application, errNotMonitored
	}
	err := o.look()
	return o.application, err
}

var errNotMonitored = errors.New("no monitoring on this server")

// SetApplication sets field 133 (65). The status is remembered even where the file cannot be written.
func (o *OwnRecord) SetApplication(now time.Time, status telegram.Status) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	err := o.know(status)
	if !o.monitored {
		return err
	}
	o.unwritten = true
	fileErr := o.look()
	if fileErr == nil {
		fileErr = o.write(now)
	}
	return errors.Join(fileErr, err)
}

// look takes field 133 from the file, where somebody may have corrected it by hand. A status that could not be written is
// newer than what the file has, and stays.
func (o *OwnRecord) look() error {
	r, err := o.file.Record(o.index)
	if err != nil {
		return err
	}
	if err := r.Of(o.host.String(), o.index); err != nil {
		return fmt.Errorf("read contact file: %w", err)
	}
	status, err := telegram.NewStatus(r.Application)
	if err != nil {
		return fmt.Errorf("read contact file: record %d: %w", o.index, err)
	}
	if !o.unwritten {
		o.know(status) // a memory that fails must not keep the file from being read
	}
	return nil
}

// write brings the record up to date: RUNNING, and the status that is known. It is called after look, so that it is this
// host's record.
func (o *OwnRecord) write(now time.Time) error {
	_, _, err := o.file.Update(o.index, now, func(r *contactfile.Record) {
		r.Operating = contactfile.Running
		r.Application = o.application.String()
	})
	if err == nil {
		o.unwritten = false
	}
	return err
}

// know takes a status as the one that stands now. What the memory could not store is stored the next time.
func (o *OwnRecord) know(status telegram.Status) error {
	if status != o.application {
		o.tell(fmt.Sprintf("%v application %v", o.host, status))
	}
	o.application = status
	if o.memory == nil || status == o.stored {
		return nil
	}
	if err := o.memory.Store(status); err != nil {
		return err
	}
	o.stored = status
	return nil
}

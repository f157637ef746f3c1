package runs

import "os"

// SetAt has a function called at each step of the daemon and of the parent.
func SetAt(f func(step string)) { at = f }

// SetParentEnv gives parents an environment.
func SetParentEnv(env ...string) { parentEnv.Store(&env) }

// SetParentDisk has a function called before a parent writes a line and before it waits for the disk; an error of it is that of
// the disk.
func SetParentDisk(fault func(word string, syncing bool) error) {
	parentDisk = func(f *os.File) disk { return &spoiledDisk{disk: osDisk{f}, fault: fault} }
}

type spoiledDisk struct {
	disk
	fault func(word string, syncing bool) error
	word  string
}

func (d *spoiledDisk) WriteAt(b []byte, off int64) (int, error) {
	d.word = columnWord.get(b)
	if err := d.fault(d.word, false); err != nil {
		return 0, &os.PathError{Op: "write", Path: "P.run", Err: err}
	}
	return d.disk.WriteAt(b, off)
}

func (d *spoiledDisk) sync() error {
	if err := d.fault(d.word, true); err != nil {
		return &os.PathError{Op: "fdatasync", Path: "P.run", Err: err}
	}
	return d.disk.sync()
}

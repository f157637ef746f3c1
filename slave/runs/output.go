package runs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"renraku/telegram"
)

// OutputPart is how much of the beginning and of the end of a run's output is kept, in bytes each.
const OutputPart = 64 << 10

// The file of an output: one line of 64 bytes, the first OutputPart bytes, and a ring of the last OutputPart bytes.
const (
	outputLine     = 64
	headOffset     = outputLine
	ringOffset     = headOffset + OutputPart
	outputFileMost = ringOffset + OutputPart
)

var (
	columnOutputWord  = column{0, 8} // OUTPUT
	columnOutputRun   = column{8, 20}
	columnOutputTotal = column{29, 20} // decimal: bytes that the run has printed
)

// capture keeps the beginning and the end of what is written to it in a file, and the very end in memory.
type capture struct {
	file *os.File
	run  uint64

	mu    sync.Mutex
	total int64
	tail  Tail
	err   error // the first that kept output from the file
}

// Write never fails: a full disk must not end the process that prints.
func (c *capture) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(b)
	c.tail.Write(b)
	return len(b), nil
}

// keep writes to the file what of b belongs to the head and what to the ring, then how much it all is.
func (c *capture) keep(b []byte) {
	at := c.total
	c.total += int64(len(b))
	if at < OutputPart {
		n := min(int64(len(b)), OutputPart-at)
		c.writeAt(b[:n], headOffset+at)
		b, at = b[n:], at+n
	}
	if over := len(b) - OutputPart; over > 0 {
		b, at = b[over:], at+int64(over)
	}
	for len(b) > 0 {
		place := (at - OutputPart) % OutputPart
		n := min(int64(len(b)), OutputPart-place)
		c.writeAt(b[:n], ringOffset+place)
		b, at = b[n:], at+n
	}
	c.writeAt(outputHeader(c.run, c.total), 0)
}

func (c *capture) writeAt(b []byte, at int64) {
	if _, err := c.file.WriteAt(b, at); err != nil && c.err == nil {
		c.err = err
	}
}

// lastLine is the last line that is not blank.
func (c *capture) lastLine() string { return c.tail.LastLine() }

// failed is what kept output from the file first; nil: nothing.
func (c *capture) failed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func outputHeader(run uint64, total int64) []byte {
	b := bytes.Repeat([]byte(" "), outputLine)
	b[outputLine-1] = '\n'
	columnOutputWord.put(b, "OUTPUT")
	columnOutputRun.put(b, fmt.Sprintf("%0*d", columnOutputRun.length, run))
	columnOutputTotal.put(b, fmt.Sprintf("%0*d", columnOutputTotal.length, total))
	return b
}

// outputs are the files of runs that this daemon knows to be whole: the parent writes to them no more. It has the number of the
// last such run of each process. A file is made anew less often so, which is dear.
type outputs struct {
	mu    sync.Mutex
	whole map[telegram.ProcessID]uint64
}

func (o *outputs) add(process telegram.ProcessID, run uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.whole == nil {
		o.whole = map[telegram.ProcessID]uint64{}
	}
	o.whole[process] = run
}

// take says whether the output of that run is whole, to whoever overwrites it.
func (o *outputs) take(process telegram.ProcessID, run uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	whole, ok := o.whole[process]
	delete(o.whole, process)
	return ok && whole == run
}

// Output is what the last run of a process printed, standard output and error together.
type Output struct {
	Head    []byte // the first OutputPart bytes, or all
	Tail    []byte // the last bytes after Head, at most OutputPart
	Omitted int64  // bytes between the two
}

// ErrNoOutput says that no run of the process is known.
var ErrNoOutput = errors.New("no run of this process is known here")

// ReadOutput reads the output of the last run of the process from the daemon's directory, while it runs or afterwards, with
// or without a daemon. The error is ErrNoOutput where there was none.
func ReadOutput(dir string, id telegram.ProcessID) (Output, error) {
	name, ok := fileName(id)
	if !ok {
		return Output{}, fmt.Errorf("read the output of %v: %w", id, ErrNoOutput)
	}
	f, err := os.Open(filepath.Join(dir, Name, name+outputSuffix))
	if errors.Is(err, os.ErrNotExist) {
		if _, dirErr := os.Stat(dir); dirErr != nil {
			return Output{}, fmt.Errorf("read the output of %v: %w", id, dirErr)
		}
		return Output{}, fmt.Errorf("read the output of %v: %w", id, ErrNoOutput)
	}
	if err != nil {
		return Output{}, fmt.Errorf("read the output of %v: %w", id, err)
	}
	defer f.Close()
	b := make([]byte, outputFileMost)
	n, err := f.ReadAt(b, 0)
	if err != nil && !isEOF(err) {
		return Output{}, fmt.Errorf("read the output of %v: %w", id, err)
	}
	if n < outputLine || [outputLine]byte(b) == [outputLine]byte{} {
		return Output{}, nil // nothing was printed yet, or just now and is not counted
	}
	total, err := strconv.ParseInt(columnOutputTotal.get(b[:outputLine]), 10, 64)
	if err != nil || total < 0 {
		return Output{}, fmt.Errorf("read the output of %v: %s does not begin with its length", id, f.Name())
	}
	return unroll(b[:n], total), nil
}

// unroll puts the ring in order. What of it could not be written is left out.
func unroll(b []byte, total int64) Output {
	o := Output{Head: b[headOffset:min(int64(len(b)), headOffset+min(total, OutputPart))]}
	if total <= OutputPart || len(b) < ringOffset {
		return o
	}
	ring := b[ringOffset:]
	if total <= 2*OutputPart {
		o.Tail = ring[:min(int64(len(ring)), total-OutputPart)]
		return o
	}
	o.Omitted = total - 2*OutputPart
	first := min(total%OutputPart, int64(len(ring)))
	o.Tail = append(append(make([]byte, 0, OutputPart), ring[first:]...), ring[:first]...)
	return o
}

func isEOF(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

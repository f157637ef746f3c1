package main

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// The two sides of a ratio have a processor each, where there are two: otherwise it is chance whether the system has them take turns
// on one, for the whole of a measurement.
const (
	anyCPU    = -1
	askingCPU = 0
	otherCPU  = 1
)

// pin has this process run on one of the processors that it may use, counted from 0.
func pin(cpu int) error {
	var may unix.CPUSet
	if err := unix.SchedGetaffinity(0, &may); err != nil {
		return fmt.Errorf("which processors there are: %w", err)
	}
	if cpu == anyCPU || may.Count() < 2 {
		return nil
	}
	number := 0
	for left := cpu; !may.IsSet(number) || left > 0; number++ {
		if may.IsSet(number) {
			left--
		}
	}
	var one unix.CPUSet
	one.Set(number)
	threads, err := os.ReadDir("/proc/self/task") // those that come later are started by these
	if err != nil {
		return err
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, &one); err != nil {
			return fmt.Errorf("take processor %d: %w", number, err)
		}
	}
	return nil
}

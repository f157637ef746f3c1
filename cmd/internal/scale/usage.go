package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// usage is what a process has used so far.
type usage struct {
	At       time.Time
	CPU      time.Duration // user and system
	Mallocs  uint64        // only of a child
	Heap     uint64        // bytes that live, only of a child, and after a collection
	Resident uint64        // bytes
}

// ownUsage is that of this process.
func ownUsage(collect bool) usage {
	if collect {
		runtime.GC()
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	resident, _ := residentOf(os.Getpid())
	return usage{At: time.Now(), CPU: time.Duration(r.Utime.Nano() + r.Stime.Nano()), Mallocs: memory.Mallocs, Heap: memory.HeapAlloc,
		Resident: resident}
}

// usageOf is that of a daemon, as proc(5) has it.
func usageOf(pid int) (usage, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}, err
	}
	_, rest, _ := strings.Cut(string(b), ") ") // behind the name, which may have spaces
	var state string
	var skipped [10]int64
	var user, system int64
	fields := []any{&state}
	for i := range skipped {
		fields = append(fields, &skipped[i])
	}
	if _, err := fmt.Sscan(rest, append(fields, &user, &system)...); err != nil {
		return usage{}, fmt.Errorf("read /proc/%d/stat: %w", pid, err)
	}
	resident, err := residentOf(pid)
	return usage{At: time.Now(), CPU: time.Duration(user+system) * (time.Second / ticksPerSecond), Resident: resident}, err
}

// ticksPerSecond is USER_HZ, which is 100 on every Linux.
const ticksPerSecond = 100

func residentOf(pid int) (uint64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kilobytes uint64
		if n, _ := fmt.Sscanf(lines.Text(), "VmRSS: %d kB", &kilobytes); n == 1 {
			return kilobytes << 10, nil
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no VmRSS", pid)
}

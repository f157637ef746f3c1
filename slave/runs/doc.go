// Package runs is what a server must not forget (runs/): what it was about to launch, what runs, how it ended, and what it
// printed. All of it survives the death of the daemon. FORMAT.md beside this file describes the files.
//
// A process is launched by a small parent, another start of this very program, which outlives the daemon: it says STARTED on disk,
// runs the process, enforces its timeout, keeps its output and says how it ended. One parent waits for the next run, so that no
// order waits for one to be started.
//
// The files, and what each owns:
//
//   - dir.go: Dir, the directory: the last run of each process, the boot ID.
//   - record.go: Record, the six lines of a run's file, each written by one side once.
//   - launch.go: Launch: the intent, then the parent. Command, what the parent is to run.
//   - parents.go: the parents as their daemon has them: the one that waits, KeepParent, notes. job.go: how a parent is given a run.
//   - run.go: Run, one run as the daemon follows it, and its State.
//   - orphan.go: what the daemon does for a run whose parent was killed while its process goes on.
//   - alive.go: whether the parent or the process of a run still lives: locks, and process IDs with their start times.
//   - parent.go: IsParent and Parent, the parent of a run. leader.go: the process it runs: start, timeout, wait.
//   - output.go: the captured output, written by the parent, read by anyone. tail.go: the last line of an output.
//
// Who owns what: the daemon writes INTENT and FILED, the parent STARTED, LEADER, UP and DONE. Nobody writes another's line, except
// that the daemon writes UP where the parent is dead. So nothing is read, changed and written back.
package runs

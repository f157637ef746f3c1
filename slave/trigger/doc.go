// Package trigger starts execution control at a preset time or by a message of another process (50): an Engine watches the
// wall clock and the messages, and calls a function for each trigger that is due. What is ordered then, and where, is not
// its concern.
//
// The files, and what each owns:
//
//   - trigger.go: Trigger, one trigger of the definition, and Cause, what fired it.
//   - zone.go: which minutes of a zone's wall clock one minute of the world stands for, over changes of the clock.
//   - schedule.go: the five fields of cron, asked of such minutes.
//   - engine.go: Engine, Config, and the start of a firing within its limits.
//   - timing.go: the walk from minute to minute, steps of the wall clock included. missed.go: the names of minutes not run.
//   - state.go: the file that keeps the last minute that was handled.
//   - messages.go: the queue of messages, the reader of the socket, and the matcher. drops.go: what is dropped, counted and said.
//   - syslog.go: a datagram as a message, a syslog header taken off.
//   - socket.go: message.sock.
//
// Who owns what: Engine.Run owns four goroutines (clock, reader of the socket, matcher, report of drops) and one for each
// firing, and ends after them all. The schedules are the clock goroutine's alone, the list of triggers is behind one mutex,
// and the queue behind one of its own, which is held for no longer than it takes to put a message in.
package trigger

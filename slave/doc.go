// Package slave is one server of the fleet (200): it answers status inquiries, executes orders, and keeps its own record of
// the contact file. The manager's own record is served by the same types.
//
// The files, and what each owns:
//
//   - status.go: StatusControl (210), steps 31–38.
//   - execution.go: ExecutionControl (220), steps 61–64: the check, the intent and the launch as one step under one lock.
//   - result.go: steps 65–67: what became of a run, into field 133 and the history, and then to those who wait for it.
//   - recover.go: the runs that an earlier daemon left. launch.go: what a run's parent is to do, from the process definition.
//   - check.go: the checks of applications (claim 1), and the operator's correction of field 133.
//   - outbox.go: the results that the manager has not said it has. delivery.go: how they reach it.
//   - records.go: Records, what is on disk beside the contact file; package runs beneath is what a run leaves there.
//   - own.go: OwnRecord, the server's own record of the contact file (230).
//   - memory.go: Memory, field 133 as it is remembered within one boot of the machine.
//   - process.go: Process, one process definition (file 90). pattern.go: host patterns and ranges.
//   - outcome.go: Outcome and Result, and how they stand in XR. mark.go: who asked for a run, at the end of the text of its XR.
//   - privilege.go: which processes a daemon without rights cannot run.
//   - endpoint.go: the UDP end and the sockets (240); package datagram beneath reads and writes in batches. orders.go: the TCP end, one
//     goroutine for each connection.
//   - sealing.go: sealed mode on UDP (package telegram/seal): what is taken, and the trailers of what is sent. heard.go: the last inquiry
//     that was taken, so that none is taken twice. starts.go: the number of the daemon's start.
//   - tls.go: the handshakes of connections that were taken, in sealed mode; package credentials beneath does them.
//   - rate.go: how many datagrams reach the parser. connections.go: how many connections there are. limits.go: every limit, for a person.
//   - address.go: the address of a peer as the definition gives it. drops.go: what is dropped, counted by reason. lasterror.go: what the
//     log has once.
//   - serve.go: services that run until one end. server.go: Server, which puts all of this together.
//   - simulation.go: many slaves on one socket that only pretend. simulation_sealing.go: the same in sealed mode.
//
// Who owns what: Server.Run owns the goroutines and ends after them. OwnRecord, StatusControl and ExecutionControl each have
// one mutex; the first is called by the other two while they hold their own, and calls nothing back.
package slave

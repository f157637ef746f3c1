// Package manager is the managing server (100): it knows whether every server is up and in which phase its applications are,
// and orders processing on all of them.
//
// The files, and what each owns:
//
//   - status.go: StatusControl (110), steps 13–30: begins monitoring, judges answers and silence.
//   - contact.go: its contact file (130) as a whole: created, kept in its place, looked at for damage.
//   - end.go: the end of monitoring, steps 25–27.
//   - packets.go: its UDP end (140), in batches: reads all that has come, then sends what is due. burst.go: how much may be under way.
//   - monitor.go: one slave's monitor (15, 16, 18–24, 28–30), pure: it takes the time and says what is to be done.
//   - isolation.go: whether the manager suspects itself, since more than half of the slaves fell silent together: pure counts.
//     suspicion.go: what it does then: judgement is held, the others are asked before their time; the hold's end.
//   - maintenance.go: servers in maintenance: who is, what is not told of them, and what is told at the end.
//     maintenance_file.go: how that survives a restart, and ends by itself.
//   - fallback.go: one inquiry on TCP before a judgement for want of an answer on UDP; whose UDP is blocked.
//   - schedule.go: which monitor is due next: a ring of ticks. hosts.go: which monitor is whose.
//   - management.go: one slave's management process (17): the update of fields 132 and 133; the events, told in their order.
//   - reload.go: another server definition (SIGHUP): slaves that stay, appear and go; who has which record and address.
//   - sealing.go: sealed mode on UDP: inquiries are sealed, answers opened, and what was there before counts no more.
//   - addresses.go: from where slaves may come, and how much of each address is looked at. limits.go: every limit, for a person.
//   - execution.go: ExecutionControl (120), steps 50–60 and 62: the check (54), one order for each target, the outcome.
//   - order.go: one order on its TCP connection (55–57, 62). held.go: none of a trigger while the manager suspects itself.
//     dial.go: how many connections and handshakes there are at once.
//   - tls.go: what TLS adds to connections in sealed mode: the handshake of an order, a slave that refuses it, whose XR may come.
//   - responses.go: the XR that a slave delivers by itself, and the receipt of every XR.
//     deliveries.go: how many it takes of each slave by itself.
//   - targets.go: what is known of the orders for each target: the one in progress, the last response; each response on its way to
//     the history. restore.go: the same as an earlier daemon left it.
//   - unanswered.go: orders that end without a response, those for which no connection waits any more, and their deadlines.
//   - journal.go: the orders without an outcome, on disk.
//   - resolve.go: names in slaves' addresses. sayonce.go: log lines about a host that are not repeated.
//   - figures.go: what the manager counts and measures, for whoever shows it. histogram.go: how long round trips and runs took.
//   - redefine.go: what the operator and a reload change. server.go: Server, which puts all of this together; the manager's own
//     record is served by a slave.ExecutionControl.
//
// Who owns what: Server.Run owns the goroutines and ends after them: one that inquires and reads answers, so that all that has come is
// read before anyone is judged, and one for each connection and each inquiry on TCP, which have named bounds. There is none for a
// slave, and no timer. StatusControl has one mutex over all monitors, and holds it while it writes a record, so that the file and the
// monitors never disagree; SetSlaves alone changes which monitors there are; no system call on a socket is made under it. Each target
// has a mutex of its own, held while an outcome is written to the history; the mutex of StatusControl may be taken under it, not the
// other way round.
package manager

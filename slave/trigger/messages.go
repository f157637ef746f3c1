package trigger

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"renraku/slave"
)

// MaxQueued is how many messages wait for the matcher: as many of the socket, and as many of Tell, so that a flood on the
// socket loses none of the daemon's own events.
const MaxQueued = 1024

// queue keeps messages until the matcher takes them. No call blocks.
type queue struct {
	mu       sync.Mutex
	ended    bool
	received chan string // from the socket
	told     chan string // by Tell
}

func newQueue() queue {
	return queue{received: make(chan string, MaxQueued), told: make(chan string, MaxQueued)}
}

// put says whether there was room.
func (q *queue) put(to chan string, message string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return false
	}
	select {
	case to <- message:
		return true
	default:
		return false
	}
}

// end has put refuse from now on, and says how many messages nobody took.
func (q *queue) end() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	return uint64(len(q.received) + len(q.told))
}

// Tell gives a message of the daemon itself, or of renraku message, to the triggers. It never blocks; false: the queue was
// full, or Run has ended, and the message is dropped and counted. An empty message is ignored. Messages of Tell are looked at
// in their order, but not in one order with those of the socket.
func (e *Engine) Tell(text string) bool {
	message, cut := plain(text)
	return e.enqueue(e.queue.told, message, cut)
}

func (e *Engine) enqueue(to chan string, message string, cut bool) bool {
	if message == "" {
		return true
	}
	if cut {
		e.counts.cut.Add(1)
	}
	if !e.queue.put(to, message) {
		e.counts.messages.Add(1)
		return false
	}
	return true
}

// read takes each datagram from the socket at once until ctx ends: the kernel keeps ten, and then senders block (unix(7),
// net.unix.max_dgram_qlen). A closed socket is an error.
func (e *Engine) read(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { e.socket.SetReadDeadline(time.Unix(1, 0)) })()
	buf := make([]byte, maxRaw+1)
	for {
		n, _, err := e.socket.ReadFrom(buf)
		switch {
		case err == nil:
			message, cut := parseDatagram(buf[:n])
			e.enqueue(e.queue.received, message, cut)
		case ctx.Err() != nil && (errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed)):
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("read message socket: %w", err)
		default:
			e.log.Warn("message not read", "error", err)
			if !pause(ctx, slave.ErrorPause) {
				return nil
			}
		}
	}
}

// match looks at each message until ctx ends.
func (e *Engine) match(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case message := <-e.queue.received:
			e.look(ctx, message)
		case message := <-e.queue.told:
			e.look(ctx, message)
		case <-ctx.Done():
		}
	}
}

// look fires each trigger whose expression is in the message.
func (e *Engine) look(ctx context.Context, message string) {
	for _, t := range e.triggers().told {
		if t.Message.MatchString(message) {
			e.start(ctx, t, Cause{By: slave.ByMessage, Message: message, At: e.wallClock()})
		}
	}
}

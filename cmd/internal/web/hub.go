package web

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"time"
)

// position is where a client of the stream stands: after so many deltas of an epoch. An epoch ends where the servers are others, and
// with the daemon, so its name is chosen by chance.
type position struct {
	epoch string
	seq   uint64
}

// hub has one fleet for all clients. It polls while there is one, and keeps the last deltas for those that are behind; a client that is
// behind further gets a snapshot in their place, so that no client has a queue of its own.
type hub struct {
	counts *counts

	mu       sync.Mutex
	fleet    *fleet
	begun    bool // the fleet was read once
	clients  int
	stop     context.CancelFunc // of the polling; nil: there is none
	at       position
	deltas   [][]byte // the last of them, up to at
	size     int      // bytes of deltas
	snapshot []byte   // at at; nil: not made yet
	news     chan struct{}
}

func newHub(f *fleet, c *counts) *hub {
	return &hub{fleet: f, counts: c, at: position{epoch: rand.Text()}, news: make(chan struct{})}
}

// join has one client more, if there is a place; leave is for its end.
func (h *hub) join() (leave func(), ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.clients == maxClients {
		h.counts.clients.Add(1)
		return nil, false
	}
	if h.clients++; h.clients == 1 {
		h.begin()
	}
	return h.leave, true
}

func (h *hub) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.clients--; h.clients == 0 {
		h.stop()
	}
}

// begin begins polling, with everything at the first time, and then with what has changed while nobody looked.
func (h *hub) begin() {
	if h.begun {
		h.pollOnce()
	} else {
		h.fleet.begin()
		h.begun = true
	}
	var ctx context.Context
	ctx, h.stop = context.WithCancel(context.Background()) // the last client ends it
	go h.watch(ctx)
}

func (h *hub) startEpoch() {
	h.at = position{epoch: rand.Text()}
	h.deltas, h.size, h.snapshot = nil, 0, nil
}

// watch polls until ctx ends.
func (h *hub) watch(ctx context.Context) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		h.poll(ctx)
	}
}

func (h *hub) poll(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() == nil { // else the next client has others poll
		h.pollOnce()
	}
}

func (h *hub) pollOnce() {
	d, whole := h.fleet.poll()
	switch {
	case whole:
		h.startEpoch()
		h.rouse()
	case !d.isEmpty():
		h.publish(d.json())
	}
}

// publish has all clients be sent a delta.
func (h *hub) publish(b []byte) {
	h.keep(b)
	h.rouse()
}

func (h *hub) rouse() {
	close(h.news)
	h.news = make(chan struct{})
}

// keep adds a delta, and forgets the first ones where there are too many or they are too large.
func (h *hub) keep(b []byte) {
	h.at.seq++
	h.snapshot = nil
	h.deltas, h.size = append(h.deltas, b), h.size+len(b)
	for len(h.deltas) > maxDeltas || h.size > maxDeltaBytes {
		h.size -= len(h.deltas[0])
		h.deltas[0] = nil
		h.deltas = h.deltas[1:]
	}
}

// update is what a client is to be sent.
type update struct {
	at       position // of the client when it has that
	snapshot []byte   // nil: the deltas
	deltas   [][]byte
	news     <-chan struct{} // closed when there is more
}

// since is what a client that stands at p lacks.
func (h *hub) since(p position) update {
	h.mu.Lock()
	defer h.mu.Unlock()
	u := update{at: h.at, news: h.news}
	behind := h.at.seq - p.seq
	switch {
	case p.epoch != h.at.epoch || p.seq > h.at.seq || behind > uint64(len(h.deltas)):
		if h.snapshot == nil {
			h.snapshot = h.fleet.json()
		}
		u.snapshot = h.snapshot
	default:
		u.deltas = slices.Clone(h.deltas[uint64(len(h.deltas))-behind:])
	}
	return u
}

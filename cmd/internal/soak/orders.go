package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"renraku/cmd/internal/control"
	"renraku/cmd/internal/trial"
	"renraku/slave/trigger"
	"renraku/telegram"
)

const (
	orderLeast      = 300 * time.Millisecond // between two orders
	orderMost       = 1500 * time.Millisecond
	everywhereEvery = 15 * time.Second // the order to all servers
	messageLeast    = 2 * time.Second
	messageMost     = 4 * time.Second
	mostOrders      = 48 // in progress at once; where as many hang, no more is given

	firingWait = 10 * time.Second // until a message has fired what it is for
	alarm      = "soak alarm"     // begins the messages from outside
)

// target is one process on one server.
type target struct{ host, process string }

// row is what was told of an order at one server.
type row struct {
	target
	outcome, text string
}

// told is what was told of all orders.
type told struct {
	mu      sync.Mutex
	rows    map[row]int
	mayRun  map[target]int // orders that ran, or of which nobody knows
	orders  int
	untold  int // rows that a manager which ended did not give
	unknown int
}

// daemonEnded ends the text of an UNKNOWN of a manager that ended: the history of the next one says what became of the order.
const daemonEnded = "the daemon was ended meanwhile"

func (t *told) add(r *control.Row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	to := target{r.Host, r.Process}
	switch {
	case r.Outcome == "UNKNOWN" && strings.HasSuffix(r.Text, daemonEnded):
		t.untold++
		t.mayRun[to]++
		return
	case r.Outcome == "UNKNOWN":
		t.unknown++
		t.mayRun[to]++
	case r.Outcome == "LAUNCHED", r.Outcome == "FAILED":
		t.mayRun[to]++
	}
	t.rows[row{to, r.Outcome, telegram.Cut(r.Text, telegram.TextLength)}]++
}

func (t *told) miss(hosts map[string]bool, process string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for host := range hosts {
		t.untold++
		t.mayRun[target{host, process}]++
	}
}

// giveOrders gives orders until ctx ends, and then waits for their rows.
func (s *soak) giveOrders(ctx context.Context, random *rand.Rand) error {
	var open sync.WaitGroup
	defer open.Wait()
	places := make(chan struct{}, mostOrders)
	var everywhere time.Time
	for ctx.Err() == nil {
		o := control.Order{Process: processRecord, Hosts: []string{s.fleet.realHost(random.IntN(realSlaves))}}
		switch n := random.IntN(8); {
		case time.Since(everywhere) > everywhereEvery:
			everywhere = time.Now()
			o = control.Order{Process: processEverywhere, All: true}
		case n == 0:
			o.Hosts = []string{realPrefix + "*"}
		case n < 4:
			o.Process = processServe
		}
		select {
		case places <- struct{}{}:
			open.Go(func() {
				defer func() { <-places }()
				s.order(o)
			})
		default:
			s.figures.add("orders not given, since as many hang", 1)
		}
		trial.Sleep(ctx, drawTime(random, orderLeast, orderMost))
	}
	return nil
}

// order gives one order, and takes its rows.
func (s *soak) order(o control.Order) {
	lives := s.figures.of(figureRestart)
	var missing map[string]bool
	count := 0
	err := s.fleet.client().Order(s.fleet.ctx, o, func(h control.Head) {
		missing = map[string]bool{}
		for _, host := range h.Hosts {
			missing[host] = true
		}
		count = len(h.Hosts)
	}, func(r control.Row) {
		if !missing[r.Host] {
			s.wrong.add(wrongTold, "%v: a row of %s too many", o, r.Host)
		}
		delete(missing, r.Host)
		s.told.add(&r)
	})
	s.told.mu.Lock()
	s.told.orders++
	s.told.mu.Unlock()
	s.figures.add("orders", 1)
	s.figures.add("orders to single servers", count)
	switch {
	case len(missing) == 0 && err == nil:
	case s.figures.of(figureRestart) > lives || s.board.isDown():
		s.told.miss(missing, o.Process) // where there is no head, nothing was ordered
		s.figures.add("orders that a restart of the manager cut off", 1)
	default:
		s.wrong.add(wrongTold, "%v: %v; no row of %d servers", o, err, len(missing))
	}
}

// sendMessages gives the triggers messages until ctx ends, in each of the ways that there are.
func (s *soak) sendMessages(ctx context.Context, random *rand.Rand) error {
	for n := 1; trial.Sleep(ctx, drawTime(random, messageLeast, messageMost)) == nil; n++ {
		s.messages.RLock()
		err := s.sendMessage(fmt.Sprintf("%s %d", alarm, n), random.IntN(3))
		if err == nil {
			s.figures.add("messages from outside", 1)
		} else {
			s.wrong.add(wrongDaemon, "message not taken: %v", err)
		}
		s.messages.RUnlock()
	}
	return nil
}

func (s *soak) sendMessage(text string, way int) error {
	switch way {
	case 0:
		return s.fleet.client().Message(s.fleet.ctx, text)
	case 1:
		text = "<13>" + time.Now().Format(time.Stamp) + " soak: " + text // as logger(1) sends it
	}
	conn, err := net.Dial("unixgram", filepath.Join(s.fleet.managerDir(), trigger.SocketName))
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetWriteDeadline(time.Now().Add(firingWait)) // the manager may be stopped
	_, err = conn.Write([]byte(text))
	return err
}

// awaitFirings waits until each message that was taken has fired its trigger.
func (s *soak) awaitFirings() {
	s.await(firingWait, "a message has fired nothing", func() bool {
		return s.journal.firings(processAlarm) >= s.figures.of("messages from outside")
	})
}

package daemon

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"renraku/cmd/internal/web"
	"renraku/slave"
	"renraku/telegram"
)

const (
	maxOrdersTold  = 16 // of those in progress
	maxWaitingTold = 5  // servers without a result, of each
)

// orders are those in progress at the manager, of the operator and of triggers.
type orders struct {
	mu  sync.Mutex
	all map[*bulkOrder]bool
}

// bulkOrder is one order with the servers that have no result yet.
type bulkOrder struct {
	order   slave.Order
	begun   time.Time
	hosts   []telegram.Host
	waiting map[telegram.Host]bool
}

// begin notes an order; done is for each result, and end for when the last one has come.
func (o *orders) begin(order slave.Order, hosts []telegram.Host) (done func(telegram.Host), end func()) {
	b := &bulkOrder{order: order, begun: time.Now(), hosts: hosts, waiting: make(map[telegram.Host]bool, len(hosts))}
	for _, host := range hosts {
		b.waiting[host] = true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil {
		o.all = map[*bulkOrder]bool{}
	}
	o.all[b] = true
	done = func(host telegram.Host) {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(b.waiting, host)
	}
	end = func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.all, b)
	}
	return done, end
}

// inProgress is the first of them, the oldest first, and how many there are.
func (o *orders) inProgress() (first []web.Order, n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := make([]*bulkOrder, 0, len(o.all))
	for b := range o.all {
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b *bulkOrder) int {
		return cmp.Or(a.begun.Compare(b.begun), cmp.Compare(a.order.Process.String(), b.order.Process.String()))
	})
	first = []web.Order{}
	for _, b := range all[:min(len(all), maxOrdersTold)] {
		first = append(first, b.told())
	}
	return first, len(all)
}

func (b *bulkOrder) told() web.Order {
	t := web.Order{Process: b.order.Process.String(), By: string(b.order.Trigger), Begun: b.begun.Unix(), Servers: len(b.hosts),
		Done: len(b.hosts) - len(b.waiting), Waiting: []string{}}
	for _, host := range b.hosts {
		if len(t.Waiting) == maxWaitingTold || len(t.Waiting) == len(b.waiting) {
			break
		}
		if b.waiting[host] {
			t.Waiting = append(t.Waiting, host.String())
		}
	}
	return t
}

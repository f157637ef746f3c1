package manager

import (
	"errors"

	"renraku/slave"
	"renraku/telegram"
)

// isolatedNow is why an order of a trigger is not sent that waited for a place when the manager began to suspect itself.
const isolatedNow = "the manager is isolated; " + nothingSent

var errIsolated = errors.New(isolatedNow)

// notHeld is for orders that no suspicion holds.
func notHeld() bool { return false }

// holder says whether an order is to be held at this moment, since the manager suspects itself, and counts it then: a bulk order
// waits for places, so that its last orders come long after the firing was allowed. Those of the operator never are, nor what tells
// somebody on the manager itself that it is isolated.
func (e *ExecutionControl) holder(order *slave.Order, hosts []telegram.Host) func() bool {
	switch order.Trigger {
	case slave.ByTime:
		return e.status.HoldsTrigger
	case slave.ByMessage:
		if len(hosts) == 1 && hosts[0] == e.host && order.Message == e.host.String()+" "+EventIsolated {
			return notHeld
		}
		return e.status.HoldsTrigger
	}
	return notHeld
}

// heldBack is the result of an order that is held.
func heldBack(r slave.Result) slave.Result {
	r.Outcome, r.Text, r.Time = slave.Skipped, isolatedNow, now()
	return r
}

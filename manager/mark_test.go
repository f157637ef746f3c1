package manager

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave"
)

// What a run that the slave itself asked for ends with: it answers no order, before and after a restart of the manager.
const local = "ended normally after 1ms (MESSAGE 10:43:05.123)"

func TestARunThatTheSlaveAskedForEndsNoOrderOfAnEarlierManager(t *testing.T) {
	dir := t.TempDir()
	addr, orders := silentAt(t)
	app := at(t, "app01", addr)
	killedManager(t, dir, app, orders, slave.ByTime)
	o := openOffice(t, dir, online(t), app)
	o.takeResponses()
	x := responseBytes("app01", launchedBit, "ONLINE", "NOT-STARTED", local)
	require.NotEmpty(t, deliver(t, o, app01, x))
	for range 2 {
		o = openOffice(t, dir, online(t), app)
		o.takeResponses()
		assert.Equal(t, "ALREADY NOT-STARTED: an order is in progress; nothing was sent", text(o.order(t.Context(), "ONLINE", "app01")))
		require.NotEmpty(t, deliver(t, o, app01, x), "come again")
	}
	require.NotEmpty(t, deliver(t, o, app01, responseBytes("app01", launchedBit, "ONLINE", "ONLINE", up)))
	already := "app01 ONLINE OPERATOR ALREADY NOT-STARTED: an order is in progress; nothing was sent"
	assert.Equal(t, []string{"app01 ONLINE MESSAGE LAUNCHED NOT-STARTED: " + local, already, already,
		"app01 ONLINE TIME LAUNCHED ONLINE: " + up}, o.history())
}

// A process of the order prints what looks like the mark of such a run: the order has its result all the same.
func TestAnOrderedProcessMayPrintWhatLooksLikeAMark(t *testing.T) {
	packets, listener, addr := sockets(t, "127.0.0.1")
	backup := []slave.Process{{ID: process(t, "BACKUP"), Command: []string{"/bin/echo", "backup done (TIME 12:34:56.789)"}}}
	o := newOffice(t, backup, at(t, "app01", addr))
	o.takeResponses()
	realSlave(t, "app01", o.addr, packets, listener, backup)
	for range 2 {
		r := o.order(t.Context(), "BACKUP", "app01")
		assert.Equal(t, []any{slave.Launched, slave.ByOperator}, []any{r.Outcome, r.Trigger}, r.Text)
		assert.Contains(t, r.Text, ": backup done (TIME 12:34:56.789) (ORDER ")
	}
	for _, line := range o.history() {
		assert.Contains(t, line, "app01 BACKUP OPERATOR LAUNCHED")
	}
	assert.Equal(t, []string{"BACKUP@app01 ended normally", "BACKUP@app01 ended normally"}, o.events.told())
}

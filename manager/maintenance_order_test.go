package manager

import (
	"net"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/slave/slavetest"
	"renraku/telegram"
)

func TestNothingIsOrderedOnAServerInMaintenanceAndItsRowSaysWhy(t *testing.T) {
	p := newPeer(t, func(net.Conn) {})
	o := newOffice(t, fleetProcesses(t), at(t, "app01", p.address), at(t, "app02", p.address))
	o.say("app02", contactfile.Stopped, "ONLINE")
	all := []telegram.Host{host(t, "mgr01"), host(t, "app01"), host(t, "app02")}
	require.NoError(t, o.server.Maintain(all, time.Hour))
	for _, h := range all {
		until := o.server.Maintained()[h.String()]
		assert.WithinDuration(t, time.Now().Add(time.Hour), until, time.Minute)
		application := map[bool]string{true: "ONLINE", false: "NOT-STARTED"}[h == all[2]]
		want := "SKIPPED " + application + ": in maintenance until " + until.Format(time.RFC3339) + " (renraku maintain --off " + h.String() + ")"
		assert.Equal(t, want, text(o.order(t.Context(), "ONLINE", h.String())))
		o.server.Execution().DryRun(process(t, "ONLINE"), []telegram.Host{h}, func(r slave.Result) {
			assert.Equal(t, want, text(r), "the dry run says the same")
		})
	}
	rows := 0
	o.server.Execution().Order(t.Context(), slave.Order{Process: process(t, "ONLINE"), Trigger: slave.ByTime}, all, func(r slave.Result) {
		rows++
		assert.Equal(t, slave.Skipped, r.Outcome)
	})
	assert.Equal(t, 3, rows, "those of triggers neither")
	assert.Zero(t, p.connections.Load())
	assert.Equal(t, 6, o.server.cfg.Records.History.Len())

	require.NoError(t, o.server.EndMaintenance(all[:1]))
	assert.Equal(t, slave.Launched, o.order(t.Context(), "ONLINE", "mgr01").Outcome)
	assert.Equal(t, slave.Skipped, o.order(t.Context(), "ONLINE", "app01").Outcome)
}

func TestEventsOfProcessesOfAServerInMaintenanceAreHeld(t *testing.T) {
	o := responseOffice(t)
	require.NoError(t, o.server.Maintain([]telegram.Host{host(t, "app01")}, time.Hour))
	assert.NotEmpty(t, deliver(t, o, app01, responseBytes("app01", failedBit, "ONLINE", "NOT-STARTED", "exit status 3")), "it has its receipt")
	assert.Empty(t, o.events.told())
	assert.Equal(t, 1, o.server.cfg.Records.History.Len())
	assert.EqualValues(t, 1, o.server.Drops().Of(slave.DropMaintenance))
	until := o.server.Maintained()["app01"].Format(time.RFC3339)
	assert.Equal(t, 1, o.log.count(`msg="ONLINE@app01 FAILED" maintenance=`+until))
	deliver(t, o, app02, responseBytes("app02", failedBit, "ONLINE", "NOT-STARTED", "exit status 3"))
	assert.Equal(t, []string{"ONLINE@app02 failed: exit status 3"}, o.events.told())
	require.NoError(t, o.server.EndMaintenance([]telegram.Host{host(t, "app01")}))
	assert.Len(t, o.events.told(), 1, "what happened meanwhile is not told later")
}

func TestEventsOfTheManagersOwnServerAreHeldInItsMaintenance(t *testing.T) {
	o := newOffice(t, online(t))
	own := []telegram.Host{host(t, "mgr01")}
	require.NoError(t, o.server.Maintain(own, time.Hour))
	require.NoError(t, o.server.SetStatus(status(t, "BATCH")))
	assert.Empty(t, o.events.told())
	assert.EqualValues(t, 1, o.server.Drops().Of(slave.DropMaintenance))
	assert.Equal(t, 1, o.log.count(`msg="mgr01 application BATCH" host=mgr01 maintenance=`))
	require.NoError(t, o.server.EndMaintenance(own))
	require.NoError(t, o.server.SetStatus(status(t, "ONLINE")))
	assert.Equal(t, []string{"mgr01 application BATCH", "mgr01 application ONLINE"}, o.events.told())
}

func TestMaintenanceThatTheDiskDoesNotTakeDoesNotBeginAndEndsAllTheSame(t *testing.T) {
	dir, fill, free := slavetest.TinyDisk(t)
	path := filepath.Join(dir, MaintenanceFile)
	file, _ := contact(t)
	s := NewStatusControl(slave.NewOwnRecord(host(t, "mgr01"), file, 0),
		[]Slave{at(t, "app01", "198.18.0.0:10320"), at(t, "app02", "198.18.0.1:10320")}, file, nowhere{}, quiet(), &slave.Drops{})
	s.KeepMaintenance(path)
	one, two := []telegram.Host{host(t, "app01")}, []telegram.Host{host(t, "app02")}
	until := time.Now().Add(time.Hour)
	require.NoError(t, s.Maintain(one, until, slave.ByOperator))
	fill()
	err := s.Maintain(two, until, slave.ByOperator)
	assert.ErrorContains(t, err, "begin maintenance: write maintenance file: ")
	assert.ErrorContains(t, err, "no space left on device")
	assert.Len(t, s.Maintained(), 1)
	assert.Equal(t, []string{"app01"}, readMaintenance(t, path), "the file is as it was")

	// The end of a maintenance of which there are others left needs room too.
	free()
	require.NoError(t, s.Maintain(two, until, slave.ByOperator))
	fill()
	assert.ErrorContains(t, s.EndMaintenance(one, slave.ByOperator), "a restart of the daemon would bring it back: ")
	assert.Len(t, s.Maintained(), 1)
	assert.Equal(t, []string{"app01", "app02"}, slices.Sorted(slices.Values(readMaintenance(t, path))))
	free()
	s.endMaintenanceInTime()
	assert.Equal(t, []string{"app02"}, readMaintenance(t, path), "it is written at the next look")
}

func TestARunningManagerEndsMaintenanceByItself(t *testing.T) {
	packets, listener, _ := sockets(t, "127.0.0.1")
	file, path := contact(t)
	dir := t.TempDir()
	server := NewServer(Config{Host: host(t, "mgr01"), Records: recordsIn(t, dir), Log: quiet()}, file, packets, listener)
	inBackground(t, server.Run)
	eventually(t, path, "mgr01 RUNNING NOT-STARTED")
	require.NoError(t, server.status.Maintain([]telegram.Host{host(t, "mgr01")}, time.Now(), slave.ByOperator)) // up to a second from now
	require.Eventually(t, func() bool { return len(server.Maintained()) == 0 }, patience, time.Millisecond)
	require.Eventually(t, func() bool { return len(readMaintenance(t, filepath.Join(dir, MaintenanceFile))) == 0 }, patience, time.Millisecond)
}

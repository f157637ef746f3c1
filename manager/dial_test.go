package manager

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave"
	"renraku/slave/credentials"
	"renraku/telegram"
)

// A program that answers as many slaves at one address takes slave.MaxConnections, and closes the next one, whose order then would
// be UNKNOWN.
func TestABulkOrderToManyServersAtOneAddressIsWhole(t *testing.T) {
	const n = 10_000
	simulation, err := slave.NewSimulation("sim", n)
	require.NoError(t, err)
	theirPackets, theirListener, theirs := sockets(t, "127.0.0.1")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- simulation.Serve(ctx, theirPackets, theirListener, quiet()) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-done)
	})
	var slaves []Slave
	var hosts []telegram.Host
	for i := range n {
		slaves = append(slaves, at(t, simulation.Host(i), theirs))
		hosts = append(hosts, slaves[i].Host)
	}
	o := newOffice(t, online(t), slaves...)
	rows := 0
	o.server.Execution().Order(t.Context(), byOperator(t, "ONLINE"), hosts, func(r slave.Result) {
		rows++
		assert.Equal(t, slave.Launched, r.Outcome, r.Text)
	})
	assert.Equal(t, n, rows)
	assert.Len(t, o.history(), n)
	assert.Empty(t, simulation.Drops().All())
	assert.Empty(t, o.server.execution.courier.dials.open, "no address is kept")
}

func TestOneAddressHasABoundedNumberOfConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDials()
		one, other := netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("192.0.2.1:2")
		connect := func(context.Context, string, string) (net.Conn, error) {
			conn, _ := net.Pipe()
			return conn, nil
		}
		var leaves []func()
		for range maxPerAddress {
			_, leave, err := d.dial(t.Context(), one, connect, nil)
			require.NoError(t, err)
			leaves = append(leaves, leave)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, _, err := d.dial(ctx, one, connect, nil)
		require.ErrorIs(t, err, context.DeadlineExceeded, "one more waits")
		_, leave, err := d.dial(t.Context(), other, connect, nil)
		require.NoError(t, err, "another address has places of its own")
		leave()
		var all sync.WaitGroup
		all.Go(func() {
			_, leave, err := d.dial(t.Context(), one, connect, nil)
			assert.NoError(t, err)
			leave()
		})
		synctest.Wait()
		leaves[0]()
		all.Wait()
		for _, leave := range leaves {
			leave() // what was given back already stays so
		}
		assert.Empty(t, d.open)

		failed := errors.New("failed")
		_, _, err = d.dial(t.Context(), one, func(context.Context, string, string) (net.Conn, error) { return nil, failed }, nil)
		require.ErrorIs(t, err, failed)
		assert.Empty(t, d.open, "no place is kept by a connection that was not made")
	})
}

func TestHandshakesAtOnceAreBoundedAndSlowOnesHoldNoOtherUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDials()
		connected, inHandshake := 0, 0
		var mu sync.Mutex
		connect := func(context.Context, string, string) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			connected++
			conn, _ := net.Pipe()
			return conn, nil
		}
		silent := func(ctx context.Context, _ net.Conn) (net.Conn, error) {
			mu.Lock()
			inHandshake++
			mu.Unlock()
			<-ctx.Done()
			return nil, ctx.Err()
		}
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		const peers = 8 * maxHandshakes
		for i := range peers {
			all.Go(func() {
				_, _, err := d.dial(ctx, netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(i+1)), connect, silent)
				assert.ErrorIs(t, err, context.Canceled)
			})
		}
		synctest.Wait()
		for n := 1; n <= 3; n++ {
			mu.Lock()
			assert.Equal(t, n*maxHandshakes, inHandshake)
			assert.Equal(t, (n+1)*maxHandshakes, connected, "no others wait for their handshake to begin")
			mu.Unlock()
			time.Sleep(slowHandshake)
			synctest.Wait()
		}
		time.Sleep(peers / maxHandshakes * slowHandshake)
		synctest.Wait()
		assert.Equal(t, peers, inHandshake)
		cancel()
		all.Wait()
		assert.Empty(t, d.open)
	})
}

// starved is a program at one address whose machine has hardly any processor: those handshakes that are in progress share it, and each
// has its time from when its connection was made.
type starved struct {
	mu       sync.Mutex
	progress map[net.Conn]*starvedHandshake
	most     int // in progress at once
}

type starvedHandshake struct {
	begun time.Time
	work  time.Duration // that is left
	ended chan error
}

// starvedWork is the processor's time for a handshake there, in all.
const starvedWork = 500 * time.Millisecond

func (s *starved) connect(context.Context, string, string) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	conn, _ := net.Pipe()
	s.progress[conn] = &starvedHandshake{time.Now(), starvedWork, make(chan error, 1)}
	s.most = max(s.most, len(s.progress))
	return conn, nil
}

func (s *starved) handshake(_ context.Context, conn net.Conn) (net.Conn, error) {
	s.mu.Lock()
	ended := s.progress[conn].ended
	s.mu.Unlock()
	return conn, <-ended
}

// run shares the processor out until ctx ends.
func (s *starved) run(ctx context.Context) {
	for slice := 10 * time.Millisecond; ctx.Err() == nil; time.Sleep(slice) {
		s.mu.Lock()
		each := slice / time.Duration(max(len(s.progress), 1))
		for conn, h := range s.progress {
			h.work -= each
			switch {
			case time.Since(h.begun) > credentials.HandshakeWait:
				h.ended <- credentials.ErrTooSlow
			case h.work > 0:
				continue
			default:
				h.ended <- nil
			}
			delete(s.progress, conn)
		}
		s.mu.Unlock()
	}
}

func TestHandshakesWithAStarvedProgramEndInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, s := newDials(), &starved{progress: map[net.Conn]*starvedHandshake{}}
		ctx, cancel := context.WithCancel(t.Context())
		var running, all sync.WaitGroup
		running.Go(func() { s.run(ctx) })
		var failed atomic.Int64
		for range 2000 {
			all.Go(func() {
				_, leave, err := d.dial(t.Context(), netip.MustParseAddrPort("192.0.2.1:1"), s.connect, s.handshake)
				if err != nil {
					failed.Add(1)
					return
				}
				leave()
			})
		}
		all.Wait()
		cancel()
		running.Wait()
		assert.Zero(t, failed.Load())
		assert.Equal(t, maxJoinsPerAddress, s.most)
		assert.Empty(t, d.open)
	})
}

func TestWhoWaitsForAHandshakeAtAnAddressIsLetGoAtOnceWhenItsTimeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, s, others := newDials(), &starved{progress: map[net.Conn]*starvedHandshake{}}, sync.WaitGroup{}
		over := make(chan struct{})
		never := func(ctx context.Context, conn net.Conn) (net.Conn, error) {
			<-over
			return conn, nil
		}
		one := netip.MustParseAddrPort("192.0.2.1:1")
		for range maxJoinsPerAddress {
			others.Go(func() {
				_, leave, err := d.dial(t.Context(), one, s.connect, never)
				assert.NoError(t, err)
				leave()
			})
		}
		synctest.Wait()
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 2*slowHandshake) // slow ones make no room
		defer cancel()
		_, _, err := d.dial(ctx, one, s.connect, never)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 2*slowHandshake, time.Since(begun))
		assert.Len(t, s.progress, maxJoinsPerAddress, "its connection was not made")
		_, leave, err := d.dial(t.Context(), one, s.connect, nil)
		assert.NoError(t, err, "without a handshake it does not wait")
		leave()
		close(over)
		others.Wait()
		assert.Empty(t, d.open)
	})
}

func TestWhoWaitsForAPlaceToConnectIsLetGoAtOnceWhenItsTimeEnds(t *testing.T) {
	for _, c := range []struct {
		name   string
		places func(d *dials) chan struct{}
		sealed bool
	}{
		{"among the connections that are made", func(d *dials) chan struct{} { return d.making }, false},
		{"among those that begin with a handshake", func(d *dials) chan struct{} { return d.joining }, true},
		{"among the handshakes", func(d *dials) chan struct{} { return d.securing }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDials()
				places := c.places(d)
				for range cap(places) {
					held, err := takePlace(t.Context(), places, slowHandshake)
					require.NoError(t, err)
					defer held.leave()
				}
				var ends []net.Conn // of connections that were made
				connect := func(context.Context, string, string) (net.Conn, error) {
					near, far := net.Pipe()
					ends = append(ends, far)
					return near, nil
				}
				var secure secureFunc
				if c.sealed {
					secure = func(_ context.Context, conn net.Conn) (net.Conn, error) { return conn, nil }
				}
				ctx, cancel := context.WithCancel(t.Context())
				ended, begun := make(chan error, 1), time.Now()
				go func() {
					_, _, err := d.dial(ctx, netip.MustParseAddrPort("192.0.2.1:1"), connect, secure)
					ended <- err
				}()
				synctest.Wait()
				require.Empty(t, ended, "it waits")
				cancel()
				require.ErrorIs(t, <-ended, context.Canceled)
				assert.Zero(t, time.Since(begun))
				assert.Empty(t, d.open)
				for _, end := range ends {
					_, err := end.Read(make([]byte, 1))
					assert.ErrorIs(t, err, io.EOF, "no connection is left open")
				}
			})
		})
	}
}

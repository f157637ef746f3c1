package slave

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave/datagram"
	"renraku/slave/slavetest"
	"renraku/telegram"
	"renraku/telegram/seal"
)

func TestInquiriesAreAnsweredByteForByte(t *testing.T) {
	r := startServer(t)
	running := sr("app01", 0x0010, "NOT-STARTED", "")
	assert.Equal(t, running, r.ask(sq("app01", 0x0001)))
	assert.Equal(t, running, r.ask(sq("app01", 0x0002)))
	writeStatus(t, r.path, "ONLINE")
	assert.Equal(t, sr("app01", 0x0010, "ONLINE", ""), r.ask(sq("app01", 0x0001)))
	writeStatus(t, r.path, "")
	assert.Equal(t, sr("app01", 0x0010, "", ""), r.ask(sq("app01", 0x0001)))
	stopped := sr("app01", 0x0020, "", "monitoring ended by the manager")
	assert.Equal(t, stopped, r.ask(sq("app01", 0x0004)))
	assert.Equal(t, stopped, r.ask(sq("app01", 0x0004)))
	r.tell(sq("app01", 0x0001)) // not answered: the next answer is that of START
	assert.Equal(t, sr("app01", 0x0010, "", ""), r.ask(sq("app01", 0x0002)))
	assert.Equal(t, map[string]uint64{"not monitored": 1}, r.Drops().All())
}

func TestTheAnswerGoesToThePortThatAsked(t *testing.T) {
	r := startServer(t)
	other := must(net.ListenPacket("udp", "127.0.0.1:0"))
	defer other.Close()
	_, err := other.WriteTo(sq("app01", 0x0001), r.packets.LocalAddr())
	require.NoError(t, err)
	require.NoError(t, other.SetReadDeadline(time.Now().Add(patience)))
	b := make([]byte, 1000)
	n, _, err := other.ReadFrom(b)
	require.NoError(t, err)
	assert.Equal(t, sr("app01", 0x0010, "NOT-STARTED", ""), b[:n])
}

func TestAnAddressThatIsNotTheManagersGetsNoAnswer(t *testing.T) {
	r := startServer(t)
	stranger := must(net.ListenPacket("udp", "127.0.0.2:0"))
	defer stranger.Close()
	for _, b := range [][]byte{sq("app01", 0x0001), sq("app01", 0x0004), {}, []byte("nonsense")} {
		_, err := stranger.WriteTo(b, r.packets.LocalAddr())
		require.NoError(t, err)
	}
	assert.Equal(t, sr("app01", 0x0010, "NOT-STARTED", ""), r.ask(sq("app01", 0x0001))) // behind the others, and END did nothing
	require.NoError(t, stranger.SetReadDeadline(time.Now().Add(20*time.Millisecond)))   // on loopback an answer is there by now
	_, _, err := stranger.ReadFrom(make([]byte, 1000))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	assert.Equal(t, map[string]uint64{"unknown address": 4}, r.Drops().All())
}

func TestWhatIsNotAnInquiryOfThisHostGetsNoAnswer(t *testing.T) {
	r := startServer(t)
	for _, b := range [][]byte{
		sq("app02", 0x0001), sq("app02", 0x0004), sq("APP01", 0x0002), sq("app011", 0x0002),
		sr("app01", 0x0010, "ONLINE", ""), xq("app01", 0x0100, "ONLINE"), xr("app01", 0x1000, "ONLINE", "ONLINE", ""), wire("app01", "AB", 1),
		sq("app01", 0x0003), sq("app01", 0x0010), sq("app01", 0),
		sq("", 0x0001), sq(" app01", 0x0001), sq("app 01", 0x0001),
		append(sq("app01", 0x0001), ' '), sq("app01", 0x0001)[:67], {},
	} {
		r.tell(b)
	}
	assert.Equal(t, sr("app01", 0x0010, "NOT-STARTED", ""), r.ask(sq("app01", 0x0001)))
	assert.Equal(t, map[string]uint64{"another host": 4, "telegram type": 4, "control code": 3, "host name": 3, "length": 3}, r.Drops().All())
}

func TestASocketOfBothFamiliesAnswersToAnIPv4Manager(t *testing.T) {
	packets, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv6unspecified})
	if err != nil {
		t.Skip("no IPv6 here")
	}
	file, _ := openContactFile(t)
	log, _ := newLog()
	manager := must(net.ListenPacket("udp4", "127.0.0.1:0"))
	defer manager.Close()
	s := newServer(t, Config{Manager: must(NewAddress(manager.LocalAddr().String())), Log: log}, file, must(datagram.New(packets)),
		must(net.Listen("tcp", "127.0.0.1:0")))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	require.NoError(t, manager.SetReadDeadline(time.Now().Add(patience)))
	b := make([]byte, 1000)
	n, _, err := manager.ReadFrom(b)
	require.NoError(t, err)
	assert.Equal(t, sr("app01", 0x0010, "NOT-STARTED", ""), b[:n])
	_, err = manager.WriteTo(sq("app01", 0x0001), &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: packets.LocalAddr().(*net.UDPAddr).Port})
	require.NoError(t, err)
	n, _, err = manager.ReadFrom(b)
	require.NoError(t, err)
	assert.Equal(t, sr("app01", 0x0010, "NOT-STARTED", ""), b[:n])
	cancel()
	require.NoError(t, await(t, ended))
}

// brokenPackets has each read end with the next error, and blocks when there is none left.
type brokenPackets struct {
	*slavetest.Socket
	errs     chan error
	writeErr error
}

func (p *brokenPackets) Receive(b *datagram.Batch, until time.Time) error {
	select {
	case err := <-p.errs:
		return err
	default:
		return p.Socket.Receive(b, until)
	}
}

func (p *brokenPackets) Send(b *datagram.Batch, failed datagram.Failed) {
	for i := range b.Len() {
		bytes, to := b.At(i)
		failed(bytes, to, p.writeErr)
	}
}

func TestErrorsOfASocketThatPassAreLoggedAndReadingGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network slavetest.Network
		packets := &brokenPackets{Socket: network.Listen("192.0.2.1:10320"), errs: make(chan error, 3)}
		for range 3 {
			packets.errs <- errors.New("no buffer space available")
		}
		log, book := newLog()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		in := NewBatch()
		receive := func() string {
			for in.Reset(); in.Len() == 0; {
				require.NoError(t, Receive(ctx, packets, in, time.Time{}, log))
			}
			require.Equal(t, 1, in.Len())
			b, from := in.At(0)
			return string(b) + " " + from.String()
		}
		peer := network.Listen("192.0.2.9:4000")
		_, err := peer.WriteToUDPAddrPort([]byte("hello"), netip.MustParseAddrPort("192.0.2.1:10320"))
		require.NoError(t, err)
		begun := time.Now()
		assert.Equal(t, "hello 192.0.2.9:4000", receive())
		assert.Equal(t, 3*ErrorPause, time.Since(begun))
		assert.Len(t, book.with("datagrams not read", "no buffer space"), 3)

		_, err = peer.WriteToUDPAddrPort(make([]byte, 5000), netip.MustParseAddrPort("192.0.2.1:10320"))
		require.NoError(t, err)
		assert.Len(t, receive(), max(telegram.MaxLength, seal.MaxLength)+1+len(" 192.0.2.9:4000"))
	})
}

func TestTheEndOfTheContextEndsThePauseAfterAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network slavetest.Network
		packets := &brokenPackets{Socket: network.Listen("192.0.2.1:10320"), errs: make(chan error, 1)}
		packets.errs <- errors.New("no buffer space available")
		log, _ := newLog()
		ctx, cancel := context.WithTimeout(t.Context(), ErrorPause/2)
		defer cancel()
		begun := time.Now()
		require.NoError(t, Receive(ctx, packets, NewBatch(), time.Time{}, log))
		assert.Equal(t, ErrorPause/2, time.Since(begun))
	})
}

func TestAClosedSocketIsAnErrorUnlessTheContextHasEnded(t *testing.T) {
	log, _ := newLog()
	for _, over := range []bool{false, true} {
		var network slavetest.Network
		socket := network.Listen("192.0.2.1:10320")
		require.NoError(t, socket.Close())
		ctx, cancel := context.WithCancel(context.Background())
		if over {
			cancel()
			require.NoError(t, Receive(ctx, socket, NewBatch(), time.Time{}, log))
		} else {
			require.ErrorIs(t, Receive(ctx, socket, NewBatch(), time.Time{}, log), net.ErrClosed)
		}
		cancel()
	}
}

func TestAnAnswerThatIsNotSentIsCounted(t *testing.T) {
	var network slavetest.Network
	packets := &brokenPackets{Socket: network.Listen("192.0.2.1:10320"), writeErr: errors.New("operation not permitted")}
	log, book := newLog()
	var drops Drops
	e := &endpoint{packets: packets, log: log, drops: &drops}
	out, to := NewBatch(), netip.MustParseAddrPort("192.0.2.9:4000")
	e.add(out, &telegram.StatusResponse{Host: app01, Control: telegram.Running}, nil, to)
	e.add(out, &telegram.StatusResponse{}, nil, to)
	e.send(out)
	assert.Equal(t, map[string]uint64{"not sent": 2}, drops.All())
	assert.Len(t, book.with("response not sent", "peer=192.0.2.9:4000"), 2)
}

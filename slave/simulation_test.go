package slave

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave/datagram"
	"renraku/telegram"
)

func TestSimulatedNamesArePaddedToTheDigitsOfTheirNumber(t *testing.T) {
	cases := []struct {
		prefix              string
		n                   int
		first, last, ranges string
	}{
		{"sim", 1, "sim1", "sim1", "sim[1-1]"},
		{"sim", 9, "sim1", "sim9", "sim[1-9]"},
		{"sim", 10, "sim01", "sim10", "sim[01-10]"},
		{"web-a", 1000, "web-a0001", "web-a1000", "web-a[0001-1000]"},
		{"x7", 100, "x7001", "x7100", "x7[001-100]"},
		{"s", MaxSimulated, "s000001", "s200000", "s[000001-200000]"},
		{strings.Repeat("a", 62), 99, strings.Repeat("a", 62) + "01", strings.Repeat("a", 62) + "99", strings.Repeat("a", 62) + "[01-99]"},
	}
	for _, c := range cases {
		s, err := NewSimulation(c.prefix, c.n)
		require.NoError(t, err, c.ranges)
		assert.Equal(t, c.first, s.Host(0))
		assert.Equal(t, c.last, s.Host(c.n-1))
		assert.Equal(t, c.ranges, s.Hosts())
		if c.n <= MaxRange {
			assert.Len(t, must(ExpandRange(s.Hosts())), c.n, "a definition can name them so")
		}
		for _, i := range []int{0, c.n / 2, c.n - 1} {
			host := must(telegram.NewHost(s.Host(i)))
			got, ok := s.index(&host)
			assert.True(t, ok)
			assert.Equal(t, i, got)
		}
	}
}

func TestSimulationsThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		prefix string
		n      int
		want   string
	}{
		{"sim", 0, "0 slaves: 1 to 200000 is right"},
		{"sim", -1, "-1 slaves"},
		{"sim", MaxSimulated + 1, "200001 slaves: 1 to 200000 is right"},
		{"two words", 5, "space before or inside a name"},
		{strings.Repeat("a", 63), 10, "too long"},
	} {
		_, err := NewSimulation(c.prefix, c.n)
		require.ErrorContains(t, err, c.want)
	}
}

func TestForeignNamesAreNoneOfASimulation(t *testing.T) {
	s := must(NewSimulation("sim", 20))
	for _, name := range []string{"sim00", "sim21", "sim99", "sim1", "sim001", "sim", "sim0x", "sim+1", "sim-1", "sim_1", "SIM01", "xsim01", "01"} {
		host := must(telegram.NewHost(name))
		r, drop := s.answer(telegram.StatusInquiry{Host: host, Control: telegram.Start})
		assert.Equal(t, DropForeignHost, drop, name)
		assert.Zero(t, r)
		x, drop := s.execute(context.Background(), telegram.ExecutionOrder{Host: host, Control: telegram.Launch, Process: processID("P")})
		assert.Equal(t, DropForeignHost, drop, name)
		assert.Zero(t, x)
	}
	assert.Zero(t, s.Answers())
	assert.Zero(t, s.Orders())
}

func TestASilentSlaveOfASimulationIsAskedAndAnswersNothing(t *testing.T) {
	s := must(NewSimulation("sim", 5))
	ask := func(i int) Drop {
		_, drop := s.answer(telegram.StatusInquiry{Host: must(telegram.NewHost(s.Host(i))), Control: telegram.Check})
		return drop
	}
	s.SetSilent(1, 2, true)
	assert.Equal(t, []Drop{NoDrop, DropNotMonitored, DropNotMonitored, NoDrop}, []Drop{ask(0), ask(1), ask(2), ask(3)})
	_, drop := s.execute(context.Background(), telegram.ExecutionOrder{Host: must(telegram.NewHost("sim2")), Control: telegram.Launch,
		Process: processID("P")})
	assert.Equal(t, DropNotMonitored, drop)
	s.SetSilent(2, 2, false)
	assert.Equal(t, []Drop{DropNotMonitored, NoDrop}, []Drop{ask(1), ask(2)})
	assert.Equal(t, []uint32{1, 2, 2, 1, 0}, s.Inquiries())
	assert.EqualValues(t, 3, s.Answers())
	assert.Zero(t, s.Orders())
}

func TestAnInquiryOfASimulationIsAnsweredWithoutAllocating(t *testing.T) {
	s := must(NewSimulation("sim", 100_000))
	q := telegram.StatusInquiry{Host: must(telegram.NewHost("sim054321")), Control: telegram.Check}
	assert.Zero(t, testing.AllocsPerRun(100, func() { s.answer(q) }))
}

func TestASimulationServesEachOfItsHosts(t *testing.T) {
	s := must(NewSimulation("sim", 20))
	packets := must(datagram.New(must(net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}))))
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	ctx, cancel := context.WithCancel(context.Background())
	log, _ := newLog()
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, packets, listener, log) }()
	udp := must(net.Dial("udp", packets.LocalAddr().String()))
	defer udp.Close()
	tcp := must(net.Dial("tcp", listener.Addr().String()))
	defer tcp.Close()
	for _, conn := range []net.Conn{udp, tcp} {
		require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	}
	tell := func(b []byte) { send(t, udp, b) }
	ask := func(b []byte) []byte {
		tell(b)
		answer := make([]byte, 1000)
		n, err := udp.Read(answer)
		require.NoError(t, err)
		return answer[:n]
	}
	order := func(host, id string) []byte {
		send(t, tcp, xq(host, 0x0100, id))
		b := take(t, tcp, 212)
		send(t, tcp, xq(host, 0x0200, id))
		return b
	}

	for i := range 20 {
		name := fmt.Sprintf("sim%02d", i+1)
		assert.Equal(t, sr(name, 0x0010, "NOT-STARTED", ""), ask(sq(name, 0x0002)))
	}
	assert.Equal(t, xr("sim07", 0x1000, "ONLINE", "ONLINE", "simulated"), order("sim07", "ONLINE"))
	assert.Equal(t, sr("sim07", 0x0010, "ONLINE", ""), ask(sq("sim07", 0x0001)))
	assert.Equal(t, sr("sim08", 0x0010, "NOT-STARTED", ""), ask(sq("sim08", 0x0001)))
	assert.Equal(t, xr("sim07", 0x1000, "BATCH", "BATCH", "simulated"), order("sim07", "BATCH"))

	assert.Equal(t, sr("sim07", 0x0020, "BATCH", ""), ask(sq("sim07", 0x0004)))
	assert.Equal(t, sr("sim07", 0x0020, "BATCH", ""), ask(sq("sim07", 0x0004)))
	tell(sq("sim07", 0x0001))
	tell(sq("sim21", 0x0001))
	assert.Equal(t, sr("sim08", 0x0010, "NOT-STARTED", ""), ask(sq("sim08", 0x0001)), "another host goes on")
	assert.Equal(t, xr("sim07", 0x8000, "ONLINE", "BATCH", "no monitoring on this server"), order("sim07", "ONLINE"))
	assert.Equal(t, sr("sim07", 0x0010, "BATCH", ""), ask(sq("sim07", 0x0002)))
	assert.Equal(t, sr("sim07", 0x0010, "BATCH", ""), ask(sq("sim07", 0x0001)))

	assert.Equal(t, uint64(27), s.Answers())
	assert.Equal(t, uint64(3), s.Orders())
	assert.Equal(t, map[string]uint64{"not monitored": 1, "another host": 1}, s.Drops().All())
	cancel()
	require.NoError(t, await(t, ended))
	require.ErrorIs(t, packets.Close(), net.ErrClosed)
	require.ErrorIs(t, listener.Close(), net.ErrClosed)
}

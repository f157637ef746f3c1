package slave

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/telegram"
)

// batch is how many datagrams are sent before all answers are read; a socket's buffer holds them.
const batch = 64

// oracle foretells what a Server of app01 does with datagrams that come from its manager.
type oracle struct {
	ended   bool
	answers int
	drops   map[string]uint64
}

// take says whether b is answered, and with which control code.
func (o *oracle) take(b []byte) (answer []byte) {
	q, err := telegram.DecodeStatusInquiry(b)
	var field *telegram.FieldError
	switch {
	case errors.As(err, &field):
		o.drops[string(field.Field)]++
		return nil
	case q.Host.String() != "app01":
		o.drops["another host"]++
		return nil
	case q.Control == telegram.Check && o.ended:
		o.drops["not monitored"]++
		return nil
	}
	o.answers++
	o.ended = q.Control == telegram.End
	if o.ended {
		return sr("app01", 0x0020, "NOT-STARTED", "monitoring ended by the manager")
	}
	return sr("app01", 0x0010, "NOT-STARTED", "")
}

// requireForetold sends the datagrams in batches, with a START after each, and compares answers and drops with the oracle's.
func requireForetold(t *testing.T, datagrams [][]byte) *oracle {
	r := newRig(t)
	r.endpoint.allowance = nil // all of them are to be looked at
	r.run()
	r.receive() // the announcement
	o := &oracle{drops: map[string]uint64{}}
	sent := 0
	for len(datagrams) > 0 {
		now := datagrams[:min(batch, len(datagrams))]
		datagrams = datagrams[len(now):]
		var want [][]byte
		for _, b := range append(now[:len(now):len(now)], sq("app01", 0x0002)) {
			r.tell(b)
			sent++
			if answer := o.take(b); answer != nil {
				want = append(want, answer)
			}
		}
		for _, answer := range want {
			got, _ := r.receive()
			require.Equal(t, string(answer), string(got))
		}
	}
	all := r.Drops().All()
	assert.Equal(t, o.drops, all)
	for _, n := range all {
		o.answers += int(n)
	}
	assert.Equal(t, sent, o.answers)
	return o
}

func TestDatagramsOfEveryLength(t *testing.T) {
	good := append(xr("app01", 0x1000, "ONLINE", "ONLINE", "text"), make([]byte, 100)...)
	copy(good, sq("app01", 0x0001))
	var datagrams [][]byte
	for n := range 301 {
		datagrams = append(datagrams, good[:n], make([]byte, n))
	}
	o := requireForetold(t, datagrams)
	// In good only 68 bytes are an answer; of the zeros those below 68 bytes are too short, and the others are of no type.
	assert.Equal(t, map[string]uint64{"length": 300 + 68, "telegram type": 301 - 68}, o.drops)
}

func TestAnInquiryWithEveryByteChanged(t *testing.T) {
	t.Parallel()
	var datagrams [][]byte
	for i := range 68 {
		for value := range 256 {
			b := sq("app01", 0x0002)
			b[i] = byte(value)
			datagrams = append(datagrams, b)
		}
	}
	requireForetold(t, datagrams)
}

func FuzzAnswerPacket(f *testing.F) {
	file, _ := openContactFile(f)
	log, _ := newLog()
	s := newServer(f, Config{Manager: must(NewAddress("192.0.2.10:10320")), Log: log}, file, nil, newQueueListener())
	s.endpoint.allowance = nil // all of it is to be looked at
	require.NoError(f, s.status.Begin())
	f.Add(sq("app01", 0x0001), true)
	f.Add(sq("app01", 0x0002), false)
	f.Add(sq("app01", 0x0004), true)
	f.Add(sq("app02", 0x0001), true)
	f.Add(sq("app01", 0x0003), true)
	f.Add(xq("app01", 0x0100, "ONLINE"), true)
	f.Add(xr("app01", 0x1000, "ONLINE", "ONLINE", ""), true)
	f.Add(sr("app01", 0x0010, "ONLINE", "text"), true)
	f.Add([]byte{}, true)
	f.Fuzz(func(t *testing.T, b []byte, fromManager bool) {
		from := netip.MustParseAddrPort("192.0.2.10:40000")
		if !fromManager {
			from = netip.MustParseAddrPort("192.0.2.11:10320")
		}
		r, _, drop := s.endpoint.answerPacket(b, from)
		q, err := telegram.DecodeStatusInquiry(b)
		switch {
		case !fromManager:
			require.Equal(t, DropAddress, drop)
		case err != nil:
			require.Equal(t, DropOf(err), drop)
			require.NotEmpty(t, drop.String())
		case q.Host != app01:
			require.Equal(t, DropForeignHost, drop)
		case q.Control == telegram.Check && !s.Monitoring():
			require.Equal(t, DropNotMonitored, drop)
		default:
			require.Equal(t, NoDrop, drop)
			answer, err := r.Append(nil)
			require.NoError(t, err)
			require.Len(t, answer, telegram.StatusResponseLength)
			require.Equal(t, app01, r.Host)
			require.Equal(t, q.Control == telegram.End, r.Control == telegram.Stopped)
			return
		}
		require.Zero(t, r)
	})
}

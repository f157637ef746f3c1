package slave

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/telegram"
	"renraku/telegram/seal"
)

// simulatedEnd is a simulation in sealed mode without its sockets, whose telegrams the test carries.
type simulatedEnd struct {
	*Simulation
	t   testing.TB
	e   *endpoint
	mac *seal.MAC
}

func newSimulatedEnd(t testing.TB, masters ...seal.Master) *simulatedEnd {
	s := must(NewSimulation("sim", 10))
	s.Seal(mgr01, masters)
	return &simulatedEnd{s, t, &endpoint{responder: s, sealer: s.sealing}, seal.NewMAC()}
}

// inquiry is a sealed SQ CHECK of the manager.
func (r *simulatedEnd) inquiry(host string, m *seal.Master, sequence uint64) []byte {
	return r.sealed(host, must(telegram.StatusInquiry{Host: must(telegram.NewHost(host)), Control: telegram.Check}.Append(nil)), m, sequence)
}

// sealed is bytes for a slave as the manager seals them.
func (r *simulatedEnd) sealed(host string, b []byte, m *seal.Master, sequence uint64) []byte {
	keys := m.Derive(mgr01, must(telegram.NewHost(host)))
	pair := keys.Pair()
	return r.mac.Seal(b, &seal.Trailer{KeyID: m.ID, Session: 1, Sequence: sequence, Epoch: 7}, &pair.Inquiry)
}

// ask gives the reason for which there is no answer. One that there is must be sealed with the keys of this master key.
func (r *simulatedEnd) ask(b []byte, m *seal.Master) Drop {
	r.t.Helper()
	response, trailer, drop := r.e.answerPacket(b, managerAt)
	if drop != NoDrop {
		return drop
	}
	out := NewBatch()
	r.e.add(out, &response, &trailer, managerAt)
	answer, _ := out.At(0)
	keys := m.Derive(mgr01, response.Host)
	pair := keys.Pair()
	assert.Equal(r.t, m.ID, trailer.KeyID)
	assert.True(r.t, r.mac.Check(answer, seal.ToManager, &pair.Response))
	return NoDrop
}

func TestTheSimulationInSealedModeTakesNothingTwiceAndKeepsSlavesApart(t *testing.T) {
	r := newSimulatedEnd(t, *master(1), *master(2))
	for _, c := range []struct {
		host     string
		id       uint16
		sequence uint64
		want     Drop
	}{
		{"sim03", 1, 5, NoDrop},
		{"sim03", 1, 5, DropReplay},
		{"sim04", 1, 5, NoDrop},
		{"sim03", 2, 6, NoDrop},
		{"sim03", 1, 7, NoDrop},
		{"sim03", 3, 8, DropKey},
		{"sim11", 1, 5, DropForeignHost},
	} {
		assert.Equal(t, c.want, r.ask(r.inquiry(c.host, master(c.id), c.sequence), master(c.id)), "%+v", c)
	}
	assert.Equal(t, DropTrailer, r.ask(sq("sim03", 1), nil))
	assert.Equal(t, DropControl, r.ask(r.sealed("sim03", sq("sim03", 0xFF), master(1), 7), nil), "no telegram, though it is old too")
}

func TestNothingOfAForgedInquiryIsLookedAtBeforeItsMACInASimulation(t *testing.T) {
	r := newSimulatedEnd(t, *master(1))
	require.Equal(t, NoDrop, r.ask(r.inquiry("sim03", master(1), 5), master(1)))
	before := r.sealing.slaves[2].heard
	for _, sequence := range []uint64{4, 5, 6} {
		forged := r.inquiry("sim03", master(1), sequence)
		forged[len(forged)-1] ^= 1
		assert.Equal(t, DropMAC, r.ask(forged, nil), sequence)
		forged[telegram.StatusInquiryLength-1] = 0xFF // nor is the telegram decoded
		assert.Equal(t, DropMAC, r.ask(forged, nil), sequence)
	}
	assert.Equal(t, before, r.sealing.slaves[2].heard)
}

// Keys are derived before the MAC can be checked, so whoever forges datagrams has them derived: once for each slave and master key, and
// not for each of his datagrams.
func TestForgedDatagramsHaveTheKeysOfASimulatedSlaveDerivedOnce(t *testing.T) {
	r := newSimulatedEnd(t, *master(1), *master(2))
	var forged [][]byte
	for _, id := range []uint16{1, 2} {
		b := r.inquiry("sim03", master(id), 1)
		b[len(b)-1] ^= 1
		require.Equal(t, DropMAC, r.ask(b, nil))
		forged = append(forged, b)
	}
	for id := range uint16(10) { // of IDs that are not there, none
		forged = append(forged, r.inquiry("sim05", master(id+3), 1))
	}
	taken := map[Drop]int{DropMAC: 0, DropKey: 0}
	assert.Zero(t, testing.AllocsPerRun(100, func() { // as deriving does
		for _, b := range forged {
			_, _, drop := r.e.answerPacket(b, managerAt)
			taken[drop]++
		}
	}))
	assert.Equal(t, map[Drop]int{DropMAC: 2 * 101, DropKey: 10 * 101}, taken)
	assert.Nil(t, r.sealing.slaves[4], "nothing is kept of them")
	assert.Equal(t, NoDrop, r.ask(r.inquiry("sim03", master(1), 1), master(1)), "the right one is taken still")
}

func TestOtherMasterKeysOfASimulationStandAtOnceAlsoWithTheSameIDs(t *testing.T) {
	r := newSimulatedEnd(t, *master(1), *master(2))
	require.Equal(t, NoDrop, r.ask(r.inquiry("sim03", master(2), 1), master(2)))
	require.Equal(t, NoDrop, r.ask(r.inquiry("sim03", master(1), 2), master(1)))
	anew := master(9)
	anew.ID = 1
	r.SetMasters([]seal.Master{*anew})
	assert.Equal(t, DropMAC, r.ask(r.inquiry("sim03", master(1), 3), nil))
	assert.Equal(t, DropKey, r.ask(r.inquiry("sim03", master(2), 3), nil), "it stands no more")
	assert.Equal(t, NoDrop, r.ask(r.inquiry("sim03", anew, 3), anew))
	r.SetMasters([]seal.Master{*master(2), *anew}) // in another place
	assert.Equal(t, NoDrop, r.ask(r.inquiry("sim03", anew, 4), anew))
	assert.Equal(t, NoDrop, r.ask(r.inquiry("sim03", master(2), 5), master(2)))
	assert.Equal(t, DropReplay, r.ask(r.inquiry("sim03", anew, 5), nil), "what was taken is remembered")
}

// BenchmarkForgedSimulated is what a forged datagram costs that names another key each time.
func BenchmarkForgedSimulated(b *testing.B) {
	r := newSimulatedEnd(b, *master(1), *master(2))
	var forged [2][]byte
	for i := range forged {
		forged[i] = r.inquiry("sim03", master(uint16(i+1)), 1)
		forged[i][len(forged[i])-1] ^= 1
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.e.answerPacket(forged[i%2], managerAt)
	}
}

package slave

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave/slavetest"
	"renraku/telegram"
	"renraku/telegram/seal"
)

var mgr01 = must(telegram.NewHost("mgr01"))

// master is what slavetest.Keys has under that ID.
func master(id uint16) *seal.Master {
	m := &seal.Master{ID: id}
	for i := range m.Secret {
		m.Secret[i] = byte(id) + byte(i)
	}
	return m
}

// sealedEnd is a Server app01 in sealed mode without its sockets, whose telegrams the test carries, and what the manager does.
type sealedEnd struct {
	*Server
	t       testing.TB
	records *Records
	path    string // of the contact file
	log     *logBook
	mac     *seal.MAC
}

func newSealedEnd(t testing.TB, records *Records) *sealedEnd {
	return newSealedEndWith(t, records, slavetest.NewKeys(t, "mgr01"))
}

func newSealedEndWith(t testing.TB, records *Records, keys *slavetest.Keys) *sealedEnd {
	file, path := openContactFile(t)
	log, book := newLog()
	r := &sealedEnd{t: t, records: records, path: path, log: book, mac: seal.NewMAC()}
	r.Server = newServer(t, Config{Manager: must(NewAddress("192.0.2.10:10320")), Security: keys.Security(t, "app01"), Records: records, Log: log},
		file, nil, newQueueListener())
	r.endpoint.allowance = nil // a test may ask very often
	t.Cleanup(func() { r.sealing.close(); r.outbox.close() })
	require.NoError(t, r.status.Begin())
	return r
}

// inquiry is a sealed SQ of the manager.
func (r *sealedEnd) inquiry(control telegram.Control, t seal.Trailer) []byte {
	return r.sealed(must(telegram.StatusInquiry{Host: app01, Control: control}.Append(nil)), t)
}

// sealed is bytes as the manager seals them.
func (r *sealedEnd) sealed(b []byte, t seal.Trailer) []byte {
	keys := master(t.KeyID).Derive(mgr01, app01)
	pair := keys.Pair()
	return r.mac.Seal(b, &t, &pair.Inquiry)
}

// from1 is the trailer of an inquiry with key 1 in this term.
func from1(term, session, sequence uint64) seal.Trailer {
	return seal.Trailer{KeyID: 1, Session: session, Sequence: sequence, Epoch: term}
}

var managerAt = netip.MustParseAddrPort("192.0.2.10:40000")

// ask gives the response as the bytes that would be sent, or the reason for which there is none.
func (r *sealedEnd) ask(b []byte) ([]byte, Drop) {
	response, trailer, drop := r.endpoint.answerPacket(b, managerAt)
	if drop != NoDrop {
		return nil, drop
	}
	out := NewBatch()
	r.endpoint.add(out, &response, &trailer, managerAt)
	answer, _ := out.At(0)
	return answer, NoDrop
}

// opened checks the MAC of a response.
func (r *sealedEnd) opened(b []byte) (telegram.StatusResponse, seal.Trailer) {
	r.t.Helper()
	plain, t, err := seal.Split(b)
	require.NoError(r.t, err)
	response, err := telegram.DecodeStatusResponse(plain)
	require.NoError(r.t, err)
	keys := master(t.KeyID).Derive(mgr01, app01)
	pair := keys.Pair()
	require.True(r.t, r.mac.Check(b, seal.ToManager, &pair.Response))
	return response, t
}

// dropOf is the reason for which an inquiry is dropped.
func (r *sealedEnd) dropOf(control telegram.Control, t seal.Trailer) Drop {
	_, drop := r.ask(r.inquiry(control, t))
	return drop
}

func TestASealedInquiryIsAnsweredWithItsSessionAndSequence(t *testing.T) {
	r := newSealedEnd(t, openRecords(t))
	answer, drop := r.ask(r.inquiry(telegram.Start, from1(7, 0xABCD, 41)))
	require.Equal(t, NoDrop, drop)
	response, trailer := r.opened(answer)
	assert.Equal(t, telegram.Running, response.Control)
	assert.Equal(t, seal.Trailer{Direction: seal.ToManager, KeyID: 1, Session: 0xABCD, Sequence: 41, Epoch: r.sealing.start}, trailer)
}

func TestOnlyALaterInquiryIsTaken(t *testing.T) {
	r := newSealedEnd(t, openRecords(t))
	for _, c := range []struct {
		trailer seal.Trailer
		want    Drop
	}{
		{from1(7, 1, 10), NoDrop},
		{from1(7, 1, 10), DropReplay},
		{from1(7, 1, 9), DropReplay},
		{from1(7, 1, 12), NoDrop},
		{from1(7, 1, 11), DropReplay},
		{from1(7, 2, 13), DropReplay}, // of another session of the same term
		{from1(6, 1, 100), DropReplay},
		{from1(8, 2, 1), NoDrop}, // the manager was started again
		{from1(7, 1, 101), DropReplay},
		{from1(8, 2, 2), NoDrop},
	} {
		assert.Equal(t, c.want, r.dropOf(telegram.Check, c.trailer), "%+v", c.trailer)
	}
	assert.Len(t, r.log.with("inquiry of an earlier start of the manager dropped"), 1)
}

func TestRecordingsOfSeveralStartsOfTheManagerFillNoLog(t *testing.T) {
	records := openRecords(t)
	synctest.Test(t, func(t *testing.T) {
		r := newSealedEnd(t, records)
		require.Equal(t, NoDrop, r.dropOf(telegram.Check, from1(9, 1, 1)))
		replay := func() {
			for i := range uint64(100) {
				require.Equal(t, DropReplay, r.dropOf(telegram.Check, from1(7+i%2, 1, 1)))
			}
		}
		replay()
		time.Sleep(dropReport - time.Nanosecond)
		replay()
		assert.Len(t, r.log.with("inquiry of an earlier start of the manager dropped", "term=7", "last_term=9"), 1)
		time.Sleep(time.Nanosecond)
		replay()
		assert.Len(t, r.log.with("inquiry of an earlier start of the manager dropped"), 2, "and again after a while")
	})
}

func TestWhatIsNotSealedForThisSlaveIsDroppedByItsReason(t *testing.T) {
	r := newSealedEnd(t, openRecords(t))
	good := r.inquiry(telegram.End, from1(7, 1, 10))
	with := func(change func(b []byte)) []byte {
		b := append([]byte(nil), good...)
		change(b)
		return b
	}
	other := master(1).Derive(mgr01, must(telegram.NewHost("app02")))
	pair := other.Pair()
	forAnother := r.mac.Seal(append([]byte(nil), good[:telegram.StatusInquiryLength]...), &seal.Trailer{KeyID: 1, Epoch: 9}, &pair.Inquiry)
	back := r.inquiry(telegram.End, from1(7, 1, 10))
	back[telegram.StatusInquiryLength+5] = 1
	for name, c := range map[string]struct {
		b    []byte
		want Drop
	}{
		"plain":                    {good[:telegram.StatusInquiryLength], DropTrailer},
		"nothing":                  {nil, DropTrailer},
		"another magic":            {with(func(b []byte) { b[68] = 'X' }), DropTrailer},
		"a changed control":        {with(func(b []byte) { b[67] = 1 }), DropMAC},
		"a changed MAC":            {with(func(b []byte) { b[len(b)-1] ^= 1 }), DropMAC},
		"a later sequence":         {with(func(b []byte) { b[68+23]++ }), DropMAC},
		"a key that is not there":  {r.inquiry(telegram.End, seal.Trailer{KeyID: 2, Epoch: 9}), DropKey},
		"sealed for another slave": {forAnother, DropMAC},
		"the other direction":      {back, DropMAC},
	} {
		_, drop := r.ask(c.b)
		assert.Equal(t, c.want, drop, name)
	}
	assert.True(t, r.Monitoring())
	_, _, drop := r.endpoint.answerPacket(good, netip.MustParseAddrPort("192.0.2.11:40000"))
	assert.Equal(t, DropAddress, drop)
	_, drop = r.ask(good)
	assert.Equal(t, NoDrop, drop, "and the right one is taken still")
	assert.False(t, r.Monitoring())
}

// Else whoever forges datagrams could write to the log, or learn what the slave took last.
func TestNothingOfAForgedInquiryIsLookedAtBeforeItsMAC(t *testing.T) {
	r := newSealedEnd(t, openRecords(t))
	require.Equal(t, NoDrop, r.dropOf(telegram.Check, from1(7, 1, 10)))
	before := r.sealing.heard.heard
	for name, trailer := range map[string]seal.Trailer{
		"an earlier epoch":    from1(6, 1, 11),
		"an earlier sequence": from1(7, 1, 9),
		"another session":     from1(7, 2, 11),
		"a replay":            from1(7, 1, 10),
		"a later one":         from1(8, 1, 1),
	} {
		forged := r.inquiry(telegram.Check, trailer)
		forged[len(forged)-1] ^= 1
		_, drop := r.ask(forged)
		assert.Equal(t, DropMAC, drop, name)
		forged[telegram.StatusInquiryLength-1] = 0xFF // nor is the telegram decoded
		_, drop = r.ask(forged)
		assert.Equal(t, DropMAC, drop, name)
	}
	assert.Empty(t, r.log.with("inquiry of an earlier start of the manager dropped"))
	assert.Equal(t, before, r.sealing.heard.heard)
}

// SPEC.md 12.3: the telegram is looked at before what came before it.
func TestASealedTelegramThatIsNoneIsCountedAsSuchAlsoWhenItIsOld(t *testing.T) {
	r := newSealedEnd(t, openRecords(t))
	require.Equal(t, NoDrop, r.dropOf(telegram.Check, from1(7, 1, 10)))
	for _, trailer := range []seal.Trailer{from1(6, 1, 10), from1(7, 1, 10), from1(7, 1, 11)} {
		_, drop := r.ask(r.sealed(sq("app01", 0xFF), trailer))
		assert.Equal(t, DropControl, drop, "%+v", trailer)
		_, drop = r.ask(r.sealed(sq("app01", 0x0001)[1:], trailer))
		assert.Equal(t, DropLength, drop, "%+v", trailer)
	}
	assert.Empty(t, r.log.with("inquiry of an earlier start of the manager dropped"))
	assert.Equal(t, NoDrop, r.dropOf(telegram.Check, from1(7, 1, 11)), "nothing was taken of it")
}

func TestItsOwnResponseSentBackIsDropped(t *testing.T) {
	r := newSealedEnd(t, openRecords(t))
	answer, _ := r.ask(r.inquiry(telegram.Check, from1(7, 1, 10)))
	_, drop := r.ask(answer)
	assert.Equal(t, DropMAC, drop)
}

func TestAReplayedEndIsNotTakenAfterARestart(t *testing.T) {
	for _, last := range []telegram.Control{telegram.Check, telegram.Start, telegram.End} {
		t.Run(last.String(), func(t *testing.T) {
			dir := t.TempDir()
			log, _ := newLog()
			start := func() (*sealedEnd, func()) {
				records := must(OpenRecords(dir, log))
				r := newSealedEnd(t, records)
				return r, func() { records.Close() }
			}
			r, stop := start()
			end := r.inquiry(telegram.End, from1(7, 1, 10))
			_, drop := r.ask(end)
			require.Equal(t, NoDrop, drop)
			require.Equal(t, NoDrop, r.dropOf(telegram.Start, from1(7, 1, 11)))
			require.Equal(t, NoDrop, r.dropOf(last, from1(7, 1, 12)))
			first := r.sealing.start
			stop()
			r, stop = start() // without a shutdown
			defer stop()
			assert.Greater(t, r.sealing.start, first)
			_, drop = r.ask(end)
			assert.Equal(t, DropReplay, drop)
			assert.True(t, r.Monitoring())
			assert.Equal(t, DropReplay, r.dropOf(telegram.Check, from1(7, 1, 12)), "each inquiry is remembered, of whatever kind")
			assert.Equal(t, NoDrop, r.dropOf(telegram.Check, from1(7, 1, 13)))
		})
	}
}

func TestBothKeysAreTakenAndTheResponseHasTheOneThatAsked(t *testing.T) {
	keys := slavetest.NewKeys(t, "mgr01")
	keys.Rotate()
	r := newSealedEndWith(t, openRecords(t), keys)
	assert.Equal(t, uint16(1), r.sealing.nextUnasked().KeyID, "the manager may not have the second yet")
	for i, id := range []uint16{1, 2, 1, 2} {
		trailer := from1(7, 1, uint64(i+1))
		trailer.KeyID = id
		answer, drop := r.ask(r.inquiry(telegram.Check, trailer))
		require.Equal(t, NoDrop, drop)
		_, got := r.opened(answer)
		assert.Equal(t, id, got.KeyID)
		assert.Equal(t, id, r.sealing.nextUnasked().KeyID)
	}
	keys.Rotate()
	r.SetCredentials(keys.Credentials(t, "app01", time.Now().Add(time.Hour)))
	assert.Equal(t, DropKey, r.dropOf(telegram.Check, from1(7, 1, 100)))
	trailer := from1(7, 1, 100)
	trailer.KeyID = 3
	assert.Equal(t, NoDrop, r.dropOf(telegram.Check, trailer))
}

func TestUnaskedResponsesCountOnWithinAStart(t *testing.T) {
	r := newSealedEnd(t, openRecords(t))
	first, second := r.sealing.nextUnasked(), r.sealing.nextUnasked()
	assert.Equal(t, seal.Trailer{Direction: seal.ToManager, KeyID: 1, Sequence: 1, Epoch: r.sealing.start}, first)
	assert.Equal(t, first.Sequence+1, second.Sequence)
}

func TestADamagedMemoryOfTheLastInquiryIsSaidAndForgotten(t *testing.T) {
	records := openRecords(t)
	path := filepath.Join(records.Runs.Path(), heardFile)
	for _, damage := range []string{"rubbish", "00000000000000000007 0000000000000001 00000000000000000010 00001", "\x00", " 7 1 10 1\n"} {
		require.NoError(t, os.WriteFile(path, []byte(damage), 0o640))
		h, damaged, err := openHeard(records.Runs.Path())
		require.NoError(t, err)
		assert.True(t, damaged, damage)
		assert.Zero(t, h.heard)
		h.close()
	}
	trailer := from1(7, 1, 10)
	h, _, err := openHeard(records.Runs.Path())
	require.NoError(t, err)
	require.NoError(t, h.take(&trailer, true))
	h.close()
	assert.Equal(t, "00000000000000000007 0000000000000001 00000000000000000010 00001\n", contents(t, path))
	h, damaged, err := openHeard(records.Runs.Path())
	require.NoError(t, err)
	defer h.close()
	assert.False(t, damaged)
	assert.Equal(t, heard{7, 1, 10, 1}, h.heard)
}

func TestAMillionReplayedOrForgedDatagramsChangeNothingAtTheSlave(t *testing.T) {
	all := 1_000_000
	if slavetest.Race {
		all /= 20
	}
	const seed = 10320
	random := rand.New(rand.NewPCG(seed, 2))
	r := newSealedEnd(t, openRecords(t))
	var inquiries, answers [][]byte
	for i := range uint64(8640) { // a day, with ends and new beginnings
		control := []telegram.Control{telegram.Check, telegram.Check, telegram.End, telegram.Start}[i%4]
		b := r.inquiry(control, from1(7+i/1000, 1+i/1000, i+1))
		answer, drop := r.ask(b)
		require.Equal(t, NoDrop, drop)
		inquiries, answers = append(inquiries, b), append(answers, append([]byte(nil), answer...))
	}
	require.True(t, r.Monitoring())
	state := func() []any {
		return []any{r.status.phase, r.sealing.heard.heard, contents(t, r.path), contents(t, filepath.Join(r.records.Runs.Path(), heardFile))}
	}
	before := state()
	taken := map[Drop]int{}
	for range all {
		b := append([]byte(nil), inquiries[random.IntN(len(inquiries))]...)
		switch random.IntN(4) {
		case 0: // as it was
		case 1:
			b[random.IntN(len(b))] ^= 1 << random.IntN(8)
		case 2: // the trailer of another
			copy(b[telegram.StatusInquiryLength:], inquiries[random.IntN(len(inquiries))][telegram.StatusInquiryLength:])
		case 3:
			b = append(b[:0], answers[random.IntN(len(answers))]...)
		}
		_, _, drop := r.endpoint.answerPacket(b, managerAt)
		taken[drop]++
	}
	t.Log(taken)
	assert.Zero(t, taken[NoDrop], "seed %d: %v", seed, taken)
	assert.Equal(t, before, state())
	assert.Equal(t, NoDrop, r.dropOf(telegram.Check, from1(15, 9, 100_000)), "the right one is taken still")
}

func FuzzTakeSealed(f *testing.F) {
	r := newSealedEnd(f, openRecords(f))
	f.Add(r.inquiry(telegram.Check, from1(7, 1, 1)))
	f.Add(r.inquiry(telegram.End, seal.Trailer{KeyID: 2}))
	f.Add(sq("app01", 0x0001))
	f.Add([]byte{})
	keys := master(1).Derive(mgr01, app01)
	pair := keys.Pair()
	f.Fuzz(func(t *testing.T, b []byte) {
		q, answer, drop := r.sealing.take(b)
		if drop != NoDrop {
			require.Zero(t, q)
			require.Zero(t, answer)
			return
		}
		require.True(t, r.mac.Check(b, seal.ToSlave, &pair.Inquiry), "nothing is taken without its MAC")
		require.Equal(t, app01, q.Host)
	})
}

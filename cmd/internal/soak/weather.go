package main

import (
	"context"
	"math/rand/v2"
	"syscall"
	"time"

	"renraku/cmd/internal/trial"
	"renraku/contactfile"
	"renraku/slave/slavetest"
	"renraku/telegram"
)

// longestWay is the longest time that a datagram is under way.
const longestWay = 80 * time.Millisecond

// How long one weather lasts.
const (
	weatherLeast = 2 * time.Second
	weatherMost  = 2 * stoppedBound
)

// anyLength is more bytes than pass on a connection of one order.
const anyLength = telegram.ExecutionOrderLength*2 + telegram.ExecutionResponseLength

// handshakeLength is the bytes of a TLS handshake and what it adds to an order; a connection of one order in sealed mode had 4,642 in all.
const handshakeLength = 4096

// weather is what the way between the manager and some slaves suffers for a while.
type weather struct {
	name        string
	share       int // how often it is drawn
	there, back slavetest.Impairment
	streams     slavetest.Streams
	resets      bool // connections that are open
	finds       contactfile.Operating
}

var (
	late     = slavetest.Impairment{Duplicate: 0.3, Delay: longestWay}
	bad      = slavetest.Impairment{Loss: 0.15, Burst: 0.02, BurstMost: 4, Duplicate: 0.2, Delay: longestWay, Flip: 0.05, Seen: isSeen}
	nothing  = slavetest.Impairment{Loss: 1}
	noStream = slavetest.Streams{Reset: 1}
)

// isSeen says whether a receiver can see that a bit was flipped: where another valid telegram comes of it, nobody can. Of a sealed one,
// none comes.
func isSeen(b []byte) bool {
	_, err := telegram.Decode(b)
	return err != nil
}

// The weathers. What cuts datagrams off cuts connections off too: a slave that answers on any way is no silent one.
var weathers = []weather{
	{name: "calm", share: 6, finds: contactfile.Running},
	{name: "late and double", share: 3, there: late, back: late, finds: contactfile.Running},
	{name: "connections reset", share: 2, streams: slavetest.Streams{Reset: 1, Within: anyLength, Split: 0.3}, resets: true,
		finds: contactfile.Running},
	{name: "loss, bursts, flips, resets", share: 5, there: bad, back: bad,
		streams: slavetest.Streams{Reset: 0.4, HalfOpen: 0.03, Within: anyLength, Split: 0.3}, finds: anything},
	{name: "cut off", share: 1, there: nothing, back: nothing, streams: noStream, resets: true, finds: contactfile.Stopped},
	{name: "nothing reaches the slave", share: 1, there: nothing, streams: noStream, resets: true, finds: contactfile.Stopped},
	{name: "nothing comes from the slave", share: 1, back: nothing, streams: noStream, resets: true, finds: contactfile.Stopped},
}

// What happens to slaves themselves.
const (
	ownTroubles    = 5 // of a real slave, beside the weathers
	partsSilent    = "every third slave silent"
	slaveKilled    = "slave killed and started again"
	slaveStopped   = "slave stopped and continued"
	slaveEnded     = "slave ended and started again"
	definitionRead = "definition read again by a slave"
)

func sharesOfWeathers() (all int) {
	for i := range weathers {
		all += weathers[i].share
	}
	return all
}

func drawWeather(random *rand.Rand) *weather {
	n := random.IntN(sharesOfWeathers())
	for i := range weathers {
		if n -= weathers[i].share; n < 0 {
			return &weathers[i]
		}
	}
	return nil
}

// drawTime is a time of at least one and at most the other.
func drawTime(random *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(random.Int64N(int64(most-least)))
}

// set has the proxies have this weather. What it lets nobody find is expected no more before, and what it lets find is afterwards. From one
// that cuts off in one direction to one that does in the other, an answer may come through: the time for STOPPED begins once more.
func (s *soak) set(hosts []string, w *weather, proxies ...*slavetest.Proxy) {
	keep := w.finds
	if keep == contactfile.Stopped {
		keep = anything
	}
	s.board.release(hosts, keep)
	streams := w.streams
	if s.fleet.keys != nil && streams.Within > 0 {
		streams.Within += handshakeLength
	}
	for _, p := range proxies {
		p.There.Set(w.there)
		p.Back.Set(w.back)
		p.SetStreams(streams)
		if w.resets {
			p.Reset()
		}
	}
	s.board.expect(hosts, w.finds)
	s.figures.add("weather: "+w.name, 1)
}

// changeGroup has a group of simulated slaves suffer, one thing after the other, until ctx ends.
func (s *soak) changeGroup(ctx context.Context, g *group, random *rand.Rand) error {
	hosts := s.fleet.hosts(g)
	for ctx.Err() == nil {
		if random.IntN(sharesOfWeathers()+1) == 0 {
			if err := s.silencePart(ctx, g, hosts, random); err != nil {
				return err
			}
			continue
		}
		s.set(hosts, drawWeather(random), g.proxy)
		trial.Sleep(ctx, drawTime(random, weatherLeast, weatherMost))
	}
	return nil
}

// silencePart has every third slave of a group not answer for a while.
func (s *soak) silencePart(ctx context.Context, g *group, hosts []string, random *rand.Rand) error {
	const step = 3
	s.set(hosts, &weathers[0], g.proxy)
	var silent []string
	for i := 0; i < len(hosts); i += step {
		silent = append(silent, hosts[i])
	}
	s.figures.add(partsSilent, 1)
	s.board.expect(silent, anything)
	if err := s.fleet.simulation.Ask(nil, g.first, step, g.last, true); err != nil {
		return err
	}
	s.board.expect(silent, contactfile.Stopped)
	trial.Sleep(ctx, drawTime(random, weatherLeast, weatherMost))
	s.board.expect(silent, anything)
	err := s.fleet.simulation.Ask(nil, g.first, step, g.last, false)
	s.board.expect(silent, contactfile.Running)
	return err
}

// changeReal has a real slave suffer until ctx ends. The steady one lives through all of it, so that its use can be judged.
func (s *soak) changeReal(ctx context.Context, r *realSlave, steady bool, random *rand.Rand) error {
	hosts := []string{r.host}
	for ctx.Err() == nil {
		var err error
		switch n := random.IntN(ownTroubles + sharesOfWeathers()); {
		case n < 2 && !steady:
			err = s.killSlave(ctx, r, random)
		case n == 2 && !steady:
			err = s.endSlave(ctx, r, random)
		case n == 3:
			err = s.stopSlave(ctx, r, random)
		case n == 4:
			err = s.readAgainSlave(r, variant(random.IntN(int(wrong))))
		default:
			s.set(hosts, drawWeather(random), r.toSlave, r.toManager)
			trial.Sleep(ctx, drawTime(random, weatherLeast, weatherMost))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// killSlave kills the daemon of a slave; what it runs goes on.
func (s *soak) killSlave(ctx context.Context, r *realSlave, random *rand.Rand) error {
	s.figures.add(slaveKilled, 1)
	s.set([]string{r.host}, &weathers[0], r.toSlave, r.toManager)
	s.board.expect([]string{r.host}, anything)
	r.now().Kill()
	return s.startSlave(ctx, r, random)
}

// endSlave has the daemon end as it is to; it says goodbye.
func (s *soak) endSlave(ctx context.Context, r *realSlave, random *rand.Rand) error {
	s.figures.add(slaveEnded, 1)
	s.board.expect([]string{r.host}, anything)
	if err := r.now().Terminate(endPatience); err != nil {
		s.wrong.add(wrongDaemon, "%v", err)
	}
	return s.startSlave(ctx, r, random)
}

func (s *soak) startSlave(ctx context.Context, r *realSlave, random *rand.Rand) error {
	s.board.expect([]string{r.host}, contactfile.Stopped)
	trial.Sleep(ctx, drawTime(random, weatherLeast, weatherMost))
	s.board.expect([]string{r.host}, anything)
	if err := s.fleet.startReal(s.fleet.ctx, r); err != nil {
		return err
	}
	s.set([]string{r.host}, &weathers[0], r.toSlave, r.toManager)
	return nil
}

// stopSlave stops the daemon with SIGSTOP for a while.
func (s *soak) stopSlave(ctx context.Context, r *realSlave, random *rand.Rand) error {
	s.figures.add(slaveStopped, 1)
	s.set([]string{r.host}, &weathers[0], r.toSlave, r.toManager)
	s.board.expect([]string{r.host}, anything)
	if err := r.now().Pause(); err != nil {
		return err
	}
	s.board.expect([]string{r.host}, contactfile.Stopped)
	trial.Sleep(ctx, drawTime(random, weatherLeast, weatherMost))
	s.board.expect([]string{r.host}, anything)
	err := r.now().Resume()
	s.board.expect([]string{r.host}, contactfile.Running)
	return err
}

// readAgainSlave has a slave read its definition again, which may be another one.
func (s *soak) readAgainSlave(r *realSlave, v variant) error {
	s.figures.add(definitionRead, 1)
	if err := s.fleet.writeDefinition(v, r); err != nil {
		return err
	}
	return r.now().Signal(syscall.SIGHUP)
}

// endPatience is how long a daemon may take to end: orders in progress have 10 s, and the answers to END 30.
const endPatience = 45 * time.Second

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/term"

	"renraku/cmd/internal/trial"
	"renraku/contactfile"
)

const (
	upWait   = 30 * time.Second // for all to be RUNNING at first
	restWait = 2 * time.Second  // before what is used at rest is looked at

	excusedShare = 4 // one part of so many of the time, in which the program itself may have no processor

	// mostDelivery is the longest time after the faults until the manager has every result: a slave tries again after a minute at most,
	// and may have begun to wait for a receipt right before.
	mostDelivery = 75 * time.Second
)

// soak is one run.
type soak struct {
	length  time.Duration
	seed    uint64
	fleet   *fleet
	board   *board
	journal *journal
	wrong   *wrongs
	figures *figures
	told    *told
	begun   time.Time

	messages sync.RWMutex // held while the manager is restarted

	every time.Duration // between two samples
	mu    sync.Mutex
	lives []*life // of the manager
	slave *life   // of the steady slave
}

// run is a whole run, and says whether everything held.
func run(ctx context.Context, o *options) (held bool, err error) {
	if err := o.check(); err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "renraku-soak-")
	if err != nil {
		return false, err
	}
	defer func() {
		if held {
			os.RemoveAll(dir)
		} else {
			fmt.Fprintln(os.Stderr, "soak: logs, definitions and histories are left in", dir)
		}
	}()
	log, err := os.Create(filepath.Join(dir, managerHost+".log"))
	if err != nil {
		return false, err
	}
	defer log.Close()
	w := newWrongs(os.Stderr)
	s := &soak{length: o.length, seed: o.seed, wrong: w, figures: newFigures(), journal: newJournal(log, w),
		told: &told{rows: map[row]int{}, mayRun: map[target]int{}}, every: min(sampleEvery, o.length/leastSamples)}
	fmt.Fprintf(os.Stderr, "soak: -for %v -slaves %d -mode %s -seed %d\n", o.length, o.slaves, o.mode, o.seed)
	if s.fleet, err = startFleet(ctx, dir, o, s.journal); err != nil {
		s.fleet.stop()
		return false, err
	}
	defer s.fleet.stop()
	return s.run(ctx)
}

func (s *soak) run(ctx context.Context) (bool, error) {
	roster := s.fleet.roster(base)
	s.board = newBoard(s.fleet.contactFile(), roster, s.wrong)
	s.journal.setJudged(s.board.judged)
	s.board.expect(roster, contactfile.Running)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go s.board.watch(watching)
	if err := s.awaitAll(ctx, upWait); err != nil {
		return false, err
	}
	manager, slave, err := s.atRest(ctx)
	if err != nil {
		return false, err
	}
	s.begun = time.Now()
	go s.progress(watching)
	if err := s.suffer(ctx); err != nil {
		return false, err
	}
	var must trial.Claims
	if err := s.recover(ctx, &must); err != nil {
		return false, err
	}
	managerAfter, slaveAfter, err := s.atRest(ctx)
	if err != nil {
		return false, err
	}
	stop()
	s.lives[len(s.lives)-1].claim(&must)
	claimRest(&must, managerHost, manager, managerAfter)
	s.slave.claim(&must)
	claimRest(&must, s.slave.name, slave, slaveAfter)
	return s.conclude(ctx, &must)
}

// suffer has everything go wrong for the time of the faults, and everybody come back.
func (s *soak) suffer(ctx context.Context) error {
	s.followManager()
	steady := s.fleet.real[0]
	s.slave = &life{name: steady.host}
	go s.slave.follow(ctx, steady.now(), s.every)
	faults, stop := context.WithTimeout(ctx, s.length)
	defer stop()
	var all sync.WaitGroup
	errs := make(chan error, 64)
	number := uint64(0)
	begin := func(do func(ctx context.Context, random *rand.Rand) error) {
		number++
		random := rand.New(rand.NewPCG(s.seed, 1<<32+number)) // the proxies have the numbers below
		all.Go(func() {
			if err := do(faults, random); err != nil {
				errs <- err
				stop()
			}
		})
	}
	for _, g := range s.fleet.simulated {
		if g != s.fleet.guests {
			begin(func(ctx context.Context, random *rand.Rand) error { return s.changeGroup(ctx, g, random) })
		}
	}
	for _, r := range s.fleet.real {
		begin(func(ctx context.Context, random *rand.Rand) error { return s.changeReal(ctx, r, r == steady, random) })
	}
	begin(s.disturb)
	begin(s.throwRubbish)
	begin(s.sendMessages)
	begin(s.giveOrders)
	<-faults.Done()
	s.board.release(s.fleet.roster(base), contactfile.Running)
	s.fleet.heal() // so that no order waits any longer
	all.Wait()
	s.fleet.heal() // what was set meanwhile
	s.board.expect(s.fleet.roster(base), contactfile.Running)
	select {
	case err := <-errs:
		return err
	default:
		return ctx.Err()
	}
}

// recover waits until everybody is found and everything delivered.
func (s *soak) recover(ctx context.Context, must *trial.Claims) error {
	healed := time.Now()
	if err := s.awaitAll(ctx, runningBound); err != nil {
		s.wrong.add(wrongNotBack, "%v", err)
	}
	all := time.Since(healed)
	left := 0
	for {
		b, err := s.readBooks()
		if err != nil {
			return err
		}
		if left = len(b.undelivered()); left == 0 || time.Since(healed) > mostDelivery {
			break
		}
		if err := trial.Sleep(ctx, time.Second); err != nil {
			return err
		}
	}
	must.Add(all <= runningBound, "after the faults: all are RUNNING after", all.Round(time.Millisecond).String(), "at most "+runningBound.String())
	must.Add(left == 0, "after the faults: results undelivered; after", fmt.Sprintf("%d; %v", left, time.Since(healed).Round(time.Millisecond)),
		"0; at most "+mostDelivery.String())
	return nil
}

// awaitAll waits until everybody is found as he has to be.
func (s *soak) awaitAll(ctx context.Context, patience time.Duration) error {
	for begun := time.Now(); ; {
		left := s.board.unmet()
		if len(left) == 0 {
			return nil
		}
		if time.Since(begun) > patience {
			return fmt.Errorf("after %v, %d servers are not RUNNING: %.5q", patience, len(left), left[:min(len(left), mostSaid)])
		}
		if err := trial.Sleep(ctx, lookAgain); err != nil {
			return err
		}
	}
}

// atRest is what the manager and the steady slave use when nothing happens.
func (s *soak) atRest(ctx context.Context) (manager, slave sample, err error) {
	if err = trial.Sleep(ctx, restWait); err == nil {
		manager, err = atRest(ctx, s.fleet.managerNow())
	}
	if err == nil {
		slave, err = atRest(ctx, s.fleet.real[0].now())
	}
	return manager, slave, err
}

// followManager begins another life of the manager.
func (s *soak) followManager() {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &life{name: managerHost}
	s.lives = append(s.lives, l)
	go l.follow(s.fleet.ctx, s.fleet.managerNow(), s.every)
}

// conclude compares the books, and says what held.
func (s *soak) conclude(ctx context.Context, must *trial.Claims) (bool, error) {
	for _, name := range s.fleet.ended() {
		s.wrong.add(wrongDaemon, "%s has ended", name)
	}
	s.awaitFirings()
	if sent, fired := s.figures.of("messages from outside"), s.journal.firings(processAlarm); sent != fired {
		s.wrong.add(wrongMessage, "%d were taken, and %d fired", sent, fired)
	}
	s.checkLastEvents()
	b, err := s.readBooks()
	if err != nil {
		return false, err
	}
	b.check(s)
	looks, excused := s.board.looked()
	most := s.length / excusedShare
	must.Add(excused <= most, "no processor for this program itself, so that the rest says little", excused.Round(time.Millisecond).String(),
		"at most "+most.String())
	must.Add(looks > 0, "the contact file was read", fmt.Sprintf("%d times", looks), "at least once")
	must.Add(true, "found STOPPED where nothing answered", s.board.told(contactfile.Stopped), stoppedBound.String())
	must.Add(true, "found RUNNING where the network is well", s.board.told(contactfile.Running), runningBound.String())
	s.claimKeys(must)
	s.wrong.claim(must)
	s.addFigures(ctx, b)
	s.figures.print(os.Stdout)
	return must.Print(os.Stdout), nil
}

// checkLastEvents compares the last event of each slave with its record.
func (s *soak) checkLastEvents() {
	records, err := contactfile.ReadFile(s.fleet.contactFile())
	if err != nil {
		s.wrong.add(wrongFile, "%v", err)
		return
	}
	for i := range records {
		if r := &records[i]; r.Host != managerHost && s.journal.lastOf(r.Host) != string(r.Operating) {
			s.wrong.add(wrongEvents, "the last of %s is %q, and its record %s", r.Host, s.journal.lastOf(r.Host), r.Operating)
		}
	}
}

func (s *soak) addFigures(ctx context.Context, b *books) {
	s.figures.add("events of slaves", s.journal.count())
	s.figures.add("runs in the ledger", len(b.ledger))
	for _, id := range []string{processRecord, processServe, processChain, processBack, processAlarm, processTick} {
		n := 0
		for to, ran := range b.runs {
			if to.process == id {
				n += ran
			}
		}
		s.figures.add("runs in the ledger: "+id, n)
	}
	s.figures.add("orders to single servers that are UNKNOWN", s.told.unknown)
	if state, err := s.fleet.client().State(ctx); err == nil {
		for reason, n := range state.Dropped {
			s.figures.add("dropped by the last manager: "+reason, int(n))
		}
	}
}

// How often the line of progress comes: where it takes the place of the one before, and where it does not.
const (
	progressMoves = time.Second
	progressLines = 10 * time.Second
)

// progress says how far it is until ctx ends.
func (s *soak) progress(ctx context.Context) {
	every, before, after := progressLines, "", "\n"
	if term.IsTerminal(int(os.Stderr.Fd())) {
		every, before, after = progressMoves, "\r\033[K", ""
	}
	for trial.Sleep(ctx, every) == nil {
		s.mu.Lock()
		manager := s.lives[len(s.lives)-1].last()
		s.mu.Unlock()
		fmt.Fprintf(os.Stderr, "%s%4.0fs of %.0f: %d RUNNING, %d STOPPED; %d orders, %d messages; manager %s, %d goroutines, %d descriptors; %d wrong%s",
			before, time.Since(s.begun).Seconds(), s.length.Seconds(), s.board.count(contactfile.Running), s.board.count(contactfile.Stopped),
			s.figures.of("orders"), s.figures.of("messages from outside"), mebibytes(manager.Resident), manager.Goroutines, manager.Descriptors,
			s.wrong.total(), after)
	}
	fmt.Fprintln(os.Stderr)
}

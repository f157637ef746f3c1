package main

import (
	"context"
	"math/rand/v2"
	"syscall"
	"time"

	"renraku/cmd/internal/trial"
	"renraku/contactfile"
)

// What is done to the manager.
const (
	disturbLeast = 3 * time.Second // between two disturbances
	disturbMost  = 8 * time.Second
	pauseLeast   = 200 * time.Millisecond
	pauseMost    = 4 * time.Second

	restartAt     = 5 // the restart is after one part of so many of the time: the rest of it is one life, whose growth is judged
	rotateAt      = 4 // in sealed mode keys are rotated after one part of so many at the latest
	reloadWait    = 15 * time.Second
	figureRestart = "restarts of the manager"
)

// disturb has the manager suffer, one thing after the other, until ctx ends.
func (s *soak) disturb(ctx context.Context, random *rand.Rand) error {
	restart := time.Now().Add(s.length / restartAt)
	rotation := time.Now().Add(s.length / rotateAt)
	v := base
	for trial.Sleep(ctx, drawTime(random, disturbLeast, disturbMost)) == nil {
		var err error
		switch n := random.IntN(10); {
		case !restart.IsZero() && time.Now().After(restart):
			restart = time.Time{}
			err = s.restartManager(random.IntN(2) == 0)
		case s.fleet.keys != nil && (n == 4 || n == 5 || time.Now().After(rotation)):
			rotation = time.Now().Add(s.length)
			err = s.rotate()
		case n < 4:
			err = s.pauseManager(drawTime(random, pauseLeast, pauseMost))
		case n < 8:
			v = base + other - v
			err = s.redefine(v)
		case n == 8:
			err = s.redefineWrongly(v)
		}
		if err != nil {
			return err
		}
	}
	if v == base {
		return nil
	}
	return s.redefine(base)
}

// pauseManager stops the manager with SIGSTOP for a while. Nobody whose network is well may be found STOPPED for it.
func (s *soak) pauseManager(d time.Duration) error {
	s.figures.add("manager stopped and continued", 1)
	c := s.fleet.managerNow()
	s.board.pause()
	defer s.board.resume()
	if err := c.Pause(); err != nil {
		return err
	}
	time.Sleep(d)
	return c.Resume()
}

// restartManager ends the manager, orderly or with SIGKILL, and starts another.
func (s *soak) restartManager(orderly bool) error {
	s.figures.add(figureRestart, 1)
	s.messages.Lock() // one that is taken and not dealt with dies with the daemon
	defer s.messages.Unlock()
	s.awaitFirings()
	s.board.setDown()
	c := s.fleet.managerNow()
	if !orderly {
		c.Kill()
	} else if err := c.Terminate(endPatience); err != nil {
		s.wrong.add(wrongDaemon, "%v", err)
	}
	s.journal.begin()
	if err := s.fleet.startManager(s.fleet.ctx); err != nil {
		return err
	}
	s.board.forgive()
	s.followManager()
	return nil
}

// redefine has the manager read another definition.
func (s *soak) redefine(v variant) error {
	s.figures.add("definition read again by the manager", 1)
	if err := s.fleet.writeDefinition(v, nil); err != nil {
		return err
	}
	guests := s.fleet.hosts(s.fleet.guests)
	s.board.expect(guests, anything)
	s.board.change(s.fleet.roster(v))
	if err := s.rereadManager(); err != nil {
		return err
	}
	s.board.changed()
	if v == other {
		s.board.expect(guests, contactfile.Running)
	} else {
		s.journal.forget(guests)
	}
	return nil
}

// rereadManager has the manager read its definition, and its keys, again.
func (s *soak) rereadManager() error {
	before, _ := s.journal.readAgain()
	if err := s.fleet.managerNow().Signal(syscall.SIGHUP); err != nil {
		return err
	}
	s.await(reloadWait, "the definition was not read again", func() bool {
		now, _ := s.journal.readAgain()
		return now > before
	})
	return nil
}

// redefineWrongly has the manager read a definition with an error; everything has to stay.
func (s *soak) redefineWrongly(v variant) error {
	s.figures.add("wrong definition refused by the manager", 1)
	if err := s.fleet.writeDefinition(wrong, nil); err != nil {
		return err
	}
	_, before := s.journal.readAgain()
	if err := s.fleet.managerNow().Signal(syscall.SIGHUP); err != nil {
		return err
	}
	s.await(reloadWait, "the wrong definition was not refused", func() bool {
		_, now := s.journal.readAgain()
		return now > before
	})
	return s.fleet.writeDefinition(v, nil)
}

// await waits until holds; where that takes longer than patience, something is wrong with a daemon.
func (s *soak) await(patience time.Duration, otherwise string, holds func() bool) time.Duration {
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		switch took := time.Since(begun); {
		case holds():
			return took
		case took > patience:
			s.wrong.add(wrongDaemon, "%s after %v", otherwise, patience)
			return took
		}
	}
}

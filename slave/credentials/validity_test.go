package credentials_test

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"renraku/slave/credentials"
	"renraku/slave/slavetest"
)

func TestAnEndedAuthorityIsSaid(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	manager, ends := k.Security(t, "mgr01"), k.Authority.Certificate.NotAfter
	longer := *k.Authority.Certificate // which another program may take for its limit
	longer.NotAfter = ends.Add(time.Hour)
	k.Authority.Certificate = &longer
	slave := credentials.NewSecurity(k.Credentials(t, "app01", longer.NotAfter))
	synctest.Test(t, func(t *testing.T) { // the clock of a bubble begins in the year 2000
		time.Sleep(time.Until(ends) + time.Second)
		near, far := net.Pipe()
		go slave.Server(t.Context(), far)
		_, err := manager.Client(t.Context(), near, host(t, "app01"))
		assert.ErrorIs(t, err, credentials.ErrCertificate)
		assert.ErrorContains(t, err, "that of the authority ended at ")
	})
}

func TestACertificateOfTheFutureIsSaid(t *testing.T) {
	k := slavetest.NewKeys(t, "mgr01")
	manager, slave := k.Security(t, "mgr01"), k.Security(t, "app01")
	synctest.Test(t, func(t *testing.T) { // the clock of a bubble begins in the year 2000
		near, far := net.Pipe()
		go slave.Server(t.Context(), far)
		_, err := manager.Client(t.Context(), near, host(t, "app01"))
		assert.ErrorIs(t, err, credentials.ErrCertificate)
		assert.ErrorContains(t, err, " on only: the clock of this machine or of the one that made it may be wrong")
	})
}

func TestAnHourOnTheClockDoesNotMatter(t *testing.T) {
	k, made := slavetest.NewKeys(t, "mgr01"), time.Now().Round(0)
	manager, slave := k.Security(t, "mgr01"), credentials.NewSecurity(k.Credentials(t, "app01", made.Add(2*time.Hour)))
	for _, c := range []struct {
		step time.Duration
		good bool
	}{{-25 * time.Hour, false}, {-time.Hour, true}, {0, true}, {time.Hour, true}, {3 * time.Hour, false}} {
		synctest.Test(t, func(t *testing.T) { // the clock of a bubble begins in the year 2000
			time.Sleep(time.Until(made.Add(c.step)))
			near, far := net.Pipe()
			go slave.Server(t.Context(), far)
			_, err := manager.Client(t.Context(), near, host(t, "app01"))
			assert.Equal(t, c.good, err == nil, "%v: %v", c.step, err)
		})
	}
}

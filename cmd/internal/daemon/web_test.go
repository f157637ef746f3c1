package daemon

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/cmd/internal/definition"
)

// withPage has the manager of the options serve a page, and gives its address.
func withPage(t *testing.T, o *Options) string {
	t.Helper()
	address := local(cmdtest.Ports(t, 1)[0])
	o.Definition.Web.Listen = address
	return address
}

func TestManagerListensForThePageBeforeItIsReadyAndUntilItEnds(t *testing.T) {
	ports := cmdtest.Ports(t, 2)
	o := options(t, "mgr01", local(ports[0]), local(ports[1]))
	address := withPage(t, &o)
	ctx, end := context.WithCancel(t.Context())
	ready := make(chan error, 1)
	o.Ready = func() {
		answer, err := http.Get("http://" + address + "/nothing")
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode != http.StatusNotFound {
				err = errors.New(answer.Status)
			}
		}
		ready <- err
		end()
	}
	require.NoError(t, open(t, o).Run(ctx))
	require.NoError(t, <-ready)
	_, err := net.Dial("tcp", address)
	assert.ErrorIs(t, err, syscall.ECONNREFUSED)
}

func TestASlaveServesNoPage(t *testing.T) {
	ports := cmdtest.Ports(t, 2)
	o := options(t, "app01", local(ports[0]), local(ports[1]))
	address := withPage(t, &o)
	open(t, o)
	_, err := net.Dial("tcp", address)
	assert.ErrorIs(t, err, syscall.ECONNREFUSED)
}

func TestOpenNamesTheAddressOfThePageThatAnotherProgramHas(t *testing.T) {
	ports := cmdtest.Ports(t, 2)
	o := options(t, "mgr01", local(ports[0]), local(ports[1]))
	address := withPage(t, &o)
	other, err := net.Listen("tcp", address)
	require.NoError(t, err)
	defer other.Close()
	_, err = Open(o)
	assert.EqualError(t, err, "listen for the page: another program listens on "+address+": "+
		"listen tcp "+address+": bind: address already in use")
}

func TestAnotherAddressOfThePageTakesEffectAtTheNextStart(t *testing.T) {
	ports := cmdtest.Ports(t, 3)
	for _, c := range []struct {
		name          string
		before, after string
		said          bool
	}{
		{"the same", local(ports[2]), local(ports[2]), false},
		{"another", local(ports[2]), local(1), true},
		{"none any more", local(ports[2]), "", true},
		{"one now", "", local(1), true},
		{"none", "", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log bytes.Buffer
			o := options(t, "mgr01", local(ports[0]), local(ports[1]))
			o.Log = slog.New(slog.NewTextHandler(&log, nil))
			o.Definition.Web.Listen = c.before
			d := open(t, o)
			next := *o.Definition
			next.Web = definition.Web{Listen: c.after}
			require.NoError(t, d.Redefine(&next))
			if c.said {
				assert.Contains(t, log.String(), "the address of the page has changed in the definition: it takes effect at the next start")
			} else {
				assert.NotContains(t, log.String(), "address of the page has changed")
			}
			d.close()
		})
	}
}

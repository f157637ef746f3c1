package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/cmd/internal/control"
	"renraku/cmd/internal/definition"
	"renraku/cmd/internal/web"
	"renraku/slave"
	"renraku/telegram"
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
	assert.EqualError(t, err, "listen for the page: another program listens on "+address+": address already in use")
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
			require.NoError(t, d.takeOver(&next))
			if c.said {
				assert.Contains(t, log.String(), "address of the page has changed in the definition: it takes effect at the next start")
			} else {
				assert.NotContains(t, log.String(), "address of the page has changed")
			}
			d.close()
		})
	}
}

// withToken has the definition name a file with this token.
func withToken(t *testing.T, d *definition.Definition, token string) {
	t.Helper()
	d.Web.TokenFile = filepath.Join(cmdtest.Dir(t), "token")
	require.NoError(t, os.WriteFile(d.Web.TokenFile, []byte(token), 0o600))
}

// orderFromPage orders ONLINE on the hosts, and gives the answer.
func orderFromPage(t *testing.T, address, token, order string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+address+"/api/order", strings.NewReader(order))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(b)
}

func TestATokenThatCannotBeUsedTakesOrdersFromThePageAndNothingElse(t *testing.T) {
	const token, order = "0123456789abcdef", `{"process":"ONLINE","hosts":["mgr01"]}`
	for _, c := range []struct {
		name  string
		spoil func(path string) error
		said  string
	}{
		{"others may read it", func(path string) error { return os.Chmod(path, 0o644) }, "FILE is not to be trusted: it is secret, and its mode of 0644 " +
			"lets others use it; this mends it: chmod 06"},
		{"it is not there", os.Remove, "open FILE: no such file or directory: openssl rand -hex 32 makes a token, for a file that nobody else may read"},
		{"it is empty", func(path string) error { return os.Truncate(path, 0) },
			"FILE: 16 to 256 bytes 0x21–0x7E are right, such as those of: openssl rand -hex 32"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ports := cmdtest.Ports(t, 2)
			o := options(t, "mgr01", local(ports[0]), local(ports[1]))
			address := withPage(t, &o)
			withToken(t, o.Definition, token)
			file := o.Definition.Web.TokenFile
			require.NoError(t, c.spoil(file))
			var log bytes.Buffer
			o.Log = slog.New(slog.NewJSONHandler(&log, nil))
			ready := make(chan bool)
			o.Ready = func() { close(ready) }
			d := open(t, o)
			assert.Contains(t, log.String(), `"level":"ERROR","msg":"nothing can be ordered from the page: its token cannot be used","host":"mgr01","error":"`+
				strings.ReplaceAll("read the token of the page: "+c.said, "FILE", file))
			assert.Contains(t, log.String(), `"orders_allowed":false`)
			ctx, end := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- d.Run(ctx) }()
			defer func() {
				end()
				require.NoError(t, <-ended)
			}()
			<-ready // monitoring has begun
			status, body := orderFromPage(t, address, token, order)
			assert.Equal(t, http.StatusForbidden, status)
			assert.Contains(t, body, "the daemon cannot use the token_file, and its log says why")

			require.NoError(t, os.WriteFile(file, []byte(token), 0o600))
			require.NoError(t, os.Chmod(file, 0o600))
			require.NoError(t, d.takeOver(o.Definition))
			status, _ = orderFromPage(t, address, token, order)
			assert.Equal(t, http.StatusOK, status, "SIGHUP is enough")
		})
	}
}

func TestTheTokenIsReadAgainWithTheDefinition(t *testing.T) {
	ports := cmdtest.Ports(t, 2)
	o := options(t, "mgr01", local(ports[0]), local(ports[1]))
	address := withPage(t, &o)
	ready := make(chan bool)
	o.Ready = func() { close(ready) }
	d := open(t, o)
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	defer func() {
		end()
		require.NoError(t, <-ended)
	}()
	<-ready
	const order = `{"process":"ONLINE","hosts":["mgr01"]}`
	status, _ := orderFromPage(t, address, "0123456789abcdef", order)
	assert.Equal(t, http.StatusForbidden, status)

	next := *o.Definition
	withToken(t, &next, "0123456789abcdef")
	require.NoError(t, d.takeOver(&next))
	status, body := orderFromPage(t, address, "0123456789abcdef", order)
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, `{"host":"mgr01","process":"ONLINE","outcome":"LAUNCHED","application":"ONLINE","text":"ended normally after `)

	require.NoError(t, os.WriteFile(next.Web.TokenFile, []byte("too short"), 0o600))
	assert.ErrorContains(t, d.takeOver(&next), "16 to 256 bytes")
	status, _ = orderFromPage(t, address, "0123456789abcdef", order)
	assert.Equal(t, http.StatusOK, status, "with an error, everything stays")

	require.NoError(t, os.WriteFile(next.Web.TokenFile, []byte("fedcba9876543210\n"), 0o600))
	require.NoError(t, d.takeOver(&next))
	status, _ = orderFromPage(t, address, "0123456789abcdef", order)
	assert.Equal(t, http.StatusUnauthorized, status)
	assert.Equal(t, uint64(1), d.station.State().Dropped["page: wrong token"])
	assert.Contains(t, scrape(t, address), `renraku_page_drops_total{reason="wrong token"} 1`)
	status, _ = orderFromPage(t, address, "fedcba9876543210", order)
	assert.Equal(t, http.StatusOK, status)
}

func TestOrdersInProgressAreThoseWithoutAResult(t *testing.T) {
	var o orders
	first, n := o.inProgress()
	assert.Empty(t, first)
	assert.Zero(t, n)
	hosts := make([]telegram.Host, 8)
	for i := range hosts {
		var err error
		hosts[i], err = telegram.NewHost(fmt.Sprintf("app%02d", i+1))
		require.NoError(t, err)
	}
	process, err := telegram.NewProcessID("ONLINE")
	require.NoError(t, err)
	done, end := o.begin(slave.Order{Process: process, Trigger: slave.ByOperator}, hosts)
	done(hosts[1])
	done(hosts[1])
	first, n = o.inProgress()
	assert.Equal(t, 1, n)
	first[0].Begun = 0
	assert.Equal(t, []web.Order{{Process: "ONLINE", By: "OPERATOR", Servers: 8, Done: 1, Waiting: []string{"app01", "app03", "app04", "app05", "app06"}}}, first)
	for range 20 {
		_, endOther := o.begin(slave.Order{Process: process, Trigger: slave.ByTime}, hosts[:1])
		defer endOther()
	}
	first, n = o.inProgress()
	assert.Len(t, first, maxOrdersTold)
	assert.Equal(t, 21, n)
	assert.Equal(t, "OPERATOR", first[0].By, "the oldest first")
	end()
	_, n = o.inProgress()
	assert.Equal(t, 20, n)
}

func TestTenThousandNamesAreFoundAmongTenThousandHostsInAMoment(t *testing.T) {
	all := make([]string, 10_000)
	for i := range all {
		all[i] = fmt.Sprintf("app%05d", i+1)
	}
	began := time.Now()
	hosts, err := hostsOf(all, control.Order{Hosts: all})
	require.NoError(t, err)
	assert.Len(t, hosts, len(all))
	assert.Less(t, time.Since(began), time.Second)

	hosts, err = hostsOf(all, control.Order{Hosts: []string{"app00007", "app0000[2-3]", "app00003"}})
	require.NoError(t, err)
	var names []string
	for _, h := range hosts {
		names = append(names, h.String())
	}
	assert.Equal(t, []string{"app00002", "app00003", "app00007"}, names)
	_, err = hostsOf(all, control.Order{Hosts: []string{"app00007", "app99999"}})
	assert.EqualError(t, err, `no host matches "app99999"`)
}

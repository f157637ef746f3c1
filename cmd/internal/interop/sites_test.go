//go:build interop

package interop

import (
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/telegram"
)

// siteRules is what holds at every site.
func siteRules() rules {
	r := rules{slaves: map[string]netip.AddrPort{}, interval: siteInterval, wait: siteWait, retries: siteRetries}
	for i, h := range siteHosts {
		at := netip.AddrPortFrom(netip.MustParseAddr(h.address), telegram.Port)
		if i == 0 {
			r.manager = at
		} else {
			r.slaves[h.name] = at
		}
	}
	return r
}

// requireAllowed reads the capture of a site, holds it against the specification, and gives it.
func (s *site) requireAllowed(cut bool) []seen {
	s.t.Helper()
	all := readCapture(s.t, s.captured())
	r := siteRules()
	r.cut = cut
	wrong := forbidden(r, all)
	if len(wrong) > 0 {
		for _, one := range all {
			s.t.Log(one)
		}
	}
	require.Empty(s.t, wrong)
	return all
}

// controls counts the telegrams by type and control code.
func controls(all []seen) map[string]int {
	n := map[string]int{}
	for _, s := range all {
		words := strings.Fields(s.telegram.(interface{ String() string }).String())
		n[words[0]+" "+words[1]]++
	}
	return n
}

func TestEveryPacketIsOneThatTheSpecificationAllows(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.startAll()
	out := s.renraku("run", "ONLINE", "--all")
	require.Equal(t, 0, out.Code, out.Stdout+out.Stderr)
	out = s.renraku("run", "ONLINE", "--all")
	assert.Equal(t, 3, strings.Count(out.Stdout, "ALREADY"), out.Stdout)

	require.Equal(t, 0, s.renraku("stop").Code)
	for _, h := range siteHosts {
		info, err := os.Stat(s.file(h.name, "contact.dat"))
		require.NoError(t, err)
		assert.Zero(t, info.Size(), h.name)
	}
	require.Equal(t, 0, s.renraku("start").Code)
	s.await(sitePatience, "RUNNING", "RUNNING", "RUNNING")

	s.end("app01", syscall.SIGTERM)
	s.await(siteMargin, "RUNNING", "STOPPED", "RUNNING")
	s.start("app01")
	s.await(sitePatience, "RUNNING", "RUNNING", "RUNNING")
	s.end("app02", syscall.SIGKILL)
	s.await(siteDetection+siteMargin, "RUNNING", "RUNNING", "STOPPED")
	s.start("app02")
	s.await(sitePatience, "RUNNING", "RUNNING", "RUNNING")
	s.end("mgr01", syscall.SIGTERM)

	n := controls(s.requireAllowed(false))
	assert.Equal(t, []int{2, 2, 2}, []int{n["XQ LAUNCH"], n["XR LAUNCHED"], n["XQ TAKEN"]}, "nothing is sent that the manager's check forbids")
	assert.GreaterOrEqual(t, n["SQ START"], 6)
	assert.Positive(t, n["SQ CHECK"])
	assert.GreaterOrEqual(t, n["SQ END"], 4)
	assert.GreaterOrEqual(t, n["SR STOPPED"], 5)
	assert.Equal(t, []int{1, 1}, []int{s.runs("app01"), s.runs("app02")})
}

func TestASlaveBehindACutLinkIsFoundStoppedAndFoundAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.startAll()
	s.link("app01", "down")
	s.await(siteDetection+siteMargin, "RUNNING", "STOPPED", "RUNNING")
	cmdtest.Until(t, sitePatience, "the reason in the log", func() bool {
		return strings.Contains(s.daemons["mgr01"].Stderr(), `msg="app01 STOPPED" host=app01 reason="no answer to 4 inquiries"`)
	})
	s.link("app01", "up")
	s.await(sitePatience, "RUNNING", "RUNNING", "RUNNING")
	n := controls(s.requireAllowed(true))
	assert.Positive(t, n["SQ START"])
}

// The slave hears the manager and is not heard: its own record stays RUNNING, the manager's says STOPPED.
func TestASlaveThatIsNotHeardIsStopped(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.startAll()
	s.ip("-n", s.ns("app02"), "route", "add", "blackhole", siteHosts[0].address+"/32")
	s.await(siteDetection+siteMargin, "RUNNING", "RUNNING", "STOPPED")
	b, err := os.ReadFile(s.file("app02", "contact.dat"))
	require.NoError(t, err)
	assert.Contains(t, string(b), "RUNNING ")
	out := s.renraku("run", "ONLINE", "--host", "app02")
	assert.Contains(t, out.Stdout, "SKIPPED")
	s.ip("-n", s.ns("app02"), "route", "del", "blackhole", siteHosts[0].address+"/32")
	s.await(sitePatience, "RUNNING", "RUNNING", "RUNNING")
	n := controls(s.requireAllowed(true))
	assert.Zero(t, n["XQ LAUNCH"])
}

// The link goes while the process runs. It runs once, and its result reaches the manager when the link is back.
func TestAResultCrossesALinkThatWasCut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.startAll()
	require.NoError(t, os.WriteFile(s.file("app01", "ONLINE.gate"), nil, 0o600))
	order := cmdtest.Begin(t, s.inside("mgr01", cmdtest.Binary(t, "renraku"), "run", "ONLINE", "--host", "app01", "--dir", s.file("mgr01", "")))
	cmdtest.Until(t, sitePatience, "ONLINE runs", func() bool { return s.runs("app01") == 1 })
	s.link("app01", "down")
	s.await(siteDetection+siteMargin, "RUNNING", "STOPPED", "RUNNING")
	require.NoError(t, os.Remove(s.file("app01", "ONLINE.gate")))
	cmdtest.Until(t, sitePatience, "the result at the slave", func() bool { return len(s.results("app01", "app01")) == 1 })
	s.link("app01", "up")
	s.await(sitePatience, "RUNNING", "RUNNING", "RUNNING")
	cmdtest.Until(t, sitePatience, "the result at the manager", func() bool { return len(s.results("mgr01", "app01")) == 1 })
	order.Wait(t)
	assert.Equal(t, s.results("app01", "app01"), s.results("mgr01", "app01"))
	assert.Equal(t, 1, s.runs("app01"))
	out := s.renraku("run", "ONLINE", "--host", "app01")
	assert.Contains(t, out.Stdout, "ALREADY")
	n := controls(s.requireAllowed(true))
	assert.Equal(t, 1, n["XQ LAUNCH"])
}

// A good session, and what each single change of it is found to be.
func TestTheCheckerFindsWhatTheSpecificationForbids(t *testing.T) {
	r := siteRules()
	mgr, app := r.manager, r.slaves["app01"]
	host, err := telegram.NewHost("app01")
	require.NoError(t, err)
	online, err := telegram.NewProcessID("ONLINE")
	require.NoError(t, err)
	other, err := telegram.NewProcessID("OTHER")
	require.NoError(t, err)
	at := func(ms int) time.Time { return time.Unix(0, 0).Add(time.Duration(ms) * time.Millisecond) }
	order := &stream{opener: netip.AddrPortFrom(mgr.Addr(), 40000), peer: app}
	late := &stream{opener: netip.AddrPortFrom(app.Addr(), 50000), peer: mgr}
	sq := func(ms int, c telegram.Control) seen {
		return seen{at(ms), mgr, app, nil, telegram.StatusInquiry{Host: host, Control: c}}
	}
	sr := func(ms int, c telegram.Control) seen {
		return seen{at(ms), app, mgr, nil, telegram.StatusResponse{Host: host, Control: c}}
	}
	xq := func(ms int, s *stream, c telegram.Control, p telegram.ProcessID) seen {
		return seen{at(ms), netip.AddrPortFrom(mgr.Addr(), 40000), app, s, telegram.ExecutionOrder{Host: host, Control: c, Process: p}}
	}
	xr := func(ms int, s *stream, p telegram.ProcessID) seen {
		return seen{at(ms), app, netip.AddrPortFrom(mgr.Addr(), 40000), s, telegram.ExecutionResponse{Host: host, Control: telegram.Launched, Process: p}}
	}
	good := func() []seen {
		return []seen{
			sr(0, telegram.Running), sq(1, telegram.Start), sr(2, telegram.Running), // 0–2
			sq(301, telegram.Check), sq(401, telegram.Check), sr(402, telegram.Running), // 3–5: a retry
			xq(500, order, telegram.Launch, online), xr(510, order, online), xq(511, order, telegram.Taken, online), // 6–8
			xr(520, late, other), xq(521, late, telegram.Taken, other), // 9, 10
			sq(601, telegram.Check), sr(602, telegram.Running), // 11, 12
			sq(901, telegram.End), sr(902, telegram.Stopped), // 13, 14
		}
	}
	require.Empty(t, forbidden(r, good()))
	for name, change := range map[string]func(all []seen) []seen{
		"CHECK at first":         func(all []seen) []seen { all[1] = sq(1, telegram.Check); return all },
		"START to one that runs": func(all []seen) []seen { all[3] = sq(301, telegram.Start); return all },
		"CHECK after STOPPED":    func(all []seen) []seen { return append(all, sq(1201, telegram.Check)) },
		"nobody asked": func(all []seen) []seen {
			return append(all[:3:3], append([]seen{sr(100, telegram.Running)}, all[3:]...)...)
		},
		"RUNNING to END":    func(all []seen) []seen { all[14] = sr(902, telegram.Running); return all },
		"a retry too early": func(all []seen) []seen { all[4] = sq(330, telegram.Check); return all },
		"too many retries": func(all []seen) []seen {
			return append(all[:5:5], append([]seen{sq(501, telegram.Check), sq(601, telegram.Check), sq(690, telegram.Check)}, sq(775, telegram.Check))...)
		},
		"to another port":          func(all []seen) []seen { all[5].to = netip.AddrPortFrom(mgr.Addr(), 1); return all },
		"from another address":     func(all []seen) []seen { all[5].from = r.slaves["app02"]; return all },
		"another slave's inquiry":  func(all []seen) []seen { all[3].to = r.slaves["app02"]; return all },
		"TAKEN before XR":          func(all []seen) []seen { all[7], all[8] = all[8], all[7]; return all },
		"no TAKEN":                 func(all []seen) []seen { return append(all[:8:8], all[9:]...) },
		"TAKEN of another process": func(all []seen) []seen { all[8] = xq(511, order, telegram.Taken, other); return all },
		"a result of another":      func(all []seen) []seen { all[7] = xr(510, order, other); return all },
		"two results, one receipt": func(all []seen) []seen {
			return append(all[:10:10], append([]seen{xr(520, late, online)}, all[10:]...)...)
		},
		"an order on the slave's": func(all []seen) []seen { all[9] = xq(520, late, telegram.Launch, online); return all },
		"an order to one STOPPED": func(all []seen) []seen {
			return append(all, xq(1000, &stream{opener: order.opener, peer: app}, telegram.Launch, online))
		},
		"an order by UDP":   func(all []seen) []seen { all[6].stream = nil; return all },
		"an inquiry by TCP": func(all []seen) []seen { all[3].stream = order; return all },
	} {
		t.Run(name, func(t *testing.T) { assert.NotEmpty(t, forbidden(r, change(good()))) })
	}
}

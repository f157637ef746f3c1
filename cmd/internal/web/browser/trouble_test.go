//go:build interop

package browser

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	frames "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

func TestAPageThatLosesItsManagerSaysSoAndComesBack(t *testing.T) {
	f := newFleet(t, false)
	p := browse(t, desk)
	p.open(f.url, 3)
	p.awaitRows(patience, "mgr01 RUNNING NOT-STARTED")
	f.all[cmdtest.Manager].Kill(t)
	p.awaitFor(2*time.Second, "it says so", `document.querySelector("#banners .bad")?.innerText.startsWith("No connection to the manager since ")`)
	assert.Equal(t, "no connection", p.text("#link"))
	assert.True(t, eval[bool](p, `document.body.classList.contains("stale")`))
	p.shot("stale")
	f.Start(t, cmdtest.Manager)
	p.await("live again", `document.getElementById("link-text").textContent === "live" && document.getElementById("banners").children.length === 0`)
	p.awaitRows(patience, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING NOT-STARTED", "app02 RUNNING NOT-STARTED")
}

func TestAPageWhoseManagerHangsSaysSo(t *testing.T) {
	f := newFleet(t, false)
	p := browse(t, desk)
	p.open(f.url, 3)
	p.awaitRows(patience, "mgr01 RUNNING NOT-STARTED")
	f.all[cmdtest.Manager].Signal(t, stopSignal)
	p.await("it says so", `document.body.classList.contains("stale")`)
	f.all[cmdtest.Manager].Signal(t, continueSignal)
	p.await("live again", `!document.body.classList.contains("stale")`)
}

func TestThePageSaysThatMonitoringHasEnded(t *testing.T) {
	f := newFleet(t, false)
	p := browse(t, desk)
	p.open(f.url, 3)
	require.Equal(t, 0, f.Renraku(t, cmdtest.Manager, "stop").Code)
	p.await("it says so", `document.getElementById("banners").innerText.startsWith("Monitoring has ended")`)
	p.shot("ended")
	require.Equal(t, 0, f.Renraku(t, cmdtest.Manager, "start").Code)
	p.await("no banner", `document.getElementById("banners").children.length === 0`)
	p.awaitRows(patience, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING NOT-STARTED", "app02 RUNNING NOT-STARTED")
}

func TestThePageSaysThatTheDefinitionIsRefused(t *testing.T) {
	f := newFleet(t, false)
	p := browse(t, desk)
	p.open(f.url, 3)
	right, err := os.ReadFile(f.Config)
	require.NoError(t, err)
	reread := func(definition []byte) {
		require.NoError(t, os.WriteFile(f.Config, definition, 0o600))
		f.all[cmdtest.Manager].Signal(t, rereadSignal)
	}
	reread(append(slices.Clone(right), "\n[monitors]\n"...))
	p.await("it says so", `document.getElementById("banners").innerText.startsWith("The definition that was read last was refused, and the one before stands: ")`)
	p.shot("refused")
	reread(right)
	p.await("no banner", `document.getElementById("banners").children.length === 0`)
}

// A browser keeps pages that were left, and has six connections for one server.
func TestAPageThatIsLeftGivesItsConnectionBack(t *testing.T) {
	f := newFleet(t, false)
	p := browse(t, desk)
	for range 8 {
		p.open(f.url, 3)
		p.do(chromedp.Navigate("about:blank"))
	}
	p.back()
	p.await("live again", `document.getElementById("link-text")?.textContent === "live"`)
	require.Equal(t, 0, f.all[cmdtest.Second].Terminate(t))
	p.awaitRows(patience, "app02 STOPPED NOT-STARTED")
}

// hideable has a page be hidden while window.away is true, and a minute take 50 ms.
const hideable = `const real = setTimeout;
	window.setTimeout = (f, ms, ...all) => real(f, ms === 60000 ? 50 : ms, ...all);
	Object.defineProperty(document, "hidden", { get: () => window.away === true });`

func TestAPageThatNobodySeesGivesItsConnectionBackAndThenKnowsAllAgain(t *testing.T) {
	f := newFleet(t, false)
	p := browse(t, desk)
	p.do(func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, frames.AddScriptToEvaluateOnNewDocument, frames.AddScriptToEvaluateOnNewDocumentParams{Source: hideable})
		return chromedp.Void{}, err
	})
	p.open(f.url, 3)
	const turn = `window.away = !window.away; document.dispatchEvent(new Event("visibilitychange"))`
	p.do(chromedp.Evaluate[chromedp.Void](turn))
	p.await("its pause", `document.getElementById("link-text").textContent === "paused"`)
	require.Equal(t, 0, f.all[cmdtest.Second].Terminate(t))
	f.AwaitManager(t, patience, "mgr01 RUNNING", "app01 RUNNING", "app02 STOPPED")
	assert.Equal(t, "0\nSTOPPED", p.text(".count.stopped"), "it hears nothing")
	p.do(chromedp.Evaluate[chromedp.Void](turn))
	p.awaitRows(patience, "app02 STOPPED NOT-STARTED")
	assert.Equal(t, "live", p.text("#link"))
}

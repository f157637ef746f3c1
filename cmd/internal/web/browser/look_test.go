//go:build interop

package browser

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

// crossed is JavaScript for whether there is a cross in a server's cell that is large enough for a name.
func crossed(place int) string {
	return fmt.Sprintf(`(() => { const c = document.getElementById("cells"), d = c.dataset, s = c.width / parseFloat(c.style.width);
		const right = (%[1]d %% d.columns + 1) * d.dx, y = Math.floor(%[1]d / d.columns) * d.dy;
		const p = c.getContext("2d").getImageData((right - 23) * s, (y + 11) * s, 9 * s, 9 * s).data;
		return p.some((v, i) => v !== p[i %% 4]); })()`, place)
}

func TestTheFleetComesUpAndAServerThatStopsIsSeenWithinASecond(t *testing.T) {
	f := newFleet(t, false)
	p := browse(t, desk)
	p.open(f.url, 3)
	p.awaitRows(patience, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING NOT-STARTED", "app02 RUNNING NOT-STARTED")
	assert.Equal(t, "manager mgr01", p.text("#host"))
	assert.Equal(t, "live", p.text("#link"))
	assert.Empty(t, p.text("#banners"))
	for place := range 3 {
		p.awaitCell(patience, place, "not-started")
	}
	p.shot("up")

	require.Equal(t, 0, f.all[cmdtest.Second].Terminate(t)) // it says goodbye: the manager knows at once
	f.AwaitManager(t, patience, "mgr01 RUNNING", "app01 RUNNING", "app02 STOPPED")
	took := p.awaitCell(aSecond, 2, "stopped")
	p.awaitRows(aSecond, "app02 STOPPED NOT-STARTED")
	assert.True(t, eval[bool](p, crossed(2)), "for those who do not see the colour")
	assert.False(t, eval[bool](p, crossed(1)))
	t.Logf("the cell changed %v after the contact file", took)
	assert.Equal(t, "1\nSTOPPED", p.text(".count.stopped"))
	assert.Equal(t, "(1) renraku · mgr01", eval[string](p, "document.title"))
	assert.Equal(t, "app02 STOPPED", eval[string](p, `document.getElementById("announce").textContent`), "said aloud once")
	assert.Contains(t, p.text("#changes"), "app02 STOPPED")
	p.shot("stopped")

	f.Start(t, cmdtest.Second)
	p.awaitCell(patience, 2, "not-started")
	assert.Equal(t, "0\nSTOPPED", p.text(".count.stopped"))
}

func TestSearchAndCountsFilterAndAServerIsShownWithItsHistory(t *testing.T) {
	f := newFleet(t, false)
	out := f.Renraku(t, cmdtest.Manager, "run", "ONLINE", "--host", "app01")
	require.Equal(t, 0, out.Code, out.Stderr)
	f.Renraku(t, cmdtest.Manager, "run", "FAIL", "--host", "app01")
	p := browse(t, desk)
	p.open(f.url, 3)
	p.awaitRows(patience, "mgr01 RUNNING NOT-STARTED", "app02 RUNNING NOT-STARTED", "app01 RUNNING ONLINE")

	p.write("#search", "app0?")
	p.awaitRows(patience, "app02 RUNNING NOT-STARTED", "app01 RUNNING ONLINE")
	assert.Equal(t, "2 of 3 servers", p.text("#shown"))
	p.click(".count.online")
	p.await("one row", `document.querySelectorAll("#table .body .row").length === 1`)
	assert.Equal(t, []string{"app01 RUNNING ONLINE"}, p.rows())
	assert.Equal(t, "true", eval[string](p, `document.querySelector("button.count.online").getAttribute("aria-pressed")`))

	p.click("#table .body .row")
	p.await("the history", `document.querySelectorAll("#detail tbody tr").length === 2`)
	assert.Equal(t, "app01", p.text("#detail h2"))
	assert.Equal(t, "RUNNING ONLINE", p.text("#detail .statuses"))
	history := eval[[]string](p, `Array.from(document.querySelectorAll("#detail tbody tr"), (r) => Array.from(r.cells).slice(1).map((c) => c.innerText.replace(/\s+/g, " ")).join(" | "))`)
	assert.Equal(t, "FAIL operator | FAILED ONLINE | exit status 3: no database", history[0])
	assert.Contains(t, history[1], "ONLINE operator | LAUNCHED ONLINE | ended normally after")
	p.shot("detail")

	f.Renraku(t, cmdtest.Manager, "run", "ONLINE", "--host", "app01") // ALREADY: the history grows, and the page with it
	p.await("one more", `document.querySelectorAll("#detail tbody tr").length === 3`)
	p.click("#detail .close")
	assert.Equal(t, "In progress", p.text("#overview h2"))
	assert.Contains(t, p.focused(), "app01", "the focus is where it was")
}

// What counts as failed is one thing for the page and for check.
func TestAStatusThatEndsInFailedIsTrouble(t *testing.T) {
	f := newFleet(t, false)
	p := browse(t, desk)
	p.open(f.url, 3)
	require.Equal(t, 0, f.Renraku(t, cmdtest.First, "set-status", "BATCH-FAILED").Code)
	for _, status := range []string{"APP-LOST", "FAILED", "BATCH-failed", "FAILED-OVER", "NO-ERROR"} {
		require.Equal(t, 0, f.Renraku(t, cmdtest.Second, "set-status", status).Code)
		p.awaitRows(patience, "app01 RUNNING BATCH-FAILED", "app02 RUNNING "+status, "mgr01 RUNNING NOT-STARTED")
		assert.Equal(t, "1\nfailed", p.text("button.count.failed"), status)
		assert.Equal(t, "1\nother", p.text("button.count.other"), status)
		p.awaitCell(patience, 2, "other")
		out := f.Renraku(t, cmdtest.Manager, "check")
		assert.Equal(t, 1, out.Code, status)
		assert.Contains(t, out.Stdout, "WARNING - 1 of 3 servers to warn of: app01 BATCH-FAILED |", status)
	}
	p.awaitCell(patience, 1, "failed")
	require.Equal(t, 0, f.Renraku(t, cmdtest.Second, "set-status", "X-FAILED").Code)
	p.await("both", `document.querySelector("button.count.failed").innerText === "2\nfailed"`)
	assert.Contains(t, f.Renraku(t, cmdtest.Manager, "check").Stdout, "WARNING - 2 of 3 servers to warn of: app01 BATCH-FAILED, app02 X-FAILED |")
}

func TestAJapaneseBrowserSeesJapanese(t *testing.T) {
	f := newFleet(t, false)
	require.Equal(t, 0, f.Renraku(t, cmdtest.Manager, "run", "ONLINE", "--host", "app01").Code)
	f.Renraku(t, cmdtest.First, "set-status", "REPORTING")
	f.AwaitManager(t, patience, "mgr01 RUNNING", "app01 RUNNING REPORTING", "app02 RUNNING")
	require.Equal(t, 0, f.Renraku(t, cmdtest.Manager, "run", "ONLINE", "--host", "app02").Code)
	require.Equal(t, 0, f.all[cmdtest.First].Terminate(t))
	p := browse(t, look{"ja", "dark", 1440, 900})
	p.open(f.url, 3)
	p.awaitRows(patience, "app01 停止中 REPORTING", "mgr01 稼働中 未起動", "app02 稼働中 オンライン中")
	assert.Equal(t, "ja", eval[string](p, "document.documentElement.lang"))
	assert.Equal(t, "管理サーバー mgr01", p.text("#host"))
	assert.Equal(t, "1\n停止中", p.text(".count.stopped"))
	assert.Equal(t, "サーバー", eval[string](p, `document.querySelector("#table .grid").getAttribute("aria-label")`))
	p.shot("japanese")

	p.click("#language")
	p.awaitRows(patience, "app01 STOPPED REPORTING", "mgr01 RUNNING NOT-STARTED", "app02 RUNNING ONLINE")
	p.open(f.url, 3)
	p.awaitRows(patience, "app01 STOPPED REPORTING")
	assert.Equal(t, "en", eval[string](p, "document.documentElement.lang"), "it is remembered")
}

// contrast is JavaScript for the ratio of WCAG 2 between two colours.
const contrast = `((a, b) => { const l = (c) => { const v = c.match(/[\d.]+/g).slice(0, 3).map((x) => x / 255).map((x) => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
	return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; }; const [x, y] = [l(a), l(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); })`

func TestTheTextIsReadableInLightAndDark(t *testing.T) {
	f := newFleet(t, false)
	backs := map[string]string{}
	for _, scheme := range []string{"light", "dark"} {
		p := browse(t, look{"en", scheme, 1440, 900})
		p.open(f.url, 3)
		backs[scheme] = eval[string](p, "getComputedStyle(document.body).backgroundColor")
		for _, c := range [][2]string{{"text", "panel"}, {"text", "page"}, {"quiet", "panel"}, {"quiet", "page"}, {"accent", "panel"}, {"on-accent", "accent"},
			{"bad-text", "bad-back"}, {"warn-text", "warn-back"}, {"note-text", "note-back"}, {"well-text", "panel"}, {"stopped", "panel"}, {"text", "fresh"}} {
			ratio := eval[float64](p, fmt.Sprintf("%s(%s, %s)", contrast, colour(c[0]), colour(c[1])))
			assert.GreaterOrEqual(t, ratio, 4.5, "%s: %s on %s", scheme, c[0], c[1])
		}
		p.shot(scheme)
	}
	assert.NotEqual(t, backs["light"], backs["dark"])
}

func TestANarrowScreenScrollsDownwardsAlone(t *testing.T) {
	f := newFleet(t, true)
	p := browse(t, look{"en", "dark", 390, 844})
	p.open(f.url, 3)
	p.awaitRows(patience, "mgr01 RUNNING NOT-STARTED")
	assert.LessOrEqual(t, eval[int](p, "document.scrollingElement.scrollWidth"), 390)
	p.shot("narrow")
	p.do(chromedp.ScrollIntoView(chromedp.CSS("#table")))
	p.click(`#table .body .row:nth-child(2) .c-host`)
	p.await("the server", `!document.getElementById("detail").hidden`)
	assert.Equal(t, 390, eval[int](p, `document.getElementById("side").getBoundingClientRect().width`), "over everything")
	p.shot("narrow-detail")
	p.click("#detail .close")
	p.click("#order")
	p.await("the dialog", `document.getElementById("dialog").open`)
	assert.LessOrEqual(t, eval[float64](p, `document.getElementById("dialog").getBoundingClientRect().right`), 390.0)
	p.shot("narrow-order")
}

//go:build interop

package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

// colours is JavaScript for how many colours there are at the right of a server's cell that is large enough for a name, above where a cross may be.
func colours(place int) string {
	return fmt.Sprintf(`(() => { const c = document.getElementById("cells"), d = c.dataset, s = c.width / parseFloat(c.style.width);
		const right = (%[1]d %% d.columns + 1) * d.dx, y = Math.floor(%[1]d / d.columns) * d.dy;
		const p = c.getContext("2d").getImageData((right - 20) * s, (y + 2) * s, 12 * s, 5 * s).data, all = new Set();
		for (let i = 0; i < p.length; i += 4) all.add(p[i] << 16 | p[i + 1] << 8 | p[i + 2]);
		return all.size; })()`, place)
}

// minute is a time of the manager as the page shows it, without its date.
func minute(p *page, at string) string {
	p.t.Helper()
	return eval[string](p, fmt.Sprintf(`new Date(%q).toTimeString().slice(0, 5)`, at))
}

func TestAServerInMaintenanceIsShownAsThatAndIsNoTrouble(t *testing.T) {
	f := newFleet(t, true)
	p := browse(t, desk)
	p.open(f.url, 3)
	p.awaitRows(patience, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING NOT-STARTED", "app02 RUNNING NOT-STARTED")
	assert.Equal(t, "none", eval[string](p, `getComputedStyle(document.querySelector("button.count.maintenance")).display`))

	out := f.Renraku(t, cmdtest.Manager, "maintain", "app02", "--for", "2h")
	require.Equal(t, 0, out.Code, out.Stderr)
	p.awaitFor(aSecond, "the count", `document.querySelector("button.count.maintenance").innerText.replace(/\s+/g, " ") === "1 in maintenance"`)
	require.Equal(t, 0, f.all[cmdtest.Second].Terminate(t))
	f.AwaitManager(t, patience, "mgr01 RUNNING", "app01 RUNNING", "app02 STOPPED")
	p.awaitRows(patience, "app02 STOPPED NOT-STARTED", "mgr01 RUNNING NOT-STARTED") // after trouble, of which there is none, and before the rest
	assert.Equal(t, "0\nSTOPPED", p.text(".count.stopped"))
	assert.Equal(t, "2\nRUNNING", p.text(".count.plain"))
	assert.Equal(t, "renraku · mgr01", eval[string](p, "document.title"))
	assert.Empty(t, eval[string](p, `document.getElementById("announce").textContent`), "nothing is said aloud of it")
	p.awaitCell(patience, 2, "maintenance")
	assert.GreaterOrEqual(t, eval[int](p, colours(2)), 2, "its cell has stripes")
	assert.Equal(t, 1, eval[int](p, colours(1)))

	until := minute(p, strings.Fields(f.Renraku(t, cmdtest.Manager, "maintain").Stdout)[4])
	assert.Equal(t, "maintenance until "+until, p.text(`#table [aria-rowindex="2"] .c-last`))
	assert.Contains(t, p.text("#changes"), "app02 maintenance until "+until)
	p.click("button.count.maintenance")
	p.await("the others are not shown", `document.querySelectorAll("#table .body .row").length === 1`)
	assert.Equal(t, []string{"app02 STOPPED NOT-STARTED"}, p.rows())
	p.click("#table .body .row")
	p.await("the server", `!document.getElementById("detail").hidden`)
	assert.Contains(t, p.text("#detail .banner.note"), until+": it is asked as ever, but nothing is ordered on it")
	p.shot("maintenance")

	require.Equal(t, 0, f.all[cmdtest.First].Terminate(t))
	p.click("button.count.maintenance")
	p.awaitRows(patience, "app01 STOPPED NOT-STARTED", "app02 STOPPED NOT-STARTED", "mgr01 RUNNING NOT-STARTED")
	assert.Equal(t, "1\nSTOPPED", p.text(".count.stopped"))
	p.await("it is said aloud", `document.getElementById("announce").textContent === "app01 STOPPED"`)
	p.shot("maintenance-trouble")

	require.Equal(t, 0, f.Renraku(t, cmdtest.Manager, "maintain", "app02", "--off").Code)
	p.awaitFor(aSecond, "it is trouble now", `document.querySelector(".count.stopped").innerText === "2\nSTOPPED"`)
	p.awaitCell(patience, 2, "stopped")
	p.await("it is said aloud", `document.getElementById("announce").textContent === "app02 STOPPED"`)
	assert.Contains(t, p.text("#changes"), "app02 maintenance over")
	assert.Equal(t, "none", eval[string](p, `getComputedStyle(document.querySelector("button.count.maintenance")).display`))
	assert.Empty(t, p.text(`#table [aria-rowindex="3"] .c-last`))
}

func TestAnOrderSkipsAServerInMaintenanceAndSaysUntilWhen(t *testing.T) {
	f := newFleet(t, true)
	require.Equal(t, 0, f.Renraku(t, cmdtest.Manager, "maintain", "app02", "--for", "90m").Code)
	p := browse(t, look{"ja", "dark", 1440, 900})
	p.open(f.url, 3)
	p.awaitRows(patience, "app02 稼働中 未起動", "mgr01 稼働中 未起動", "app01 稼働中 未起動")
	assert.Contains(t, p.text(`#table [aria-rowindex="2"] .c-last`), "まで保守中")
	p.shot("maintenance-japanese")
	p.do(chromedp.EmulateViewport(390, 844))
	p.await("a narrow row says it too", `document.querySelector("#table [aria-rowindex='2']").innerText.includes("まで保守中")`)
	assert.LessOrEqual(t, eval[int](p, "document.scrollingElement.scrollWidth"), 390)
	p.do(chromedp.ScrollIntoView(chromedp.CSS("#table")))
	assert.True(t, eval[bool](p, `(() => { const e = document.querySelector("#table [aria-rowindex='2'] .c-last"), row = e.parentElement;
		return e.scrollWidth <= e.clientWidth && e.offsetHeight < row.clientHeight; })()`), "all of it")
	p.shot("maintenance-narrow")
	p.do(chromedp.EmulateViewport(1440, 900))
	p.click("#order")
	p.await("the dialog", `document.getElementById("dialog").open`)
	p.click("input[value=ONLINE]")
	p.click("input[value=all]")
	p.write("input[type=password]", token)
	p.click("dialog button[type=submit]")
	row := func(i int) string {
		return eval[string](p, fmt.Sprintf(`document.querySelector("dialog [aria-rowindex='%d']")?.innerText.replace(/\s+/g, " ") ?? ""`, i))
	}
	p.await("the verdict", `document.querySelector("dialog .totals")?.innerText === "1 SKIPPED\n2 READY"`)
	assert.Regexp(t, `^app02 SKIPPED 未起動 in maintenance until \S+Z \(renraku maintain --off app02\)$`, row(2))
	p.shot("maintenance-verdict")

	require.Equal(t, 0, f.Renraku(t, cmdtest.Manager, "maintain", "app01").Code) // after the verdict
	p.click("#confirm")
	p.await("the rows", `document.querySelector("dialog .totals")?.innerText === "1 SKIPPED\n1 LAUNCHED"`)
	assert.Regexp(t, `^app01 SKIPPED 未起動 in maintenance until \S+Z \(renraku maintain --off app01\)$`, row(2))
	assert.Contains(t, f.history(t), "app01 ONLINE OPERATOR SKIPPED")
}

//go:build interop

package browser

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"renraku/cmd/internal/cmdtest"
)

func TestAnOrderIsCheckedThenConfirmedAndItsRowsComeIn(t *testing.T) {
	f := newFleet(t, true)
	f.all[cmdtest.Second].Terminate(t)
	p := browse(t, desk)
	p.open(f.url, 3)
	p.awaitRows(patience, "app02 STOPPED NOT-STARTED")
	p.click("#order")
	p.await("the dialog", `document.getElementById("dialog").open`)
	assert.Equal(t, "pattern", eval[string](p, `document.querySelector("input[name=target]:checked").value`), "all is never the first choice")
	p.click("input[value=ONLINE]")
	p.click("input[value=all]")
	p.write("input[type=password]", "0123456789abcdef")
	p.shot("ask")
	p.click("dialog button[type=submit]")
	p.await("the answer", `document.querySelector("dialog .banner.bad")?.innerText === "Not done: the token is wrong"`)
	assert.Empty(t, f.history(t))
	assert.Equal(t, 0, eval[int](p, "sessionStorage.length"), "a wrong token is not kept")

	p.write("input[type=password]", token)
	p.click("dialog button[type=submit]")
	p.await("the verdict", `document.querySelector("dialog h2").innerText === "ONLINE: verdict for 3 servers"`)
	p.await("its rows", `document.querySelectorAll("dialog .body .row").length === 3`)
	assert.Equal(t, "1 SKIPPED\n2 READY", p.text("dialog .totals"))
	assert.Equal(t, "app02 SKIPPED NOT-STARTED the server is STOPPED", eval[string](p, `document.querySelector("dialog [aria-rowindex='2']").innerText.replace(/\s+/g, " ")`))
	assert.Equal(t, "Order ONLINE on 2 servers", p.text("#confirm"))
	assert.Empty(t, f.history(t), "nothing is ordered before it is confirmed")
	p.shot("verdict")

	p.click("#confirm")
	p.await("the rows", `document.querySelector("dialog p[role=status]")?.innerText === "All results are here."`)
	assert.Equal(t, "ONLINE: 2 of 2 servers done", p.text("dialog h2"))
	p.await("their count", `document.querySelector("dialog .totals").innerText === "2 LAUNCHED"`)
	p.shot("rows")
	assert.Equal(t, []string{"mgr01 ONLINE OPERATOR LAUNCHED ONLINE", "app01 ONLINE OPERATOR LAUNCHED ONLINE"}, sortedByHost(f.History(t, cmdtest.Manager)))
	p.click("dialog .close")
	p.awaitRows(patience, "app02 STOPPED NOT-STARTED", "mgr01 RUNNING ONLINE", "app01 RUNNING ONLINE")
	assert.Equal(t, token, eval[string](p, `sessionStorage.getItem("renraku-token")`))
	assert.NotContains(t, eval[string](p, "JSON.stringify(localStorage) + document.cookie + location.href"), token)

	p.click("#table .body [aria-rowindex='3'] input")
	p.click("#order")
	p.await("the dialog", `document.querySelector("input[name=target]:checked")?.value === "chosen"`)
	p.click("input[value=ONLINE]")
	p.click("dialog button[type=submit]") // the token is known
	p.await("the verdict", `document.querySelector("dialog .totals")?.innerText === "1 ALREADY"`)
	assert.Equal(t, "No server is READY: nothing can be ordered.", p.text("dialog .banner"))
	assert.Empty(t, p.text("#confirm"))
}

// sortedByHost has the manager's record first.
func sortedByHost(lines []string) []string {
	if len(lines) == 2 && lines[0] > lines[1] {
		return lines
	}
	return []string{lines[1], lines[0]}
}

func TestWhereThereIsNoTokenThereIsNoWayToOrder(t *testing.T) {
	f := newFleet(t, false)
	p := browse(t, desk)
	p.open(f.url, 3)
	p.awaitRows(patience, "mgr01 RUNNING NOT-STARTED")
	assert.True(t, eval[bool](p, `document.getElementById("order").hidden`))
	assert.Equal(t, 0, eval[int](p, `Array.from(document.querySelectorAll("#table input")).filter((i) => !i.hidden).length`))
	p.click("#table .body .row")
	p.await("the server", `!document.getElementById("detail").hidden`)
	assert.NotContains(t, p.text("#detail"), "Order")
	status := eval[int](p, `fetch("/api/order", {method: "POST", headers: {"Content-Type": "application/json", Authorization: "Bearer x"},
		body: JSON.stringify({process: "ONLINE", all: true})}).then((a) => a.status)`)
	assert.Equal(t, 403, status)
	assert.Empty(t, f.history(t))
}

func TestAnotherSitesPageCannotOrderFrameOrRead(t *testing.T) {
	f := newFleet(t, true)
	p := browse(t, desk)
	other := serveOther(t, f.url)
	p.open(f.url, 3)
	p.do(navigate(other))
	p.await("all its tries", `document.title === "tried"`)
	tries := eval[map[string]string](p, "window.tries")
	assert.Equal(t, map[string]string{"order": "failed", "simple order": "failed", "history": "failed", "events": "failed", "frame": "blocked", "script": "failed"}, tries)
	assert.Empty(t, f.history(t))
	assert.Equal(t, 3, len(f.Contact(t, cmdtest.Manager)))
}

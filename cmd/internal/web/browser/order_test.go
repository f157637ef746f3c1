//go:build interop

package browser

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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

// askAll opens the dialog and has ONLINE be checked for all servers.
func (p *page) askAll() {
	p.t.Helper()
	p.click("#order")
	p.await("the dialog", `document.getElementById("dialog").open`)
	p.click("input[value=ONLINE]")
	p.click("input[value=all]")
	p.write("input[type=password]", token)
	p.click("dialog button[type=submit]")
}

// replace has the manager take another definition over, in which a text stands for another.
func (f *fleet) replace(t *testing.T, old, text string) {
	t.Helper()
	before, err := os.ReadFile(f.Config)
	require.NoError(t, err)
	require.Contains(t, string(before), old)
	require.NoError(t, os.WriteFile(f.Config, []byte(strings.Replace(string(before), old, text, 1)), 0o640))
	f.all[cmdtest.Manager].Signal(t, syscall.SIGHUP)
}

func TestWhatIsOrderedIsWhatWasConfirmedThoughTheFleetIsAnother(t *testing.T) {
	f := newFleet(t, true)
	p := browse(t, desk)
	p.open(f.url, 3)
	p.awaitRows(patience, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING NOT-STARTED", "app02 RUNNING NOT-STARTED")
	p.askAll()
	p.await("the verdict", `document.querySelector("dialog .totals")?.innerText === "3 READY"`)
	assert.Equal(t, "Order ONLINE on 3 servers", p.text("#confirm"))

	f.replace(t, `host = "app02"`, `host = "app03"`)
	p.await("as many servers, and another", `document.querySelector("#table .body").innerText.includes("app03")`)
	p.click("#confirm")
	p.await("the refusal", `document.querySelector("dialog p[role=status]")?.innerText === 'Not done: no host matches "app02"'`)
	p.shot("another-fleet")
	assert.Empty(t, f.history(t), "nothing was confirmed for app03, and not for two of three")
}

func TestAVerdictIsOfTheProcessThatWasChecked(t *testing.T) {
	f := newFleet(t, true)
	p := browse(t, desk)
	p.open(f.url, 3)
	p.awaitRows(patience, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING NOT-STARTED", "app02 RUNNING NOT-STARTED")
	eval[bool](p, `(() => { const real = window.fetch, gate = new Promise((open) => { window.letGo = open; });
		window.fetch = async (...all) => { await gate; return real(...all); }; return true; })()`)
	p.askAll()
	p.click("input[value=FAIL]") // while the check goes on
	eval[bool](p, `(() => { window.letGo(); return true; })()`)
	p.await("the verdict", `document.querySelector("dialog h2").innerText === "ONLINE: verdict for 3 servers"`)
	assert.Equal(t, "Order ONLINE on 3 servers", p.text("#confirm"))
	p.click("#confirm")
	p.await("the rows", `document.querySelector("dialog p[role=status]")?.innerText === "All results are here."`)
	assert.Equal(t, 3, strings.Count(f.history(t), " ONLINE OPERATOR LAUNCHED"))
	assert.NotContains(t, f.history(t), "FAIL")
}

// countBeats has window.beats be the number of lines without anything that an order had.
const countBeats = `(() => { const real = window.fetch;
	window.beats = 0;
	window.fetch = async (...all) => { const answer = await real(...all), [one, other] = answer.body.tee();
		(async () => { const text = other.pipeThrough(new TextDecoderStream()).getReader();
			for (let part = await text.read(); !part.done; part = await text.read()) if (part.value === "\n") window.beats++; })();
		return new Response(one, { status: answer.status, headers: answer.headers }); };
	return true; })()`

func TestAnOrderThatTakesLongIsFollowedToItsEnd(t *testing.T) {
	f := newFleet(t, true)
	gate := filepath.Join(f.Dir(cmdtest.Second), "ONLINE.gate")
	require.NoError(t, syscall.Mkfifo(gate, 0o600))
	p := browse(t, desk)
	p.open(f.url, 3)
	p.awaitRows(patience, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING NOT-STARTED", "app02 RUNNING NOT-STARTED")
	eval[bool](p, countBeats)
	p.askAll()
	p.await("the verdict", `document.querySelector("dialog .totals")?.innerText === "3 READY"`)
	p.click("#confirm")
	p.await("two of three", `document.querySelector("dialog h2").innerText === "ONLINE: 2 of 3 servers done"`)
	p.await("beats", "window.beats >= 2")
	p.await("what is in progress", `document.getElementById("progress").innerText === "ONLINE (operator): 2 of 3 servers done\nwaiting for app02"`)
	assert.Equal(t, "The order goes on if you close this.", p.text("dialog p[role=status]"))
	require.NoError(t, os.WriteFile(gate, []byte("go\n"), 0o600))
	p.await("the last row", `document.querySelector("dialog p[role=status]").innerText === "All results are here."`)
	p.await("their count", `document.querySelector("dialog .totals").innerText === "3 LAUNCHED"`)
	p.await("nothing in progress", `document.getElementById("progress").innerText === "No order is in progress."`)
}

func TestProcessesThatANewDefinitionHasCanBeOrderedFromAPageThatIsOpen(t *testing.T) {
	f := newFleet(t, true)
	p := browse(t, desk)
	p.open(f.url, 3)
	p.awaitRows(patience, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING NOT-STARTED", "app02 RUNNING NOT-STARTED")
	offered := func() string {
		return eval[string](p, `(() => { const dialog = document.getElementById("dialog");
			if (!dialog.open) document.getElementById("order").click();
			const all = Array.from(document.querySelectorAll("input[name=process]"), (i) => i.parentElement.innerText.trim()).join(", ");
			dialog.close(); return all; })()`)
	}
	assert.Equal(t, "ONLINE any status → ONLINE, FAIL any status → unchanged", offered())
	f.replace(t, `id = "FAIL"`, "id = \"BREAK\"\nfrom = [\"ONLINE\"]")
	cmdtest.Until(t, patience, "another process", func() bool { return offered() == "ONLINE any status → ONLINE, BREAK ONLINE → unchanged" })
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
	assert.Equal(t, map[string]string{"order": "failed", "simple order": "failed", "history": "failed", "events": "failed", "frame": "tried", "script": "failed"}, tries)
	assert.Equal(t, []string{f.url}, p.refusedFrames())
	assert.Empty(t, f.history(t))
	assert.Equal(t, 3, len(f.Contact(t, cmdtest.Manager)))
}

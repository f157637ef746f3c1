//go:build interop

package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	frames "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

// aSecond is how soon whoever looks sees what has changed.
const aSecond = time.Second

const token = "0123456789abcdef0123456789abcdef"

// controlData is the control data of the fleets: who falls silent is found within 1.2 s.
const controlData = "interval = \"500ms\"\ntimeout = \"200ms\"\nretries = 2"

// fleet is a manager with a page and two slaves.
type fleet struct {
	*cmdtest.Fleet
	url string
	all map[string]*cmdtest.Daemon
}

// newFleet starts all of them, with orders from the page or without.
func newFleet(t *testing.T, orders bool) *fleet {
	t.Helper()
	f := &fleet{Fleet: cmdtest.NewFleet(t, controlData)}
	address := fmt.Sprintf("127.0.0.1:%d", cmdtest.Ports(t, 1)[0])
	table := fmt.Sprintf("\n[web]\nlisten = %q\n", address)
	if orders {
		path := filepath.Join(cmdtest.Dir(t), "token")
		require.NoError(t, os.WriteFile(path, []byte(token), 0o600))
		table += fmt.Sprintf("token_file = %q\n", path)
	}
	f.Define(t, table)
	f.url = "http://" + address + "/"
	f.all = f.StartAll(t)
	return f
}

// open opens the page and waits until it shows so many servers.
func (p *page) open(url string, servers int) {
	p.t.Helper()
	p.do(chromedp.Navigate(url))
	p.await(fmt.Sprintf("%d servers", servers), fmt.Sprintf(`document.querySelector("#table .grid").getAttribute("aria-rowcount") === "%d"`, servers+1))
}

// await waits until a condition in JavaScript holds, and gives how long that took.
func (p *page) await(what, js string) time.Duration {
	p.t.Helper()
	return p.awaitFor(patience, what, js)
}

func (p *page) awaitFor(limit time.Duration, what, js string) time.Duration {
	p.t.Helper()
	return cmdtest.Until(p.t, limit, what, func() bool { return eval[bool](p, "Boolean("+js+")") })
}

// back goes to the page before. There is no load event to wait for, where the browser has kept it.
func (p *page) back() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	entries := func() frames.GetNavigationHistoryResult {
		all, err := chromedp.Run(ctx, chromedp.NavigationEntries())
		require.NoError(p.t, err)
		return all
	}
	before := entries()
	to := before.Entries[before.CurrentIndex-1].ID
	p.do(func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, frames.NavigateToHistoryEntry, frames.NavigateToHistoryEntryParams{EntryID: to})
		return chromedp.Void{}, err
	})
	cmdtest.Until(p.t, patience, "the page before", func() bool { return entries().CurrentIndex == before.CurrentIndex-1 })
}

// text is what an element says.
func (p *page) text(selector string) string {
	p.t.Helper()
	return eval[string](p, fmt.Sprintf(`document.querySelector(%q)?.innerText ?? ""`, selector))
}

// click clicks in the middle of what a person sees.
func (p *page) click(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector)))
}

// press presses keys, wherever the focus is.
func (p *page) press(keys ...string) {
	p.t.Helper()
	for _, key := range keys {
		p.do(chromedp.KeyEvent(key))
	}
}

// focused says in a line what has the focus.
func (p *page) focused() string {
	p.t.Helper()
	return eval[string](p, `(() => { const e = document.activeElement;
		return [e.tagName.toLowerCase(), e.id && "#" + e.id, e.getAttribute("role"), e.getAttribute("aria-label") ?? e.innerText].filter(Boolean).join(" ").replace(/\s+/g, " "); })()`)
}

// rows is what the table shows: host, operating status, application status of each row that is seen, in order.
func (p *page) rows() []string {
	p.t.Helper()
	return eval[[]string](p, `Array.from(document.querySelectorAll("#table .body .row"))
		.sort((a, b) => a.getAttribute("aria-rowindex") - b.getAttribute("aria-rowindex"))
		.map((r) => [".c-host", ".c-operating", ".c-application"].map((c) => r.querySelector(c).innerText).join(" "))`)
}

// awaitRows waits until the table begins with these rows.
func (p *page) awaitRows(limit time.Duration, wanted ...string) time.Duration {
	p.t.Helper()
	b, err := json.Marshal(wanted)
	require.NoError(p.t, err)
	return p.awaitFor(limit, fmt.Sprintf("rows %q", wanted), fmt.Sprintf(`(() => { const wanted = %s;
		const rows = Array.from(document.querySelectorAll("#table .body .row")).sort((a, b) => a.getAttribute("aria-rowindex") - b.getAttribute("aria-rowindex"));
		return wanted.every((w, i) => rows[i] && [".c-host", ".c-operating", ".c-application"].map((c) => rows[i].querySelector(c).innerText).join(" ") === w); })()`, b))
}

// cell is JavaScript for the colour of a server's cell of the map, beside its middle, where a cross may be: such as rgb(1, 2, 3).
func cell(place int) string {
	return fmt.Sprintf(`(() => { const c = document.getElementById("cells"), d = c.dataset, s = c.width / parseFloat(c.style.width);
		const x = (%[1]d %% d.columns) * d.dx + 1, y = Math.floor(%[1]d / d.columns) * d.dy + 1;
		const p = c.getContext("2d").getImageData(x * s, y * s, 1, 1).data; return "rgb(" + p[0] + ", " + p[1] + ", " + p[2] + ")"; })()`, place)
}

// colour is JavaScript for a colour of the style as cell gives it.
func colour(name string) string {
	return fmt.Sprintf(`(() => { const e = document.createElement("i"); document.body.append(e); e.style.color = "var(--%s)";
		const c = getComputedStyle(e).color; e.remove(); return c; })()`, name)
}

// awaitCell waits until the cell of a server has the colour of a kind.
func (p *page) awaitCell(limit time.Duration, place int, kind string) time.Duration {
	p.t.Helper()
	return p.awaitFor(limit, fmt.Sprintf("cell %d %s", place, kind), cell(place)+" === "+colour(kind))
}

// write types into a field.
func (p *page) write(selector, text string) {
	p.t.Helper()
	p.do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

var arrows = map[string]string{"down": kb.ArrowDown, "up": kb.ArrowUp, "left": kb.ArrowLeft, "right": kb.ArrowRight}

// history is the manager's history as one text.
func (f *fleet) history(t *testing.T) string {
	t.Helper()
	return strings.Join(f.History(t, cmdtest.Manager), "\n")
}

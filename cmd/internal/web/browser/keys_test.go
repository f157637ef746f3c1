//go:build interop

package browser

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEverythingIsReachedWithTheKeyboardAlone(t *testing.T) {
	f := newFleet(t, true)
	p := browse(t, desk)
	p.open(f.url, 3)
	p.awaitRows(patience, "mgr01 RUNNING NOT-STARTED", "app01 RUNNING NOT-STARTED", "app02 RUNNING NOT-STARTED")
	var reached []string
	for range 20 {
		p.press(kb.Tab)
		reached = append(reached, p.focused())
		if strings.HasPrefix(p.focused(), "body") {
			continue // once around
		}
		assert.NotEqual(t, "none", eval[string](p, "getComputedStyle(document.activeElement).outlineStyle"), "the focus is seen on %s", p.focused())
	}
	all := strings.Join(reached, "\n")
	for _, wanted := range []string{"a Skip to the table", "button #language", "button #order", "3 Servers", "0 STOPPED", "canvas #cells", "input #search",
		"button Host", "div row mgr01"} {
		assert.Contains(t, all, wanted)
	}

	p.do(chromedp.Focus(chromedp.CSS("#cells")))
	p.press(arrows["right"], arrows["right"])
	assert.Contains(t, p.text("#map-text"), "app02: RUNNING, NOT-STARTED, since ")
	assert.Contains(t, eval[string](p, `document.getElementById("cells").getAttribute("aria-label")`), "app02: RUNNING")
	p.press(kb.Enter)
	p.await("the server", `document.activeElement.innerText === "app02"`)
	p.press(kb.Escape)
	assert.Contains(t, p.focused(), "canvas #cells application app02", "the focus is where it was")

	p.do(func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) { // as a keyboard does: no character where the key was taken
		_, err := cdp.Call(ctx, target, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: "/", Text: "/"})
		return chromedp.Void{}, err
	})
	assert.Contains(t, p.focused(), "input #search")
	p.press(arrows["down"], arrows["down"])
	assert.Contains(t, p.focused(), "div row app01")
	p.press(" ")
	p.await("a choice", `document.getElementById("chosen-text").textContent === "1 chosen"`)
	p.press(kb.Enter)
	p.await("the server", `document.activeElement.innerText === "app01"`)
	p.press(kb.Escape)
	assert.Contains(t, p.focused(), "div row app01")
	p.press(kb.End)
	assert.Contains(t, p.focused(), "div row app02")

	p.do(chromedp.Focus(chromedp.CSS("#order")))
	p.press(kb.Enter)
	p.await("the dialog", `document.activeElement.name === "process"`)
	p.press(kb.Escape)
	p.await("no dialog", `!document.getElementById("dialog").open`)
	assert.Contains(t, p.focused(), "button #order", "the focus is where it was")
}

func TestAScreenReaderHearsNamesAndPlaces(t *testing.T) {
	f := newFleet(t, true)
	p := browse(t, desk)
	p.open(f.url, 3)
	p.awaitRows(patience, "mgr01 RUNNING NOT-STARTED")
	tree, err := chromedp.Run(p.ctx, func(ctx context.Context, target *chromedp.Target) (accessibility.GetFullAXTreeResult, error) {
		return cdp.Call(ctx, target, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	})
	require.NoError(t, err)
	roles := map[string]int{}
	for _, node := range tree.Nodes {
		if node.Ignored || node.Role == nil {
			continue
		}
		role := strings.Trim(string(node.Role.Value), `"`)
		roles[role]++
		switch role {
		case "button", "textbox", "searchbox", "checkbox", "grid", "columnheader", "application", "dialog", "complementary", "region":
			name := ""
			if node.Name != nil {
				name = strings.Trim(string(node.Name.Value), `"`)
			}
			if role != "complementary" {
				assert.NotEmpty(t, name, role)
			}
		}
	}
	assert.Equal(t, 1, roles["grid"])
	assert.Equal(t, 4, roles["row"], "a heading and three servers: %v", roles)
	assert.Equal(t, 6, roles["columnheader"])
	assert.Positive(t, roles["status"])
	assert.Equal(t, "4", eval[string](p, `document.querySelector("#table .grid").getAttribute("aria-rowcount")`))
	assert.Equal(t, []string{"2", "3", "4"}, eval[[]string](p, `Array.from(document.querySelectorAll("#table .body .row"), (r) => r.getAttribute("aria-rowindex")).sort()`))
	assert.Equal(t, "descending", eval[string](p, `document.querySelector("#table .c-operating").getAttribute("aria-sort")`))
}

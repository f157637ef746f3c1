//go:build interop

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

// guideBrowser is the browser of whoever follows the guide.
type guideBrowser struct {
	t   *testing.T
	ctx context.Context
}

// browse starts a browser, which ends with the test.
func browse(t *testing.T) *guideBrowser {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{chromedp.Headless, chromedp.ExecPath("/usr/bin/chromium"), chromedp.Flag("accept-lang", "en"),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(patience)}
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx)) // the browser lives as long as the context that starts it
	return &guideBrowser{t, ctx}
}

// do opens a page.
func (p *guideBrowser) do(url string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	require.NoError(p.t, chromedp.Do(ctx, chromedp.Navigate(url)))
}

// eval evaluates JavaScript in a page.
func eval[T any](p *guideBrowser, js string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js))
	require.NoError(p.t, err, js)
	return v
}

// awaitRows waits until the table shows these servers and no other, in any order, since those that changed last stand first: host,
// operating status, application status.
func (p *guideBrowser) awaitRows(rows ...string) {
	p.t.Helper()
	var shown []string
	defer func() {
		if p.t.Failed() {
			p.t.Logf("the page shows %q", shown)
		}
	}()
	slices.Sort(rows)
	cmdtest.Until(p.t, patience, fmt.Sprintf("the page shows %q", rows), func() bool {
		shown = eval[[]string](p, `Array.from(document.querySelectorAll("#table .body .row"))
			.map((r) => [".c-host", ".c-operating", ".c-application"].map((c) => r.querySelector(c).innerText).join(" "))`)
		slices.Sort(shown)
		return slices.Equal(rows, shown)
	})
}

// awaitOrders waits until the page offers orders, or does not.
func (p *guideBrowser) awaitOrders(offered bool) {
	p.t.Helper()
	cmdtest.Until(p.t, patience, fmt.Sprintf("orders from the page: %v", offered), func() bool {
		return eval[bool](p, `!document.getElementById("order").hidden`) == offered
	})
}

//go:build interop

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
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
		chromedp.Flag("disable-dev-shm-usage", true)}
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

// await waits until a condition in JavaScript holds.
func (p *guideBrowser) await(what, js string) {
	p.t.Helper()
	cmdtest.Until(p.t, patience, what, func() bool {
		ctx, cancel := context.WithTimeout(p.ctx, patience)
		defer cancel()
		holds, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+js+")"))
		require.NoError(p.t, err, js)
		return holds
	})
}

// awaitRows waits until the table shows these servers and no other: host, operating status, application status.
func (p *guideBrowser) awaitRows(rows ...string) {
	p.t.Helper()
	wanted, err := json.Marshal(rows)
	require.NoError(p.t, err)
	p.await(fmt.Sprintf("the page shows %q", rows), fmt.Sprintf(`JSON.stringify(Array.from(document.querySelectorAll("#table .body .row"))
		.sort((a, b) => a.getAttribute("aria-rowindex") - b.getAttribute("aria-rowindex"))
		.map((r) => [".c-host", ".c-operating", ".c-application"].map((c) => r.querySelector(c).innerText).join(" "))) === JSON.stringify(%s)`, wanted))
}

// awaitOrders waits until the page offers orders, or does not.
func (p *guideBrowser) awaitOrders(offered bool) {
	p.t.Helper()
	p.await(fmt.Sprintf("orders from the page: %v", offered), fmt.Sprintf(`document.getElementById("order").hidden !== %v`, offered))
}

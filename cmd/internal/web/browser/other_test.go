//go:build interop

package browser

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	frames "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

func navigate(url string) chromedp.Action[chromedp.Void] { return chromedp.Navigate(url) }

// refusedFrames are the addresses of frames that the browser did not show. The page around them cannot tell: a frame of another origin is
// closed to it in any case.
func (p *page) refusedFrames() (refused []string) {
	p.t.Helper()
	all, err := chromedp.Run(p.ctx, func(ctx context.Context, target *chromedp.Target) (frames.GetFrameTreeResult, error) {
		return cdp.Call(ctx, target, frames.GetFrameTree, cdp.Empty{})
	})
	require.NoError(p.t, err)
	for _, child := range all.FrameTree.ChildFrames {
		refused = append(refused, child.Frame.UnreachableURL)
	}
	return refused
}

// serveOther serves the page of another site, which knows the token and tries what it can with the page at url.
func serveOther(t *testing.T, url string) string {
	t.Helper()
	page := fmt.Sprintf(`<!doctype html><title>trying</title><body><script>
const to = %q, body = JSON.stringify({process: "ONLINE", all: true}), tries = window.tries = {};
const order = {method: "POST", body, headers: {"Content-Type": "application/json", Authorization: "Bearer %s"}};
const outcome = (p) => p.then((a) => a.type === "opaque" ? "opaque" : "read " + a.status, () => "failed");
const events = () => new Promise((done) => { const s = new EventSource(to + "events"); s.onerror = () => { s.close(); done("failed"); }; s.onmessage = s.onopen = () => done("open"); });
const script = () => new Promise((done) => { const s = document.createElement("script"); s.type = "module"; s.src = to + "app.js"; s.onload = () => done("loaded"); s.onerror = () => done("failed"); document.body.append(s); });
const frame = () => new Promise((done) => { const f = document.createElement("iframe"); f.src = to; f.onload = () => done("tried"); document.body.append(f); });
(async () => {
	tries.order = await outcome(fetch(to + "api/order", order));
	tries["simple order"] = await outcome(fetch(to + "api/order", {method: "POST", mode: "no-cors", body}));
	tries.history = await outcome(fetch(to + "api/history?host=app01"));
	tries.events = await events();
	tries.frame = await frame();
	tries.script = await script();
	document.title = "tried";
})();
</script>`, url, token)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte(page))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

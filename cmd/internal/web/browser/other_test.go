//go:build interop

package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"
)

func navigate(url string) chromedp.Action[chromedp.Void] { return chromedp.Navigate(url) }

// serveOther serves the page of another site, which knows the token and tries what it can with the page at url.
func serveOther(t *testing.T, url string) string {
	t.Helper()
	page := fmt.Sprintf(`<!doctype html><title>trying</title><body><script>
const to = %q, body = JSON.stringify({process: "ONLINE", all: true}), tries = window.tries = {};
const order = {method: "POST", body, headers: {"Content-Type": "application/json", Authorization: "Bearer %s"}};
const outcome = (p) => p.then((a) => a.type === "opaque" ? "opaque" : "read " + a.status, () => "failed");
const events = () => new Promise((done) => { const s = new EventSource(to + "events"); s.onerror = () => { s.close(); done("failed"); }; s.onmessage = s.onopen = () => done("open"); });
const script = () => new Promise((done) => { const s = document.createElement("script"); s.type = "module"; s.src = to + "app.js"; s.onload = () => done("loaded"); s.onerror = () => done("failed"); document.body.append(s); });
const frame = () => new Promise((done) => { const f = document.createElement("iframe"); f.src = to; f.onload = () => { let open; try { open = f.contentWindow.location.href; } catch { open = "blocked"; }
	done(f.contentWindow.length === 0 && open === "blocked" ? "blocked" : "shown"); }; document.body.append(f); });
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

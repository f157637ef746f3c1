package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOnlyRequestsForThePageItselfAreLetIn(t *testing.T) {
	s := newSite(t, "mgr01").serve(t)
	s.server.SetToken(newToken(rightToken))
	const order = `{"process":"ONLINE","hosts":["mgr01"]}`
	authorized := []string{"Authorization", "Bearer " + rightToken, "Content-Type", "application/json"}
	own := strings.TrimPrefix(s.url, "http://")
	for _, c := range []struct {
		name, method, path string
		headers            []string
		want               int
	}{
		{"no browser", "GET", "/", nil, 200},
		{"its address", "GET", "/", []string{"Host", own}, 200},
		{"localhost through a tunnel", "GET", "/", []string{"Host", "localhost:8080"}, 200},
		{"an IPv6 address", "GET", "/", []string{"Host", "[::1]:10380"}, 200},
		{"the manager's name", "GET", "/", []string{"Host", "MGR01:10380"}, 200},
		{"a name of the definition", "GET", "/", []string{"Host", "desk.example.net"}, 200},
		{"a name of another site", "GET", "/", []string{"Host", "evil.example.net:10380"}, 421},
		{"a name of another site for the events", "GET", "/events", []string{"Host", "evil.example.net"}, 421},
		{"a name that begins like an own one", "GET", "/", []string{"Host", "localhost.example.net"}, 421},
		{"typed in", "GET", "/", []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate"}, 200},
		{"a link of another site", "GET", "/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 200},
		{"a frame of another site for the history", "GET", "/api/history?host=mgr01", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 403},
		{"a script of another site", "GET", "/app.js", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, 403},
		{"the history for another site", "GET", "/api/history?host=mgr01", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors"}, 403},
		{"the history for the page", "GET", "/api/history?host=mgr01", []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors"}, 200},
		{"an order of the page", "POST", "/api/order", append([]string{"Sec-Fetch-Site", "same-origin", "Origin", s.url}, authorized...), 200},
		{"an order of another site", "POST", "/api/order", append([]string{"Sec-Fetch-Site", "cross-site", "Origin", "http://evil.example.net"}, authorized...), 403},
		{"an order of the same site", "POST", "/api/order", append([]string{"Sec-Fetch-Site", "same-site", "Origin", "http://localhost:1"}, authorized...), 403},
		{"an order of another origin in an old browser", "POST", "/api/order", append([]string{"Origin", "http://evil.example.net"}, authorized...), 403},
		{"an order of a sandboxed frame", "POST", "/api/order", append([]string{"Origin", "null"}, authorized...), 403},
		{"an order by another name", "POST", "/api/order", append([]string{"Host", "evil.example.net"}, authorized...), 421},
		{"an order by GET", "GET", "/api/order", authorized, 405},
		{"a preflight of another site", "OPTIONS", "/api/order", []string{"Origin", "http://evil.example.net", "Sec-Fetch-Site", "cross-site"}, 403},
		{"nothing there", "GET", "/nothing", nil, 404},
		{"no metrics", "GET", "/metrics", nil, 404},
		{"a file by its path", "GET", "/static/index.html", nil, 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := len(s.daemon.ordered())
			answer, body := s.do(t, c.method, c.path, order, c.headers...)
			assert.Equal(t, c.want, answer.StatusCode, body)
			ordered := len(s.daemon.ordered()) - before
			assert.Equal(t, c.method == "POST" && c.want == 200, ordered == 1, "orders: %d", ordered)
			for _, h := range headers[:len(headers)-1] {
				assert.Equal(t, h[1], answer.Header.Get(h[0]), h[0])
			}
			assert.NotEmpty(t, answer.Header.Get("Cache-Control"))
			assert.Empty(t, answer.Header.Get("Access-Control-Allow-Origin"))
		})
	}
	assert.Equal(t, uint64(4), s.server.Dropped()["page: another host name"])
	assert.Equal(t, uint64(8), s.server.Dropped()["page: another site"])
}

func TestThePageForbidsFramesAndForeignScripts(t *testing.T) {
	s := newSite(t, "mgr01").serve(t)
	answer, body := s.do(t, "GET", "/", "")
	policy := answer.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'",
		"base-uri 'none'", "form-action 'none'"} {
		assert.Contains(t, policy, part)
	}
	assert.NotContains(t, policy, "unsafe")
	for name, want := range map[string]string{"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy": "camera=(), geolocation=(), microphone=()"} {
		assert.Equal(t, want, answer.Header.Get(name), name)
	}
	assert.Equal(t, "text/html; charset=utf-8", answer.Header.Get("Content-Type"))
	for _, foreign := range []string{"http:", "https:", "//cdn", "style=", "onclick"} {
		assert.NotContains(t, body, foreign)
	}
}

func TestFilesHaveATypeAndATagAndComeOnce(t *testing.T) {
	s := newSite(t, "mgr01").serve(t)
	for path, kind := range map[string]string{"/": "text/html; charset=utf-8", "/app.js": "text/javascript; charset=utf-8",
		"/base.css": "text/css; charset=utf-8", "/icon.svg": "image/svg+xml"} {
		answer, body := s.do(t, "GET", path, "")
		assert.Equal(t, 200, answer.StatusCode, path)
		assert.Equal(t, kind, answer.Header.Get("Content-Type"))
		assert.Equal(t, "no-cache", answer.Header.Get("Cache-Control"))
		assert.NotEmpty(t, body)
		answer, body = s.do(t, "GET", path, "", "If-None-Match", answer.Header.Get("ETag"))
		assert.Equal(t, http.StatusNotModified, answer.StatusCode, path)
		assert.Empty(t, body)
	}
}

func TestMetricsAreServedWhereTheyAreSet(t *testing.T) {
	s := newSite(t, "mgr01")
	s.server.cfg.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("renraku_up 1\n")) })
	s.serve(t)
	answer, body := s.do(t, "GET", "/metrics", "")
	assert.Equal(t, 200, answer.StatusCode)
	assert.Equal(t, "renraku_up 1\n", body)
	answer, _ = s.do(t, "GET", "/metrics", "", "Host", "evil.example.net")
	assert.Equal(t, http.StatusMisdirectedRequest, answer.StatusCode)
}

package web

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// policy has the page load nothing from elsewhere, run nothing that is not a file of its own, and be framed by nobody.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

var headers = [][2]string{
	{"Content-Security-Policy", policy},
	{"X-Frame-Options", "DENY"},
	{"X-Content-Type-Options", "nosniff"},
	{"Referrer-Policy", "no-referrer"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"Permissions-Policy", "camera=(), geolocation=(), microphone=()"},
	{"Cache-Control", "no-store"}, // but for files, which have a tag
}

// guard lets only those requests in that a browser sends for the page itself. A page of another site may have a browser send one, but
// reads no answer; and one that has its own name lead here (DNS rebinding) is known by that name.
func (s *Server) guard(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, h := range headers {
			w.Header().Set(h[0], h[1])
		}
		switch {
		case !s.isOwnName(r):
			s.counts.host.Add(1)
			http.Error(w, fmt.Sprintf("%q is not a name of this page: localhost, an IP address or one of the definition's [web] names is right",
				cut(r.Host)), http.StatusMisdirectedRequest)
		case isForeign(r) || protection.Check(r) != nil:
			s.counts.foreign.Add(1)
			http.Error(w, "a request for the sake of another site", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// isForeign says whether another site has had the browser send the request, but for a link to the page itself.
func isForeign(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	if site == "" || site == "same-origin" || site == "none" {
		return false
	}
	return r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.URL.Path != "/" || r.Method != http.MethodGet
}

// isOwnName says whether the host that the browser believes to talk to is this one. Another site can have any name of its own lead here,
// but neither an IP address nor these. The port is not looked at: an SSH tunnel has another.
func (s *Server) isOwnName(r *http.Request) bool {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" {
		return true
	}
	d := s.cfg.Definition()
	if listen, _, err := net.SplitHostPort(d.Web.Listen); err == nil && host == strings.ToLower(listen) {
		return host != ""
	}
	return host != "" && (host == strings.ToLower(d.Manager.Host) || slices.Contains(d.Web.Names, host))
}

// cut keeps what a request says short in an answer.
func cut(s string) string {
	const most = 64
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

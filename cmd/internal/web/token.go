package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"renraku/cmd/internal/trusted"
)

// Token is what whoever orders from the page has to know.
type Token struct{ sum [sha256.Size]byte }

// ReadToken reads the token of a file that nobody else can read or write: 16 to 256 bytes 0x21–0x7E, and a line feed perhaps. The error is
// a sentence that names the file and says what to do.
func ReadToken(path string) (*Token, error) {
	f, err := trusted.OpenSecret(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read the token of the page: %w: openssl rand -hex 32 makes a token, for a file that nobody else may read", err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("read the token of the page: %w: a file of root with mode 0640 can be read by the group that it has", err)
	case err != nil:
		return nil, fmt.Errorf("read the token of the page: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 2*maxToken))
	if err != nil {
		return nil, fmt.Errorf("read the token of the page: %w", err)
	}
	text := strings.TrimSpace(string(b))
	if len(text) < minToken || len(text) > maxToken || strings.ContainsFunc(text, func(r rune) bool { return r < 0x21 || r > 0x7E }) {
		return nil, fmt.Errorf("read the token of the page: %s: %d to %d bytes 0x21–0x7E are right, such as those of: openssl rand -hex 32",
			path, minToken, maxToken)
	}
	return newToken(text), nil
}

func newToken(text string) *Token { return &Token{sha256.Sum256([]byte(text))} }

// is says whether the text is the token, in a time that tells nothing of it.
func (t *Token) is(text string) bool {
	sum := sha256.Sum256([]byte(text))
	return subtle.ConstantTimeCompare(t.sum[:], sum[:]) == 1
}

// SetToken has another token stand from now on; nil: nothing can be ordered from the page.
func (s *Server) SetToken(t *Token) { s.token.Store(t) }

// authorize says whether the request has the token, and answers where it has not.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) bool {
	token := s.token.Load()
	if token == nil {
		why := "the definition has no token_file"
		if s.cfg.Definition().Web.TokenFile != "" {
			why = "the daemon cannot use the token_file, and its log says why"
		}
		fault(w, http.StatusForbidden, "nothing can be ordered from the page: "+why)
		return false
	}
	from := addressOf(r)
	if wait := s.wrong.wait(from, time.Now()); wait > 0 {
		s.counts.limited.Add(1)
		w.Header().Set("Retry-After", fmt.Sprint(int(wait/time.Second)+1))
		fault(w, http.StatusTooManyRequests, "too many wrong tokens from this address: wait a little")
		return false
	}
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if ok && token.is(given) {
		return true
	}
	s.wrong.count(from, time.Now())
	s.counts.tokens.Add(1)
	s.cfg.Log.Warn("order from the page refused: wrong token", "peer", from.String())
	w.Header().Set("WWW-Authenticate", `Bearer realm="renraku"`)
	fault(w, http.StatusUnauthorized, "the token is wrong")
	return false
}

// addressOf is where a request comes from, a whole network of IPv6.
func addressOf(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	ip := at.Addr().Unmap().WithZone("")
	if ip.Is6() {
		if network, err := ip.Prefix(64); err == nil {
			return network.Addr()
		}
	}
	return ip
}

// wrongTokens bounds the tries of each address: maxWrong at once, and then one each wrongEvery. Of more than maxWrongAddresses, the
// others share one account.
type wrongTokens struct {
	mu sync.Mutex
	of map[netip.Addr]time.Time // when the account of the address is empty again: the later, the fuller it is
}

// wait is how long the address has to wait for its next try; 0: not at all.
func (w *wrongTokens) wait(from netip.Addr, now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	empty := w.of[w.account(from, now)]
	return max(0, max(0, empty.Sub(now))-(maxWrong-1)*wrongEvery) // of no account, Sub is the least duration that there is
}

// count counts a wrong token.
func (w *wrongTokens) count(from netip.Addr, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.account(from, now)
	empty := w.of[a]
	if empty.Before(now) {
		empty = now
	}
	if w.of == nil {
		w.of = map[netip.Addr]time.Time{}
	}
	w.of[a] = empty.Add(wrongEvery)
}

// account is the address, or the zero one where it has no account and there is no room for more.
func (w *wrongTokens) account(from netip.Addr, now time.Time) netip.Addr {
	if _, known := w.of[from]; known || len(w.of) < maxWrongAddresses {
		return from
	}
	for a, empty := range w.of {
		if empty.Before(now) {
			delete(w.of, a)
		}
	}
	if len(w.of) < maxWrongAddresses {
		return from
	}
	return netip.Addr{}
}

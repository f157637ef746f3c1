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

// is says whether the text is the token, in a time that tells nothing of it. One that is longer than a token may be costs nothing.
func (t *Token) is(text string) bool {
	if len(text) > maxToken {
		return false
	}
	sum := sha256.Sum256([]byte(text))
	return subtle.ConstantTimeCompare(t.sum[:], sum[:]) == 1
}

// SetToken has another token stand from now on; nil: nothing can be ordered from the page.
func (s *Server) SetToken(t *Token) { s.token.Store(t) }

// authorize says whether the request has the token, and answers where it has not. The right token never waits, however many wrong ones
// come from the same address, which may be a proxy's or a tunnel's for everybody: else whoever guesses could keep all others out. So it is
// not the limit that makes guessing hopeless but the token, which is made by chance; the limit keeps the log short, and each try costs one
// hash of maxToken bytes at most. A wrong token is answered alike however near it comes.
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
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if ok && token.is(given) {
		return true
	}
	s.refuse(w, addressOf(r))
	return false
}

// refuse answers a request with a wrong token.
func (s *Server) refuse(w http.ResponseWriter, from netip.Addr) {
	if wait := s.wrong.count(from, time.Now()); wait > 0 {
		s.counts.limited.Add(1)
		w.Header().Set("Retry-After", fmt.Sprint(int(wait/time.Second)+1))
		fault(w, http.StatusTooManyRequests, "the token is wrong, and too many from this address were before it")
		return
	}
	s.counts.tokens.Add(1)
	s.cfg.Log.Warn("order from the page refused: wrong token", "peer", from.String())
	w.Header().Set("WWW-Authenticate", `Bearer realm="renraku"`)
	fault(w, http.StatusUnauthorized, "the token is wrong")
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

// wrongTokens has an account of the wrong tokens of each address: maxWrong at once, and then one each wrongEvery. Of more than
// maxWrongAddresses, the others share one account.
type wrongTokens struct {
	mu sync.Mutex
	of map[netip.Addr]time.Time // when the account of the address is empty again: the later, the fuller it is
}

// count counts a wrong token, unless the account is full: then it gives how long that lasts. 0: it was not.
func (w *wrongTokens) count(from netip.Addr, now time.Time) (full time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.account(from, now)
	empty := w.of[a]
	if empty.Before(now) {
		empty = now
	}
	if full := empty.Sub(now) - (maxWrong-1)*wrongEvery; full > 0 {
		return full
	}
	if w.of == nil {
		w.of = map[netip.Addr]time.Time{}
	}
	w.of[a] = empty.Add(wrongEvery)
	return 0
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

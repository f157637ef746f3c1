package definition

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
)

// WebPort is the port of the manager's page where none is given.
const WebPort = 10380

// Web is the [web] table: the page that the manager serves. A slave has none.
type Web struct {
	Listen    string   // host:port; "": there is no page
	TokenFile string   // an absolute path; "": nothing can be ordered from the page
	Names     []string // host names by which browsers may reach it, beside localhost and IP addresses

	HostMetrics bool // the metrics have one for each server
}

// Exposed says whether others than this machine can reach the page.
func (w *Web) Exposed() bool {
	host, _, err := net.SplitHostPort(w.Listen)
	if err != nil || host == "localhost" {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err != nil || !ip.IsLoopback()
}

const (
	rightListen    = `an address and a port of this machine such as "127.0.0.1:10380"`
	rightTokenFile = `an absolute path such as "/etc/renraku/web-token"`
	rightNames     = `a list of host names such as ["mgr01.example.net"]`
)

// web reads [web].
func (r *reader) web(top *table) {
	t := top.table("web")
	if t == nil {
		return
	}
	w := &r.def.Web
	if listen, ok := t.needed("listen", rightListen); ok {
		full, err := completeListen(listen)
		if err != nil {
			t.wrong("listen", "%s is not an address to listen on (%v): %s is right", quoted(listen), err, rightListen)
		}
		w.Listen = full
	}
	if path, ok := t.text("token_file", rightTokenFile); ok {
		w.TokenFile = path
		switch {
		case !filepath.IsAbs(path):
			t.wrong("token_file", "%s is not an absolute path: %s is right", quoted(path), rightTokenFile)
		case strings.ContainsRune(path, 0):
			t.wrong("token_file", "%s has a zero byte: %s is right", quoted(path), rightTokenFile)
		}
	}
	names, _ := t.strings("names", rightNames)
	for i, name := range names {
		if name == "" {
			t.wrongItem("names", i, "empty: %s is right", rightNames)
		} else if err := checkWebName(name); err != nil {
			t.wrongItem("names", i, "%s is not a host name (%v): %s is right", quoted(name), err, rightNames)
		} else {
			w.Names = append(w.Names, strings.ToLower(name))
		}
	}
	w.HostMetrics = t.boolean("host_metrics", false)
	t.unknown()
}

// completeListen gives the address as host:port. All addresses of the machine are 0.0.0.0 or [::].
func completeListen(address string) (string, error) {
	full := address
	if ip, err := netip.ParseAddr(strings.Trim(address, "[]")); err == nil || !strings.Contains(address, ":") {
		full = net.JoinHostPort(strings.Trim(address, "[]"), strconv.Itoa(WebPort))
		if err == nil && ip.IsMulticast() {
			return "", errors.New("no single server has this IP address")
		}
	}
	host, port, err := net.SplitHostPort(full)
	if err != nil {
		return "", errors.New("a host, a colon and a port are missing")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("its port %s is not 1 to 65535", quoted(port))
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		return full, nil
	}
	if err := checkName(host); err != nil {
		return "", err
	}
	return full, nil
}

// checkWebName accepts a name without a port; an IP address is right without being named.
func checkWebName(name string) error {
	if _, err := netip.ParseAddr(name); err == nil {
		return errors.New("an IP address needs no name here")
	}
	return checkName(name)
}

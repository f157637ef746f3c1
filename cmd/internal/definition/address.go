package definition

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"renraku/telegram"
)

const rightAddress = `host or host:port such as "192.0.2.11" or "app01.example.net:10320"`

// maxName is the length of the longest name that DNS has.
const maxName = 253

// complete gives an address as host:port, with the port of telegrams where it has none. An IPv6 address may stand with
// brackets or, without a port, bare.
func complete(address string) (string, error) {
	host, port := address, strconv.Itoa(telegram.Port)
	switch {
	case strings.HasPrefix(address, "["):
		inside, after, closed := strings.Cut(address[1:], "]")
		if ip, err := netip.ParseAddr(inside); !closed || err != nil || !ip.Is6() {
			return "", fmt.Errorf("what stands in its brackets is not an IPv6 address")
		}
		if after != "" && after[0] != ':' {
			return "", fmt.Errorf("only a colon and a port may follow its brackets")
		}
		host = inside
		if after != "" {
			port = after[1:]
		}
	case strings.Count(address, ":") == 1:
		host, port, _ = strings.Cut(address, ":")
	}
	if err := checkName(host); err != nil {
		return "", err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", fmt.Errorf("its port %s is not 1 to 65535", quoted(port))
	}
	return net.JoinHostPort(host, strconv.FormatUint(n, 10)), nil
}

// checkName accepts an IP address that one can send to, or a name that DNS or a hosts file can have.
func checkName(host string) error {
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.IsUnspecified() || ip.IsMulticast() {
			return fmt.Errorf("no single server has this IP address")
		}
		return nil
	}
	switch {
	case host == "":
		return fmt.Errorf("it has no host")
	case strings.Contains(host, ":"):
		return fmt.Errorf("it is not an IPv6 address, and has more than one colon")
	case strings.ContainsAny(host, "{}"):
		return fmt.Errorf("only {host} may stand in braces")
	case len(host) > maxName:
		return fmt.Errorf("its name has %d bytes, at most %d", len(host), maxName)
	}
	for i := range len(host) {
		if !bare(host[i]) && host[i] != '.' {
			return fmt.Errorf("%q stands in no host name or IP address", rune(host[i]))
		}
	}
	last := ""
	for label := range strings.SplitSeq(strings.TrimSuffix(host, "."), ".") {
		if label == "" {
			return fmt.Errorf("nothing stands before or between its dots")
		}
		last = label
	}
	if strings.Trim(last, "0123456789") == "" {
		return fmt.Errorf("it is not an IP address, and no name ends in a number alone")
	}
	return nil
}

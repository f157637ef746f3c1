package definition

import (
	"path/filepath"
	"strings"

	"renraku/slave/credentials"
)

// Mode is whether telegrams are sealed.
type Mode int

// The modes.
const (
	Plain  Mode = iota // nothing is sealed: source addresses are checked
	Sealed             // every telegram on UDP has a MAC, and TCP is TLS 1.3
)

// String is the mode as the file has it.
func (m Mode) String() string {
	if m == Sealed {
		return "sealed"
	}
	return "plain"
}

// DefaultKeys is the folder of a server's keys.
const DefaultKeys = "/etc/renraku/keys"

// Security is the [security] table.
type Security struct {
	Mode Mode
	Keys string // the folder of a server's keys, an absolute path; {host} stands for its name
}

// KeysOf is the folder of a host's keys.
func (s *Security) KeysOf(host string) string { return strings.ReplaceAll(s.Keys, hostInAddress, host) }

const (
	rightMode = `"plain" (source addresses are checked) or "sealed" (with the keys of renraku keygen)`
	rightKeys = `an absolute path such as "/etc/renraku/keys", with {host} for the name of the server,`
)

// security reads [security]. It comes before the hosts: in sealed mode each has a folder of its name.
func (r *reader) security(top *table) {
	r.def.Security.Keys = DefaultKeys
	t := top.table("security")
	if t == nil {
		return
	}
	if mode, ok := t.text("mode", rightMode); ok {
		switch mode {
		case Plain.String():
		case Sealed.String():
			r.def.Security.Mode = Sealed
		default:
			t.wrong("mode", "%s is not a mode: %s is right", quoted(mode), rightMode)
		}
	}
	if keys, ok := t.text("keys", rightKeys); ok {
		r.def.Security.Keys = keys
		braces := strings.ReplaceAll(keys, hostInAddress, "")
		switch {
		case !filepath.IsAbs(keys):
			t.wrong("keys", "%s is not an absolute path: %s is right", quoted(keys), rightKeys)
		case strings.ContainsAny(braces, "{}"):
			t.wrong("keys", "%s: only {host} may stand in braces: %s is right", quoted(keys), rightKeys)
		case strings.ContainsRune(keys, 0):
			t.wrong("keys", "%s has a zero byte: %s is right", quoted(keys), rightKeys)
		}
	}
	t.unknown()
}

// folderName says why a host cannot have a folder of keys, which it needs in sealed mode.
func (r *reader) folderName(host string) error {
	if r.def.Security.Mode != Sealed {
		return nil
	}
	return credentials.CheckFolderName(host)
}

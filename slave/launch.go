package slave

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"renraku/slave/runs"
	"renraku/telegram"
)

const (
	defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	defaultLang = "C.UTF-8"
)

// commandOf is what the parent of a run is to do for the process (64).
func commandOf(p *Process, host telegram.Host, stands telegram.Status, order *Order) (runs.Command, error) {
	account, err := accountOf(p.User)
	if err != nil {
		return runs.Command{}, err
	}
	c := runs.Command{
		Argv:       p.Command,
		Dir:        p.Dir,
		Env:        environment(p, host, stands, account.home),
		Credential: account.credential,
		Timeout:    p.Timeout,
		Settle:     p.Settle,
		Simple:     p.Type == Simple,
	}
	if c.Dir == "" {
		c.Dir = "/"
	}
	if order.Trigger == ByMessage && order.Message != "" {
		c.Env = append(c.Env, "RENRAKU_MESSAGE="+order.Message)
	}
	return c, nil
}

// account is whom a process runs as.
type account struct {
	home       string
	credential *syscall.Credential // nil: the daemon's own
}

func accountOf(name string) (account, error) {
	if name == "" {
		home := "/"
		if me, err := user.Current(); err == nil && filepath.IsAbs(me.HomeDir) {
			home = me.HomeDir
		}
		return account{home: home}, nil
	}
	u, err := user.Lookup(name)
	if errors.As(err, new(user.UnknownUserError)) {
		return account{}, fmt.Errorf("cannot run as user %q: there is no such user", name)
	}
	if err != nil {
		return account{}, fmt.Errorf("cannot run as user %q: %w", name, err)
	}
	if strconv.Itoa(os.Geteuid()) == u.Uid {
		return account{home: u.HomeDir}, nil
	}
	if !mayBecomeAnother() {
		return account{}, &noRightError{name}
	}
	groups, err := u.GroupIds()
	if err != nil {
		return account{}, fmt.Errorf("cannot run as user %q: %w", name, err)
	}
	credential, err := credentialOf(u, groups)
	if err != nil {
		return account{}, fmt.Errorf("cannot run as user %q: %w", name, err)
	}
	return account{home: u.HomeDir, credential: credential}, nil
}

// credentialOf is the user with its own group and these, and none of the daemon's.
func credentialOf(u *user.User, groups []string) (*syscall.Credential, error) {
	ids := make([]uint32, 0, len(groups)+2)
	for _, text := range append([]string{u.Uid, u.Gid}, groups...) {
		id, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return nil, err
		}
		ids = append(ids, uint32(id))
	}
	return &syscall.Credential{Uid: ids[0], Gid: ids[1], Groups: ids[2:]}, nil
}

// environment is PATH, HOME and LANG, the definition's own, and RENRAKU_*; nothing else of the daemon's is inherited. Each
// name stands once: programs differ in which of two they take.
func environment(p *Process, host telegram.Host, stands telegram.Status, home string) []string {
	var env []string
	for _, standard := range [][2]string{
		{"PATH", inherited("PATH", defaultPath)},
		{"HOME", home},
		{"LANG", inherited("LANG", defaultLang)},
	} {
		if _, own := p.Env[standard[0]]; !own {
			env = append(env, standard[0]+"="+standard[1])
		}
	}
	for name, value := range p.Env {
		env = append(env, name+"="+value)
	}
	return append(env,
		"RENRAKU_HOST="+host.String(),
		"RENRAKU_PROCESS="+p.ID.String(),
		"RENRAKU_STATUS="+stands.String())
}

func inherited(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

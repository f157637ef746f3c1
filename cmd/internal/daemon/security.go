package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"renraku/cmd/internal/definition"
	"renraku/cmd/internal/trusted"
	"renraku/slave/credentials"
	"renraku/telegram"
)

// openSecurity is the sealed mode of a host, with the keys as they are in its folder; nil is the plain mode.
func openSecurity(d *definition.Definition, host string, log *slog.Logger) (*credentials.Security, error) {
	if d.Security.Mode != definition.Sealed {
		return nil, nil
	}
	c, err := loadCredentials(d, host, log)
	if err != nil {
		return nil, err
	}
	return credentials.NewSecurity(c), nil
}

func loadCredentials(d *definition.Definition, host string, log *slog.Logger) (*credentials.Credentials, error) {
	own, err := telegram.NewHost(host)
	if err != nil {
		return nil, err
	}
	manager, err := telegram.NewHost(d.Manager.Host)
	if err != nil {
		return nil, err
	}
	dir := d.Security.KeysOf(host)
	c, err := credentials.Load(dir, trusted.ReadKeyFile, own, manager)
	if err != nil {
		return nil, fmt.Errorf("the mode of %s is sealed, and the keys of %s, which renraku keygen makes, are not right: %w", d.File, host, err)
	}
	log.Info("mode sealed", "keys", dir, "key_ids", c.IDs(), "certificate_until", c.Certificate.NotAfter.UTC().Format(time.RFC3339))
	sayEnds(c, time.Now(), log)
	return c, nil
}

// sayEnds logs which certificates are near their end: there is time to renew them; or past it: no connection succeeds.
func sayEnds(c *credentials.Credentials, now time.Time, log *slog.Logger) {
	level := slog.LevelWarn
	if c.Ended(now) {
		level = slog.LevelError
	}
	for _, end := range c.Ends(now) {
		log.Log(context.Background(), level, "certificate to be renewed: renraku keygen --rotate", "reason", end)
	}
}

// errMode says that a running daemon cannot change the mode.
var errMode = errors.New("a running daemon cannot change it: the daemons of all servers have to be started again")

// reloadSecurity reads the keys again, from where the definition has them; nil is the plain mode. The mode has to be the daemon's.
func (d *Daemon) reloadSecurity(def *definition.Definition) (*credentials.Credentials, error) {
	before := definition.Plain
	if d.security != nil {
		before = definition.Sealed
	}
	switch {
	case def.Security.Mode != before:
		return nil, fmt.Errorf("the mode in %s is %v now, and this daemon's is %v: %w", def.File, def.Security.Mode, before, errMode)
	case d.security == nil:
		return nil, nil
	}
	return loadCredentials(def, d.host, d.log)
}

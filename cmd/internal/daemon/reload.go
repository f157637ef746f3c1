package daemon

import (
	"fmt"
	"strings"
	"time"

	"renraku/cmd/internal/control"
	"renraku/cmd/internal/definition"
)

// ReadAgain reads the definition again and has it stand from now on (SIGHUP). With an error, which may have many lines, everything stays as it
// was, and the daemon's state says so until a definition is taken over.
func (d *Daemon) ReadAgain(path string) error {
	def, err := definition.Load(path)
	if err == nil {
		err = d.takeOver(def)
	}
	d.current.refused.Store(refusedFor(err, time.Now()))
	return err
}

func refusedFor(err error, now time.Time) *control.Refused {
	if err == nil {
		return nil
	}
	text := strings.TrimSpace(err.Error())
	first, _, more := strings.Cut(text, "\n")
	return &control.Refused{At: now.UTC().Truncate(time.Second), Error: first, More: more}
}

// takeOver has another definition stand from now on: slaves, processes and triggers that appear, change or go are taken
// over without disturbing the others or any run. With an error, everything stays as it was. What a running daemon cannot change
// is logged: it takes effect at the next start. In sealed mode, keys and certificates are read again too; the mode cannot change. So is
// the token of the page.
func (d *Daemon) takeOver(def *definition.Definition) error {
	role, index, ok := def.Role(d.host)
	switch {
	case !ok:
		return fmt.Errorf("host %q is neither the manager nor a slave of %s any more", d.host, def.File)
	case role != d.Role:
		return fmt.Errorf("host %q is the %v in %s, and this daemon is the %v", d.host, role, def.File, d.Role)
	}
	renewed, err := d.reloadSecurity(def)
	if err != nil {
		return err
	}
	renewToken, err := d.reloadToken(def)
	if err != nil {
		return err
	}
	if err := d.station.redefine(def); err != nil {
		return err
	}
	renewToken()
	if renewed != nil {
		d.server.SetCredentials(renewed)
	}
	if err := d.engine.Replace(d.triggersOf(def)); err != nil { // the definition was checked, so this is not to be expected
		return err
	}
	d.current.Store(def)
	if address := addressOf(def, role, index); address != d.address {
		d.log.Warn("own address has changed in the definition: it takes effect at the next start",
			"address", d.address, "new_address", address)
	}
	d.sayPageChange(def)
	d.sayUnprivileged(def)
	d.log.Info("definition read again", "definition", def.File, "slaves", len(def.Slaves), "processes", len(def.Processes),
		"triggers", len(def.Triggers))
	return nil
}

// addressOf is a server's own address.
func addressOf(d *definition.Definition, role definition.Role, index int) string {
	if role == definition.SlaveRole {
		return d.Slaves[index].Address
	}
	return d.Manager.Address
}

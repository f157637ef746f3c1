package daemon

import (
	"slices"

	"renraku/cmd/internal/control"
	"renraku/cmd/internal/definition"
	"renraku/manager"
	"renraku/slave"
	"renraku/slave/trigger"
)

// Limits are those that stand for the daemons of a definition.
func Limits(d *definition.Definition) ([]slave.Limit, error) {
	slaves, err := slavesOf(d)
	if err != nil {
		return nil, err
	}
	sealed := d.Security.Mode == definition.Sealed
	return slices.Concat(slave.Limits(sealed), manager.Limits(slaves, sealed, d.Monitor.TCPFallback), trigger.Limits(), control.Limits()), nil
}

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
	return slices.Concat(definition.Limits(), slave.Limits(sealed), manager.Limits(slaves, sealed, d.Monitor.TCPFallback), trigger.Limits(),
		control.Limits(), pageLimits(d), ownLimits()), nil
}

// ownLimits are those of a daemon itself.
func ownLimits() []slave.Limit {
	return []slave.Limit{
		{At: "each", What: "time for another daemon to leave its directory", Value: slave.AsWritten(lockWait), More: "an error"},
		{At: "each", What: "a message in a trigger's line of the log", Value: slave.LimitBytes(maxLogged), More: "cut"},
	}
}

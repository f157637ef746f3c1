package daemon

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"renraku/cmd/internal/control"
	"renraku/cmd/internal/definition"
	"renraku/cmd/internal/metrics"
	"renraku/cmd/internal/web"
	"renraku/slave"
)

// page is the manager's page with its listener.
type page struct {
	server   *web.Server
	listener net.Listener
	address  string // of the definition
}

// openPage opens the listener of the page, where the definition has one, and reads the token. Without one that can be used, the page only
// shows: a manager that does not start would watch nobody.
func (d *Daemon) openPage(o Options, station *managerStation) error {
	listen := o.Definition.Web.Listen
	if listen == "" {
		return nil
	}
	token, err := tokenOf(o.Definition)
	if err != nil {
		d.log.Error("nothing can be ordered from the page: its token cannot be used", "error", err)
	}
	listener, err := web.Listen(listen)
	if err != nil {
		return fmt.Errorf("listen for the page: %w", plainListenError(listen, err))
	}
	server := web.New(web.Config{Dir: o.Dir, ContactFile: ContactFile, Source: &pageSource{station, d.commands}, Definition: d.current.Load,
		Metrics: d.Metrics(), Log: d.log})
	server.SetToken(token)
	station.page = server
	d.page = &page{server: server, listener: listener, address: listen}
	d.log.Info("page served", "address", listener.Addr().String(), "orders_allowed", token != nil)
	if o.Definition.Web.Exposed() {
		d.log.Warn("page open to other machines, and not encrypted", "address", listen)
	}
	return nil
}

// tokenOf is the token of the definition's file; nil where it has none.
func tokenOf(def *definition.Definition) (*web.Token, error) {
	if def.Web.Listen == "" || def.Web.TokenFile == "" {
		return nil, nil
	}
	return web.ReadToken(def.Web.TokenFile)
}

// reloadToken reads the token again; what it gives has it stand from then on.
func (d *Daemon) reloadToken(def *definition.Definition) (renew func(), err error) {
	if d.page == nil {
		return func() {}, nil
	}
	token, err := tokenOf(def)
	if err != nil {
		return nil, err
	}
	return func() { d.page.server.SetToken(token) }, nil
}

// pageSource is the daemon as its page sees it.
type pageSource struct {
	*managerStation
	commands context.Context
}

// Order is web.Source's.
func (p *pageSource) Order(o control.Order, head func(control.Head), row func(control.Row)) error {
	return p.managerStation.Order(p.commands, o, head, row)
}

// Maintained is web.Source's.
func (p *pageSource) Maintained() map[string]time.Time { return p.server.Maintained() }

// InProgress is web.Source's.
func (p *pageSource) InProgress() (first []web.Order, n int) { return p.orders.inProgress() }

// servePage serves the page until the shutdown is done.
func (d *Daemon) servePage() error {
	if d.page == nil {
		return nil
	}
	return d.page.server.Serve(d.commands, d.page.listener)
}

// sayPageChange logs that the page's address is another in the definition.
func (d *Daemon) sayPageChange(def *definition.Definition) {
	address := ""
	if d.page != nil {
		address = d.page.address
	}
	if d.Role == definition.ManagerRole && def.Web.Listen != address {
		d.log.Warn("address of the page has changed in the definition: it takes effect at the next start",
			"address", address, "new_address", def.Web.Listen)
	}
}

// pageLimits are those of the page, where there is one.
func pageLimits(d *definition.Definition) []slave.Limit {
	if d.Web.Listen == "" {
		return nil
	}
	return slices.Concat(web.Limits(), metrics.Limits())
}

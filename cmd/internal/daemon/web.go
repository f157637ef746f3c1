package daemon

import (
	"fmt"
	"net"

	"renraku/cmd/internal/definition"
	"renraku/cmd/internal/web"
	"renraku/slave"
)

// page is the manager's page with its listener.
type page struct {
	server   *web.Server
	listener net.Listener
	address  string // of the definition
}

// openPage opens the listener of the page, where the definition has one.
func (d *Daemon) openPage(def *definition.Definition) error {
	if def.Web.Listen == "" {
		return nil
	}
	listener, err := web.Listen(def.Web.Listen)
	if err != nil {
		return fmt.Errorf("listen for the page: %w", plainListenError(def.Web.Listen, err))
	}
	server := web.New(web.Config{Definition: d.current.Load, Log: d.log})
	d.page = &page{server: server, listener: listener, address: def.Web.Listen}
	d.log.Info("the page is at http://"+listener.Addr().String()+"/", "listen", def.Web.Listen)
	return nil
}

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
		d.log.Warn("the address of the page has changed in the definition: it takes effect at the next start",
			"listen", address, "definition", def.Web.Listen)
	}
}

// pageLimits are those of the page, where there is one.
func pageLimits(d *definition.Definition) []slave.Limit {
	if d.Web.Listen == "" {
		return nil
	}
	return web.Limits()
}

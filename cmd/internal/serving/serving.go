// Package serving has an HTTP server serve until a context ends, as the control socket and the page do.
package serving

import (
	"context"
	"net"
	"net/http"
	"time"
)

// Until answers requests until ctx ends, and closes the listener. Requests that are in progress then have so long to end; after that they are
// closed. The error is that of the listener, and nil where ctx has ended.
func Until(ctx context.Context, server *http.Server, listener net.Listener, closing time.Duration) error {
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		waiting, cancel := context.WithTimeout(context.Background(), closing)
		defer cancel()
		if server.Shutdown(waiting) != nil {
			server.Close()
		}
	})
	err := server.Serve(listener)
	if stop() {
		return err
	}
	<-closed
	return nil
}

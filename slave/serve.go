package slave

import (
	"context"
	"errors"
	"sync"
)

// ErrKilled as the cause of a context's end has Serve end as if the process had been killed: without shutDown.
var ErrKilled = errors.New("killed")

// Serve runs services until ctx ends or one of them fails. Then it calls shutDown while the others still run, so that what is
// under way can be finished; after that it ends them and waits for them.
func Serve(ctx context.Context, shutDown func() error, services ...func(context.Context) error) error {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	failed := make(chan error, len(services))
	var all sync.WaitGroup
	for _, service := range services {
		all.Go(func() {
			if err := service(serving); err != nil {
				failed <- err
			}
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	if context.Cause(ctx) != ErrKilled {
		err = errors.Join(err, shutDown())
	}
	stop()
	all.Wait()
	return err
}

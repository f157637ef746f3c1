package manager

import (
	"log/slog"
	"sync"

	"renraku/telegram"
)

// sayOnce logs what is wrong with a host once, and not again while it stays the same; and once that it is well again.
type sayOnce struct {
	log         *slog.Logger
	wrong, well string // the log's messages

	mu   sync.Mutex
	said map[telegram.Host]string // hosts that are well are not in it
}

func newSayOnce(log *slog.Logger, wrong, well string) *sayOnce {
	return &sayOnce{log: log, wrong: wrong, well: well, said: map[telegram.Host]string{}}
}

func (o *sayOnce) say(host telegram.Host, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil && len(o.said) == 0 { // as it is at almost every answer
		return
	}
	said, wasWrong := o.said[host]
	switch {
	case err == nil && wasWrong:
		delete(o.said, host)
		o.log.Info(o.well, "host", host.String())
	case err != nil && err.Error() != said:
		o.said[host] = err.Error()
		o.log.Error(o.wrong, "host", host.String(), "error", err)
	}
}

//go:build interop

package browser

import (
	"bufio"
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// watch has so many clients read the stream as pages do, and returns when each has its first event.
func watch(t *testing.T, url string, n int) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for range n {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"events", nil)
		require.NoError(t, err)
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, answer.StatusCode)
		lines := bufio.NewReader(answer.Body)
		_, err = lines.ReadString('\n')
		require.NoError(t, err)
		all.Go(func() {
			defer answer.Body.Close()
			for {
				if _, err := lines.ReadString('\n'); err != nil {
					return
				}
			}
		})
	}
	return func() {
		cancel()
		all.Wait()
	}
}

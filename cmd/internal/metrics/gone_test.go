package metrics

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/definition"
)

// goneClient is one who has gone before the answer.
type goneClient struct{ *httptest.ResponseRecorder }

func (goneClient) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestAClientThatIsGoneIsALineLikeAllOthers(t *testing.T) {
	var log bytes.Buffer
	r := newRig(t, nil)
	registry := New(Source{Manager: r, Triggers: r, History: r.history, Definition: func() *definition.Definition { return r.def },
		Refused: func() bool { return r.refused }, PageDrops: func() map[string]uint64 { return r.page }, Log: slog.New(slog.NewTextHandler(&log, nil))})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	require.NoError(t, err)
	registry.ServeHTTP(goneClient{httptest.NewRecorder()}, request)
	assert.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
	assert.Contains(t, log.String(), `level=WARN msg="metrics not answered" error=`)
	assert.Contains(t, log.String(), "broken pipe")
}

package daemon

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
	"renraku/cmd/internal/control"
	"renraku/cmd/internal/definition"
)

func TestADefinitionThatIsRefusedIsToldUntilOneIsTakenOver(t *testing.T) {
	t.Parallel()
	ports := cmdtest.Ports(t, 2)
	path := filepath.Join(cmdtest.Dir(t), "renraku.toml")
	right := "[manager]\nhost = \"mgr01\"\naddress = \"" + local(ports[0]) + "\"\n[[slave]]\nhost = \"app01\"\naddress = \"" + local(ports[1]) + "\"\n"
	write := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	write(right)
	def, err := definition.Load(path)
	require.NoError(t, err)
	for _, host := range []string{"mgr01", "app01"} {
		write(right)
		o := Options{Definition: def, Host: host, Dir: filepath.Join(cmdtest.Dir(t), "daemon"), Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
		d, _ := run(t, o)
		refused := func() *control.Refused {
			state, err := control.NewClient(o.Dir).State(t.Context())
			require.NoError(t, err)
			return state.Refused
		}
		assert.Nil(t, refused(), "at the start")

		write(right + "[monitor]\ninterval = \"often\"\nretires = 3\n")
		err := d.ReadAgain(path)
		require.Error(t, err)
		r := refused()
		require.NotNil(t, r)
		first, _, _ := strings.Cut(err.Error(), "\n")
		assert.Equal(t, first, r.Error)
		assert.True(t, r.More)
		assert.WithinDuration(t, time.Now(), r.At, time.Minute)

		write(strings.ReplaceAll(right, host, "other"))
		require.Error(t, d.ReadAgain(path))
		assert.Contains(t, refused().Error, "host \""+host+"\" is neither the manager nor a slave of ", "one that is right, but not this server's")
		assert.False(t, refused().More)

		write(right)
		require.NoError(t, d.ReadAgain(path))
		assert.Nil(t, refused())
	}
}

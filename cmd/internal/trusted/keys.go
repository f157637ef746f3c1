package trusted

import (
	"io"
	"path/filepath"

	"renraku/slave/credentials"
)

// maxKeyFile is the length in bytes beyond which a file of keys is not read; none is nearly as long.
const maxKeyFile = 1 << 20

// ReadKeyFile reads a file of keys or a certificate of sealed mode, for credentials.Load and credentials.LoadIssuer: as Open, and of those
// that are secret, by their name, as OpenSecret.
func ReadKeyFile(path string) ([]byte, error) {
	f, err := open(path, credentials.IsSecret(filepath.Base(path)))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxKeyFile))
}

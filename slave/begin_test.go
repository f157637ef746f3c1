package slave

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/contactfile"
)

// A daemon takes up the runs of the one before while it creates its contact file. What their results make of field 133 stands
// then, and not what stood when the file was begun.
func TestAResultThatIsFiledWhileTheContactFileIsCreatedIsNotForgotten(t *testing.T) {
	file, path := openContactFile(t)
	records := openRecords(t)
	own := NewOwnRecord(app01, file, 0)
	own.Remember(records.Memory)
	require.NoError(t, file.Create([]contactfile.Record{own.Initial(time.Now())}))
	require.NoError(t, own.SetApplication(time.Now(), appStatus("ONLINE")))
	require.NoError(t, own.Begin(time.Now()))
	assert.Equal(t, "ONLINE", statusInFile(t, path))
	assert.Equal(t, appStatus("ONLINE"), own.Application())
	assert.Contains(t, contents(t, filepath.Join(records.Runs.Path(), memoryFile)), " ONLINE ")
}

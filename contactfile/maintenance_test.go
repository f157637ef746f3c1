package contactfile

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMaintenanceFileKeepsWhatIsWrittenAndIsReplacedAsAWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "maintenance.dat")
	none, err := ReadMaintenance(path)
	require.NoError(t, err, "no file")
	assert.Empty(t, none)
	two := []Maintenance{
		{Host: "app01", Operating: Running, Application: Online, Until: noon},
		{Host: strings.Repeat("h", 64), Until: noon.Add(30 * 24 * time.Hour)},
	}
	require.NoError(t, os.WriteFile(path+".new", []byte(strings.Repeat("x", 1000)), 0o600), "an earlier daemon was killed while it wrote")
	require.NoError(t, WriteMaintenance(path, two))
	assert.Equal(t, line("app01", "RUNNING", "ONLINE", "2026-11-22T10:43:05Z")+
		line(strings.Repeat("h", 64), "", "", "2026-12-22T10:43:05Z"), content(t, path))
	read, err := ReadMaintenance(path)
	require.NoError(t, err)
	assert.Equal(t, two, read)

	old, err := os.Open(path)
	require.NoError(t, err)
	defer old.Close()
	require.NoError(t, WriteMaintenance(path, nil))
	assert.Empty(t, content(t, path))
	assert.NoFileExists(t, path+".new")
	b := make([]byte, 2*MaintenanceLength)
	n, err := old.ReadAt(b, 0)
	require.NoError(t, err)
	assert.Equal(t, 2*MaintenanceLength, n, "who reads the old one is not disturbed")
}

func TestMaintenanceThatAFieldCannotKeepIsNotWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "maintenance.dat")
	good := Maintenance{Host: "app01", Until: noon}
	require.NoError(t, WriteMaintenance(path, []Maintenance{good}))
	before := content(t, path)
	for _, c := range []struct {
		m     Maintenance
		field Field
	}{
		{Maintenance{Until: noon}, FieldHost},
		{Maintenance{Host: "app 01", Until: noon}, FieldHost},
		{Maintenance{Host: "app01", Operating: "UP", Until: noon}, FieldOperating},
		{Maintenance{Host: "app01", Application: strings.Repeat("A", 25), Until: noon}, FieldApplication},
		{Maintenance{Host: "app01", Until: noon.AddDate(9000, 0, 0)}, FieldUntil},
	} {
		err := WriteMaintenance(path, []Maintenance{good, c.m})
		var e *FieldError
		require.ErrorAs(t, err, &e)
		assert.Equal(t, c.field, e.Field)
		assert.Equal(t, before, content(t, path))
	}
	assert.ErrorContains(t, WriteMaintenance(filepath.Join(path, "none"), nil), "write maintenance file: ")
}

func TestDamageOfTheMaintenanceFileIsNamed(t *testing.T) {
	good := line("app01", "RUNNING", "ONLINE", "2026-11-22T10:43:05Z")
	path := filepath.Join(t.TempDir(), "maintenance.dat")
	for _, c := range []struct{ content, want string }{
		{good + line("app02", "RUNNIN", "", "2026-11-22T10:43:05Z"), `record 1: operating status: offset 192: neither RUNNING nor STOPPED: "RUNNIN"`},
		{line("app02", "", "", "2026-11-22T10:43:66Z"), `record 0: end of maintenance: offset 96: no time like 2026-11-22T10:43:05Z: "2026-11-22T10:43:66Z"`},
		{good + good[:100], `record 1: end of maintenance: offset 228: the file ends inside the record: 100 of 128 bytes`},
		{strings.Repeat("\x00", 128), `record 0: host name: offset 0: byte outside 0x21–0x7E: 0x00`},
	} {
		require.NoError(t, os.WriteFile(path, []byte(c.content), 0o600))
		all, err := ReadMaintenance(path)
		assert.Empty(t, all)
		assert.EqualError(t, err, "read maintenance file "+path+": "+c.want)
	}
	require.NoError(t, os.Truncate(path, MaxRecords*MaintenanceLength+1))
	_, err := ReadMaintenance(path)
	assert.ErrorIs(t, err, ErrTooLarge)
}

func TestExampleOfTheDocumentOfTheMaintenanceFileDecodes(t *testing.T) {
	m, err := decodeMaintenance(strings.ReplaceAll(block(t, "MAINTENANCE.md", "text", "app01"), "·", " "), 0)
	require.NoError(t, err)
	assert.Equal(t, Maintenance{Host: "app01", Operating: Running, Application: Online, Until: time.Date(2026, 11, 22, 14, 5, 0, 0, time.UTC)}, m)
}

func TestCommandOfTheDocumentReadsTheMaintenanceFile(t *testing.T) {
	dir := t.TempDir()
	until := time.Now().UTC().Add(time.Hour).Truncate(time.Second)
	require.NoError(t, WriteMaintenance(filepath.Join(dir, "maintenance.dat"), []Maintenance{
		{Host: "app01", Operating: Running, Application: Online, Until: until}, {Host: "app02", Until: noon.AddDate(-10, 0, 0)}}))
	command := exec.Command("sh", "-c", block(t, "MAINTENANCE.md", "sh", ""))
	command.Dir = dir
	out, err := command.CombinedOutput()
	require.NoError(t, err)
	assert.Equal(t, "app01 "+until.Format(time.RFC3339)+"\n", string(out))
}

// FuzzMaintenance: a file of any bytes is read as it stands there, or its first fault is named and nothing is read.
func FuzzMaintenance(f *testing.F) {
	one := line("app01", "RUNNING", "ONLINE", "2026-11-22T10:43:05Z")
	blank := line(strings.Repeat("h", 64), "", "", "0000-02-29T23:59:59Z")
	for _, seed := range []string{
		"", one, blank, one + blank, one[:127], one + "\n", one[:127] + "\r", strings.Repeat("\x00", 128), strings.Repeat(" ", 127) + "\n",
		strings.Replace(one, "RUNNING", "STOPPED", 1), strings.Replace(one, "RUNNING", "STARTED", 1), strings.Replace(blank, "02-29", "02-30", 1),
		one[:64] + " STOPPED" + one[72:], one + one[:72] + strings.Repeat("\x7f", 24) + one[96:],
	} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), "maintenance.dat")
	f.Fuzz(func(t *testing.T, b []byte) {
		require.NoError(t, os.WriteFile(path, b, 0o600))
		all, err := ReadMaintenance(path)
		if err != nil {
			var e *FieldError
			require.ErrorAs(t, err, &e)
			require.Empty(t, all)
			require.NotEqual(t, FieldSince, e.Field)
			require.LessOrEqual(t, e.Offset, int64(len(b)))
			require.Equal(t, int64(e.Record), e.Offset/MaintenanceLength)
			return
		}
		var again []byte
		for i := range all {
			again, err = all[i].Append(again)
			require.NoError(t, err)
		}
		require.Equal(t, string(b), string(again))
	})
}

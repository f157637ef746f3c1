package contactfile

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fleet is the records of that many slaves, whose times and statuses differ.
func fleet(n int) []Record {
	records := make([]Record, n)
	for i := range records {
		records[i] = Record{fmt.Sprintf("sim%06d.example.net", i+1), []Operating{Running, Stopped}[i%2],
			[]string{Online, NotStarted, Batch}[i%3], noon.Add(time.Duration(i) * time.Second)}
	}
	return records
}

// BenchmarkUpdate has the cost of a change at two sizes of the file, and beside it the system calls that it cannot do without: the
// record is read again from the file and written in place.
func BenchmarkUpdate(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		f, _ := open(b)
		require.NoError(b, f.Create(fleet(n)))
		buf := make([]byte, RecordLength)
		at := func(i int) int { return i * 7919 % n } // all over the file
		b.Run(fmt.Sprintf("%d/pwrite", n), func(b *testing.B) {
			_, err := f.file.ReadAt(buf, 0)
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.file.WriteAt(buf, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("%d/pread and pwrite", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				offset := int64(at(i)) * RecordLength
				if _, err := f.file.ReadAt(buf, offset); err != nil {
					b.Fatal(err)
				}
				if _, err := f.file.WriteAt(buf, offset); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("%d/update", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				_, changed, err := f.Update(at(i), noon, func(r *Record) {
					if r.Application += "+"; len(r.Application) > applicationLength {
						r.Application = Online
					}
				})
				if err != nil || !changed {
					b.Fatal(changed, err)
				}
			}
		})
	}
}

// BenchmarkReadFile has a scan of 100,000 records, and beside it the bare read of the same bytes.
func BenchmarkReadFile(b *testing.B) {
	f, path := open(b)
	const n = 100_000
	require.NoError(b, f.Create(fleet(n)))
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			all, err := os.ReadFile(path)
			require.NoError(b, err)
			require.Len(b, all, n*RecordLength)
		}
	})
	b.Run("scan", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			records, err := ReadFile(path)
			require.NoError(b, err)
			require.Len(b, records, n)
		}
	})
}

// BenchmarkCreate has the creation of 100,000 records, and beside it the bare write of the same bytes.
func BenchmarkCreate(b *testing.B) {
	f, path := open(b)
	records := fleet(100_000)
	require.NoError(b, f.Create(records))
	all, err := os.ReadFile(path)
	require.NoError(b, err)
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			require.NoError(b, f.file.Truncate(0))
			_, err := f.file.WriteAt(all, 0)
			require.NoError(b, err)
		}
	})
	b.Run("create", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			require.NoError(b, f.Create(records))
		}
	})
}

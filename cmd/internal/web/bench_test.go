package web

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"renraku/contactfile"
)

// manySite has 10,000 servers, each with a record in the history.
func manySite(b *testing.B) *fleet {
	var hosts []string
	var records []contactfile.HistoryRecord
	for i := range 10_000 {
		hosts = append(hosts, fmt.Sprintf("app%05d", i+1))
		records = append(records, historyOf(i, hosts[i]))
	}
	s := newSite(b, hosts...)
	_, err := s.history.Append(records...)
	require.NoError(b, err)
	return s.server.hub.fleet
}

// BenchmarkFirstPage is what the first page costs the manager before it has everything.
func BenchmarkFirstPage(b *testing.B) {
	f := manySite(b)
	for b.Loop() {
		f.begin()
	}
}

// BenchmarkSnapshot is what it costs to tell everything.
func BenchmarkSnapshot(b *testing.B) {
	f := manySite(b)
	f.begin()
	n := 0
	for b.Loop() {
		n = len(f.json())
	}
	b.ReportMetric(float64(n), "bytes")
}

// BenchmarkPoll is what a page costs four times a second while nothing changes.
func BenchmarkPoll(b *testing.B) {
	f := manySite(b)
	f.begin()
	for b.Loop() {
		f.poll()
	}
}

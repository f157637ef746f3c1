//go:build interop

package main

import (
	"io"
	"net/http"
	"regexp"
	"runtime"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ask sends a request to the page with its token, and gives the answer.
func (m *machine) ask(method, path, body string) (status int, text string) {
	m.t.Helper()
	r, err := http.NewRequest(method, "http://"+m.page+path, strings.NewReader(body))
	require.NoError(m.t, err)
	r.Header.Set("Authorization", "Bearer "+pageToken)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	require.NoError(m.t, err)
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	require.NoError(m.t, err)
	return answer.StatusCode, string(b)
}

// assertPage has the page be served, take the token for a dry run, and tell of the metrics.
func (m *machine) assertPage() {
	m.t.Helper()
	status, page := m.ask(http.MethodGet, "/", "")
	assert.Equal(m.t, http.StatusOK, status)
	assert.Contains(m.t, page, "<html")
	status, answer := m.ask(http.MethodPost, "/api/order", `{"process":"HOLD","hosts":["mgr01"],"dry_run":true}`)
	assert.Equal(m.t, http.StatusOK, status, answer)
	assert.Contains(m.t, answer, `"outcome":"READY"`)
}

// assertVersion has both programs, the package, and the metrics of the daemon that runs say a version.
func (m *machine) assertVersion(version string) {
	m.t.Helper()
	for _, program := range []string{"renraku", "renrakud"} {
		assert.Regexp(m.t, `^`+program+` `+regexp.QuoteMeta(version)+` \(`+regexp.QuoteMeta(runtime.Version())+`, commit [0-9a-f]{12}\)\n$`, tool(m.t, program, "--version"))
	}
	assert.Contains(m.t, tool(m.t, "dpkg-query", "--show", "renraku"), "\t"+version+"-1\n")
	status, metrics := m.ask(http.MethodGet, "/metrics", "")
	assert.Equal(m.t, http.StatusOK, status)
	assert.Regexp(m.t, `(?m)^renraku_build_info\{go_version="`+regexp.QuoteMeta(runtime.Version())+`",revision="[0-9a-f]{40}",version="`+regexp.QuoteMeta(version)+`"\} 1$`, metrics)
}

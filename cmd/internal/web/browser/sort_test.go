//go:build interop

package browser

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/cmd/internal/cmdtest"
)

func TestTheTableIsSortedByEachColumnBothWaysAndSaysWhich(t *testing.T) {
	f := newFleet(t, false)
	require.Equal(t, 0, f.Renraku(t, cmdtest.Manager, "run", "ONLINE", "--host", "app01").Code)
	p := browse(t, desk)
	p.open(f.url, 3)
	const app01, app02, mgr01 = "app01 RUNNING ONLINE", "app02 RUNNING NOT-STARTED", "mgr01 RUNNING NOT-STARTED"
	p.await("its last result", `document.querySelector("#table .body").innerText.includes("ONLINE LAUNCHED · ")`)
	for _, c := range []struct {
		column, order string
		rows          []string
	}{
		{"host", "ascending", []string{app01, app02, mgr01}},
		{"host", "descending", []string{mgr01, app02, app01}},
		{"application", "ascending", []string{mgr01, app02, app01}},
		{"application", "descending", []string{app01, mgr01, app02}},
		{"last", "descending", []string{app01, mgr01, app02}},
		{"last", "ascending", []string{mgr01, app02, app01}},
		{"operating", "descending", []string{}}, // trouble first
		{"operating", "ascending", []string{app01}},
		{"since", "descending", []string{}},
		{"since", "ascending", []string{}},
	} {
		p.click(fmt.Sprintf("#table .c-%s button", c.column))
		p.await(c.column+" "+c.order, fmt.Sprintf(`document.querySelector("#table .c-%s").getAttribute("aria-sort") === %q`, c.column, c.order))
		p.awaitRows(patience, c.rows...)
		assert.Equal(t, 1, eval[int](p, `document.querySelectorAll("#table [aria-sort=ascending], #table [aria-sort=descending]").length`))
	}
}

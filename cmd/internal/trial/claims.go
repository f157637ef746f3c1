package trial

import (
	"fmt"
	"io"
	"text/tabwriter"
)

type claim struct {
	what, measured, limit string
	holds                 bool
}

// Claims are what must hold.
type Claims []claim

// Add adds a claim: that the value is within the limit.
func (c *Claims) Add(holds bool, what, measured, limit string) {
	*c = append(*c, claim{what, measured, limit, holds})
}

// Print gives one line for each, and says whether all hold.
func (c Claims) Print(to io.Writer) bool {
	fmt.Fprintln(to)
	all := true
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "what must hold\tmeasured\tlimit\t")
	for _, one := range c {
		verdict := "holds"
		if !one.holds {
			verdict, all = "DOES NOT HOLD", false
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", one.what, one.measured, one.limit, verdict)
	}
	table.Flush()
	return all
}

package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// claim is something that must hold.
type claim struct {
	what, measured, limit string
	holds                 bool
}

type claims []claim

// add adds a claim that the value is within the limit.
func (c *claims) add(holds bool, what, measured, limit string) {
	*c = append(*c, claim{what, measured, limit, holds})
}

// print gives one line for each, and says whether all hold.
func (c claims) print(to io.Writer) bool {
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

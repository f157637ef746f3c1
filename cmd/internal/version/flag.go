package version

import "github.com/spf13/cobra"

// Flag gives a program, by its root command, the flag --version: the program's name and its version, in a line on standard output.
func Flag(c *cobra.Command) {
	c.Version = Get().String()
	c.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	c.Flags().Bool("version", false, "print the version, the compiler's and the commit")
}

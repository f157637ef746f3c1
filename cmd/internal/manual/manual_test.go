package manual

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var edition = Edition{"1.2.3", time.Unix(1700000000, 0).UTC()}

const printed = `Reads it, with a backslash \n.
'Quoted' at the start. STATUS may be X-Y.

	renraku try --all

Usage:
  renraku try FILE [--dir DIR]… [--all]

Flags:
      --all             every one
      --dir directory   the directory (default "/x-y")
  -h, --help            help for try
`

func TestAPageHasWhatTheHelpHas(t *testing.T) {
	h, err := ParseHelp(printed)
	require.NoError(t, err)
	assert.Equal(t, []Entry{{"--all", "every one"}, {"--dir directory", `the directory (default "/x-y")`}, {"-h, --help", "help for try"}}, h.Flags)
	own := Name{"renraku-try", 1}
	page := Command(own, edition, "Try it", h, "## More\n\nIt is *so*.\n", []Name{own, {"renrakud", 8}})
	assert.Equal(t, `'\" t
.TH RENRAKU\-TRY 1 2023-11-14 "renraku 1.2.3" "renraku"
.ad l
.nh
.SH "NAME"
renraku\-try \- try it
.SH "SYNOPSIS"
\fBrenraku\fR \fBtry\fR \fIFILE\fR [\fB\-\-dir\fR\ \fIDIR\fR]… [\fB\-\-all\fR]
.SH "DESCRIPTION"
Reads it, with a backslash \en. 'Quoted' at the start. STATUS may be X-Y.
.PP
.RS 4
.nf
renraku try \-\-all
.fi
.RE
.SH "OPTIONS"
.TP
\fB\-\-all\fR
every one
.TP
\fB\-\-dir\fR \fIdirectory\fR
the directory (default "/x-y")
.TP
\fB\-h, \-\-help\fR
help for try
.SH "MORE"
It is \fIso\fR.
.SH "SEE ALSO"
\fBrenrakud\fR(8)
`, string(page))
}

func TestHelpOfAnotherFormIsRefused(t *testing.T) {
	for _, wrong := range []string{"", "Reads it.\n", strings.Replace(printed, "Usage:\n", "", 1), strings.Replace(printed, "   every one", "", 1)} {
		_, err := ParseHelp(wrong)
		assert.Error(t, err, wrong)
	}
}

func TestADocumentBecomesAPage(t *testing.T) {
	const markdown = "# The file, file.dat\n\nOne `a-b` and\n.two [three](x.md).\n\n## A `part`\n\n- first\n  goes on\n- second\n\n" +
		"| key | means |\n| --- | --- |\n| `k` | a \\| b |\n\n| word | who says it |\n| --- | --- |\n| `w` | *all* |\n\n" +
		"| a | b | c |\n| --- | --- | --- |\n| .x | 1 | a long text that has to be filled, since it is so long that it fits nowhere |\n\n" +
		"```sh\n.cut -c1-3 'x'\n```\n\n## For developers\n\nsecret\n\n## The end\n\n2 * 3 is 6.\n"
	page, err := Document(Name{"file.dat", 5}, edition, markdown, []string{"For developers"}, nil)
	require.NoError(t, err)
	_, body, ok := strings.Cut(string(page), ".nh\n")
	require.True(t, ok)
	assert.Equal(t, `.SH "NAME"
file.dat \- the file, file.dat
.SH "DESCRIPTION"
One \fBa\-b\fR and .two three.
.SH "A part"
.IP \(bu 2
first goes on
.IP \(bu 2
second
.TP
\fBk\fR
a | b
.PP
\fIword\fR: who says it
.TP
\fBw\fR
\fIall\fR
.PP
.TS
lb lb lbw(62n)
l l lw(62n).
a	b	T{
c
T}
\&.x	1	T{
a long text that has to be filled, since it is so long that it fits nowhere
T}
.TE
.PP
.RS 4
.nf
\&.cut \-c1\-3 \(aqx\(aq
.fi
.RE
.SH "THE END"
2 * 3 is 6.
.SH "SEE ALSO"

`, body)
}

func TestADocumentThatHasChangedIsSaidSo(t *testing.T) {
	_, err := Document(Name{"file.dat", 5}, edition, "The file\n", nil, nil)
	assert.EqualError(t, err, "document of file.dat(5): its first line is not a title with #")
	_, err = Document(Name{"file.dat", 5}, edition, "# The file\n\n## One\n", []string{"Two"}, nil)
	assert.EqualError(t, err, `document of file.dat(5): no section "Two"`)
}

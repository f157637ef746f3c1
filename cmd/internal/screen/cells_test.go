package screen

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCellsAreThoseOfATerminal(t *testing.T) {
	for s, want := range map[string]int{
		"": 0, "abc": 3, "äöü": 3, "… · –": 5, "稼働中": 6, "ﾊﾞｯﾁ": 4, "バッチ中": 8, "ＡＢ": 4, "a稼b": 4,
		"e\u0301": 1, "は\u3099": 2, "a\u200bb": 2, "😀": 2, "\xff": 1,
	} {
		assert.Equal(t, want, Cells(s), "%q", s)
	}
}

func TestTextsAreCutFittedAndFilledByCells(t *testing.T) {
	for _, c := range []struct {
		s         string
		cells     int
		cut       string
		fit, fill string
	}{
		{"abc", 3, "abc", "abc", "abc"},
		{"abc", 2, "ab", "a…", "abc"},
		{"abc", 5, "abc", "abc", "abc  "},
		{"abc", 0, "", "…", "abc"},
		{"稼働中", 6, "稼働中", "稼働中", "稼働中"},
		{"稼働中", 5, "稼働", "稼働…", "稼働中"},
		{"稼働中", 4, "稼働", "稼…", "稼働中"},
		{"稼働中", 1, "", "…", "稼働中"},
		{"稼働中", 9, "稼働中", "稼働中", "稼働中   "},
		{"e\u0301x", 1, "e\u0301", "…", "e\u0301x"},
	} {
		assert.Equal(t, c.cut, Cut(c.s, c.cells), "%q %d", c.s, c.cells)
		assert.Equal(t, c.fit, Fit(c.s, c.cells), "%q %d", c.s, c.cells)
		assert.Equal(t, c.fill, Pad(c.s, c.cells), "%q %d", c.s, c.cells)
	}
}

func TestLinesAreWrappedByCells(t *testing.T) {
	for _, c := range []struct {
		s     string
		cells int
		want  []string
	}{
		{"", 5, []string{""}},
		{"one two", 7, []string{"one two"}},
		{"one two", 6, []string{"one", "two"}},
		{"one two", 2, []string{"on", "e", "tw", "o"}},
		{"稼働中 停止中", 13, []string{"稼働中 停止中"}},
		{"稼働中 停止中", 12, []string{"稼働中", "停止中"}},
		{"稼働中停止中", 5, []string{"稼働", "中停", "止中"}},
		{"稼働", 1, []string{"稼", "働"}},
		{"ab", 0, []string{"a", "b"}},
	} {
		assert.Equal(t, c.want, Wrap(c.s, c.cells), "%q %d", c.s, c.cells)
	}
}

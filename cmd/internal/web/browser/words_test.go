//go:build interop

package browser

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"renraku/slave"
)

// kindsOfWords is JavaScript for what there is of the words of a language, by name: text, function, a list with its length, or each name of a group.
// The statuses are only those that are other words in that language.
const kindsOfWords = `((all) => Object.fromEntries(Object.entries(all).filter(([name]) => name !== "statuses").flatMap(([name, word]) =>
	Array.isArray(word) ? [[name, "list of " + word.length]] : typeof word === "object" ? Object.keys(word).map((one) => [name + "." + one, typeof word[one]]) :
	[[name, typeof word]])))`

func TestBothLanguagesHaveTheSameWordsAndOneForEachTrigger(t *testing.T) {
	f := newFleet(t, false)
	p := browse(t, desk)
	p.open(f.url, 3)
	english := eval[map[string]string](p, `import("/english.js").then(({ english }) => `+kindsOfWords+`(english))`)
	japanese := eval[map[string]string](p, `import("/japanese.js").then(({ japanese }) => `+kindsOfWords+`(japanese))`)
	assert.Greater(t, len(english), 70)
	assert.Equal(t, english, japanese)
	for _, by := range []slave.Trigger{slave.ByOperator, slave.ByTime, slave.ByMessage, slave.ByOrder, slave.ByCheck} {
		assert.Contains(t, slices.Collect(maps.Keys(english)), "by."+string(by))
	}
}

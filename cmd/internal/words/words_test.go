package words

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestStatusesOfThePatentAreInJapaneseAndOthersStayAsTheyAre(t *testing.T) {
	for status, want := range map[string]string{"RUNNING": "稼働中", "STOPPED": "停止中", "NOT-STARTED": "未起動", "ONLINE": "オンライン中",
		"BATCH": "バッチ中", "BATCH-FAILED": "BATCH-FAILED", "online": "online", "": ""} {
		assert.Equal(t, want, Japanese.Status(status))
		assert.Equal(t, status, English.Status(status))
		assert.Equal(t, status, Language("").Status(status))
	}
}

func TestALanguageHasAName(t *testing.T) {
	for _, name := range Languages() {
		l, err := Parse(name)
		assert.NoError(t, err)
		assert.Equal(t, name, string(l))
	}
	for _, name := range []string{"", "JA", "ja_JP.UTF-8", "fr"} {
		_, err := Parse(name)
		assert.EqualError(t, err, `"`+name+`": en or ja is right`)
	}
}

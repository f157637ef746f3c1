// Package words has the statuses of servers and applications in the languages in which operators read them. Files, telegrams, JSON and
// whatever else a program reads have them as the patent's translation has: RUNNING, STOPPED, NOT-STARTED, ONLINE, BATCH.
package words

import (
	"fmt"

	"renraku/contactfile"
)

// Language is one that statuses can be shown in.
type Language string

// The languages. The zero value is English too.
const (
	English  Language = "en"
	Japanese Language = "ja"
)

// Languages are their names, as a command takes them.
func Languages() []string { return []string{string(English), string(Japanese)} }

// Parse is the language of a name.
func Parse(name string) (Language, error) {
	switch l := Language(name); l {
	case English, Japanese:
		return l, nil
	}
	return "", fmt.Errorf("%q: en or ja is right", name)
}

// statuses are those that every fleet has: fields 132 and 133 in the words of JP10320338A. Others are the definition's own.
var statuses = map[Language]map[string]string{
	Japanese: {
		string(contactfile.Running): "稼働中",
		string(contactfile.Stopped): "停止中",
		contactfile.NotStarted:      "未起動",
		contactfile.Online:          "オンライン中",
		contactfile.Batch:           "バッチ中",
	},
}

// Status is an operating or application status in the language; one that the definition names is as it stands there.
func (l Language) Status(status string) string {
	if word, ok := statuses[l][status]; ok {
		return word
	}
	return status
}

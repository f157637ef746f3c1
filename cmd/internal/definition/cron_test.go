package definition

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPresetTimesOfFiveFields(t *testing.T) {
	for _, at := range []string{
		"* * * * *", "0 23 * * 1-5", "*/5 * * * *", "0,30 8-18/2 * * *", "0 0 1 1 *", "5/15 * * * *",
		"0 0 * JAN-MAR MON,wed", "0 0 * * 7", "0 0 * * 5-7", "0 0 * * 7-2", "0 0 L * *", "0 0 15W * *", "0 0 * * 5L", "0 0 * * 5#2",
		"0 0 29 2 *", "0 0 31 1,2 *", "0 0 30 2 1",
	} {
		assert.NoError(t, checkCron(strings.Fields(at)), at)
	}
	for _, c := range []struct{ at, want string }{
		{"", "it has 0 fields"},
		{"@daily", "it has 1 field"},
		{"0 0 * *", "it has 4 fields"},
		{"0 0 0 * * *", "it has 6 fields"},
		{"0 0 * * * 2030", "it has 6 fields"},
		{"0 0 0 * * * 2030", "it has 7 fields"},
		{"60 * * * *", `"60" is not a minute from 0 to 59`},
		{"* 24 * * *", `"24" is not a hour from 0 to 23`},
		{"* * 0 * *", `"0" is not a day from 1 to 31`},
		{"* * 32 * *", `"32" is not a day`},
		{"* * * 13 *", `"13" is not a month from 1 to 12`},
		{"* * * * 8", `"8" is not a weekday from 0 to 7`},
		{"JAN * * * *", `"JAN" is not a minute`},
		{"* * * MON *", `"MON" is not a month`},
		{"* * * ANF *", `"ANF" is not a month`},
		{"+5 * * * *", `"+5" is not a minute`},
		{"1-2-3 * * * *", `"1-2-3" is not a minute`},
		{"9-1 * * * *", `"9-1" is not a minute`},
		{"*/0 * * * *", `"*/0" is not a minute`},
		{"*/60 * * * *", `"*/60" is not a minute`},
		{"*/ * * * *", `"*/" is not a minute`},
		{"*/5/5 * * * *", `"*/5/5" is not a minute`},
		{"0, * * * *", `"" is not a minute`},
		{"L * * * *", `"L" is not a minute`},
		{"* * W * *", `"W" is not a day`},
		{"* * * * 5#6", `"5#6" is not a weekday`},
		{"* * * * L", `"L" is not a weekday`},
		{"* * * * #", `"#" is not a weekday`},
		{"0 0 30 2 *", "no such day comes in any of its months"},
		{"0 0 31 2,4,6 *", "no such day comes"},
	} {
		assert.ErrorContains(t, checkCron(strings.Fields(c.at)), c.want, c.at)
	}
}

// gronx looks at a list only up to the part that is due, so that its answer would change from minute to minute.
func TestEveryPartOfAListIsChecked(t *testing.T) {
	all := make([]string, 60)
	for i := range all {
		all[i] = strconv.Itoa(i)
	}
	assert.NoError(t, checkCron([]string{strings.Join(all, ","), "*", "*", "*", "*"}))
	assert.ErrorContains(t, checkCron([]string{strings.Join(all, ",") + ",99", "*", "*", "*", "*"}), `"99" is not a minute`)
}

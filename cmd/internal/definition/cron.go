package definition

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"github.com/adhocore/gronx"
)

// cronField is one of the five fields.
type cronField struct {
	name        string
	least, most int
	words       string // names for its numbers, three letters each, from least on
	special     func(part string) bool
}

var cronFields = [5]cronField{
	{name: "minute", least: 0, most: 59},
	{name: "hour", least: 0, most: 23},
	{name: "day", least: 1, most: 31, special: specialDay},
	{name: "month", least: 1, most: 12, words: "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"},
	{name: "weekday", least: 0, most: 7, words: "SUNMONTUEWEDTHUFRISAT", special: specialWeekday},
}

// checkCron checks a preset time. gronx alone is not enough: it takes six and seven fields and words such as @daily, and what
// it finds in a list depends on the time of the check.
func checkCron(fields []string) error {
	if len(fields) != len(cronFields) {
		return fmt.Errorf("it has %s", count(len(fields), "field"))
	}
	var numbers [5]uint64
	for i, field := range fields {
		var err error
		if numbers[i], err = cronFields[i].check(field); err != nil {
			return err
		}
	}
	if !gronx.IsValid(strings.Join(fields, " ")) {
		return fmt.Errorf("it means no time")
	}
	if days, months := numbers[2], numbers[3]; fields[4] == "*" && days != 0 && !anyDay(days, months) {
		return fmt.Errorf("no such day comes in any of its months")
	}
	return nil
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// check gives the numbers of the field as bits; none where they depend on the calendar.
func (f cronField) check(field string) (numbers uint64, err error) {
	calendar := false
	for part := range strings.SplitSeq(field, ",") {
		upper := strings.ToUpper(part)
		if f.special != nil && f.special(upper) {
			calendar = true
			continue
		}
		set, ok := f.numbers(upper)
		if !ok {
			return 0, fmt.Errorf("%s is not a %s from %d to %d", quoted(part), f.name, f.least, f.most)
		}
		numbers |= set
	}
	if calendar {
		return 0, nil
	}
	return numbers, nil
}

// numbers reads *, 5, 1-5, and each of these with a step such as /2.
func (f cronField) numbers(part string) (set uint64, ok bool) {
	span, stepText, stepped := strings.Cut(part, "/")
	step := 1
	if stepped {
		if step, ok = decimal(stepText); !ok || step < 1 || step > f.most {
			return 0, false
		}
	}
	low, high := f.least, f.most
	if span != "*" {
		first, last, ranged := strings.Cut(span, "-")
		if low, ok = f.number(first); !ok {
			return 0, false
		}
		switch {
		case ranged:
			if high, ok = f.number(last); !ok {
				return 0, false
			}
		case !stepped:
			high = low
		}
		if f.name == "weekday" && low == 7 && high < 7 && !stepped {
			low = 0
		}
	}
	for n := low; n <= high; n += step {
		set |= 1 << n
	}
	return set, set != 0
}

func (f cronField) number(s string) (int, bool) {
	if i := strings.Index(f.words, s); len(s) == 3 && i >= 0 && i%3 == 0 {
		return f.least + i/3, true
	}
	n, ok := decimal(s)
	return n, ok && f.least <= n && n <= f.most
}

// decimal reads digits and nothing else.
func decimal(s string) (int, bool) {
	if s == "" || len(s) > 4 || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}

// specialDay accepts L, the last day of the month, and 15W, the working day nearest to the 15th.
func specialDay(part string) bool {
	n, ok := decimal(strings.TrimSuffix(part, "W"))
	return part == "L" || strings.HasSuffix(part, "W") && ok && 1 <= n && n <= 31
}

// specialWeekday accepts 5L, the last Friday of the month, and 5#2, the second.
func specialWeekday(part string) bool {
	day, nth, numbered := strings.Cut(part, "#")
	if !numbered {
		day = strings.TrimSuffix(part, "L")
	}
	if n, ok := decimal(day); !ok || n > 7 {
		return false
	}
	if numbered {
		n, ok := decimal(nth)
		return ok && 1 <= n && n <= 5
	}
	return strings.HasSuffix(part, "L")
}

// anyDay says whether one of the months ever has one of the days.
func anyDay(days, months uint64) bool {
	longest := [13]int{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
	first := bits.TrailingZeros64(days)
	for month, length := range longest {
		if months&(1<<month) != 0 && first <= length {
			return true
		}
	}
	return false
}

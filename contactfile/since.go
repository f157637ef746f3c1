package contactfile

import "time"

// timeIn reads a time such as 2026-11-22T10:43:05Z. It is done here since a scan of very many records spends most of its time on
// it, and package time, which reads any layout, takes twice as long.
func timeIn(s string) (time.Time, bool) {
	s = s[:sinceLength]
	if s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' || s[19] != 'Z' {
		return time.Time{}, false
	}
	year, month, day := 100*number(s[0], s[1])+number(s[2], s[3]), number(s[5], s[6]), number(s[8], s[9])
	hour, minute, second := number(s[11], s[12]), number(s[14], s[15]), number(s[17], s[18])
	if year < 0 || min(hour, minute, second) < 0 || hour > 23 || minute > 59 || second > 59 || month < 1 || month > 12 ||
		day < 1 || day > monthStart(year, month+1)-monthStart(year, month) {
		return time.Time{}, false
	}
	days := yearStart(year) + monthStart(year, month) + day - 1 - yearStart(1970)
	return time.Unix(int64(days)*secondsPerDay+int64((hour*60+minute)*60+second), 0).UTC(), true // more than an int of 32 bits holds
}

const secondsPerDay = 24 * 60 * 60

// number is that of two digits. Where there are others it is negative, and so is what it is added to.
func number(tens, units byte) int {
	tens, units = tens-'0', units-'0'
	if tens > 9 || units > 9 {
		return -10_000
	}
	return 10*int(tens) + int(units)
}

// yearStart is the number of days from the year 0, which is a leap year, to the given one.
func yearStart(year int) int { return 365*year + (year+3)/4 - (year+99)/100 + (year+399)/400 }

// monthStart is the number of days of the year before the month; 13 is the year's end.
func monthStart(year, month int) int {
	days := monthStarts[month]
	if month > 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0) {
		days++
	}
	return days
}

var monthStarts = [...]int{1: 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365}

package clearing

import (
	"math"
	"time"

	"alliance/settlement"
)

const (
	secondsPerDay = 24 * 60 * 60
	microseconds  = 1_000_000
	minYear       = 1970
	maxYear       = 2200
	// minInstant and maxInstant are the first and the last instant of those years in UTC.
	minInstant = 0
	maxInstant = 84_371*secondsPerDay*microseconds - 1 // 2201-01-01 is day 84371
)

// parseDate reads YYYY-MM-DD, years 0000 to 9999.
func parseDate(text string) (settlement.Date, bool) {
	if len(text) != len(time.DateOnly) {
		return settlement.NoDate, false
	}
	date, _, ok := parseDateAt(text)
	return date, ok
}

// parseDateAt reads the date at the start of text, which must be long enough.
func parseDateAt(text string) (date settlement.Date, year int, ok bool) {
	century, month, day := twoDigits(text, 0), twoDigits(text, 5), twoDigits(text, 8)
	year = century*100 + twoDigits(text, 2)
	if century > 99 || year > 9999 || text[4] != '-' || text[7] != '-' ||
		month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return settlement.NoDate, 0, false
	}
	return settlement.Date(daysSinceEpoch(year, month, day)), year, true
}

// notDigits is more than any bound that two digits are compared with, also as a century.
const notDigits = 1_000_000

// twoDigits returns the number written at text[at:at+2], or notDigits.
func twoDigits(text string, at int) int {
	high, low := text[at]-'0', text[at+1]-'0'
	if high > 9 || low > 9 {
		return notDigits
	}
	return int(high)*10 + int(low)
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysSinceEpoch counts the days from 1970-01-01 to a date of the Gregorian calendar. Its
// years start in March, so that a leap day is the last day of one.
func daysSinceEpoch(year, month, day int) int {
	const yearsPerEra, daysPerEra, epoch = 400, 146_097, 719_468
	if month <= 2 {
		year--
		month += 12
	}
	year += yearsPerEra // keeps the year 0000 from dividing a negative number
	dayOfYear := (153*(month-3)+2)/5 + day - 1
	return year*365 + year/4 - year/100 + year/400 + dayOfYear - epoch - daysPerEra
}

// parseInstant reads YYYY-MM-DDThh:mm:ss[.digits](Z or ±hh:mm), years 1970 to 2200 as written.
// Digits beyond the microsecond are cut off, which moves the instant towards the past.
func parseInstant(text string) (settlement.Instant, bool) {
	const wholeSeconds = len("2006-01-02T15:04:05")
	if len(text) <= wholeSeconds {
		return 0, false
	}
	date, year, ok := parseDateAt(text)
	if !ok || year < minYear || year > maxYear {
		return 0, false
	}
	hour, minute, second := twoDigits(text, 11), twoDigits(text, 14), twoDigits(text, 17)
	if text[10] != 'T' || text[13] != ':' || text[16] != ':' || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	fraction_us, rest, ok := parseFraction(text[wholeSeconds:])
	if !ok {
		return 0, false
	}
	offset_s, ok := parseOffset(rest)
	if !ok {
		return 0, false
	}
	instant_s := int64(date)*secondsPerDay + int64(hour)*3600 + int64(minute)*60 + int64(second) - offset_s
	return settlement.Instant(instant_s*microseconds + fraction_us), true
}

// parseFraction reads [.digits] and returns what follows.
func parseFraction(text string) (fraction_us int64, rest string, ok bool) {
	if text[0] != '.' {
		return 0, text, true
	}
	text = text[1:]
	digits := leadingDigits(text)
	for i := range 6 {
		fraction_us *= 10
		if i < digits {
			fraction_us += int64(text[i] - '0')
		}
	}
	return fraction_us, text[digits:], digits > 0
}

// parseOffset reads Z or ±hh:mm, 00:00 to 23:59.
func parseOffset(text string) (offset_s int64, ok bool) {
	if text == "Z" {
		return 0, true
	}
	if len(text) != len("+08:00") || text[3] != ':' {
		return 0, false
	}
	hours, minutes := twoDigits(text, 1), twoDigits(text, 4)
	if hours > 23 || minutes > 59 {
		return 0, false
	}
	offset_s = int64(hours)*3600 + int64(minutes)*60
	switch text[0] {
	case '+':
		return offset_s, true
	case '-':
		return -offset_s, true
	}
	return 0, false
}

// businessDates answers [settlement.Calendar.BusinessDate] from the span between two changes
// of the zone's clocks that it looked up last: nearly all rows of a night lie in it.
type businessDates struct {
	calendar    settlement.Calendar
	from, until settlement.Instant
	shift_us    int64
}

func (b *businessDates) of(at settlement.Instant) settlement.Date {
	if at < b.from || at >= b.until {
		b.load(at)
	}
	const day_us = secondsPerDay * microseconds
	wall_us := int64(at) + b.shift_us
	days := wall_us / day_us
	if wall_us%day_us < 0 {
		days--
	}
	return settlement.Date(days)
}

func (b *businessDates) load(at settlement.Instant) {
	local := time.UnixMicro(int64(at)).In(b.calendar.Zone)
	_, offset_s := local.Zone()
	b.shift_us = int64(offset_s)*microseconds - b.calendar.DayStartsAt.Microseconds()
	b.from, b.until = math.MinInt64, math.MaxInt64
	start, end := local.ZoneBounds()
	if !start.IsZero() {
		b.from = settlement.Instant(start.UnixMicro())
	}
	if !end.IsZero() {
		b.until = settlement.Instant(end.UnixMicro())
	}
}

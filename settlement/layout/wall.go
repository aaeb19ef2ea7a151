package layout

import (
	"strconv"
	"strings"
	"time"

	"alliance/settlement"
)

// A wall is what a text says: a date, and the time on a clock.
type wall struct {
	year, month, day     int
	hour, minute, second int
	fraction_us          int64
	hasOffset            bool
	offset_s             int64

	hasMeridiem, afternoon bool
}

// read matches a text with the pattern. ok is false if it has another form, or says a date or a
// time that does not exist.
func (p *Pattern) read(text string) (w wall, ok bool) {
	w = wall{month: 1, day: 1}
	rest, ok := readParts(p.parts, text, &w)
	if !ok || rest != "" || !w.finish() {
		return wall{}, false
	}
	return w, true
}

func readParts(parts []part, text string, w *wall) (rest string, ok bool) {
	for i := range parts {
		one := &parts[i]
		switch one.element {
		case literal:
			text, ok = strings.CutPrefix(text, one.text)
		case optional:
			if ok = true; one.begins(text) {
				text, ok = readParts(one.parts, text, w)
			}
		case offset:
			text, ok = w.readOffset(text)
		case meridiem:
			text, ok = w.readMeridiem(text)
		default:
			text, ok = one.readDigits(text, w)
		}
		if !ok {
			return "", false
		}
	}
	return text, true
}

// begins reports whether a text has the optional part.
func (p *part) begins(text string) bool {
	first := &p.parts[0]
	if first.element == literal {
		return strings.HasPrefix(text, first.text)
	}
	return text != "" && strings.IndexByte("Z+-", text[0]) >= 0
}

func (p *part) readDigits(text string, w *wall) (rest string, ok bool) {
	count := 0
	for count < len(text) && count < p.most && text[count]-'0' <= 9 {
		count++
	}
	if count < p.least {
		return "", false
	}
	digits := text[:count]
	if p.element == fraction {
		w.fraction_us = microsecondsOf(digits)
		return text[count:], true
	}
	number := 0
	for i := range len(digits) {
		number = number*10 + int(digits[i]-'0')
	}
	switch p.element {
	case year:
		w.year = number
		if p.most == 2 {
			w.year += 2000
		}
	case month:
		w.month = number
	case day:
		w.day = number
	case hour:
		w.hour = number
	case minute:
		w.minute = number
	case second:
		w.second = number
	}
	return text[count:], true
}

// microsecondsOf returns the microseconds of the digits of a fraction of a second; what is finer is
// cut off.
func microsecondsOf(digits string) int64 {
	fraction_us := int64(0)
	for i := range 6 {
		fraction_us *= 10
		if i < len(digits) {
			fraction_us += int64(digits[i] - '0')
		}
	}
	return fraction_us
}

// readOffset reads Z, ±hh:mm or ±hhmm.
func (w *wall) readOffset(text string) (rest string, ok bool) {
	if rest, ok := strings.CutPrefix(text, "Z"); ok {
		w.hasOffset = true
		return rest, true
	}
	if len(text) < len("+0800") || text[0] != '+' && text[0] != '-' {
		return "", false
	}
	hours, minutes, end := text[1:3], text[3:5], 5
	if text[3] == ':' {
		if len(text) < len("+08:00") {
			return "", false
		}
		minutes, end = text[4:6], 6
	}
	if !isDigits(hours) || !isDigits(minutes) || hours > "23" || minutes > "59" {
		return "", false
	}
	hour, _ := strconv.Atoi(hours)
	minute, _ := strconv.Atoi(minutes)
	w.hasOffset, w.offset_s = true, int64(hour)*3600+int64(minute)*60
	if text[0] == '-' {
		w.offset_s = -w.offset_s
	}
	return text[end:], true
}

// meridiems are the words for the halves of a day, by whether it is the afternoon.
var meridiems = []struct {
	text      string
	afternoon bool
}{{"AM", false}, {"PM", true}, {"上午", false}, {"下午", true}}

func (w *wall) readMeridiem(text string) (rest string, ok bool) {
	for _, word := range meridiems {
		if len(text) >= len(word.text) && strings.EqualFold(text[:len(word.text)], word.text) {
			w.hasMeridiem, w.afternoon = true, word.afternoon
			return text[len(word.text):], true
		}
	}
	return "", false
}

// finish makes 24 hours of 12, and reports whether there is such a date and such a time.
func (w *wall) finish() bool {
	if w.hasMeridiem {
		if w.hour < 1 || w.hour > 12 {
			return false
		}
		w.hour %= 12
		if w.afternoon {
			w.hour += 12
		}
	}
	return w.month >= 1 && w.month <= 12 && w.day >= 1 && w.day <= daysIn(w.year, w.month) &&
		w.hour <= 23 && w.minute <= 59 && w.second <= 59
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

// date returns the date; a text without one has the first day of the year 0.
func (w *wall) date() settlement.Date {
	return settlement.NewDate(w.year, time.Month(w.month), w.day)
}

// clock_s returns the wall clock as seconds since 1970-01-01, as if there were no time zones.
func (w *wall) clock_s() int64 {
	return int64(w.date())*secondsPerDay + int64(w.hour)*3600 + int64(w.minute)*60 + int64(w.second)
}

// format writes a wall clock with the pattern.
func (p *Pattern) format(w wall) string {
	w.hasMeridiem = p.may&(1<<meridiem) != 0
	return string(formatParts(nil, p.parts, &w))
}

func formatParts(out []byte, parts []part, w *wall) []byte {
	for i := range parts {
		one := &parts[i]
		number := 0
		switch one.element {
		case literal:
			out = append(out, one.text...)
			continue
		case optional:
			out = formatParts(out, one.parts, w)
			continue
		case offset:
			out = w.formatOffset(out)
			continue
		case meridiem:
			word := "AM"
			if w.hour >= 12 {
				word = "PM"
			}
			out = append(out, word...)
			continue
		case fraction:
			out = append(out, strconv.FormatInt(1_000_000+w.fraction_us, 10)[1:]...)
			continue
		case year:
			number = w.year
		case month:
			number = w.month
		case day:
			number = w.day
		case hour:
			number = w.hour
			if w.hasMeridiem {
				number = (w.hour+11)%12 + 1
			}
		case minute:
			number = w.minute
		case second:
			number = w.second
		}
		digits := strconv.Itoa(number)
		for len(digits) < one.least {
			digits = "0" + digits
		}
		out = append(out, digits[max(0, len(digits)-one.most):]...)
	}
	return out
}

func (w *wall) formatOffset(out []byte) []byte {
	sign, magnitude := byte('+'), w.offset_s
	if magnitude < 0 {
		sign, magnitude = '-', -magnitude
	}
	two := func(number int64) { out = append(out, byte('0'+number/10), byte('0'+number%10)) }
	out = append(out, sign)
	two(magnitude / 3600)
	out = append(out, ':')
	two(magnitude / 60 % 60)
	return out
}

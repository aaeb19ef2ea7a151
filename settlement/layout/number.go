package layout

import (
	"math"
	"strconv"
	"strings"

	"alliance/settlement"
)

// A Number says how numbers are written: an optional sign, digits, perhaps in groups of three,
// perhaps decimals.
type Number struct {
	// Decimal is what stands before decimals.
	Decimal byte
	// Group is what stands between groups of three digits, 0 if nothing does. For a blank also a
	// no-break space is taken, for an apostrophe also a typographic one.
	Group byte
	// Scale is how many of the file's units make one, at least 1.
	Scale int64
}

// mostDigits is how many digits a number may have besides leading zeros, and zeros at the end of
// its decimals.
const mostDigits = 18

// A quantity is a number as written: unscaled units of 10^-decimals, without regard to the scale.
type quantity struct {
	negative bool
	unscaled int64
	decimals int
}

// read takes a number apart. The last decimal is never zero.
func (n *Number) read(text string) (q quantity, ok bool) {
	if text != "" && (text[0] == '-' || text[0] == '+') {
		q.negative = text[0] == '-'
		text = text[1:]
	}
	whole, fraction := text, ""
	if at := strings.IndexByte(text, n.Decimal); at >= 0 {
		whole, fraction = text[:at], text[at+1:]
		if fraction == "" {
			return quantity{}, false
		}
	}
	digits := 0
	if whole, ok = n.ungroup(whole); !ok || !q.add(whole, &digits) {
		return quantity{}, false
	}
	significant := strings.TrimRight(fraction, "0")
	q.decimals = len(significant)
	if !q.add(significant, &digits) || q.decimals > mostDigits {
		return quantity{}, false
	}
	return q, true
}

// add appends digits to the number.
func (q *quantity) add(text string, digits *int) bool {
	for i := range len(text) {
		digit := text[i] - '0'
		if digit > 9 {
			return false
		}
		if q.unscaled > 0 || digit > 0 {
			*digits++
		}
		if *digits > mostDigits {
			return false
		}
		q.unscaled = q.unscaled*10 + int64(digit)
	}
	return true
}

// ungroup takes away what stands between groups. There are none, or all have three digits but the
// first, which has one to three.
func (n *Number) ungroup(text string) (string, bool) {
	if isDigits(text) {
		return text, true
	}
	if n.Group == 0 {
		return "", false
	}
	switch n.Group {
	case ' ':
		text = strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(text)
	case '\'':
		text = strings.ReplaceAll(text, "\u2019", "'")
	}
	groups := strings.Split(text, string(n.Group))
	for i, group := range groups {
		if len(group) > 3 || i > 0 && len(group) < 3 || !isDigits(group) {
			return "", false
		}
	}
	return strings.Join(groups, ""), true
}

func isDigits(text string) bool {
	for i := range len(text) {
		if text[i]-'0' > 9 {
			return false
		}
	}
	return text != ""
}

// points returns how many whole points a quantity is, not regarding its sign.
func (n *Number) points(q quantity) (points int64, ok bool) {
	// A fraction never becomes whole by being divided.
	if q.decimals > 0 || q.unscaled%n.Scale != 0 {
		return 0, false
	}
	points = q.unscaled / n.Scale
	return points, points >= 1 && points <= settlement.MaxPoints
}

// hundredths returns a quantity in hundredths, if it has no finer part.
func (n *Number) hundredths(q quantity) (hundredths int64, ok bool) {
	factor := int64(100)
	for range q.decimals {
		if factor == 1 {
			return 0, false // what is finer does not become coarser by being divided
		}
		factor /= 10
	}
	if q.unscaled > math.MaxInt64/factor || q.unscaled*factor%n.Scale != 0 {
		return 0, false
	}
	hundredths = q.unscaled * factor / n.Scale
	if q.negative {
		hundredths = -hundredths
	}
	return hundredths, true
}

// form says in words how numbers are written.
func (n *Number) form() string {
	text := "digits"
	if n.Group != 0 {
		text += ", perhaps in groups of three with " + quoted(n.Group) + " between them"
	}
	return text + ", perhaps " + quoted(n.Decimal) + " and decimals"
}

func quoted(c byte) string {
	if c == ' ' {
		return "a blank"
	}
	return `"` + string(c) + `"`
}

// format writes a whole number as a merchant would.
func (n *Number) format(whole int64, decimals string) string {
	digits := strconv.FormatInt(whole, 10)
	if n.Group != 0 {
		for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
			digits = digits[:at] + string(n.Group) + digits[at:]
		}
	}
	if decimals != "" {
		digits += string(n.Decimal) + decimals
	}
	return digits
}

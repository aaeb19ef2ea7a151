package clearing

import (
	"unicode/utf8"

	"alliance/settlement"

	"golang.org/x/text/unicode/norm"
)

// maxIDBytes is the longest transaction, member or store id.
const maxIDBytes = 128

// validID reports whether text has the form of a transaction, member or store id: 1 to 128
// bytes of UTF-8 in NFC without a character of category Cc. Nearly all ids are ASCII, where
// every text is in NFC, so only the others pay for tables.
func validID(text string) bool {
	if len(text) == 0 || len(text) > maxIDBytes {
		return false
	}
	if len(text) >= 8 && allPrintable(text) {
		return true
	}
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= 0x7f {
			return validWideID(text)
		}
	}
	return true
}

// allPrintable reports whether all bytes of a text of at least 8 are of ASCII from the space to the tilde.
func allPrintable(text string) bool {
	for at := 0; len(text)-at > 8; at += 8 {
		if !printable(eightBytes(text[at : at+8])) {
			return false
		}
	}
	return printable(eightBytes(text[len(text)-8:]))
}

// eightBytes returns 8 bytes of text as one number.
func eightBytes(text string) uint64 {
	return uint64(text[0]) | uint64(text[1])<<8 | uint64(text[2])<<16 | uint64(text[3])<<24 |
		uint64(text[4])<<32 | uint64(text[5])<<40 | uint64(text[6])<<48 | uint64(text[7])<<56
}

// printable reports whether all 8 bytes are of ASCII from the space to the tilde. The highest bit of each tells: none may
// have it, all must with 0x60 more, and none with 1 more. No sum carries into the next byte.
func printable(bytes uint64) bool {
	const each = 0x0101010101010101
	return bytes&(0x80*each) == 0 && (bytes+0x60*each)&(0x80*each) == 0x80*each && (bytes+each)&(0x80*each) == 0
}

func validWideID(text string) bool {
	for i, r := range text {
		if r < ' ' || 0x7f <= r && r <= 0x9f {
			return false
		}
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
				return false
			}
		}
	}
	// Nearly always the quick look says yes; unlike the thorough one it allocates nothing.
	return norm.NFC.QuickSpanString(text) == len(text) || norm.NFC.IsNormalString(text)
}

// parsePoints reads [1-9][0-9]{0,12} up to [settlement.MaxPoints].
func parsePoints(text string) (int64, bool) {
	const maxDigits = 13
	if len(text) == 0 || len(text) > maxDigits || text[0] == '0' {
		return 0, false
	}
	var points int64
	for i := 0; i < len(text); i++ {
		digit := text[i] - '0'
		if digit > 9 {
			return 0, false
		}
		points = points*10 + int64(digit)
	}
	return points, points <= settlement.MaxPoints
}

// An amountText is an amount taken apart: sign, digits before and after the point.
type amountText struct {
	negative        bool
	whole, fraction string
}

// parse reads -?digits[.d[d]] and drops what does not change its value, so that amounts are equal when their parts are. The
// value is never needed as a number. Its own value was zero before, and has no meaning if the text is no amount.
func (a *amountText) parse(text string) bool {
	if text != "" && text[0] == '-' {
		a.negative = true
		text = text[1:]
	}
	whole := leadingDigits(text)
	a.whole = text[:whole]
	switch rest := text[whole:]; {
	case whole == 0:
		return false
	case rest == "":
	case rest[0] != '.' || len(rest) < 2 || len(rest) > 3 || !isDigit(rest[1]) || !isDigit(rest[len(rest)-1]):
		return false
	default:
		a.fraction = rest[1:]
	}
	for len(a.whole) > 1 && a.whole[0] == '0' {
		a.whole = a.whole[1:]
	}
	for n := len(a.fraction); n > 0 && a.fraction[n-1] == '0'; n-- {
		a.fraction = a.fraction[:n-1]
	}
	if a.whole == "0" && a.fraction == "" {
		a.negative = false
	}
	return true
}

func leadingDigits(text string) int {
	for i := 0; i < len(text); i++ {
		if !isDigit(text[i]) {
			return i
		}
	}
	return len(text)
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// validCurrency reports whether text is three capitals.
func validCurrency(text string) bool {
	return len(text) == 3 && text[0]-'A' < 26 && text[1]-'A' < 26 && text[2]-'A' < 26
}

// validReason reports whether text has the form [a-z][a-z0-9_]{0,31}.
func validReason(text string) bool {
	if len(text) == 0 || len(text) > 32 || text[0]-'a' >= 26 {
		return false
	}
	for i := 1; i < len(text); i++ {
		if c := text[i]; c-'a' >= 26 && c-'0' > 9 && c != '_' {
			return false
		}
	}
	return true
}

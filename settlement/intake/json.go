package intake

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonParser reads one JSON text strictly, which encoding/json does not: that takes a name
// twice, or in other letters, and turns what is not UTF-8, or half of a surrogate pair, into
// one and the same character, so that two ids may become one. The text must be valid UTF-8.
//
// After the first fault every method does nothing.
type jsonParser struct {
	text string
	at   int
	// multiline allows line ends between tokens.
	multiline bool
	depth     int
	limits    *limits
	fault     string
	// limit is which limit the text is over; fault is set too.
	limit *string
}

type jsonKind uint8

const (
	jsonNull jsonKind = iota
	jsonString
	jsonNumber
	jsonOther // true, false, an object, an array
)

// A jsonValue is a value: a string's text without its quotes and escapes, the raw text of others.
type jsonValue struct {
	kind jsonKind
	text string
}

const faultControl = "byte %d: a control character inside a string; write it as an escape"

// fail notes the first fault, and ends the parsing.
func (p *jsonParser) fail(format string, arguments ...any) {
	if p.fault == "" {
		p.fault = fmt.Sprintf(format, arguments...)
	}
}

// over notes that the text is over a limit.
func (p *jsonParser) over(limit string) {
	if p.fault == "" {
		p.fault, p.limit = limit, &limit
	}
}

// unexpected notes that something else was due here.
func (p *jsonParser) unexpected(due string) {
	if p.at >= len(p.text) {
		p.fail("it ends where %s is due", due)
		return
	}
	// The character itself may be part of what must not be shown.
	p.fail("byte %d: %s is due", p.at+1, due)
}

// peek returns the next byte that is not a blank, or 0 at the end.
func (p *jsonParser) peek() byte {
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == ' ' || c == '\t' || p.multiline && (c == '\n' || c == '\r'):
			p.at++
		default:
			return c
		}
	}
	return 0
}

func (p *jsonParser) take(c byte, due string) bool {
	if p.fault != "" {
		return false
	}
	if p.peek() != c {
		p.unexpected(due)
		return false
	}
	p.at++
	return true
}

// end checks that nothing follows.
func (p *jsonParser) end() {
	if p.fault == "" && (p.peek() != 0 || p.at < len(p.text)) {
		p.fail("byte %d: something follows the end of the object", p.at+1)
	}
}

func (p *jsonParser) enter() bool {
	p.depth++
	if p.depth > p.limits.depth {
		p.over(fmt.Sprintf("values nested deeper than the limit of %d", p.limits.depth))
	}
	return p.fault == ""
}

// object reads an object. member is called with each name, and must read its value. It is for
// member to see that no name is there twice.
func (p *jsonParser) object(member func(name string)) {
	if !p.take('{', "an object ({)") || !p.enter() {
		return
	}
	for first := true; p.fault == ""; first = false {
		if p.peek() == '}' && first {
			break
		}
		name := p.string("a name in quotes")
		p.take(':', "a colon")
		if p.fault != "" {
			return
		}
		member(name)
		if p.fault != "" || p.peek() == '}' {
			break
		}
		p.take(',', "a comma or }")
	}
	p.take('}', "}")
	p.depth--
}

// array reads an array. element is called for each element, and must read it.
func (p *jsonParser) array(element func()) {
	if !p.take('[', "a list ([)") || !p.enter() {
		return
	}
	for first := true; p.fault == ""; first = false {
		if p.peek() == ']' && first {
			break
		}
		element()
		if p.fault != "" || p.peek() == ']' {
			break
		}
		p.take(',', "a comma or ]")
	}
	p.take(']', "]")
	p.depth--
}

// value reads any value.
func (p *jsonParser) value() jsonValue {
	if p.fault != "" {
		return jsonValue{}
	}
	c := p.peek()
	start := p.at
	switch {
	case c == '"':
		return jsonValue{jsonString, p.string("")}
	case c == '-' || '0' <= c && c <= '9':
		p.number()
		return jsonValue{jsonNumber, p.text[start:p.at]}
	case c == '{':
		p.distinct(func(string) { p.value() })
	case c == '[':
		p.array(func() { p.value() })
	case p.literal("null"):
		return jsonValue{jsonNull, ""}
	case p.literal("true"), p.literal("false"):
	default:
		p.unexpected("a value")
	}
	return jsonValue{jsonOther, p.text[start:p.at]}
}

// distinct reads an object as object does, and checks that it has no name twice.
func (p *jsonParser) distinct(member func(name string)) {
	names := map[string]bool{}
	p.object(func(name string) {
		if names[name] {
			if p.multiline {
				p.fail("the name %q is there twice", cutValue(name))
			} else {
				p.fail("a name inside a value is there twice") // in a row it may be data
			}
			return
		}
		names[name] = true
		member(name)
	})
}

func (p *jsonParser) literal(word string) bool {
	if !strings.HasPrefix(p.text[p.at:], word) {
		return false
	}
	p.at += len(word)
	return true
}

func (p *jsonParser) number() {
	if p.text[p.at] == '-' {
		p.at++
	}
	switch {
	case p.at < len(p.text) && p.text[p.at] == '0':
		p.at++
	default:
		p.digits()
	}
	if p.at < len(p.text) && p.text[p.at] == '.' {
		p.at++
		p.digits()
	}
	if p.at < len(p.text) && p.text[p.at]|0x20 == 'e' {
		p.at++
		if p.at < len(p.text) && (p.text[p.at] == '+' || p.text[p.at] == '-') {
			p.at++
		}
		p.digits()
	}
}

func (p *jsonParser) digits() {
	start := p.at
	for p.at < len(p.text) && '0' <= p.text[p.at] && p.text[p.at] <= '9' {
		p.at++
	}
	if p.at == start {
		p.unexpected("a digit")
	}
}

// string reads a string. Without escapes it is a part of the text.
func (p *jsonParser) string(due string) string {
	if p.fault != "" {
		return ""
	}
	if p.peek() != '"' {
		p.unexpected(due)
		return ""
	}
	p.at++
	start := p.at
	for i := start; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == '"':
			p.at = i + 1
			return p.text[start:i]
		case c == '\\':
			return p.escaped(start, i)
		case c < 0x20:
			p.at = i
			p.fail(faultControl, p.at+1)
			return ""
		}
	}
	p.fail("a string is not closed")
	return ""
}

// escaped reads on in a string at its first escape.
func (p *jsonParser) escaped(start, at int) string {
	value := append(make([]byte, 0, 64), p.text[start:at]...)
	for p.at = at; p.at < len(p.text); {
		c := p.text[p.at]
		switch {
		case c == '"':
			p.at++
			return string(value)
		case c < 0x20:
			p.fail(faultControl, p.at+1)
			return ""
		case c != '\\':
			value = append(value, c)
			p.at++
		default:
			value = p.escape(value)
			if p.fault != "" {
				return ""
			}
		}
	}
	p.fail("a string is not closed")
	return ""
}

func (p *jsonParser) escape(value []byte) []byte {
	const escapes, meanings = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	p.at++
	if p.at == len(p.text) {
		p.fail("a string is not closed")
		return value
	}
	c := p.text[p.at]
	p.at++
	if at := strings.IndexByte(escapes, c); at >= 0 {
		return append(value, meanings[at])
	}
	if c != 'u' {
		p.at--
		p.unexpected("an escape that JSON knows")
		return value
	}
	unit := p.hexadecimal()
	if !utf16.IsSurrogate(unit) {
		return utf8.AppendRune(value, unit)
	}
	if strings.HasPrefix(p.text[p.at:], `\u`) {
		p.at += 2
		if pair := utf16.DecodeRune(unit, p.hexadecimal()); pair != utf8.RuneError {
			return utf8.AppendRune(value, pair)
		}
	}
	p.fail("byte %d: half of a surrogate pair", p.at)
	return value
}

func (p *jsonParser) hexadecimal() rune {
	unit := rune(0)
	for range 4 {
		digit := -1
		if p.at < len(p.text) {
			digit = strings.IndexByte("0123456789abcdef", p.text[p.at]|0x20)
		}
		if digit < 0 || p.text[p.at] < '0' {
			p.unexpected("a hexadecimal digit")
			return 0
		}
		unit = unit<<4 | rune(digit)
		p.at++
	}
	return unit
}

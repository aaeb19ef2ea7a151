package layout

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A Pattern is how dates or wall clocks are written; see the package's documentation for its
// notation.
type Pattern struct {
	text  string
	parts []part
	// needs and may hold, by 1<<element, what every text has, and what some have too.
	needs, may uint16
}

// element is what a part of a pattern stands for.
type element uint8

const (
	literal element = iota
	optional
	year
	month
	day
	hour
	minute
	second
	fraction
	offset
	meridiem
)

// A part of a pattern: a literal, an element of the date or the time, or an optional part.
type part struct {
	element element
	// least and most are how many digits there are.
	least, most int
	text        string // of a literal
	parts       []part // of an optional part
}

// tokens are the parts in the notation, the longest first.
var tokens = []struct {
	text string
	part part
}{
	{"YYYY", part{element: year, least: 4, most: 4}},
	{"YY", part{element: year, least: 2, most: 2}},
	{"MM", part{element: month, least: 2, most: 2}},
	{"M", part{element: month, least: 1, most: 2}},
	{"DD", part{element: day, least: 2, most: 2}},
	{"D", part{element: day, least: 1, most: 2}},
	{"hh", part{element: hour, least: 2, most: 2}},
	{"h", part{element: hour, least: 1, most: 2}},
	{"mm", part{element: minute, least: 2, most: 2}},
	{"ss", part{element: second, least: 2, most: 2}},
	{"f", part{element: fraction, least: 1, most: 1 << 20}},
	{"Z", part{element: offset}},
	{"A", part{element: meridiem}},
}

const patternParts = "YYYY or YY, MM or M, DD or D, hh or h, mm, ss, f (fraction), A (AM or PM), Z (offset), [optional], 'text'"

// MaxPattern is the longest pattern in bytes.
const MaxPattern = 128

// ParsePattern reads a pattern. The error says what is wrong with it.
func ParsePattern(text string) (*Pattern, error) {
	if len(text) > MaxPattern {
		return nil, fmt.Errorf("the pattern has %d bytes, the limit is %d", len(text), MaxPattern)
	}
	p := &patternParser{rest: text}
	parts, err := p.read(false)
	if err != nil {
		return nil, err
	}
	pattern := &Pattern{text: text, parts: parts}
	pattern.may = p.seen
	for _, one := range parts {
		pattern.needs |= 1 << one.element
	}
	if pattern.may&(1<<meridiem) != 0 && pattern.may&(1<<hour) == 0 {
		return nil, fmt.Errorf("it has A (AM or PM), but no hour")
	}
	return pattern, nil
}

type patternParser struct {
	rest string
	seen uint16
}

// read reads parts up to the end, or to the bracket that closes an optional part.
func (p *patternParser) read(inner bool) (parts []part, err error) {
	for p.rest != "" {
		if p.rest[0] == ']' {
			if !inner {
				return nil, fmt.Errorf("it has ] without [")
			}
			p.rest = p.rest[1:]
			return parts, nil
		}
		one, err := p.part()
		if err != nil {
			return nil, err
		}
		if last := len(parts) - 1; last >= 0 && one.element == literal && parts[last].element == literal {
			parts[last].text += one.text
			continue
		}
		if last := len(parts) - 1; last >= 0 && parts[last].least < parts[last].most && one.most > 0 {
			return nil, fmt.Errorf("digits follow a part of one or more digits; write the part with two letters, or something between them")
		}
		parts = append(parts, one)
	}
	if inner {
		return nil, fmt.Errorf("it has [ without ]")
	}
	return parts, nil
}

func (p *patternParser) part() (part, error) {
	switch c := p.rest[0]; {
	case c == '[':
		return p.optional()
	case c == '\'':
		return p.quoted()
	case c == 'T':
		p.rest = p.rest[1:]
		return part{text: "T"}, nil
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return p.token()
	case c < ' ' || c == 0x7f:
		return part{}, fmt.Errorf("it has a control character")
	default:
		_, size := utf8.DecodeRuneInString(p.rest)
		text := p.rest[:size]
		p.rest = p.rest[size:]
		return part{text: text}, nil
	}
}

func (p *patternParser) token() (part, error) {
	for _, token := range tokens {
		if !strings.HasPrefix(p.rest, token.text) {
			continue
		}
		mark := uint16(1) << token.part.element
		if p.seen&mark != 0 {
			return part{}, fmt.Errorf("%s is there twice, or longer than it may be; parts are %s", token.text, patternParts)
		}
		p.seen |= mark
		p.rest = p.rest[len(token.text):]
		return token.part, nil
	}
	return part{}, fmt.Errorf("%q is no part of a pattern; parts are %s", p.rest[:1], patternParts)
}

func (p *patternParser) quoted() (part, error) {
	end := strings.IndexByte(p.rest[1:], '\'')
	if end < 1 {
		return part{}, fmt.Errorf("it has a quote (') that is not closed, or with nothing in it")
	}
	text := p.rest[1 : end+1]
	p.rest = p.rest[end+2:]
	return part{text: text}, nil
}

func (p *patternParser) optional() (part, error) {
	p.rest = p.rest[1:]
	parts, err := p.read(true)
	if err != nil {
		return part{}, err
	}
	if len(parts) == 0 || parts[0].element != literal && parts[0].element != offset {
		return part{}, fmt.Errorf("an optional part ([]) has to begin with a text or with Z, by which it is recognised")
	}
	return part{element: optional, parts: parts}, nil
}

// String returns the pattern in its notation.
func (p *Pattern) String() string { return p.text }

// IsDate reports whether texts have year, month and day, and nothing else.
func (p *Pattern) IsDate() bool {
	const date = 1<<year | 1<<month | 1<<day
	return p.needs&date == date && p.may == date
}

// IsClock reports whether texts have year, month, day, hour and minute.
func (p *Pattern) IsClock() bool {
	const clock = 1<<year | 1<<month | 1<<day | 1<<hour | 1<<minute
	return p.needs&clock == clock
}

// AlwaysHasOffset and MayHaveOffset report whether texts say how far their clock is from UTC.
func (p *Pattern) AlwaysHasOffset() bool { return p.needs&(1<<offset) != 0 }

// MayHaveOffset is described with [Pattern.AlwaysHasOffset].
func (p *Pattern) MayHaveOffset() bool { return p.may&(1<<offset) != 0 }

package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"alliance/settlement"

	"golang.org/x/text/unicode/norm"
)

// A parser collects what is wrong while it goes on with what is right.
type parser struct {
	name   string
	money  settlement.Money
	errors Errors
	// references are issuers that profiles name.
	references []profileReference
}

func (p *parser) fail(line int, format string, arguments ...any) {
	p.errors = append(p.errors, &Error{p.name, line, fmt.Sprintf(format, arguments...)})
}

// fields is a table of the rulebook, read by its list of keys. Its readers return the
// standard value of a key that is left out, and note an error for one that is wrong.
type fields struct {
	parser *parser
	keys   []key
	// where names the table in errors.
	where string
	line  int
	// given is false if the table itself was left out.
	given  bool
	values map[string]*value
	read   map[string]bool
}

func (p *parser) table(source *value, where string, keys []key) *fields {
	f := &fields{parser: p, keys: keys, where: where, values: map[string]*value{}, read: map[string]bool{}}
	if source == nil {
		return f
	}
	f.line = source.line
	if source.kind != tableValue {
		p.fail(source.line, "%s is %s, a table of keys is expected", where, source.describe())
		return f
	}
	f.given = true
	lines := map[string]int{}
	for _, member := range source.members {
		if first, twice := lines[member.name]; twice {
			p.fail(member.line, "%s: key %q is already on line %d", where, shorten(member.name), first)
			continue
		}
		lines[member.name] = member.line
		at := slices.IndexFunc(keys, func(known key) bool { return known.name == member.name })
		switch {
		case at < 0:
			p.fail(member.line, "%s: unknown key %q; known are %s", where, shorten(member.name), keyNames(keys))
		case member.value.kind == nullValue:
			p.fail(member.line, "%s: %s has no value; give one or leave the key out", where, member.name)
			f.values[member.name] = nil
		default:
			f.values[member.name] = member.value
		}
	}
	for _, known := range keys {
		if _, found := f.values[known.name]; known.required && !found {
			p.fail(source.line, "%s: %s is missing", where, known.name)
		}
	}
	return f
}

func keyNames(keys []key) string {
	names := make([]string, len(keys))
	for i, known := range keys {
		names[i] = known.name
	}
	return strings.Join(names, ", ")
}

// done panics if the parser forgot a key that it promises to know.
func (f *fields) done() {
	for _, known := range f.keys {
		if !f.read[known.name] {
			panic("rules: key " + known.name + " of " + f.where + " is never read")
		}
	}
}

// find returns a key and its value, nil if it was left out.
func (f *fields) find(name string) (key, *value) {
	at := slices.IndexFunc(f.keys, func(known key) bool { return known.name == name })
	if at < 0 {
		panic("rules: " + name + " is no key of " + f.where)
	}
	f.read[name] = true
	return f.keys[at], f.values[name]
}

func (f *fields) wrong(source *value, name, format string, arguments ...any) {
	f.parser.fail(source.line, "%s: %s: %s", f.where, name, fmt.Sprintf(format, arguments...))
}

// lineOf returns the line of a key, that of the table if the key was left out.
func (f *fields) lineOf(name string) int {
	if source := f.values[name]; source != nil {
		return source.line
	}
	return f.line
}

// has reports whether the key was given a value.
func (f *fields) has(name string) bool { return f.values[name] != nil }

// scalar returns the text of a value that must be text; ok is false if it is absent or wrong.
func (f *fields) scalar(name, expected string) (text string, source *value, ok bool) {
	_, source = f.find(name)
	switch {
	case source == nil:
		return "", nil, false
	case source.kind == textValue:
		return source.text, source, true
	case source.kind == wholeValue || source.kind == numberValue || source.kind == truthValue || source.kind == dateValue:
		f.wrong(source, name, "%s is expected; write it in quotes: \"%s\"", expected, shorten(source.text))
	default:
		f.wrong(source, name, "is %s, %s is expected", source.describe(), expected)
	}
	return "", source, false
}

// named reads a nameShape: 1 to 128 bytes, no control characters, NFC.
func (f *fields) named(name string) string {
	text, source, ok := f.scalar(name, "text")
	if !ok {
		return ""
	}
	if problem := nameProblem(text); problem != "" {
		f.wrong(source, name, "%q %s", shorten(text), problem)
		return ""
	}
	return text
}

func nameProblem(text string) string {
	switch {
	case text == "":
		return "is empty"
	case len(text) > maxNameBytes:
		return fmt.Sprintf("has %d bytes, the limit is %d", len(text), maxNameBytes)
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Cc, r) }):
		return "has a control character"
	case strings.ContainsRune(text, unicode.ReplacementChar):
		return "has a character that could not be read (U+FFFD)"
	case !norm.NFC.IsNormalString(text):
		return "is not in Unicode's normal form NFC"
	}
	return ""
}

const partyForm = "an id: letters, digits, - and _, not - or _ first, at most 64"

// party reads an id of the form of merchants' ids.
func (f *fields) party(name string) string {
	text, source, ok := f.scalar(name, "an id")
	if ok && !settlement.ValidMerchantID(text) {
		f.wrong(source, name, "%q is not %s", shorten(text), partyForm)
		return ""
	}
	return text
}

// A reference is an id that must be in the register, and where it stands.
type reference struct {
	id   string
	line int
}

// parties reads a list of ids; nil if the key was left out.
func (f *fields) parties(name string) []reference {
	known, source := f.find(name)
	if source == nil {
		return nil
	}
	if source.kind != listValue {
		f.wrong(source, name, "is %s, a list of ids is expected", source.describe())
		return nil
	}
	f.checkLength(known, source)
	list := []reference{}
	seen := map[string]bool{}
	for _, item := range source.items {
		switch {
		case item.kind != textValue:
			f.wrong(item, name, "%s: an id is expected, in quotes if it looks like a number", item.describe())
		case seen[item.text]:
			f.wrong(item, name, "%q is named twice", shorten(item.text))
		default:
			seen[item.text] = true
			list = append(list, reference{item.text, item.line})
		}
	}
	return list
}

// checkLength reports whether a list has as many entries as the key bears.
func (f *fields) checkLength(known key, source *value) bool {
	count := int64(len(source.items))
	switch {
	case count < known.least:
		f.wrong(source, known.name, "at least %d entry is needed", known.least)
	case count > known.most:
		f.wrong(source, known.name, "%d entries, the limit is %d", count, known.most)
	default:
		return true
	}
	return false
}

func (f *fields) date(name string, absent settlement.Date) settlement.Date {
	_, source := f.find(name)
	if source == nil {
		return absent
	}
	if source.kind != textValue && source.kind != dateValue {
		f.wrong(source, name, "is %s, a date of the form YYYY-MM-DD is expected", source.describe())
		return absent
	}
	date, err := settlement.ParseDate(source.text)
	if err != nil {
		f.wrong(source, name, "%q is not a date of the form YYYY-MM-DD", shorten(source.text))
		return absent
	}
	return date
}

// span reads two dates of which the first must not be after the second.
func (f *fields) span(first, last string) (from, to settlement.Date) {
	from, to = f.date(first, settlement.NoDate), f.date(last, settlement.Never)
	if from > to {
		f.wrong(f.values[last], last, "%s is before %s: %s", to, first, from)
	}
	return from, to
}

var clockForm = regexp.MustCompile(`^([01][0-9]|2[0-3]):([0-5][0-9])$`)

func (f *fields) clock(name string) (string, time.Duration) {
	known, _ := f.find(name)
	text, source, ok := f.scalar(name, "a time of the form hh:mm")
	if source == nil {
		text, ok = known.standard, true
	}
	found := clockForm.FindStringSubmatch(text)
	if ok && found == nil {
		f.wrong(source, name, "%q is not a time of the form hh:mm, from 00:00 to 23:59", shorten(text))
	}
	if found == nil {
		return "", 0
	}
	hour, _ := strconv.Atoi(found[1])
	minute, _ := strconv.Atoi(found[2])
	return text, time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute
}

func (f *fields) choice(name string) string {
	known, _ := f.find(name)
	text, source, ok := f.scalar(name, "one of "+listChoices(known.choices))
	if source == nil {
		return known.standard
	}
	if ok && !slices.Contains(known.choices, text) {
		f.wrong(source, name, "%q is not one of %s", shorten(text), listChoices(known.choices))
	}
	return text
}

// listChoices lists choices for an error; in quotes if they are no words.
func listChoices(choices []string) string {
	list := slices.Clone(choices)
	for i, one := range list {
		if strings.ContainsFunc(one, func(r rune) bool { return !unicode.IsLetter(r) }) && len(one) == 1 {
			list[i] = strconv.Quote(one)
		}
	}
	return strings.Join(list, ", ")
}

// zone reads the name of a time zone.
func (f *fields) zone(name string) (string, *time.Location) {
	text, source, ok := f.scalar(name, "a time zone")
	if !ok {
		return "", nil
	}
	zone, err := loadZone(text)
	if err != nil {
		f.wrong(source, name, "%v", err)
	}
	return text, zone
}

func (f *fields) truth(name string) bool {
	known, source := f.find(name)
	switch {
	case source == nil:
		return known.standard == "true"
	case source.kind != truthValue:
		f.wrong(source, name, "is %s, true or false is expected, without quotes", source.describe())
		return false
	default:
		return strings.EqualFold(source.text, "true")
	}
}

func (f *fields) whole(name string) int64 {
	known, source := f.find(name)
	if source == nil {
		number, _ := strconv.ParseInt(known.standard, 10, 64) // none for a required key
		return number
	}
	if source.kind != wholeValue {
		f.wrong(source, name, "is %s, a whole number from %d to %d is expected, without quotes", source.describe(), known.least, known.most)
		return known.least
	}
	number, err := strconv.ParseInt(source.text, 10, 64)
	if err != nil || number < known.least || number > known.most {
		f.wrong(source, name, "%s is not from %d to %d", shorten(source.text), known.least, known.most)
		return known.least
	}
	return number
}

// delivery reads on which weekdays deliveries are expected.
func (f *fields) delivery(name string) (expected [7]bool) {
	_, source := f.find(name)
	daily := [7]bool{true, true, true, true, true, true, true}
	switch {
	case source == nil:
		return daily
	case source.kind == textValue && source.text == "daily":
		return daily
	case source.kind == textValue && source.text == "on_activity":
		return expected
	case source.kind != listValue:
		f.wrong(source, name, "is %s; daily, on_activity or a list of mon, tue, wed, thu, fri, sat, sun is expected", source.describe())
		return expected
	case len(source.items) == 0:
		f.wrong(source, name, "no day; write on_activity")
	}
	for _, item := range source.items {
		at := slices.Index(weekdays[:], item.text)
		switch {
		case item.kind != textValue || at < 0:
			f.wrong(item, name, "%s is not one of mon, tue, wed, thu, fri, sat, sun", item.describe())
		case expected[at]:
			f.wrong(item, name, "%s is named twice", item.text)
		default:
			expected[at] = true
		}
	}
	return expected
}

// table reads a table below this one; its keys have their standard values if it is left out.
func (f *fields) table(name string) *fields {
	known, source := f.find(name)
	return f.parser.table(source, name, known.of)
}

// tables reads a list of tables.
func (f *fields) tables(name string) []*fields {
	known, source := f.find(name)
	if source == nil {
		return nil
	}
	if source.kind != listValue {
		f.wrong(source, name, "is %s, a list is expected", source.describe())
		return nil
	}
	if !f.checkLength(known, source) {
		return nil
	}
	list := make([]*fields, len(source.items))
	for i, item := range source.items {
		list[i] = f.parser.table(item, fmt.Sprintf("%s, entry %d", name, i+1), known.of)
	}
	return list
}

package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"alliance/settlement"
	"alliance/settlement/layout"
)

// A Profile is a layout of merchants' files that has a name.
type Profile struct {
	Name   string
	Layout *layout.Layout
}

// profiles reads the layouts that have a name.
func (p *parser) profiles(book *Rulebook, top *fields) {
	for _, one := range top.entries("profiles") {
		if problem := nameProblem(one.name); problem != "" {
			p.fail(one.line, "profiles: the name %q %s", shorten(one.name), problem)
			continue
		}
		where := "profiles, " + one.name
		known, _ := top.find("profiles")
		book.Profiles = append(book.Profiles, Profile{one.name, p.profile(book, p.table(one.value, where, known.of))})
	}
	slices.SortFunc(book.Profiles, func(a, b Profile) int { return strings.Compare(a.Name, b.Name) })
}

// merchantProfile reads which layout a merchant's files have.
func (p *parser) merchantProfile(book *Rulebook, f *fields, merchant *Merchant) {
	known, source := f.find("profile")
	switch {
	case source == nil:
	case source.kind == tableValue:
		merchant.Layout = p.profile(book, p.table(source, f.where+", profile", known.of))
	case source.kind == textValue:
		at, found := slices.BinarySearchFunc(book.Profiles, source.text, func(profile Profile, name string) int { return strings.Compare(profile.Name, name) })
		if !found {
			f.wrong(source, "profile", "%q is not an entry of profiles", shorten(source.text))
			return
		}
		merchant.Profile, merchant.Layout = source.text, book.Profiles[at].Layout
	default:
		f.wrong(source, "profile", "is %s, the name of an entry of profiles or a table of keys is expected", source.describe())
	}
}

// profile reads a layout.
func (p *parser) profile(book *Rulebook, f *fields) *layout.Layout {
	l := &layout.Layout{}
	columns := f.table("columns")
	for column := range settlement.Columns {
		l.Names[column] = columns.named(column.String())
	}
	columns.done()
	l.Ignored = f.texts("ignore")
	header := f.truth("header")
	l.Fields = f.texts("fields")
	if delimiter := f.choice("delimiter"); delimiter != "" {
		l.Delimiter = delimiter[0]
	}
	l.Unquoted = !f.truth("quote")
	l.Encoding = f.choice("encoding")
	l.Trim = f.truth("trim")
	l.Empty = f.texts("empty")
	l.Kinds = f.kinds("kinds")
	p.profileNumbers(l, f)
	p.profileClock(book, l, f.table("occurred_at"))
	l.Dates = f.datePattern("dates")
	p.profileConstants(l, f.table("constants"))
	f.done()
	p.checkNames(l, f)
	p.checkFields(l, f, header)
	return l
}

func (p *parser) profileNumbers(l *layout.Layout, f *fields) {
	points, amount := f.table("points"), f.table("amount")
	l.Points, l.Amount = p.number(points), p.number(amount)
	if sign := points.choice("sign"); points.given {
		l.Sign = layout.Sign(sign)
	}
	points.done()
	amount.done()
}

// number reads how numbers are written; nil if nothing is said of it.
func (p *parser) number(f *fields) *layout.Number {
	decimal, group, scale := f.choice("decimal"), f.choice("group"), f.whole("scale")
	if !f.given || decimal == "" {
		return nil
	}
	number := &layout.Number{Decimal: decimal[0], Scale: scale}
	if group != "" {
		number.Group = group[0]
	}
	if number.Group == number.Decimal {
		p.fail(f.lineOf("group"), "%s: group and decimal are the same, %q", f.where, group)
	}
	return number
}

func (p *parser) profileClock(book *Rulebook, l *layout.Layout, f *fields) {
	clock := &layout.Clock{Pattern: f.pattern("pattern"), Epoch: layout.Epoch(f.choice("epoch"))}
	date, time := f.named("date_column"), f.named("time_column")
	clock.ZoneName, clock.Zone = f.zone("zone")
	f.done()
	if !f.given {
		return
	}
	l.OccurredAt, l.TimeName = clock, time
	counted := f.has("epoch")
	switch {
	case counted == f.has("pattern"):
		p.fail(f.line, "%s: either pattern or epoch is needed, and not both", f.where)
	case counted && (f.has("zone") || f.has("date_column") || f.has("time_column")):
		p.fail(f.line, "%s: zone, date_column and time_column mean nothing where instants are counted (epoch)", f.where)
	case f.has("date_column") != f.has("time_column"):
		p.fail(f.line, "%s: date_column and time_column are needed together", f.where)
	case clock.Pattern == nil:
	case !clock.Pattern.IsClock():
		p.fail(f.lineOf("pattern"), "%s: pattern: %q needs year, month, day, hour and minute, none of them optional", f.where, clock.Pattern)
	case clock.Pattern.AlwaysHasOffset() && f.has("zone"):
		p.fail(f.lineOf("zone"), "%s: zone: the pattern has an offset (Z), so no zone is needed", f.where)
	case !clock.Pattern.AlwaysHasOffset() && !f.has("zone"):
		clock.ZoneName, clock.Zone = book.TimeZone, book.Calendar.Zone
	}
	if date == "" {
		return
	}
	if l.Names[settlement.OccurredAt] != "" {
		p.fail(f.lineOf("date_column"), "%s: date_column: columns names %q for occurred_at; leave one of them out", f.where, l.Names[settlement.OccurredAt])
	}
	l.Names[settlement.OccurredAt] = date
}

var reasonForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

func (p *parser) profileConstants(l *layout.Layout, f *fields) {
	l.Constants[settlement.KindColumn] = f.choice("kind")
	l.Constants[settlement.IssuerID] = f.party("issuer_id")
	if code, source, ok := f.scalar("currency", "a currency"); ok {
		if _, known := minorDigits(code); !known {
			f.wrong(source, "currency", "%q is not a currency of ISO 4217", shorten(code))
		}
		l.Constants[settlement.CurrencyColumn] = code
	}
	if reason, source, ok := f.scalar("reason", "text"); ok {
		if !reasonForm.MatchString(reason) {
			f.wrong(source, "reason", "%q is not a small letter, then up to 31 small letters, digits or underscores", shorten(reason))
		}
		l.Constants[settlement.Reason] = reason
	}
	l.Constants[settlement.StoreID] = f.named("store_id")
	if id := l.Constants[settlement.IssuerID]; id != "" {
		p.references = append(p.references, profileReference{reference{id, f.lineOf("issuer_id")}, f.where})
	}
	f.done()
}

// A profileReference is an issuer that a profile names.
type profileReference struct {
	reference
	where string
}

// checkReferences checks the issuers that profiles name, once the register is known.
func (p *parser) checkReferences(book *Rulebook) {
	for _, one := range p.references {
		if book.Parties.Find(one.id) == settlement.NoParty {
			p.fail(one.line, "%s: issuer_id: %q is neither a merchant of the register nor the alliance", one.where, shorten(one.id))
		}
	}
}

// checkNames checks that every name in the files means one thing.
func (p *parser) checkNames(l *layout.Layout, f *fields) {
	meanings := map[string]string{}
	claim := func(name, meaning string, line int) {
		if other, taken := meanings[name]; taken {
			p.fail(line, "%s: the column %q cannot be both %s and %s", f.where, shorten(name), other, meaning)
		}
		meanings[name] = meaning
	}
	for column := range settlement.Columns {
		if !l.Has(column) && l.Names[column] != "" {
			p.fail(f.lineOf("constants"), "%s: %s is both a constant and the column %q of the files; leave one of them out", f.where, column, l.Names[column])
		}
		if l.Names[column] != "" {
			claim(l.Names[column], column.String(), f.lineOf("columns"))
		}
	}
	if l.TimeName != "" {
		claim(l.TimeName, "time_column", f.lineOf("occurred_at"))
	}
	for column := settlement.TransactionID; column <= settlement.OccurredAt; column++ {
		if l.Names[column] == "" && l.Has(column) {
			claim(column.String(), column.String(), f.lineOf("columns"))
		}
	}
	for _, name := range l.Ignored {
		if meaning, taken := meanings[name]; taken {
			p.fail(f.lineOf("ignore"), "%s: ignore: the column %q is %s", f.where, shorten(name), meaning)
		}
	}
	if l.Kinds != nil && !l.Has(settlement.KindColumn) {
		p.fail(f.lineOf("kinds"), "%s: kinds has no use: kind is a constant", f.where)
	}
}

// checkFields checks the columns of files without a header.
func (p *parser) checkFields(l *layout.Layout, f *fields, header bool) {
	switch {
	case !f.given:
		return
	case header && f.has("fields"):
		p.fail(f.lineOf("fields"), "%s: fields: the files have a header; write header: false, or leave fields out", f.where)
		return
	case header:
		return
	case !f.has("fields"):
		p.fail(f.lineOf("header"), "%s: header: false needs fields, the columns in their order", f.where)
		return
	case f.has("ignore"):
		p.fail(f.lineOf("ignore"), "%s: ignore has no use: fields that mean nothing are known from fields", f.where)
	}
	for column := range settlement.Columns {
		for _, name := range l.Sources(column) {
			needed := column <= settlement.OccurredAt || l.Names[column] != ""
			if needed && !slices.Contains(l.Fields, name) {
				p.fail(f.lineOf("fields"), "%s: fields: %q, the column of %s, is not among them", f.where, shorten(name), column)
			}
		}
	}
}

// An entryValue is a value with a name that is not a key.
type entryValue struct {
	name  string
	line  int
	value *value
}

// entries reads a table whose names are free.
func (f *fields) entries(name string) []entryValue {
	known, source := f.find(name)
	switch {
	case source == nil:
		return nil
	case source.kind != tableValue:
		f.wrong(source, name, "is %s, a table is expected", source.describe())
		return nil
	case int64(len(source.members)) < known.least:
		f.wrong(source, name, "at least %d entry is needed", known.least)
	case int64(len(source.members)) > known.most:
		f.wrong(source, name, "%d entries, the limit is %d", len(source.members), known.most)
		return nil
	}
	lines := map[string]int{}
	var list []entryValue
	for _, one := range source.members {
		switch first, twice := lines[one.name]; {
		case twice:
			f.parser.fail(one.line, "%s: %s: %q is already on line %d", f.where, name, shorten(one.name), first)
		case one.value.kind == nullValue:
			f.parser.fail(one.line, "%s: %s: %q has no value; give one or leave it out", f.where, name, shorten(one.name))
		default:
			list = append(list, entryValue{one.name, one.line, one.value})
		}
		lines[one.name] = one.line
	}
	return list
}

// kinds reads what a merchant's words for kinds mean; nil if the key was left out.
func (f *fields) kinds(name string) map[string]settlement.Kind {
	if !f.has(name) {
		f.entries(name)
		return nil
	}
	kinds := map[string]settlement.Kind{}
	for _, one := range f.entries(name) {
		kind, known := settlement.ParseKind(one.value.text)
		switch {
		case one.name == "" || len(one.name) > maxNameBytes:
			f.parser.fail(one.line, "%s: %s: a word has to have 1 to %d bytes", f.where, name, maxNameBytes)
		case one.value.kind != textValue || !known:
			f.wrong(one.value, name, "%q: %s is not one of %s", shorten(one.name), one.value.describe(), strings.Join(kindNames(), ", "))
		default:
			kinds[one.name] = kind
		}
	}
	return kinds
}

// texts reads a list of texts; nil if the key was left out.
func (f *fields) texts(name string) []string {
	known, source := f.find(name)
	if source == nil {
		return nil
	}
	if source.kind != listValue {
		f.wrong(source, name, "is %s, a list of texts is expected", source.describe())
		return nil
	}
	if !f.checkLength(known, source) {
		return nil
	}
	seen := map[string]bool{}
	list := []string{}
	for _, item := range source.items {
		problem := nameProblem(item.text)
		switch {
		case item.kind != textValue:
			f.wrong(item, name, "%s: a text is expected; write it in quotes", item.describe())
		case problem != "":
			f.wrong(item, name, "%q %s", shorten(item.text), problem)
		case seen[item.text]:
			f.wrong(item, name, "%q is named twice", shorten(item.text))
		default:
			seen[item.text] = true
			list = append(list, item.text)
		}
	}
	return list
}

// pattern reads a pattern; nil if the key was left out or is wrong.
func (f *fields) pattern(name string) *layout.Pattern {
	text, source, ok := f.scalar(name, "a pattern")
	if !ok {
		return nil
	}
	pattern, err := layout.ParsePattern(text)
	if err != nil {
		f.wrong(source, name, "%q: %v", shorten(text), err)
		return nil
	}
	return pattern
}

func (f *fields) datePattern(name string) *layout.Pattern {
	pattern := f.pattern(name)
	if pattern != nil && !pattern.IsDate() {
		f.wrong(f.values[name], name, "%q needs year, month and day, none of them optional, and nothing else; texts that mean nothing go between single quotes", pattern)
	}
	return pattern
}

// profileMeaning is what a layout says; nothing for the common form.
func profileMeaning(l *layout.Layout) meaning {
	kinds := []string{}
	for word, kind := range l.Kinds {
		kinds = append(kinds, fmt.Sprintf("%q %s", word, kind))
	}
	slices.Sort(kinds)
	list := meaning{l.Names, l.TimeName, l.Fields != nil, l.Fields, sorted(l.Ignored), l.Delimiter, l.Unquoted, l.Encoding, l.Trim, sorted(l.Empty),
		l.Kinds != nil, kinds, numberMeaning(l.Points), l.Sign, numberMeaning(l.Amount), l.Constants}
	clock, dates := meaning{}, ""
	if c := l.OccurredAt; c != nil {
		clock = meaning{c.Epoch, c.ZoneName, c.Pattern != nil}
		if c.Pattern != nil {
			clock = append(clock, c.Pattern.String())
		}
	}
	if l.Dates != nil {
		dates = l.Dates.String()
	}
	return append(list, clock, dates)
}

func numberMeaning(n *layout.Number) meaning {
	if n == nil {
		return meaning{}
	}
	return meaning{n.Decimal, n.Group, n.Scale}
}

func sorted(list []string) []string {
	list = append([]string{}, list...)
	slices.Sort(list)
	return list
}

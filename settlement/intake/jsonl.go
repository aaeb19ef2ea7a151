package intake

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"alliance/settlement"
	"alliance/settlement/layout"
)

// lineReader reads JSON lines.
type lineReader struct {
	*rowReader
	parser jsonParser
	// member is lines.readMember, made once.
	member func(name string)
	// shape is the names of earlier lines by their place: most lines have the same names in the
	// same order, and then none has to be looked up.
	shape []shapeName
	// at counts the names of this line, known marks the columns met by 1<<Column.
	at    int
	known uint16
	// strange are the names of this line without a meaning; strangeSet has them too, once they
	// are many.
	strange    []string
	strangeSet map[string]bool
	// fresh are names without a meaning that the shape did not know; they are reported if the
	// line turns out to be a row.
	fresh []freshName
}

type freshName struct {
	name string
	// position is its place among the line's names, from 1.
	position int
}

type shapeName struct {
	name   string
	column settlement.Column
}

func (r *rowReader) readJSONLines() error {
	lines := lineReader{rowReader: r}
	lines.parser.limits = r.limits
	lines.member = lines.readMember
	for {
		line, err := r.nextLine()
		if err != nil {
			return r.finish(err)
		}
		if blank(line) {
			continue
		}
		if err := lines.read(line); err != nil {
			return err
		}
	}
}

// nextLine returns the next line without its line end, or io.EOF or errTooLong.
func (r *rowReader) nextLine() (string, error) {
	for {
		text := r.source.rest()
		if text == "" && r.source.ended {
			return "", io.EOF
		}
		end := strings.IndexByte(text, '\n')
		if end < 0 && r.source.ended {
			end = len(text)
		}
		switch {
		case end > r.limits.recordBytes || end < 0 && len(text) > r.limits.recordBytes:
			return "", errTooLong
		case end >= 0:
			r.source.at = min(r.source.at+end+1, len(r.source.text))
			return text[:end], nil
		}
		if err := r.source.more(); err != nil {
			return "", err
		}
	}
}

func (l *lineReader) read(line string) error {
	if l.back != nil {
		l.back.names, l.back.values, l.back.raw = nil, nil, line
	}
	switch {
	case l.facts.Rows == 0 && strings.HasPrefix(line, byteOrderMark):
		return l.malformed("a byte order mark at the beginning of the file; JSON lines have none")
	case line[len(line)-1] == '\r':
		return l.malformed("the line ends in CR LF; JSON lines end in LF alone")
	case !utf8.ValidString(line) || l.replaced(line):
		return l.malformed(l.faultEncoding())
	}
	l.record = settlement.Record{}
	l.put(layout.TimeOfDay, "")
	l.at, l.known, l.strange, l.fresh = 0, 0, l.strange[:0], l.fresh[:0]
	p := &l.parser
	*p = jsonParser{text: line, limits: l.limits}
	p.object(l.member)
	p.end()
	switch {
	case p.limit != nil:
		return unreadable("row %d: %s", l.facts.Rows+1, *p.limit)
	case p.fault != "":
		l.shape = l.shape[:0]
		return l.malformed("JSON: " + p.fault)
	}
	for _, fresh := range l.fresh {
		l.unknownColumn(fresh.name, fresh.position)
	}
	return l.emit()
}

func (l *lineReader) readMember(name string) {
	column := l.column(name)
	value := l.parser.value()
	if l.back != nil {
		l.back.names, l.back.values = append(l.back.names, name), append(l.back.values, value.text)
	}
	if column == noColumn || l.parser.fault != "" || value.kind == jsonNull {
		return
	}
	if column >= settlement.Columns {
		l.put(column, value.text)
		if value.kind != jsonString && !(value.kind == jsonNumber && l.numbers&(1<<column) != 0) {
			l.record.Mistyped |= 1 << settlement.OccurredAt
		}
		return
	}
	l.record.Values[column] = value.text
	if value.kind != jsonString && !(value.kind == jsonNumber && (column == settlement.PointsColumn || l.numbers&(1<<column) != 0)) {
		l.record.Mistyped |= 1 << column
	}
}

// column returns the meaning of the line's next name, and checks that the line has it once.
func (l *lineReader) column(name string) settlement.Column {
	at := l.at
	l.at++
	if at >= l.limits.columns {
		l.parser.over(fmt.Sprintf("more names than the limit of %d", l.limits.columns))
		return noColumn
	}
	column := noColumn
	if at < len(l.shape) && l.shape[at].name == name {
		column = l.shape[at].column
	} else {
		column = l.learn(at, name)
	}
	if column == noColumn {
		l.checkStrange(name)
		return column
	}
	if l.known&(1<<column) != 0 {
		l.twice(name)
	}
	l.known |= 1 << column
	return column
}

// learn looks a name up, and remembers it at its place.
func (l *lineReader) learn(at int, name string) settlement.Column {
	column, known := l.find(name)
	switch {
	case known && l.mapper == nil:
		name = column.String() // which keeps no chunk
	case known:
		name = strings.Clone(name)
	default:
		l.fresh = append(l.fresh, freshName{name, at + 1})
	}
	if at < len(l.shape) {
		l.shape[at] = shapeName{name, column}
	} else if at == len(l.shape) {
		l.shape = append(l.shape, shapeName{name, column})
	}
	return column
}

// checkStrange checks that the line has a name without a meaning once.
func (l *lineReader) checkStrange(name string) {
	const few = 16
	if len(l.strange) < few {
		if slices.Contains(l.strange, name) {
			l.twice(name)
		}
		l.strange = append(l.strange, name)
		return
	}
	if len(l.strange) == few {
		l.strangeSet = map[string]bool{}
		for _, before := range l.strange {
			l.strangeSet[before] = true
		}
	}
	if l.strangeSet[name] {
		l.twice(name)
	}
	l.strangeSet[name] = true
	l.strange = append(l.strange, name)
}

// twice is the fault of a name that the line has twice. It is told only if it is a column's: others
// may be data.
func (l *lineReader) twice(name string) {
	if _, known := l.find(name); !known {
		l.parser.fail("a name is there twice, again as the line's name number %d", l.at)
		return
	}
	l.parser.fail("the name %q is there twice", cutValue(name))
}

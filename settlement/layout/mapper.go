package layout

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"alliance/settlement"
)

// A Mapper turns the rows of one file from the merchant's layout into the common form.
type Mapper struct {
	layout  *Layout
	written settlement.Written
	// timeOfDay is the text of that column in the row at hand.
	timeOfDay string
	clock     clockReader
	names     [settlement.Columns]string
	constants []settlement.Column
	kinds     string
	// tidy says that values are trimmed, or may be texts that stand for nothing.
	tidy bool
}

// NewMapper returns a Mapper for a file in this layout.
func NewMapper(layout *Layout) *Mapper {
	m := &Mapper{layout: layout, tidy: layout.Trim || len(layout.Empty) > 0}
	for column := range settlement.Columns {
		m.names[column] = layout.Name(column)
		if layout.Constants[column] != "" {
			m.constants = append(m.constants, column)
		}
	}
	if layout.OccurredAt != nil {
		m.clock.Clock = layout.OccurredAt
	}
	m.kinds = layout.kindWords()
	return m
}

// Layout returns the layout of the file.
func (m *Mapper) Layout() *Layout { return m.layout }

// SetTimeOfDay takes the value in the column [TimeOfDay] of the row to be mapped next.
func (m *Mapper) SetTimeOfDay(text string) { m.timeOfDay = text }

// Map turns a row, whose values are as the merchant wrote them, into the common form.
// record.Written, which is used again for the next row, says what they were.
func (m *Mapper) Map(record *settlement.Record) {
	w := &m.written
	*w = settlement.Written{Names: m.names, Values: record.Values}
	record.Written = w
	if m.layout.TimeName != "" {
		m.join(record)
	}
	if m.tidy {
		for column := range settlement.Columns {
			record.Values[column] = m.layout.tidy(record.Values[column])
		}
	}
	for _, column := range m.constants {
		w.Values[column] = ""
		record.Values[column] = m.layout.Constants[column]
	}
	m.mapKind(record)
	m.mapPoints(record)
	m.mapInstant(record)
	m.mapDate(record, settlement.OriginalDate, &record.OriginalDate)
	m.mapDate(record, settlement.ExpiresOn, &record.ExpiresOn)
	m.mapAmount(record)
}

// tidy returns a value without what the layout takes for nothing.
func (l *Layout) tidy(text string) string {
	if l.Trim {
		text = trim(text)
	}
	if slices.Contains(l.Empty, text) {
		return ""
	}
	return text
}

// join makes one value of date and time. Without a date there is none.
func (m *Mapper) join(record *settlement.Record) {
	written, text := &m.written.Values[settlement.OccurredAt], &record.Values[settlement.OccurredAt]
	day, clock := m.layout.tidy(*text), m.layout.tidy(m.timeOfDay)
	if m.timeOfDay != "" {
		*written = strings.TrimPrefix(*written+" "+m.timeOfDay, " ")
	}
	*text = day
	if day != "" && clock != "" {
		*text = day + " " + clock
	}
	m.timeOfDay = ""
}

// due reports whether there is a text to be understood in a column.
func due(record *settlement.Record, column settlement.Column) bool {
	return record.Values[column] != "" && record.Mistyped&(1<<column) == 0
}

// fault marks a value that was not understood, and keeps its text.
func (m *Mapper) fault(record *settlement.Record, column settlement.Column, fault string) {
	record.Mistyped |= 1 << column
	record.Typed &^= 1 << column
	m.written.Faults[column] = fault
}

func (m *Mapper) mapKind(record *settlement.Record) {
	const column = settlement.KindColumn
	if m.layout.Kinds == nil || !due(record, column) {
		return
	}
	kind, known := m.layout.Kinds[record.Values[column]]
	if !known {
		m.fault(record, column, m.kinds)
		record.Values[column] = "" // it must not be taken for a kind by chance
		return
	}
	record.Values[column] = kind.String()
}

// kindWords says what kinds may be called.
func (l *Layout) kindWords() string {
	const shown = 12
	words := make([]string, 0, len(l.Kinds))
	for word := range l.Kinds {
		words = append(words, word)
	}
	slices.Sort(words)
	text := "has to be one of "
	for i, word := range words {
		if i == shown {
			return text + " and others"
		}
		if i > 0 {
			text += ", "
		}
		text += word + " (" + l.Kinds[word].String() + ")"
	}
	return text
}

func (m *Mapper) mapPoints(record *settlement.Record) {
	const column = settlement.PointsColumn
	number := m.layout.Points
	if number == nil {
		return
	}
	var q quantity
	switch ok := true; {
	case record.Typed&(1<<column) != 0:
		q, ok = quantityOf(record.Points)
		m.written.Values[column] = strconv.FormatInt(record.Points, 10)
		record.Values[column] = m.written.Values[column]
		if !ok {
			m.fault(record, column, m.pointsForm())
			return
		}
	case !due(record, column):
		return
	default:
		if q, ok = number.read(record.Values[column]); !ok {
			m.fault(record, column, m.pointsForm())
			return
		}
	}
	points, ok := number.points(q)
	if !ok {
		m.fault(record, column, m.pointsForm())
		return
	}
	if q.negative && !m.mapSign(record) {
		return
	}
	record.Values[column] = ""
	record.Typed |= 1 << column
	record.Points = points
}

func quantityOf(number int64) (quantity, bool) {
	if number < 0 {
		return quantity{negative: true, unscaled: -number}, number != math.MinInt64
	}
	return quantity{unscaled: number}, true
}

func (m *Mapper) pointsForm() string {
	text := "has to be a number"
	switch m.layout.Sign {
	case Absolute:
		text += " with or without a sign"
	case NegativeIsReversal, NegativeIsRedeem:
		text += ", negative perhaps"
	}
	text += ": " + m.layout.Points.form()
	if scale := m.layout.Points.Scale; scale > 1 {
		text += "; " + strconv.FormatInt(scale, 10) + " of its units are a point"
	}
	return text + "; the points have to come out whole, from 1 to 1000000000000"
}

// mapSign makes of a row with negative points what it means. It reports false if it means nothing.
func (m *Mapper) mapSign(record *settlement.Record) bool {
	if m.layout.Sign == Absolute {
		return true
	}
	kind, known := settlement.ParseKind(record.Values[settlement.KindColumn])
	if !known || record.Mistyped&(1<<settlement.KindColumn) != 0 {
		return true // the row is rejected for its kind
	}
	switch {
	case m.layout.Sign == NegativeIsReversal && kind == settlement.Issue:
		kind = settlement.IssueReversal
	case m.layout.Sign == NegativeIsReversal && kind == settlement.Redeem:
		kind = settlement.RedeemReversal
	case m.layout.Sign == NegativeIsRedeem && kind == settlement.Issue:
		kind = settlement.Redeem
	case m.layout.Sign == NegativeIsReversal || m.layout.Sign == NegativeIsRedeem:
		m.fault(record, settlement.PointsColumn, "must not be negative in a row of kind "+kind.String())
		return false
	default:
		m.fault(record, settlement.PointsColumn, "must not be negative")
		return false
	}
	record.Values[settlement.KindColumn] = kind.String()
	return true
}

func (m *Mapper) mapInstant(record *settlement.Record) {
	const column = settlement.OccurredAt
	if m.layout.OccurredAt == nil || !due(record, column) {
		return
	}
	at, fault := m.clock.read(record.Values[column])
	if fault != "" {
		m.fault(record, column, fault)
		return
	}
	record.Values[column] = ""
	record.Typed |= 1 << column
	record.OccurredAt = at
}

func (m *Mapper) mapDate(record *settlement.Record, column settlement.Column, date *settlement.Date) {
	if m.layout.Dates == nil || !due(record, column) {
		return
	}
	w, ok := m.layout.Dates.read(record.Values[column])
	if !ok {
		m.fault(record, column, "has to be a date of the form "+m.layout.Dates.text)
		return
	}
	record.Values[column] = ""
	record.Typed |= 1 << column
	*date = w.date()
}

func (m *Mapper) mapAmount(record *settlement.Record) {
	const column = settlement.Amount
	number := m.layout.Amount
	if number == nil || !due(record, column) {
		return
	}
	q, ok := number.read(record.Values[column])
	hundredths := int64(0)
	if ok {
		hundredths, ok = number.hundredths(q)
	}
	if !ok {
		form := "has to be an amount without a part finer than 0.01: " + number.form()
		if number.Scale > 1 {
			form += "; " + strconv.FormatInt(number.Scale, 10) + " of its units are one of the currency"
		}
		m.fault(record, column, form)
		return
	}
	record.Values[column] = ""
	record.Typed |= 1 << column
	record.AmountHundredths = hundredths
}

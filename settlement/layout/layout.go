package layout

import (
	"strings"
	"time"

	"alliance/settlement"
)

// A Layout is how one merchant writes its files, as far as that is not the common form. The zero
// value of each field but Delimiter means: as in the common form. A Layout does not change once
// it is in use, and may be used by several goroutines.
type Layout struct {
	// Names holds the merchant's names of columns; "" for one that keeps its own.
	Names [settlement.Columns]string
	// TimeName is the column with the time of day, if Names[OccurredAt] has the date alone; else "".
	TimeName string
	// Fields are the names of the columns of a CSV file without a header, by place; nil if files
	// have a header.
	Fields []string
	// Ignored are columns of the merchant that have no meaning here, and are known to have none.
	Ignored []string
	// Delimiter separates the fields of CSV. Unquoted says that a quote in CSV is a character like
	// any other.
	Delimiter byte
	Unquoted  bool
	// Encoding is one of [Encodings], or "" for UTF-8.
	Encoding string
	// Trim strips blanks around names and values. Empty are texts that stand for no value.
	Trim  bool
	Empty []string
	// Kinds are the merchant's words for kinds; nil if they are the common ones.
	Kinds map[string]settlement.Kind
	// Points and Amount say how numbers are written; nil for the common form.
	Points *Number
	Amount *Number
	// Sign says what the sign of points means; it has no meaning without Points.
	Sign Sign
	// OccurredAt says how instants are written, Dates how original_date and expires_on are; nil for
	// the common form.
	OccurredAt *Clock
	Dates      *Pattern
	// Constants are the values of columns that the files do not have; "" for those that they do.
	Constants [settlement.Columns]string
}

// A Sign says what the sign of points means.
type Sign string

// The meanings of a sign.
const (
	// Positive refuses negative points.
	Positive Sign = "positive"
	// Absolute pays no attention to the sign.
	Absolute Sign = "absolute"
	// NegativeIsReversal takes a negative issue for an issue_reversal, a negative redeem for a
	// redeem_reversal, and refuses a negative reversal.
	NegativeIsReversal Sign = "negative_is_reversal"
	// NegativeIsRedeem takes a negative issue for a redeem, and refuses others.
	NegativeIsRedeem Sign = "negative_is_redeem"
)

// An Epoch counts instants from 1970-01-01T00:00:00Z.
type Epoch string

// The units in which instants are counted; NoEpoch if they are not.
const (
	NoEpoch      Epoch = ""
	Seconds      Epoch = "seconds"
	Milliseconds Epoch = "milliseconds"
	Microseconds Epoch = "microseconds"
)

// A Clock says how occurred_at is written: by Pattern, or counted, as Epoch says.
type Clock struct {
	Pattern *Pattern
	Epoch   Epoch
	// ZoneName and Zone are of wall clocks that are written without an offset; "" and nil if there
	// are none.
	ZoneName string
	Zone     *time.Location
}

// TimeOfDay is the place of the column with the time of day, if it is not in occurred_at's own.
const TimeOfDay = settlement.Columns + 1

// Has reports whether files have a column; false if it is a constant.
func (l *Layout) Has(column settlement.Column) bool { return l.Constants[column] == "" }

// Name returns the merchant's name of a column, or of the two that make up occurred_at.
func (l *Layout) Name(column settlement.Column) string {
	name := l.Names[column]
	if name == "" {
		return column.String()
	}
	if column == settlement.OccurredAt && l.TimeName != "" {
		return name + " + " + l.TimeName
	}
	return name
}

// Sources returns the names that a column has in the merchant's files: one, but two of
// occurred_at in two columns, and none of a constant.
func (l *Layout) Sources(column settlement.Column) []string {
	switch {
	case !l.Has(column):
		return nil
	case l.Names[column] == "":
		return []string{column.String()}
	case column == settlement.OccurredAt && l.TimeName != "":
		return []string{l.Names[column], l.TimeName}
	default:
		return []string{l.Names[column]}
	}
}

// Places returns what each name of the merchant's stands for: a column, [TimeOfDay], or
// settlement.Columns for one that is known to have no meaning. A name that the merchant gives to
// one column never stands for another that has the name in the common form.
func (l *Layout) Places() map[string]settlement.Column {
	places := make(map[string]settlement.Column, 2*settlement.Columns)
	for column := range settlement.Columns {
		if l.Has(column) && l.Names[column] == "" {
			places[column.String()] = column
		}
	}
	for _, name := range l.Ignored {
		places[name] = settlement.Columns
	}
	for _, name := range l.Fields {
		if _, known := places[name]; !known {
			places[name] = settlement.Columns // the profile knows it
		}
	}
	for column, name := range l.Names {
		if name != "" {
			places[name] = settlement.Column(column)
		}
	}
	if l.TimeName != "" {
		places[l.TimeName] = TimeOfDay
	}
	return places
}

// TakesNumbers returns, by 1<<column, the columns whose values may be JSON numbers: points, what
// the layout converts, and what it gives another name.
func (l *Layout) TakesNumbers() uint16 {
	taken := uint16(1) << settlement.PointsColumn
	for column, name := range l.Names {
		if name != "" {
			taken |= 1 << column
		}
	}
	mark := func(is bool, columns ...settlement.Column) {
		for _, column := range columns {
			if is {
				taken |= 1 << column
			}
		}
	}
	mark(l.Kinds != nil, settlement.KindColumn)
	mark(l.Amount != nil, settlement.Amount)
	mark(l.OccurredAt != nil, settlement.OccurredAt, TimeOfDay)
	mark(l.Dates != nil, settlement.OriginalDate, settlement.ExpiresOn)
	return taken
}

// trim strips what looks like nothing at the ends of a text.
func trim(text string) string { return strings.TrimSpace(text) }

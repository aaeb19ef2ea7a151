package settlement

import "strconv"

// A Record is one row as a merchant delivered it, before any of it is believed.
type Record struct {
	// Row counts records from 1; a header is not counted, nor is a blank line.
	Row int64
	// Fault says why the row is malformed; "" if it is not. A malformed row has no values.
	Fault string
	// Values holds the text of each column; "" where it is empty, null or absent, or where the
	// value is typed.
	Values [Columns]string
	// Mistyped marks, by 1<<Column, values of a type that the column does not take, such as
	// a JSON number where a string is due.
	Mistyped uint16
	// Typed marks, by 1<<Column, values that come from a file with typed columns: not as text, but
	// in the fields below, which mean nothing without their mark.
	Typed uint16
	// Points may be any number.
	Points int64
	// OccurredAt may be any instant.
	OccurredAt Instant
	// OriginalDate and ExpiresOn are dates of the years 0000 to 9999.
	OriginalDate, ExpiresOn Date
	// AmountHundredths is the amount in hundredths of the currency, whatever its minor unit.
	AmountHundredths int64
	// Written, if not nil, is what the merchant wrote: the file has a layout of its own, and the
	// values here are what that was understood to mean. A value that was not understood is
	// marked as mistyped.
	Written *Written
}

// Written is a row in the merchant's own words, by the columns that they are about.
type Written struct {
	// Names are the merchant's names of the columns.
	Names [Columns]string
	// Values are its texts; "" also where the value is typed, or has the layout's constant.
	Values [Columns]string
	// Faults say what is wrong with values that were not understood, as the rest of a sentence
	// that begins with the column's name.
	Faults [Columns]string
}

// Name returns the merchant's name of a column.
func (r *Record) Name(column Column) string {
	if r.Written == nil {
		return column.String()
	}
	return r.Written.Names[column]
}

// Found returns what the merchant wrote in a column, as text.
func (r *Record) Found(column Column) string {
	if r.Written != nil && r.Written.Values[column] != "" {
		return r.Written.Values[column]
	}
	return r.Text(column)
}

// Has reports whether the row says anything in a column.
func (r *Record) Has(column Column) bool {
	return r.Values[column] != "" || (r.Mistyped|r.Typed)&(1<<column) != 0
}

// Said returns the columns in which the row says anything, by 1<<Column.
func (r *Record) Said() uint16 {
	said := r.Mistyped | r.Typed
	for column := range r.Values {
		if r.Values[column] != "" {
			said |= 1 << column
		}
	}
	return said
}

// Text returns the value of a column as text; a typed one as it is written in CSV.
func (r *Record) Text(column Column) string {
	if r.Typed&(1<<column) == 0 {
		return r.Values[column]
	}
	switch column {
	case PointsColumn:
		return strconv.FormatInt(r.Points, 10)
	case OccurredAt:
		return r.OccurredAt.String()
	case OriginalDate:
		return r.OriginalDate.String()
	case ExpiresOn:
		return r.ExpiresOn.String()
	case Amount:
		return hundredthsText(r.AmountHundredths)
	default:
		panic("settlement: column " + column.String() + " has no typed values")
	}
}

func hundredthsText(hundredths int64) string {
	sign, magnitude := "", uint64(hundredths)
	if hundredths < 0 {
		sign, magnitude = "-", -magnitude
	}
	fraction := strconv.FormatUint(magnitude%100+100, 10)[1:]
	return sign + strconv.FormatUint(magnitude/100, 10) + "." + fraction
}

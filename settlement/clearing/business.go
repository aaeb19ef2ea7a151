package clearing

import "alliance/settlement"

// BusinessDate returns the business date of a row, whatever else is the matter with it; false if
// it does not say when it occurred, or not in the form that is asked for.
func (v *Validator) BusinessDate(record *settlement.Record) (settlement.Date, bool) {
	var row settlement.Transaction
	const mark = uint16(1) << settlement.OccurredAt
	ok := false
	switch {
	case record.Fault != "" || !record.Has(settlement.OccurredAt):
	case record.Typed&mark != 0:
		ok = v.readTyped(settlement.OccurredAt, record, &row)
	case record.Mistyped&mark == 0:
		ok = v.read(settlement.OccurredAt, record.Values[settlement.OccurredAt], &row)
	}
	return row.BusinessDate, ok
}

package books

import (
	"fmt"
	"slices"
	"strings"

	"alliance/settlement"
)

// A PassedDate is what stands of a settled date as far as later dates ask for it.
type PassedDate struct {
	Date          settlement.Date
	ComputationID string
	// Adjustments are the ids of the adjustments that the date settled.
	Adjustments []string
	// IDs and PutAway are those objects of the date's state, Parties and ExpiredBefore what it says of what was put away.
	IDs, PutAway  []StateObject
	Parties       []string
	ExpiredBefore string
	UsedPrices    map[string]string
	UsedFees      map[string]string
	// inputs are those of the date, or, unless allInputs, the merchants that were missing.
	inputs    []InputRecord
	allInputs bool
}

// Passed returns what later dates ask for of a date.
func (d *DateRecord) Passed() *PassedDate {
	return &PassedDate{Date: d.Date, ComputationID: d.ComputationID, Adjustments: d.Adjustments, IDs: d.State.Of(IDs), PutAway: d.State.Of(PutAway),
		Parties: d.State.Parties, ExpiredBefore: d.State.ExpiredBefore, UsedPrices: d.UsedPrices, UsedFees: d.UsedFees, inputs: d.Inputs, allInputs: true}
}

// Inputs returns the objects of the inbox as the date found them. It panics if they were not read: see [Ledger.ReadSince].
func (d *PassedDate) Inputs() []InputRecord {
	if !d.allInputs {
		panic(fmt.Sprintf("the inputs of %s were not read", d.Date))
	}
	return d.inputs
}

// Missing returns the merchants that were missing.
func (d *PassedDate) Missing() (merchants []string) {
	for i := range d.inputs {
		if d.inputs[i].State == settlement.Missing {
			merchants = append(merchants, d.inputs[i].Merchant)
		}
	}
	return merchants
}

// withoutInputs gives up all inputs but missing merchants.
func (d *PassedDate) withoutInputs() {
	d.inputs = slices.Clip(slices.DeleteFunc(slices.Clone(d.inputs), func(input InputRecord) bool { return input.State != settlement.Missing }))
	d.allInputs = false
}

// Passed returns what stands of all settled dates.
func (l *Ledger) Passed() map[settlement.Date]*PassedDate {
	standing := make(map[settlement.Date]*PassedDate)
	for i := range l.records {
		for j := range l.records[i].Dates {
			standing[l.records[i].Dates[j].Date] = l.records[i].Dates[j].Passed()
		}
		for j := range l.passed[i] {
			standing[l.passed[i][j].Date] = &l.passed[i][j]
		}
	}
	return standing
}

// settledBy visits the dates that a record settled, in order, with their computation ids.
func (l *Ledger) settledBy(record int, visit func(date settlement.Date, computation string)) {
	for i := range l.records[record].Dates {
		visit(l.records[record].Dates[i].Date, l.records[record].Dates[i].ComputationID)
	}
	for i := range l.passed[record] {
		visit(l.passed[record][i].Date, l.passed[record][i].ComputationID)
	}
}

// standingRecords returns which record says what stands of each date.
func (l *Ledger) standingRecords() map[settlement.Date]int {
	standing := make(map[settlement.Date]int)
	for i := range l.records {
		l.settledBy(i, func(date settlement.Date, _ string) { standing[date] = i })
	}
	return standing
}

// eachOf visits what every record has of a date, in order. It panics if one was not read whole.
func (l *Ledger) eachOf(date settlement.Date, visit func(*DateRecord, *Record)) {
	for i := range l.records {
		l.mustBeWhole(i, date)
		for j := range l.records[i].Dates {
			if l.records[i].Dates[j].Date == date {
				visit(&l.records[i].Dates[j], &l.records[i])
			}
		}
	}
}

// mustBeWhole panics if a record was read in brief and has a date: whoever asks for what is in it would get less than is on record.
func (l *Ledger) mustBeWhole(record int, date settlement.Date) {
	if slices.ContainsFunc(l.passed[record], func(passed PassedDate) bool { return passed.Date == date }) {
		panic(fmt.Sprintf("record %d, of %s, was read in brief", record+1, date))
	}
}

// briefRecords returns those that were read in brief and for which wanted holds, in order.
func (l *Ledger) briefRecords(wanted func(record int) bool) (records []int) {
	for i := range l.passed {
		if l.passed[i] != nil && wanted(i) {
			records = append(records, i)
		}
	}
	return records
}

// shareTexts gives texts that dates have in common the same memory: most nights use the same prices, and find the same merchants' files.
func (l *Ledger) shareTexts(dates []PassedDate) {
	share := func(text string) string {
		first, known := l.shared[text]
		if !known {
			first = strings.Clone(text)
			l.shared[first] = first
		}
		return first
	}
	shareValues := func(used map[string]string) {
		for id, content := range used {
			used[id] = share(content)
		}
	}
	for i := range dates {
		shareValues(dates[i].UsedPrices)
		shareValues(dates[i].UsedFees)
		for j := range dates[i].inputs {
			dates[i].inputs[j].Merchant = share(dates[i].inputs[j].Merchant)
		}
	}
}

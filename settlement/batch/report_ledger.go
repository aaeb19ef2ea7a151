package batch

import (
	"context"
	"time"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/storage"
)

// A LedgerReport is how far a ledger has come, as far as its log says it: members' accounts, which
// may be many, are not read.
type LedgerReport struct {
	// Last is the newest settled date, SettledAt when it was put on record, as claimed; zero if
	// the record does not say so.
	Last      settlement.Date
	SettledAt time.Time
	// NextCutOff is when the date after it is over, and so can be settled.
	NextCutOff settlement.Instant
	// Merchants has an entry for every merchant of the register, in order.
	Merchants []MerchantReport
}

// A MerchantReport is what the log says of a merchant.
type MerchantReport struct {
	Merchant string
	// MissingNights counts the settled dates, the last one and those before it, for which the
	// merchant was expected to deliver and did not, since the last one for which it did.
	MissingNights int
	// MissingLast says that it was missing on the last settled date.
	MissingLast bool
	// Held counts the files that the last settled date held, OldestHeld is the earliest date that
	// one of them was delivered for; NoDate if none is held.
	Held       int
	OldestHeld settlement.Date
	// Accepted, Deferred and Rejected count the rows that the last settled date read.
	Accepted, Deferred, Rejected int64
}

// ledgerReport returns how far a ledger has come, as it was last read or written; nil if no date is settled.
func ledgerReport(ledger *books.Ledger, rulebook *rules.Rulebook) *LedgerReport {
	last, any := ledger.LastSettled()
	if !any {
		return nil
	}
	settled, record := ledger.Settled(last)
	report := &LedgerReport{Last: last, NextCutOff: rulebook.Calendar.CutOff(last + 1)}
	if at, err := time.Parse(time.RFC3339, record.Time); err == nil {
		report.SettledAt = at
	}
	missing := missingOn(newTimeline(ledger))
	inputs := inputsByMerchant(settled.Inputs)
	for i := range rulebook.Merchants {
		merchant := &rulebook.Merchants[i]
		one := MerchantReport{Merchant: rulebook.Parties.ID(merchant.Party), OldestHeld: settlement.NoDate}
		one.MissingNights, one.MissingLast = missingNights(merchant, one.Merchant, missing, last), missing[last][one.Merchant]
		for _, input := range inputs[one.Merchant] {
			one.addInput(input)
		}
		report.Merchants = append(report.Merchants, one)
	}
	return report
}

func inputsByMerchant(inputs []books.InputRecord) map[string][]*books.InputRecord {
	of := make(map[string][]*books.InputRecord)
	for i := range inputs {
		of[inputs[i].Merchant] = append(of[inputs[i].Merchant], &inputs[i])
	}
	return of
}

// missingOn returns who was missing on each settled date.
func missingOn(timeline *timeline) map[settlement.Date]map[string]bool {
	missing := make(map[settlement.Date]map[string]bool)
	for date, passed := range timeline.passed {
		missing[date] = make(map[string]bool)
		for _, merchant := range passed.Missing() {
			missing[date][merchant] = true
		}
	}
	return missing
}

// missingNights counts back from the last settled date. Nights on which the merchant was not
// expected say nothing.
func missingNights(merchant *rules.Merchant, id string, missing map[settlement.Date]map[string]bool, last settlement.Date) (nights int) {
	for date := last; missing[date] != nil; date-- {
		switch {
		case missing[date][id]:
			nights++
		case merchant.ExpectedOn(date):
			return nights
		}
	}
	return nights
}

func (m *MerchantReport) addInput(input *books.InputRecord) {
	if input.State == settlement.Held {
		m.Held++
		if folder := folderOf(input.Key); m.OldestHeld == settlement.NoDate || folder < m.OldestHeld {
			m.OldestHeld = folder
		}
	}
	m.Accepted += input.Accepted
	m.Deferred += input.Deferred
	m.Rejected += input.Rejected
}

// ReadAlliance returns the id of the alliance that a ledger belongs to, "" if it is empty. Errors are
// those of the store.
func ReadAlliance(ctx context.Context, bucket storage.Bucket) (string, error) {
	ledger, err := books.OpenRecent(ctx, bucket, 0)
	if err != nil || ledger.Fixed() == nil {
		return "", err
	}
	fixed, err := fixedOf(ledger)
	return fixed.AllianceID, err
}

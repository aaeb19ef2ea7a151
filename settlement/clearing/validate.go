package clearing

import (
	"math/bits"

	"alliance/rules"
	"alliance/settlement"
)

// A Validator checks the rows of one settlement date by everything that needs only the row and
// the rulebook. It remembers a little from row to row, so each worker needs one of its own.
type Validator struct {
	rulebook *rules.Rulebook
	date     settlement.Date
	// earliest and latest are the first and the last business date that may be read tonight.
	earliest, latest settlement.Date
	// forms holds what each kind takes and requires.
	forms    [settlement.IssueReversal + 1]form
	business businessDates
	// lastIssuer is who the last row that named an issuer named.
	lastIssuer settlement.Party
	amount     amountText
	scratch    []byte
}

// A form is what a kind of row looks like.
type form struct {
	// taken and required hold columns, by 1<<column.
	taken, required uint16
	reversal        bool
	// namesIssuer is true if the ledger's policy wants the row to name its issuer.
	namesIssuer bool
}

const (
	commonRequired uint16 = 1<<settlement.TransactionID | 1<<settlement.MemberID | 1<<settlement.KindColumn |
		1<<settlement.PointsColumn | 1<<settlement.OccurredAt
	commonTaken = commonRequired | 1<<settlement.MerchantID | 1<<settlement.Amount |
		1<<settlement.CurrencyColumn | 1<<settlement.Reason | 1<<settlement.StoreID
)

// NewValidator returns a Validator for the rows read by the run of a settlement date.
func NewValidator(rulebook *rules.Rulebook, date settlement.Date) *Validator {
	v := &Validator{
		rulebook:   rulebook,
		date:       date,
		earliest:   date - settlement.Date(rulebook.Intake.AcceptLateDays),
		latest:     date + settlement.Date(rulebook.Intake.AcceptEarlyDays),
		business:   businessDates{calendar: rulebook.Calendar},
		lastIssuer: settlement.NoParty,
	}
	for kind := range v.forms {
		v.forms[kind] = formOf(settlement.Kind(kind), &rulebook.Ledger)
	}
	return v
}

func formOf(kind settlement.Kind, ledger *rules.Ledger) form {
	f := form{taken: commonTaken, required: commonRequired}
	switch kind {
	case settlement.Issue:
		f.taken |= 1<<settlement.IssuerID | 1<<settlement.ExpiresOn
	case settlement.Redeem:
		f.taken |= 1 << settlement.IssuerID
		f.namesIssuer = ledger.Attribution == rules.Stated
	default:
		f.reversal = true
		if ledger.Tracked {
			f.taken |= 1<<settlement.OriginalTransactionID | 1<<settlement.OriginalDate
			f.required |= 1 << settlement.OriginalTransactionID
		} else {
			f.taken |= 1 << settlement.IssuerID
			f.namesIssuer = true
		}
	}
	return f
}

// Check reads a row that stands in a file of the merchant into row, and checks it by every rule that
// comes before `conflict`. The rejection is nil if the row passed; else it says why not, by the
// first code that applies, and row is meaningless.
//
// A row whose business date is after the settlement date, but not by more than
// accept_early_days, passes: it is to be deferred once its id is known to be free.
// The transaction's texts are those of the record, not copies.
func (v *Validator) Check(merchant settlement.Party, file string, record *settlement.Record, row *settlement.Transaction) *settlement.Exception {
	*row = settlement.Transaction{
		Source:       settlement.Source{File: file, Row: record.Row},
		Merchant:     merchant,
		Issuer:       settlement.NoParty,
		OriginalDate: settlement.NoDate,
		ExpiresOn:    settlement.NoDate,
		FirstRead:    v.date,
	}
	if record.Fault != "" {
		return v.rejectMalformed(row, record)
	}
	taken, required := commonTaken, commonRequired
	kind, known := settlement.ParseKind(record.Values[settlement.KindColumn])
	if known {
		row.Kind = kind
		taken, required = v.forms[kind].taken, v.forms[kind].required
	}
	said := record.Said()
	if missing := required &^ said; missing != 0 {
		return v.reject(row, record, settlement.MissingField, firstColumn(missing))
	}
	if known {
		said &^= 1 << settlement.KindColumn &^ record.Mistyped // it was read
	}
	if column := v.firstInvalid(record, taken&said, row); column != settlement.Columns {
		return v.reject(row, record, settlement.InvalidValue, column)
	}
	if code, column := v.checkAgreement(record, row); code != settlement.NoCode {
		return v.reject(row, record, code, column)
	}
	if row.BusinessDate > v.date {
		row.OccurredAtText = record.Found(settlement.OccurredAt)
	}
	row.Content = v.contentDigest(record, row)
	return nil
}

// firstColumn returns the first of the columns that a set holds, by 1<<column.
func firstColumn(set uint16) settlement.Column { return settlement.Column(bits.TrailingZeros16(set)) }

// firstInvalid reads columns, in which the record says something, into the row. It returns the first, in the
// order of the table, whose value is not of its form, or Columns.
func (v *Validator) firstInvalid(record *settlement.Record, columns uint16, row *settlement.Transaction) settlement.Column {
	v.amount = amountText{}
	for ; columns != 0; columns &= columns - 1 {
		column := firstColumn(columns)
		ok := false
		switch mark := uint16(1) << column; {
		case record.Typed&mark != 0:
			ok = v.readTyped(column, record, row)
		case record.Mistyped&mark == 0:
			ok = v.read(column, record.Values[column], row)
		}
		if !ok {
			return column
		}
	}
	return settlement.Columns
}

// read reads one value into the row. It reports whether the value is of the column's form.
func (v *Validator) read(column settlement.Column, text string, row *settlement.Transaction) (ok bool) {
	switch column {
	case settlement.TransactionID:
		row.ID = text
		return validID(text)
	case settlement.MemberID:
		row.Member = text
		return validID(text)
	case settlement.KindColumn:
		_, ok = settlement.ParseKind(text)
	case settlement.PointsColumn:
		row.Points, ok = parsePoints(text)
	case settlement.OccurredAt:
		row.OccurredAt, ok = parseInstant(text)
		if ok {
			row.BusinessDate = v.business.of(row.OccurredAt)
		}
	case settlement.MerchantID, settlement.IssuerID:
		return true // whether it names the right one has codes of its own
	case settlement.OriginalTransactionID:
		row.OriginalID = text
		return validID(text)
	case settlement.OriginalDate:
		row.OriginalDate, ok = parseDate(text)
	case settlement.ExpiresOn:
		row.ExpiresOn, ok = parseDate(text)
		return ok && row.ExpiresOn >= row.BusinessDate
	case settlement.Amount:
		return v.amount.parse(text)
	case settlement.CurrencyColumn:
		return validCurrency(text)
	case settlement.Reason:
		row.Reason = text
		return validReason(text)
	case settlement.StoreID:
		return validID(text)
	}
	return ok
}

// readTyped reads one typed value into the row. It reports whether the value is in the range
// that the column's form allows.
func (v *Validator) readTyped(column settlement.Column, record *settlement.Record, row *settlement.Transaction) (ok bool) {
	switch column {
	case settlement.PointsColumn:
		row.Points = record.Points
		return row.Points >= 1 && row.Points <= settlement.MaxPoints
	case settlement.OccurredAt:
		row.OccurredAt = record.OccurredAt
		if row.OccurredAt < minInstant || row.OccurredAt > maxInstant {
			return false
		}
		row.BusinessDate = v.business.of(row.OccurredAt)
		return true
	case settlement.OriginalDate:
		row.OriginalDate = record.OriginalDate
		return true
	case settlement.ExpiresOn:
		row.ExpiresOn = record.ExpiresOn
		return row.ExpiresOn >= row.BusinessDate
	case settlement.Amount:
		return true // only its content counts
	default:
		panic("clearing: column " + column.String() + " has no typed values")
	}
}

// checkAgreement holds a row that is well formed against the rulebook. It returns the first
// code that applies and the column that it is about, or NoCode.
func (v *Validator) checkAgreement(record *settlement.Record, row *settlement.Transaction) (settlement.Code, settlement.Column) {
	if id := record.Values[settlement.MerchantID]; id != "" && id != v.rulebook.Parties.ID(row.Merchant) {
		return settlement.WrongMerchant, settlement.MerchantID
	}
	merchant := v.rulebook.Merchant(row.Merchant)
	if row.BusinessDate < merchant.Joined || row.BusinessDate > v.lastBusinessDate(merchant, row.Kind) {
		return settlement.InactiveMerchant, settlement.OccurredAt
	}
	if row.BusinessDate > v.latest {
		return settlement.Future, settlement.OccurredAt
	}
	if row.BusinessDate < v.earliest {
		return settlement.TooLate, settlement.OccurredAt
	}
	return v.checkIssuer(record, row, merchant), settlement.IssuerID
}

// lastBusinessDate returns the last business date of a merchant's rows of a kind: what it sold
// before it left may still be given back for a while.
func (v *Validator) lastBusinessDate(merchant *rules.Merchant, kind settlement.Kind) settlement.Date {
	if merchant.Left == settlement.Never || !v.forms[kind].reversal {
		return merchant.Left
	}
	return merchant.Left + settlement.Date(v.rulebook.Ledger.ReversalDays)
}

func (v *Validator) checkIssuer(record *settlement.Record, row *settlement.Transaction, merchant *rules.Merchant) settlement.Code {
	form := &v.forms[row.Kind]
	if form.taken&(1<<settlement.IssuerID) == 0 {
		return settlement.NoCode
	}
	text := record.Values[settlement.IssuerID]
	if text == "" {
		if form.namesIssuer {
			return settlement.IssuerRequired
		}
		return settlement.NoCode
	}
	row.Issuer = v.findIssuer(text)
	switch {
	case row.Issuer == settlement.NoParty:
		return settlement.UnknownIssuer
	case row.Kind == settlement.Issue && !merchant.MayIssueFor(row.Issuer):
		return settlement.NotAgreed
	case row.Kind == settlement.Redeem && !merchant.MayRedeemFrom(row.Issuer):
		return settlement.NotAgreed
	}
	return settlement.NoCode
}

// findIssuer returns the party of an id. Rows of one issuer often come together.
func (v *Validator) findIssuer(id string) settlement.Party {
	if v.rulebook.Parties.ID(v.lastIssuer) == id {
		return v.lastIssuer
	}
	party := v.rulebook.Parties.Find(id)
	if party != settlement.NoParty {
		v.lastIssuer = party
	}
	return party
}

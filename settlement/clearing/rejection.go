package clearing

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"alliance/settlement"
)

// maxValueBytes is how much of a value found is shown.
const maxValueBytes = 64

// rejectMalformed says that a row cannot be read. Nothing of it is shown: which part of it
// would be the member id is not known.
func (v *Validator) rejectMalformed(row *settlement.Transaction, record *settlement.Record) *settlement.Exception {
	exception := newRejection(row, settlement.Malformed)
	exception.Message = record.Fault
	return &exception
}

// reject says why a row was not accepted, and what to do about it.
func (v *Validator) reject(row *settlement.Transaction, record *settlement.Record, code settlement.Code, column settlement.Column) *settlement.Exception {
	row.ID = record.Values[settlement.TransactionID]
	if record.Mistyped&(1<<settlement.TransactionID) != 0 || !validID(row.ID) {
		row.ID = "" // an id that is none is shown as the value found
	}
	exception := newRejection(row, code)
	exception.Column = record.Name(column)
	if column != settlement.MemberID {
		exception.Value = cutValue(record.Found(column))
	}
	exception.Message = v.message(row, record, code, column)
	return &exception
}

func newRejection(row *settlement.Transaction, code settlement.Code) settlement.Exception {
	return settlement.Exception{
		Merchant:      row.Merchant,
		File:          row.Source.File,
		Row:           row.Source.Row,
		TransactionID: row.ID,
		Code:          code,
		State:         settlement.Rejected,
	}
}

// cutValue returns what is shown of a value: valid UTF-8, at most 64 bytes of it, no broken
// character at the end.
func cutValue(text string) string {
	if len(text) > maxValueBytes {
		end := maxValueBytes
		for end > maxValueBytes-utf8.UTFMax && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	return strings.ToValidUTF8(text, "")
}

// nameOf names a column as its merchant does, and, if that is another name, as it is documented.
func nameOf(record *settlement.Record, column settlement.Column) string {
	own := record.Name(column)
	if own == column.String() {
		return own
	}
	return own + " (" + column.String() + ")"
}

func (v *Validator) message(row *settlement.Transaction, record *settlement.Record, code settlement.Code, column settlement.Column) string {
	switch code {
	case settlement.MissingField:
		if column == settlement.OriginalTransactionID {
			return fmt.Sprintf("%s has no value; a row of kind %s must name the transaction that it reverses", nameOf(record, column), row.Kind)
		}
		return fmt.Sprintf("%s has no value; every row must have one", nameOf(record, column))
	case settlement.InvalidValue:
		return v.invalidMessage(row, record, column)
	case settlement.WrongMerchant:
		return fmt.Sprintf("the row names another merchant than the folder, %s; leave %s out or deliver the row in its own folder",
			v.rulebook.Parties.ID(row.Merchant), nameOf(record, column))
	case settlement.InactiveMerchant:
		return v.inactiveMessage(row)
	case settlement.Future:
		return fmt.Sprintf("business date %s is more than %d days after the settlement date %s; check the clock or deliver the row later",
			row.BusinessDate, v.rulebook.Intake.AcceptEarlyDays, v.date)
	case settlement.TooLate:
		return fmt.Sprintf("business date %s is more than %d days before the settlement date %s; ask the alliance for an adjustment",
			row.BusinessDate, v.rulebook.Intake.AcceptLateDays, v.date)
	case settlement.UnknownIssuer:
		return fmt.Sprintf("%s is neither a registered merchant nor the alliance; correct it, or leave it out", nameOf(record, column))
	case settlement.NotAgreed:
		if row.Kind == settlement.Issue {
			return fmt.Sprintf("the merchant may not issue points of this issuer; leave %s out for its own points", nameOf(record, column))
		}
		return fmt.Sprintf("the merchant may not redeem points of this issuer; leave %s out, or agree with the alliance on it", nameOf(record, column))
	default: // IssuerRequired
		return fmt.Sprintf("a row of kind %s must name the issuer of the points in %s", row.Kind, nameOf(record, column))
	}
}

func (v *Validator) inactiveMessage(row *settlement.Transaction) string {
	merchant := v.rulebook.Merchant(row.Merchant)
	if row.BusinessDate < merchant.Joined {
		return fmt.Sprintf("business date %s is before the merchant joined on %s; ask the alliance for an adjustment", row.BusinessDate, merchant.Joined)
	}
	return fmt.Sprintf("business date %s is after %s, the last on which the merchant, which left on %s, may deliver rows of kind %s; ask the alliance for an adjustment",
		row.BusinessDate, v.lastBusinessDate(merchant, row.Kind), merchant.Left, row.Kind)
}

const idForm = "1 to 128 bytes of UTF-8 in Unicode form NFC without control characters"

// expectedForms says in words what the value of each column has to look like.
var expectedForms = [settlement.Columns]string{
	settlement.TransactionID:         idForm,
	settlement.MemberID:              idForm,
	settlement.KindColumn:            "issue, redeem, redeem_reversal or issue_reversal",
	settlement.PointsColumn:          "a whole number from 1 to 1000000000000, digits only, no leading zero",
	settlement.OccurredAt:            "YYYY-MM-DDThh:mm:ss, then perhaps .digits, then Z or an offset such as +08:00, in the years 1970 to 2200",
	settlement.MerchantID:            "the id of the folder's merchant",
	settlement.IssuerID:              "the id of a merchant or of the alliance",
	settlement.OriginalTransactionID: idForm,
	settlement.OriginalDate:          "a date YYYY-MM-DD",
	settlement.ExpiresOn:             "a date YYYY-MM-DD",
	settlement.Amount:                "digits, perhaps with a minus before and one or two decimals after a point",
	settlement.CurrencyColumn:        "three capital letters",
	settlement.Reason:                "a small letter, then up to 31 small letters, digits or underscores",
	settlement.StoreID:               idForm,
}

func (v *Validator) invalidMessage(row *settlement.Transaction, record *settlement.Record, column settlement.Column) string {
	name := nameOf(record, column)
	if record.Written != nil && record.Written.Faults[column] != "" {
		return name + " " + record.Written.Faults[column]
	}
	if record.Mistyped&(1<<column) != 0 {
		return fmt.Sprintf("%s is of a type that the column does not take; it has to be text: %s", name, expectedForms[column])
	}
	if column == settlement.ExpiresOn && row.ExpiresOn != settlement.NoDate {
		return fmt.Sprintf("%s is before the row's business date %s", name, row.BusinessDate)
	}
	return fmt.Sprintf("%s has to be %s", name, expectedForms[column])
}

// DeferredFuture returns the exception of a row that passed every check but belongs to a later
// business date: it is deferred to the run of that date.
func DeferredFuture(row *settlement.Transaction) settlement.Exception {
	exception := newRejection(row, settlement.Future)
	exception.State = settlement.DeferredState
	exception.Column = settlement.OccurredAt.String()
	exception.Value = cutValue(row.OccurredAtText)
	exception.Message = fmt.Sprintf("the row is kept and will be settled on its business date %s; do not send it again", row.BusinessDate)
	return exception
}

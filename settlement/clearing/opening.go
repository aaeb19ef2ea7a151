package clearing

import (
	"fmt"

	"alliance/rules"
	"alliance/settlement"
)

// The columns of a file of opening lots, in the order in which their values are checked.
const (
	OpeningMember = iota
	OpeningIssuer
	OpeningLot
	OpeningIssuedAt
	OpeningExpiresOn
	OpeningPoints
	// OpeningColumns is the number of columns.
	OpeningColumns
)

// OpeningColumnNames are the names of the columns of a file of opening lots.
var OpeningColumnNames = [OpeningColumns]string{"member_id", "issuer_id", "lot_id", "issued_at", "expires_on", "points"}

// An OpeningFault is what is wrong with a row of a file of opening lots.
type OpeningFault struct {
	// Column is where, Value what was found; "" for a member id, which is never shown.
	Column, Value string
	// Message says what to do.
	Message string
}

// ReadOpeningLot reads a row of a file of opening lots: points that members brought along from
// before the ledger's first date. All columns have the form that they have in a merchant's file;
// expires_on may be empty, the points then expire as if a row of that business date had issued
// them, by the rulebook's expiry. The lot is keyed (issuer, business date of issued_at, lot id)
// and marked as imported, so that no reversal ever takes it for its original. The fault is nil if
// the row is good.
func ReadOpeningLot(rulebook *rules.Rulebook, source settlement.Source, values [OpeningColumns]string) (member string, lot settlement.Lot, fault *OpeningFault) {
	wrong := func(column int, message string, arguments ...any) (string, settlement.Lot, *OpeningFault) {
		found := &OpeningFault{Column: OpeningColumnNames[column], Message: fmt.Sprintf(message, arguments...)}
		if column != OpeningMember {
			found.Value = cutValue(values[column])
		}
		return "", settlement.Lot{}, found
	}
	for column, value := range values {
		if value == "" && column != OpeningExpiresOn {
			return wrong(column, "has no value; every row must have one")
		}
	}
	const idForm = "must be 1 to %d bytes of UTF-8 in normal form C without control characters"
	if member = values[OpeningMember]; !validID(member) {
		return wrong(OpeningMember, idForm, maxIDBytes)
	}
	issuer := rulebook.Parties.Find(values[OpeningIssuer])
	if issuer == settlement.NoParty {
		return wrong(OpeningIssuer, "is neither a merchant of the rulebook nor the alliance; correct it, or add the merchant")
	}
	if !validID(values[OpeningLot]) {
		return wrong(OpeningLot, idForm, maxIDBytes)
	}
	issuedAt, ok := parseInstant(values[OpeningIssuedAt])
	if !ok {
		return wrong(OpeningIssuedAt, "must be an instant such as 2026-05-31T18:30:00+08:00, with its offset from UTC, of the years %d to %d", minYear, maxYear)
	}
	business := rulebook.Calendar.BusinessDate(issuedAt)
	var expiresOn settlement.Date
	if text := values[OpeningExpiresOn]; text == "" {
		expiresOn = rulebook.Ledger.ExpiresOn(business)
	} else if expiresOn, ok = parseDate(text); !ok {
		return wrong(OpeningExpiresOn, "must be a date such as 2027-05-31, or empty for the rulebook's expiry")
	} else if expiresOn < business {
		return wrong(OpeningExpiresOn, "lies before %s, the business date of issued_at; it is the last date of use", business)
	}
	points, ok := parsePoints(values[OpeningPoints])
	if !ok {
		return wrong(OpeningPoints, "must be a whole number from 1 to %d, without sign, zeros in front or decimals", int64(settlement.MaxPoints))
	}
	return member, settlement.Lot{
		Key:       settlement.LotKey{Merchant: issuer, BusinessDate: business, TransactionID: values[OpeningLot], Imported: true},
		Issuer:    issuer,
		IssuedAt:  issuedAt,
		ExpiresOn: expiresOn,
		Issued:    points,
		Open:      points,
		Source:    source,
	}, nil
}

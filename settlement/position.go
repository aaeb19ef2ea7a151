package settlement

import "github.com/shopspring/decimal"

// IssuerPoints is the roll-forward of the points of one issuer over one settlement date:
//
//	Opening + Issued - IssueReversed - RedeemedOwn - RedeemedElsewhere + Restored - Expired = Closing
//
// and Closing is the sum of its open lots. On an untracked ledger nothing expires, and Opening and
// Closing have no meaning and are not published.
type IssuerPoints struct {
	Issuer                         Party
	Opening, Issued, IssueReversed int64
	RedeemedOwn, RedeemedElsewhere int64
	Restored, Expired, Closing     int64
}

// A Position is what a party owes or is owed when a cycle closes. For every party
//
//	Net = Receivable - Payable - Fees - Tax
//	CarriedIn + Net + Released = Held + CarriedOut + Due
//
// Due is positive when the alliance pays the merchant. The alliance's fees, tax and everything
// after them are minus the merchants' sums, so each of those columns sums to zero.
type Position struct {
	Party                                      Party
	Receivable, Payable, Fees, Tax, Net        decimal.Decimal
	CarriedIn, Held, Released, CarriedOut, Due decimal.Decimal
}

// A Fee is what one merchant pays the alliance by one entry of the fee table for one cycle.
type Fee struct {
	Merchant Party
	ID       string
	// Base is the sum of the values of the merchant's lines in the paying role.
	Base         decimal.Decimal
	Transactions int64
	Amount       decimal.Decimal
	TaxRate      decimal.Decimal
	Tax          decimal.Decimal
}

// A Payment is money to be moved once its date is closed.
type Payment struct {
	ID           string
	Payer, Payee Party
	Amount       decimal.Decimal
	// Merchant is whose statement the payment belongs to: the payer's between merchants.
	Merchant Party
}

// A PairTotal is what the lines of one issuer and redeemer have come to in the running cycle.
type PairTotal struct {
	Issuer, Redeemer Party
	// Value leaves adjustments out; they are in Adjustments.
	Value        decimal.Decimal
	Adjustments  decimal.Decimal
	Transactions int64
	// Lines counts the lines but adjustments: a fee is reported where there are any, even if
	// their values cancel out.
	Lines int64
}

// A Holdback is money of a merchant that was held at the close of a cycle.
type Holdback struct {
	Merchant Party
	Amount   decimal.Decimal
	// Closes counts the closes since: 0 right after the close that held it.
	Closes int
}

// Balances is the money side of what is on record between two settlement dates. Its lists
// are in order of their parties; a party with nothing is not listed.
type Balances struct {
	// Pairs are the totals of the running cycle; none right after a close.
	Pairs []PairTotal
	// Carried is what a merchant is owed (or owes, if negative) from earlier closes.
	Carried []Carry
	Held    []Holdback
}

// A Carry is money of a merchant that was not paid at a close.
type Carry struct {
	Merchant Party
	Amount   decimal.Decimal
}

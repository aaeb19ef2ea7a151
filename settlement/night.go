package settlement

import "github.com/shopspring/decimal"

// A Night is everything that one settlement date decided, complete and in order: what the
// published tables are written from. It names no member.
type Night struct {
	Date     Date
	Parties  Parties
	Alliance Party
	Money    Money
	// Tracked is false if the ledger keeps no lots.
	Tracked bool
	Cycle   Cycle

	// Lines are in the order of [CompareLineKeys]; adjustments have their place among them.
	Lines []Line
	// Detail holds the priced allocations of each line, and those where issuer and redeemer are the same.
	Detail Detail

	// Positions, Fees and Payments are empty unless the cycle closes on Date.
	Positions []Position
	Fees      []Fee
	Payments  []Payment
	// Points has an entry for every issuer that is active, or has points or movement.
	Points     []IssuerPoints
	Exceptions []Exception
	// Inputs are in order of merchant, key; a missing merchant comes first of its own, with no key.
	Inputs []Input
	// Statements has an entry for every merchant that gets files, in order of merchant.
	Statements []Statement

	// AllianceVersion counts the changes of the alliance's tables of this date from 1; 0 stands for 1.
	AllianceVersion int

	RulebookDigest string
	ComputationID  string
}

// A Statement is the head of one merchant's files for one settlement date.
type Statement struct {
	Merchant Party
	// Version counts the changes of this statement from 1; Supersedes is the version before, or 0.
	Version, Supersedes int
	// Receivable and Payable are the day's; CycleReceivable and CyclePayable those of the
	// running cycle, the day included.
	Receivable, Payable           decimal.Decimal
	CycleReceivable, CyclePayable decimal.Decimal
	// Position is the merchant's at the close of the cycle; zero on other days.
	Position Position
	Points   IssuerPoints
	// RedeemedHere is the points redeemed at this merchant, its own and others'.
	RedeemedHere                             int64
	RowsAccepted, RowsDeferred, RowsRejected int64
	// Complete is false if a merchant is missing or one of its files under the date is held.
	Complete bool
}

// No returns the statement's number.
func (n *Night) StatementNo(s *Statement) string {
	return StatementNo(n.Parties.ID(s.Merchant), n.Date, s.Version)
}

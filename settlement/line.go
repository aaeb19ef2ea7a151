package settlement

import "github.com/shopspring/decimal"

// An Activity says what kind of movement a line adds up.
type Activity uint8

// The activities, in the order in which lines are sorted (that of their names).
const (
	// AdjustmentActivity is a payment that the alliance booked by hand.
	AdjustmentActivity Activity = iota
	// RedemptionActivity is points redeemed.
	RedemptionActivity
	// RedemptionReversalActivity is points given back; its points and values are negative.
	RedemptionReversalActivity
)

var activityNames = [...]string{"adjustment", "redemption", "redemption_reversal"}

// String returns the activity as the published tables show it.
func (a Activity) String() string { return activityNames[a] }

// A Price is an entry of the price table: so much money for so many points. The quotient is
// never rounded. The zero Price stands for points that are not settled in money.
type Price struct {
	ID string
	// Amount is the money for PerPoints points, in units of 10^-8 of the currency.
	Amount    int64
	PerPoints int64
}

// PriceDecimals is the number of decimals of a Price's Amount.
const PriceDecimals = 8

// Decimal returns the price's amount.
func (p Price) Decimal() decimal.Decimal { return decimal.New(p.Amount, -PriceDecimals) }

// Compare orders prices by id, amount, per points.
func (p Price) Compare(q Price) int {
	switch {
	case p.ID != q.ID:
		return compare(p.ID, q.ID)
	case p.Amount != q.Amount:
		return compare(p.Amount, q.Amount)
	default:
		return compare(p.PerPoints, q.PerPoints)
	}
}

// An Allocation is the part of one redemption charged to one lot; its points are negative
// when a reversal gave them back.
type Allocation struct {
	Activity Activity
	Issuer   Party
	// Redeemer is also the merchant of the row.
	Redeemer     Party
	BusinessDate Date
	// Price is the zero Price if the allocation is on-us.
	Price  Price
	Points int64
	// ID is the bytes of its [AllocationID], or zero as long as it has not been reckoned.
	ID Digest
	// Number counts the allocations of one row in one night from 0, in the order taken or given back.
	Number        int32
	TransactionID string
	OccurredAt    Instant
	// HasLot is false for points of an untracked ledger and for what the alliance paid itself.
	HasLot bool
	Lot    LotKey
	// Amount is the allocation's part of its line's value, in minor units of the currency,
	// positive when the issuer owes the redeemer. Zero until the line is priced.
	Amount int64
}

// OnUs reports whether issuer and redeemer are the same: counted, never settled in money.
func (a *Allocation) OnUs() bool { return a.Issuer == a.Redeemer }

// A LineKey is what the allocations of one line have in common.
type LineKey struct {
	Issuer, Redeemer Party
	Activity         Activity
	BusinessDate     Date
	Price            Price
}

// LineKey returns the key of the line that the allocation belongs to.
func (a *Allocation) LineKey() LineKey {
	return LineKey{a.Issuer, a.Redeemer, a.Activity, a.BusinessDate, a.Price}
}

// CompareLineKeys orders lines by issuer, redeemer, activity, business date, price id, price, per points.
func CompareLineKeys(a, b *LineKey) int {
	switch {
	case a.Issuer != b.Issuer:
		return compare(a.Issuer, b.Issuer)
	case a.Redeemer != b.Redeemer:
		return compare(a.Redeemer, b.Redeemer)
	case a.Activity != b.Activity:
		return compare(a.Activity, b.Activity)
	case a.BusinessDate != b.BusinessDate:
		return compare(a.BusinessDate, b.BusinessDate)
	default:
		return a.Price.Compare(b.Price)
	}
}

// CompareAllocations orders the allocations of one line: by occurred_at, merchant,
// transaction id, allocation number.
func CompareAllocations(a, b *Allocation) int {
	switch {
	case a.OccurredAt != b.OccurredAt:
		return compare(a.OccurredAt, b.OccurredAt)
	case a.Redeemer != b.Redeemer:
		return compare(a.Redeemer, b.Redeemer)
	case a.TransactionID != b.TransactionID:
		return compare(a.TransactionID, b.TransactionID)
	default:
		return compare(a.Number, b.Number)
	}
}

// A Line is all allocations of one settlement date that share a key, or one adjustment.
type Line struct {
	LineKey
	// Transactions counts the distinct redeem rows; 0 on reversal lines, 1 on adjustments.
	Transactions int64
	// Points is 0 on adjustments.
	Points int64
	// Value is positive when the issuer owes the redeemer. It is rounded once, here.
	Value decimal.Decimal
}

// Late reports whether the line settles on a date after its business date.
func (l *Line) Late(settled Date) bool { return l.BusinessDate < settled }

// An Adjustment is a payment between two parties that the alliance booked by hand.
type Adjustment struct {
	Source       Source
	ID           string
	Payer, Payee Party
	Amount       decimal.Decimal
	Reason       string
	Reference    string
}

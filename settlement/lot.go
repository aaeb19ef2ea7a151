package settlement

import (
	"cmp"
	"sort"
)

func compare[T cmp.Ordered](a, b T) int { return cmp.Compare(a, b) }

// A LotKey identifies a lot: the row that issued its points. A lot that was opened from a
// file of opening lots carries Imported and can never be met by a reversal.
type LotKey struct {
	Merchant      Party
	BusinessDate  Date
	TransactionID string
	Imported      bool
}

// CompareLotKeys orders lot keys by merchant, business date, transaction id, imported last.
func CompareLotKeys(a, b *LotKey) int {
	switch {
	case a.Merchant != b.Merchant:
		return compare(a.Merchant, b.Merchant)
	case a.BusinessDate != b.BusinessDate:
		return compare(a.BusinessDate, b.BusinessDate)
	case a.TransactionID != b.TransactionID:
		return compare(a.TransactionID, b.TransactionID)
	case a.Imported == b.Imported:
		return 0
	case b.Imported:
		return -1
	default:
		return 1
	}
}

// A Lot is the points issued by one row. At all times
//
//	Issued = Open + Spent + Expired + Reversed + Voided, each at least 0, Shortfall <= Spent.
type Lot struct {
	Key      LotKey
	Issuer   Party
	IssuedAt Instant
	// ExpiresOn is the last business date of use, or Never.
	ExpiresOn Date
	Issued    int64
	// Open points can be spent.
	Open int64
	// Spent points were redeemed and not given back.
	Spent int64
	// Expired points were open when the lot's last date was closed. Rows that arrive late can
	// still claim them for a while.
	Expired int64
	// Reversed points were open when an issue reversal took them back.
	Reversed int64
	// Voided points were expired when an issue reversal took them: nothing moved, but they
	// cannot be claimed any more.
	Voided int64
	// Shortfall is how much of Spent an issue reversal asked back in vain. If spent points
	// return, so many of them are taken back at once.
	Shortfall int64
	Source    Source
}

// ReversedInAll is how many of the lot's points issue reversals have asked back.
func (l *Lot) ReversedInAll() int64 { return l.Reversed + l.Voided + l.Shortfall }

// fewLots is up to how many lots looking at each is faster than a binary search: nearly all differ in their first bytes.
const fewLots = 32

// FindLot returns the place of a lot among lots in order of key, and whether it is there. One that is out of order may not be found.
func FindLot(lots []Lot, key *LotKey) (place int, found bool) {
	if len(lots) > fewLots {
		at := sort.Search(len(lots), func(i int) bool { return CompareLotKeys(&lots[i].Key, key) >= 0 })
		return at, at < len(lots) && lots[at].Key == *key
	}
	for i := range lots {
		if lots[i].Key == *key {
			return i, true
		}
	}
	return 0, false
}

// A Redemption is a redeem row on record: what a later reversal of it needs to know, and the
// claim that no lot has covered yet.
type Redemption struct {
	Source        Source
	Merchant      Party
	BusinessDate  Date
	TransactionID string
	OccurredAt    Instant
	// Issuer restricts the lots that may be used, or is NoParty.
	Issuer Party
	Reason string
	Points int64
	// Reversed is the sum of the accepted reversals.
	Reversed int64
	// OpenClaim is what no lot covered so far; it is tried again every night.
	OpenClaim int64
	// Unfunded is what no lot covered in the end and nobody pays.
	Unfunded int64
	// SettledOn is the settlement date of the night the row was settled.
	SettledOn Date
	// Charges are what lots, and at last perhaps the alliance, paid and did not get back, in
	// the order in which they were taken.
	// Points = Reversed' + OpenClaim + Unfunded + sum of Charges, where Reversed' is Reversed.
	Charges []Charge
}

// A Charge is the part of a redemption that one lot, or the alliance, bears.
type Charge struct {
	// Lot is the lot charged; meaningless if ByAlliance.
	Lot        LotKey
	ByAlliance bool
	Issuer     Party
	Points     int64
	// Price is the zero Price when issuer and redeemer are the same.
	Price Price
}

// An Account is what is on record about one member: what rows of any kind may ask for; or what one night put away of it, which only
// reversals ask for.
type Account struct {
	Member string
	// Lots in order of key.
	Lots []Lot
	// Redemptions in order of (merchant, business date, transaction id).
	Redemptions []Redemption
	// Deferred rows wait for their business date or for their original, in the order in which
	// rows apply.
	Deferred []Transaction
}

// A TakenID is a transaction id on record: the row that took it may not be settled again.
type TakenID struct {
	// ID digests merchant and transaction id.
	ID           Digest
	Content      Digest
	BusinessDate Date
	// SettledOn is the settlement date on which the row was settled; NoDate while it is deferred.
	SettledOn Date
}

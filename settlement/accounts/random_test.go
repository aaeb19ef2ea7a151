package accounts

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"alliance/settlement"
)

var testParties = settlement.NewParties([]string{"ALLIANCE", "BAKERY", "CEDAR", "CINEMA", "DAIRY", "east-side_2", "north"})

// sources makes random values. Most are as in life, some at the ends of their types.
type sources struct {
	*rand.Rand
	parties settlement.Parties
}

func newSources(t testing.TB) sources {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return sources{rand.New(rand.NewPCG(seed, 0)), testParties}
}

func (r sources) party() settlement.Party { return settlement.Party(r.IntN(r.parties.Len())) }

func (r sources) partyOrNone() settlement.Party {
	return settlement.Party(r.IntN(r.parties.Len()+1) - 1)
}

func (r sources) date() settlement.Date {
	switch r.IntN(40) {
	case 0:
		return settlement.NoDate
	case 1:
		return settlement.Never
	case 2:
		return settlement.Date(r.Uint32())
	}
	return settlement.Date(20000 + r.IntN(700))
}

func (r sources) count() int64 {
	switch r.IntN(20) {
	case 0:
		return math.MaxInt64
	case 1:
		return math.MinInt64
	case 2:
		return -1
	case 3, 4, 5, 6, 7, 8:
		return 0
	}
	return r.Int64N(1 << (1 + r.IntN(40)))
}

func (r sources) instant(date settlement.Date) settlement.Instant {
	at := int64(date)*microsecondsPerDay + r.Int64N(microsecondsPerDay)
	switch r.IntN(10) {
	case 0:
		return settlement.Instant(r.Uint64())
	case 1, 2, 3, 4:
		return settlement.Instant(at / microsecondsPerSecond * microsecondsPerSecond)
	}
	return settlement.Instant(at)
}

func (r sources) text() string {
	texts := []string{"", "T", "T-100200", "\x00\xff", "Überweisung", "a much longer id of a transaction than any till would print on its receipts, with spaces"}
	if r.IntN(3) == 0 {
		return texts[r.IntN(len(texts))]
	}
	return fmt.Sprintf("T%07d", r.IntN(10_000_000))
}

func (r sources) source() settlement.Source {
	files := []string{"", "merchant=CEDAR/date=2026-06-01/sales.csv", "merchant=CEDAR/date=2026-02-29/sales.csv", "merchant=CEDAR/date=2024-02-29/s/2",
		"merchant=/date=2026-06-01/x", "merchant=GONE/date=2026-06-01/a.parquet", "merchant=CEDAR/date=2026-06-01/", "merchant=CEDAR/date=2026-06-01",
		"merchant=north/date=1970-01-01/x", "merchant=north/date=2399-12-31/x", "merchant=north/date=2400-01-01/x", "merchant=north/date=1969-12-31/x", "opening-lots.csv", "merchant=north/date=2026-6-001/x"}
	if r.IntN(3) == 0 {
		return settlement.Source{File: files[r.IntN(len(files))], Row: r.count()}
	}
	return settlement.Source{File: fmt.Sprintf("merchant=%s/date=%s/part-%d.csv", r.parties.ID(r.party()), settlement.Date(20000+r.IntN(100)), r.IntN(3)), Row: 1 + r.Int64N(100000)}
}

func (r sources) lot() settlement.Lot {
	date := r.date()
	lot := settlement.Lot{Key: settlement.LotKey{Merchant: r.party(), BusinessDate: date, TransactionID: r.text(), Imported: r.IntN(9) == 0},
		IssuedAt: r.instant(date), ExpiresOn: r.date(), Open: r.Int64N(1 << 40), Spent: r.count(), Expired: r.count(), Reversed: r.count(),
		Voided: r.count(), Shortfall: r.count(), Source: r.source()}
	if lot.Issuer = lot.Key.Merchant; r.IntN(4) == 0 {
		lot.Issuer = r.partyOrNone()
	}
	if lot.Issued = lot.Open + lot.Spent + lot.Expired + lot.Reversed + lot.Voided; r.IntN(6) == 0 {
		lot.Issued = r.count()
	}
	if r.IntN(3) == 0 {
		lot.Open = 0
	}
	return lot
}

func (r sources) redemption(lots []settlement.Lot) settlement.Redemption {
	date := r.date()
	redemption := settlement.Redemption{Source: r.source(), Merchant: r.party(), BusinessDate: date, TransactionID: r.text(), OccurredAt: r.instant(date),
		Issuer: r.partyOrNone(), Points: r.count(), Reversed: r.count(), OpenClaim: r.count(), Unfunded: r.count(), SettledOn: r.date()}
	if r.IntN(2) == 0 {
		redemption.Reason, redemption.SettledOn = "purchase", date
	}
	for range r.IntN(4) {
		redemption.Charges = append(redemption.Charges, r.charge(lots, &redemption))
	}
	return redemption
}

func (r sources) charge(lots []settlement.Lot, redemption *settlement.Redemption) settlement.Charge {
	charge := settlement.Charge{Lot: settlement.LotKey{Merchant: r.party(), BusinessDate: r.date(), TransactionID: r.text(), Imported: r.IntN(9) == 0},
		Issuer: r.partyOrNone(), Points: r.count()}
	switch {
	case r.IntN(8) == 0:
		charge.ByAlliance, charge.Lot = true, settlement.LotKey{Merchant: settlement.NoParty}
	case len(lots) > 0 && r.IntN(3) > 0:
		lot := &lots[r.IntN(len(lots))]
		if charge.Lot = lot.Key; r.IntN(3) > 0 {
			charge.Issuer = lot.Issuer
		}
	}
	if r.IntN(2) == 0 {
		charge.Points = redemption.Points
	}
	if r.IntN(4) > 0 {
		charge.Price = settlement.Price{ID: fmt.Sprintf("price-%d", r.IntN(5)), Amount: r.count(), PerPoints: int64(r.IntN(3))}
	}
	return charge
}

func (r sources) deferred(member string) settlement.Transaction {
	row := settlement.Transaction{Source: r.source(), Merchant: r.party(), ID: r.text(), Member: member, Kind: settlement.Kind(r.IntN(4)),
		Points: r.count(), BusinessDate: r.date(), Issuer: r.partyOrNone(), OriginalID: r.text(), OriginalDate: r.date(),
		ExpiresOn: r.date(), Reason: r.text(), FirstRead: r.date()}
	row.OccurredAt = r.instant(row.BusinessDate)
	for i := range row.Content {
		row.Content[i] = byte(r.Uint32())
	}
	if r.IntN(5) == 0 {
		row.Member = r.text()
	}
	return row
}

func (r sources) account(member string) settlement.Account {
	account := settlement.Account{Member: member}
	for range r.IntN(5) {
		account.Lots = append(account.Lots, r.lot())
	}
	if r.IntN(40) == 0 {
		for range r.IntN(500) {
			account.Lots = append(account.Lots, r.lot())
		}
	}
	if r.IntN(3) > 0 {
		slices.SortFunc(account.Lots, func(a, b settlement.Lot) int { return settlement.CompareLotKeys(&a.Key, &b.Key) })
	}
	for range r.IntN(5) {
		account.Redemptions = append(account.Redemptions, r.redemption(account.Lots))
	}
	if r.IntN(5) == 0 {
		for range 1 + r.IntN(3) {
			account.Deferred = append(account.Deferred, r.deferred(member))
		}
	}
	return account
}

func (r sources) due() settlement.Date {
	if r.IntN(3) == 0 {
		return settlement.Never
	}
	return settlement.Date(20500 + r.IntN(30))
}

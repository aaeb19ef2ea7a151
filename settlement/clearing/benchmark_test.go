package clearing

import (
	"fmt"
	"testing"

	"alliance/settlement"
)

// A night of members, each with some lots on record and some rows: what a worker does of the
// many millions of rows of a large alliance.
type nightOfMembers struct {
	accounts []settlement.Account
	rows     [][]settlement.Transaction
	opening  [][]settlement.Lot
	outcome  Outcome
	lent     []*settlement.Transaction
}

// run attributes every member from the opening lots.
func (n *nightOfMembers) run(t testing.TB, attributor *Attributor) {
	for i := range n.accounts {
		account := &n.accounts[i]
		lots := n.opening[i]
		account.Lots = account.Lots[:len(lots):len(lots)]
		copy(account.Lots, lots)
		account.Redemptions, account.Deferred = nil, nil
		n.lent = n.lent[:0]
		for j := range n.rows[i] {
			n.lent = append(n.lent, &n.rows[i][j])
		}
		if err := attributor.Attribute(account, n.lent, &n.outcome); err != nil {
			t.Fatal(err)
		}
	}
	n.outcome.Allocations, n.outcome.Exceptions = n.outcome.Allocations[:0], n.outcome.Exceptions[:0]
}

func makeNight(on settlement.Date, members, lotsEach, issues, redeems, reversals int) nightOfMembers {
	var n nightOfMembers
	for m := range members {
		account := settlement.Account{Member: fmt.Sprintf("member-%06d", m)}
		for i := range lotsEach {
			before := on - settlement.Date(1+(i*7)%200)
			key := settlement.LotKey{Merchant: settlement.Party(i * 3 / lotsEach), BusinessDate: before, TransactionID: fmt.Sprintf("l%d-%08d", m, i)}
			account.Lots = append(account.Lots, settlement.Lot{Key: key, Issuer: key.Merchant, IssuedAt: settlement.Instant(before) * 86_400_000_000,
				ExpiresOn: settlement.Never, Issued: 500, Open: 500})
		}
		new(tailSorter[settlement.Lot]).sort(account.Lots, 0, lotMerchant, compareLots)
		n.accounts = append(n.accounts, account)
		n.opening = append(n.opening, append([]settlement.Lot{}, account.Lots...))
		var rows []settlement.Transaction
		add := func(kind settlement.Kind, count int) {
			for i := range count {
				rows = append(rows, settlement.Transaction{
					Source: settlement.Source{File: fmt.Sprintf("merchant=A/date=2026-01-10/part-%d.csv", m%4), Row: int64(m)}, Merchant: settlement.Party((m + i) % 3),
					ID: fmt.Sprintf("%s-%d-%d", kind, m, i), Member: account.Member, Kind: kind, Points: 120,
					OccurredAt: settlement.Instant(on)*86_400_000_000 + settlement.Instant(i*1_000_000), BusinessDate: on, Issuer: settlement.NoParty,
					OriginalID: fmt.Sprintf("%s-%d-%d", settlement.Redeem, m, i), OriginalDate: settlement.NoDate, ExpiresOn: settlement.NoDate, Reason: "purchase", FirstRead: on})
			}
		}
		add(settlement.Issue, issues)
		add(settlement.Redeem, redeems)
		add(settlement.RedeemReversal, reversals)
		n.rows = append(n.rows, rows)
	}
	return n
}

// BenchmarkAttribute reports the time of one row, and what is allocated for it: what is kept.
func BenchmarkAttribute(b *testing.B) {
	on := day("2026-01-10")
	for _, c := range []struct {
		name                                      string
		policy                                    string
		members, lots, issues, redeems, reversals int
	}{
		{"one_issue", "fifo", 2000, 3, 1, 0, 0},
		{"issues_and_a_redeem", "fifo", 1000, 5, 3, 1, 0},
		{"issues_and_a_redeem", "first_expiring", 1000, 5, 3, 1, 0},
		{"issues_and_a_redeem", "own_first", 1000, 5, 3, 1, 0},
		{"issues_and_a_redeem", "pro_rata", 1000, 5, 3, 1, 0},
		{"all_kinds", "fifo", 1000, 5, 2, 2, 1},
		{"many_lots", "fifo", 4, 5000, 10, 10, 2},
		{"many_rows", "fifo", 1, 1000, 10_000, 10_000, 5_000},
		{"many_rows", "own_first", 1, 1000, 10_000, 10_000, 5_000},
	} {
		b.Run(c.name+"/"+c.policy, func(b *testing.B) {
			rulebook := agreement{attribution: c.policy}.rulebook(b)
			attributor := NewAttributor(rulebook, on)
			night := makeNight(on, c.members, c.lots, c.issues, c.redeems, c.reversals)
			rows := c.members * (c.issues + c.redeems + c.reversals)
			b.ReportAllocs()
			b.ResetTimer()
			for done := 0; done < b.N; done += rows {
				night.run(b, attributor)
			}
		})
	}
}

// Besides what is kept, nothing is allocated: the lots' and the redemptions' room of a member,
// and a slab of charges now and then.
func TestAttributeAllocatesOnlyWhatIsKept(t *testing.T) {
	const members = 200
	on := day("2026-01-10")
	for _, policy := range []string{"fifo", "first_expiring", "own_first", "pro_rata"} {
		attributor := NewAttributor(agreement{attribution: policy}.rulebook(t), on)
		night := makeNight(on, members, 5, 3, 2, 1)
		run := func() { night.run(t, attributor) }
		run()
		if count := testing.AllocsPerRun(5, run); count > 2*members+members/10 {
			t.Errorf("%s: %v allocations for %d members", policy, count, members)
		}
	}
}

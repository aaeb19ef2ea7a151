package statement

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"alliance/settlement"
)

// The parties of the small alliance, in order of id.
const (
	A settlement.Party = iota
	B
	C
	HUB
)

var day = settlement.NewDate(2026, time.June, 16)

func at(hour int) settlement.Instant {
	return settlement.Instant(time.Date(2026, time.June, 16, hour, 30, 0, 123456000, time.UTC).UnixMicro())
}

func money(text string) decimal.Decimal { return decimal.RequireFromString(text) }

func lot(merchant settlement.Party, id string) settlement.LotKey {
	return settlement.LotKey{Merchant: merchant, BusinessDate: day - 10, TransactionID: id}
}

// smallNight is a night with one of everything: lines both ways, a reversal, a late line, an
// adjustment, points paid by the alliance, on-us points, exceptions, a missing merchant.
func smallNight() *settlement.Night {
	base := settlement.Price{ID: "base", Amount: 100_000_000, PerPoints: 100}
	fuel := settlement.Price{ID: "fuel", Amount: 95_000_000, PerPoints: 150}
	row := func(activity settlement.Activity, issuer, redeemer settlement.Party, date settlement.Date, price settlement.Price,
		points int64, number int32, id string, hour int, amount int64, of string) settlement.Allocation {
		allocation := settlement.Allocation{
			Activity: activity, Issuer: issuer, Redeemer: redeemer, BusinessDate: date, Price: price, Points: points,
			Number: number, TransactionID: id, OccurredAt: at(hour), Amount: amount,
		}
		if of != "" {
			allocation.HasLot, allocation.Lot = true, lot(issuer, of)
		}
		return allocation
	}
	redemption, reversal := settlement.RedemptionActivity, settlement.RedemptionReversalActivity
	night := &settlement.Night{
		Date: day, Parties: settlement.NewParties([]string{"HUB", "A", "B", "C"}), Alliance: HUB, Tracked: true,
		Money: settlement.Money{Currency: "CNY", MinorDigits: 2, Rounding: settlement.HalfUp},
		Cycle: settlement.Cycle{Start: day, End: day}, RulebookDigest: "r00", ComputationID: "c00",
		Lines: []settlement.Line{
			{LineKey: settlement.LineKey{Issuer: A, Redeemer: B, Activity: redemption, BusinessDate: day - 1, Price: fuel}, Transactions: 1, Points: 300, Value: money("1.90")},
			{LineKey: settlement.LineKey{Issuer: A, Redeemer: B, Activity: redemption, BusinessDate: day, Price: base}, Transactions: 2, Points: 250, Value: money("2.50")},
			{LineKey: settlement.LineKey{Issuer: B, Redeemer: A, Activity: settlement.AdjustmentActivity, BusinessDate: day, Price: settlement.Price{ID: "adj-7"}}, Transactions: 1, Value: money("12.34")},
			{LineKey: settlement.LineKey{Issuer: B, Redeemer: A, Activity: reversal, BusinessDate: day, Price: base}, Points: -77, Value: money("-0.77")},
			{LineKey: settlement.LineKey{Issuer: HUB, Redeemer: A, Activity: redemption, BusinessDate: day, Price: base}, Transactions: 1, Points: 40, Value: money("0.40")},
		},
		Detail: &settlement.MemoryDetail{Of: [][]settlement.Allocation{
			{row(redemption, A, B, day-1, fuel, 300, 0, "b-1", 1, 190, "a-lot-1")},
			{row(redemption, A, B, day, base, 100, 0, "b-2", 2, 100, "a-lot-1"), row(redemption, A, B, day, base, 50, 1, "b-2", 2, 50, "a-lot-2"),
				row(redemption, A, B, day, base, 100, 0, "b-3", 3, 100, "a-lot-2")},
			nil,
			{row(reversal, B, A, day, base, -77, 0, "a-9", 4, -77, "b-lot-1")},
			{row(redemption, HUB, A, day, base, 40, 1, "a-8", 5, 40, "")},
		}, OnUs: []settlement.Allocation{
			row(redemption, A, A, day, settlement.Price{}, 5, 0, "a-8", 5, 0, "a-lot-3"),
			row(redemption, A, A, day, settlement.Price{}, 6, 2, "a-8", 5, 0, "a-lot-4"),
		}},
		Exceptions: []settlement.Exception{
			{Merchant: settlement.NoParty, File: "merchant=Z/", Code: settlement.UnknownMerchant, State: settlement.Noticed, Value: "Z", Message: "no merchant of the register"},
			{Merchant: A, File: "merchant=A/date=2026-06-16/a.csv", Row: 3, Code: settlement.MissingField, State: settlement.Rejected, Column: "points", Message: "points is required"},
			{Merchant: A, File: "merchant=A/date=2026-06-16/a.csv", Row: 4, TransactionID: "a-11, \"x\"", Code: settlement.Uncovered, State: settlement.DeferredState, Points: 12, Message: "12 points have no lot"},
			{Merchant: B, File: "merchant=B/date=2026-06-16/b.txt", Code: settlement.UnknownFormat, State: settlement.Held, Message: "neither .parquet, .csv nor .jsonl"},
		},
		Inputs: []settlement.Input{
			{Merchant: A, Key: "merchant=A/date=2026-06-16/a.csv", Version: "v1", Bytes: 512, SHA256: "ab", State: settlement.Consumed, Rows: 9, Accepted: 7, Deferred: 1, Rejected: 1, IssuedPoints: 1000, RedeemedPoints: 51},
			{Merchant: B, Key: "merchant=B/date=2026-06-16/b.txt", Version: "v2", Bytes: 3, SHA256: "cd", State: settlement.Held, Code: settlement.UnknownFormat},
			{Merchant: C, State: settlement.Missing},
		},
		Points: []settlement.IssuerPoints{
			{Issuer: A, Opening: 1000, Issued: 900, IssueReversed: 10, RedeemedOwn: 11, RedeemedElsewhere: 550, Expired: 1, Closing: 1328},
			{Issuer: B, Opening: 10, Restored: 77, Closing: 87},
			{Issuer: C},
		},
		Fees: []settlement.Fee{{Merchant: B, ID: "clearing", Base: money("4.40"), Transactions: 3, Amount: money("1.00"), TaxRate: money("0.06"), Tax: money("0.06")}},
	}
	a := settlement.Position{Party: A, Receivable: money("11.97"), Payable: money("4.40"), Net: money("7.57"), CarriedIn: money("1.00"), Held: money("0.43"), Released: money("0.20"), Due: money("8.34")}
	b := settlement.Position{Party: B, Receivable: money("4.40"), Payable: money("11.57"), Fees: money("1.00"), Tax: money("0.06"), Net: money("-8.23"), Due: money("-8.23")}
	c := settlement.Position{Party: C}
	hub := settlement.Position{Party: HUB, Payable: money("0.40"), Fees: money("-1.00"), Tax: money("-0.06"), Net: money("0.66"), CarriedIn: money("-1.00"), Held: money("-0.43"), Released: money("-0.20"), Due: money("-0.11")}
	night.Positions = []settlement.Position{a, b, c, hub}
	night.Payments = []settlement.Payment{
		{ID: settlement.PaymentID("HUB", "A", day), Payer: HUB, Payee: A, Amount: money("8.34"), Merchant: A},
		{ID: settlement.PaymentID("B", "HUB", day), Payer: B, Payee: HUB, Amount: money("8.23"), Merchant: B},
	}
	night.Statements = []settlement.Statement{
		{Merchant: A, Version: 2, Supersedes: 1, Receivable: a.Receivable, Payable: a.Payable, CycleReceivable: a.Receivable, CyclePayable: a.Payable,
			Position: a, Points: night.Points[0], RedeemedHere: 51, RowsAccepted: 7, RowsDeferred: 1, RowsRejected: 1},
		{Merchant: B, Version: 1, Receivable: b.Receivable, Payable: b.Payable, CycleReceivable: b.Receivable, CyclePayable: b.Payable, Position: b, Points: night.Points[1], RedeemedHere: 550},
		{Merchant: C, Version: 1, Position: c, Points: night.Points[2]},
	}
	return night
}

// published is what a night became: the files by path, and the paths in the sink's order.
type published struct {
	folders []Folder
	files   map[string][]byte
	order   []string
}

func publish(t testing.TB, night *settlement.Night, options Options) published {
	t.Helper()
	result, err := tryPublish(night, options)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func tryPublish(night *settlement.Night, options Options) (published, error) {
	result := published{files: map[string][]byte{}}
	var err error
	result.folders, err = Write(context.Background(), night, options, func(_ context.Context, path string, body io.ReadSeeker) error {
		content, err := io.ReadAll(body)
		result.files[path] = content
		result.order = append(result.order, path)
		return err
	})
	return result, err
}

func (p *published) dump(t testing.TB, path string, columns ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := Dump(&out, p.files[path], columns); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return out.String()
}

func (p *published) open(folder string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		body, found := p.files[folder+"/"+name]
		if !found {
			return nil, io.ErrUnexpectedEOF
		}
		return body, nil
	}
}

// largeNight has one line from A to B, with so many allocations: transactions in the order in which
// they occurred, as a merchant's file has them, and lots in none.
func largeNight(rows int) *settlement.Night {
	night := smallNight()
	key := night.Lines[1].LineKey
	transactions, lots := make([]string, rows), make([]string, rows)
	for i := range rows {
		transactions[i] = fmt.Sprintf("txn-%d-%07d", scramble(i)%1000, i)
	}
	for i := range rows {
		lots[i] = fmt.Sprintf("lot-%d-%07d", scramble(i)%1000, i)
	}
	all := make([]settlement.Allocation, rows)
	night.Detail = &settlement.MemoryDetail{Of: [][]settlement.Allocation{all}}
	points := int64(0)
	for i := range all {
		seed := scramble(i)
		all[i] = settlement.Allocation{
			Activity: key.Activity, Issuer: A, Redeemer: B, BusinessDate: day, Price: key.Price, Points: int64(seed%997) + 1, Number: int32(seed % 3),
			TransactionID: transactions[i], OccurredAt: at(0) + settlement.Instant(i*80_000) + settlement.Instant(seed%80_000), Amount: int64(seed%997) + 1,
			HasLot: true, Lot: settlement.LotKey{Merchant: settlement.Party(seed % 3), BusinessDate: day - settlement.Date(seed%300), TransactionID: lots[seed%uint64(rows)]},
		}
		points += all[i].Points
	}
	value := night.Money.Amount(points)
	night.Lines = []settlement.Line{{LineKey: key, Transactions: int64(rows), Points: points, Value: value}}
	night.Statements[A].Receivable, night.Statements[A].Payable = decimal.Zero, value
	night.Statements[B].Receivable, night.Statements[B].Payable = value, decimal.Zero
	return night
}

// scramble returns a number that looks random but is always the same.
func scramble(i int) uint64 {
	z := (uint64(i) + 1) * 0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	return z ^ z>>27
}

// inMemory returns a night's detail to change.
func inMemory(night *settlement.Night) *settlement.MemoryDetail {
	return night.Detail.(*settlement.MemoryDetail)
}

package batch_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/batch"
	deliveries "alliance/settlement/intake"
	"alliance/settlement/storage"

	"github.com/shopspring/decimal"
)

// An engine settles the nights of a history one after the other, keeping in memory what is on
// record between them.
type engine struct {
	inbox   storage.Bucket
	opening batch.Opening
	// settled are the closings of all dates.
	settled map[settlement.Date]*batch.Closing
	// workers and partitions vary between histories: they must not matter.
	workers, partitions int
}

func newEngine(workers, partitions int) *engine {
	return &engine{
		inbox:   storage.NewMemory(),
		opening: batch.Opening{History: deliveries.NewHistory(), Points: map[settlement.Party]int64{}, Adjustments: map[string]bool{}},
		settled: map[settlement.Date]*batch.Closing{},
		workers: workers, partitions: partitions,
	}
}

// settle settles one date and returns it in the model's terms.
func (e *engine) settle(t testing.TB, rulebook *rules.Rulebook, date settlement.Date) (*nightResult, error) {
	result := newResult()
	e.open(rulebook, date)
	computation := batch.Computation{Inbox: e.inbox, Rulebook: rulebook, Date: date, Workers: e.workers, Partitions: e.partitions}
	night, closing, err := batch.Compute(context.Background(), computation, e.opening)
	var refused *batch.MissingError
	if errors.As(err, &refused) {
		for _, merchant := range refused.Merchants {
			result.add("refusal", merchant)
		}
		computation.AllowMissing = true
		night, closing, err = batch.Compute(context.Background(), computation, e.opening)
	}
	if err != nil {
		return nil, err
	}
	e.keep(date, night, closing)
	describeNight(result, night)
	describeAccounts(result, night, closing)
	return result, nil
}

// open puts together what a date asks for of those before it.
func (e *engine) open(rulebook *rules.Rulebook, date settlement.Date) {
	e.opening.PutAway, e.opening.ExpiredBefore = nil, settlement.NoDate
	e.opening.Taken = nil
	if e.settled[date-1] != nil {
		e.opening.Taken = slices.Clone(e.settled[date-1].Waiting)
	}
	for earlier := date - 1; e.settled[earlier] != nil; earlier-- {
		settled := e.settled[earlier]
		e.opening.PutAway = append(e.opening.PutAway, settled.PutAway...)
		e.opening.ExpiredBefore = max(e.opening.ExpiredBefore, settled.ExpiredBefore)
		if earlier >= date-batch.IDDays(rulebook) {
			e.opening.Taken = append(e.opening.Taken, settled.Settled...)
		}
	}
}

// keep makes the closing of one date the opening of the next.
func (e *engine) keep(date settlement.Date, night *settlement.Night, closing *batch.Closing) {
	e.settled[date] = closing
	e.opening.State = closing.State
	e.opening.Balances = closing.Balances
	e.opening.Points = closing.Points
	e.opening.Digest = night.ComputationID
	for _, input := range night.Inputs {
		e.opening.History.Add(date, input)
	}
	for _, id := range closing.Adjustments {
		e.opening.Adjustments[id] = true
	}
}

func describeNight(result *nightResult, night *settlement.Night) {
	id := night.Parties.ID
	money := func(amount decimal.Decimal) string { return amount.StringFixed(night.Money.MinorDigits) }
	closed := night.Cycle.Closes(night.Date)
	for i := range night.Lines {
		line := &night.Lines[i]
		price, per := priceTexts(line.Price, line.Activity)
		priceID := line.Price.ID
		result.add("lines", id(line.Issuer), id(line.Redeemer), line.Activity, line.BusinessDate, line.Late(night.Date), priceID, price, per,
			line.Transactions, line.Points, money(line.Value))
		for _, a := range allocationsOf(night.Detail.Line(i)) {
			merchant, business, lot := lotTexts(night, &a)
			result.add("detail", id(a.Issuer), id(a.Redeemer), a.Activity, a.BusinessDate, priceID, price, per, engineInstant(a.OccurredAt),
				a.TransactionID, a.Number, merchant, business, lot, a.Points, money(night.Money.Amount(a.Amount)))
		}
	}
	for party := range settlement.Party(night.Parties.Len()) {
		for _, a := range allocationsOf(night.Detail.Own(party)) {
			merchant, business, lot := lotTexts(night, &a)
			result.add("own", id(a.Issuer), a.Activity, a.BusinessDate, engineInstant(a.OccurredAt), a.TransactionID, a.Number, merchant, business, lot, a.Points)
		}
	}
	for _, p := range night.Positions {
		result.add("positions", id(p.Party), money(p.Receivable), money(p.Payable), money(p.Fees), money(p.Tax), money(p.Net),
			money(p.CarriedIn), money(p.Held), money(p.Released), money(p.CarriedOut), money(p.Due))
	}
	for _, fee := range night.Fees {
		result.add("fees", id(fee.Merchant), fee.ID, money(fee.Base), fee.Transactions, money(fee.Amount), fee.TaxRate.String(), money(fee.Tax))
	}
	for _, p := range night.Payments {
		result.add("payments", id(p.Payer), id(p.Payee), money(p.Amount), id(p.Merchant))
	}
	for _, p := range night.Points {
		describePoints(result, night, p)
	}
	for i := range night.Statements {
		s := &night.Statements[i]
		p := s.Position
		atClose := make([]any, 8)
		for j, amount := range []decimal.Decimal{p.Fees, p.Tax, p.Net, p.CarriedIn, p.Held, p.Released, p.CarriedOut, p.Due} {
			atClose[j] = ""
			if closed {
				atClose[j] = money(amount)
			}
		}
		values := append([]any{id(s.Merchant), money(s.Receivable), money(s.Payable), money(s.CycleReceivable), money(s.CyclePayable)}, atClose...)
		result.add("summary", append(values, s.RedeemedHere, s.RowsAccepted, s.RowsDeferred, s.RowsRejected, s.Complete)...)
	}
	for _, input := range night.Inputs {
		if input.Merchant == night.Alliance {
			continue
		}
		result.add("inputs", id(input.Merchant), input.Key, input.State, input.Code, input.Rows, input.Accepted, input.Deferred, input.Rejected,
			input.IssuedPoints, input.RedeemedPoints)
	}
	for i := range night.Exceptions {
		describeException(result, night, &night.Exceptions[i])
	}
}

// allocationsOf copies allocations, whose texts are only lent.
func allocationsOf(some settlement.Allocations) (all []settlement.Allocation) {
	err := some.Each(0, some.Count(), func(allocations []settlement.Allocation) error {
		for _, a := range allocations {
			a.TransactionID, a.Lot.TransactionID = strings.Clone(a.TransactionID), strings.Clone(a.Lot.TransactionID)
			all = append(all, a)
		}
		return nil
	})
	if err != nil {
		panic(err)
	}
	return all
}

func describePoints(result *nightResult, night *settlement.Night, p settlement.IssuerPoints) {
	if p == (settlement.IssuerPoints{Issuer: p.Issuer}) {
		return
	}
	opening, expired, closing := fmt.Sprint(p.Opening), fmt.Sprint(p.Expired), fmt.Sprint(p.Closing)
	if !night.Tracked {
		opening, expired, closing = "", "", ""
	}
	result.add("points", night.Parties.ID(p.Issuer), opening, p.Issued, p.IssueReversed, p.RedeemedOwn, p.RedeemedElsewhere, p.Restored, expired, closing)
}

func describeException(result *nightResult, night *settlement.Night, e *settlement.Exception) {
	row, points, column, transaction := "", "", "", e.TransactionID
	if e.Row > 0 {
		row = fmt.Sprint(e.Row)
	}
	switch e.Code {
	case settlement.Uncovered, settlement.Unfunded, settlement.ClawbackShortfall:
		points = fmt.Sprint(e.Points)
	case settlement.MissingField, settlement.InvalidValue:
		column, transaction = e.Column, ""
	case settlement.Malformed:
		transaction = ""
	case settlement.MissingColumn, settlement.UnknownColumn:
		column = e.Column
	}
	result.add("exceptions", night.Parties.ID(e.Merchant), e.File, row, transaction, e.Code, e.State, column, points)
}

func describeAccounts(result *nightResult, night *settlement.Night, closing *batch.Closing) {
	id := night.Parties.ID
	err := closing.State.All(context.Background(), night.Parties, func(account *settlement.Account) error {
		for _, lot := range account.Lots {
			if lot.Open > 0 {
				result.add("lots", account.Member, id(lot.Issuer), id(lot.Key.Merchant), lot.Key.BusinessDate, lot.Key.TransactionID,
					engineInstant(lot.IssuedAt), lot.ExpiresOn, lot.Open)
			}
		}
		for _, redemption := range account.Redemptions {
			if redemption.OpenClaim > 0 {
				result.add("claims", account.Member, id(redemption.Merchant), redemption.BusinessDate, redemption.TransactionID, redemption.OpenClaim)
			}
		}
		for _, row := range account.Deferred {
			result.add("deferred", account.Member, id(row.Merchant), row.ID, row.Kind, row.BusinessDate)
		}
		return nil
	})
	if err != nil {
		panic(err)
	}
}

func priceTexts(price settlement.Price, activity settlement.Activity) (amount, per string) {
	if activity == settlement.AdjustmentActivity {
		return "", ""
	}
	return strings.TrimRight(strings.TrimRight(price.Decimal().StringFixed(settlement.PriceDecimals), "0"), "."), fmt.Sprint(price.PerPoints)
}

func lotTexts(night *settlement.Night, a *settlement.Allocation) (merchant, business, id string) {
	if !a.HasLot {
		return "", "", ""
	}
	return night.Parties.ID(a.Lot.Merchant), a.Lot.BusinessDate.String(), a.Lot.TransactionID
}

func engineInstant(at settlement.Instant) string {
	text := at.String()
	whole, fraction, found := strings.Cut(strings.TrimSuffix(text, "Z"), ".")
	if !found {
		return whole + ".000000Z"
	}
	return whole + "." + (fraction + "000000")[:6] + "Z"
}

// ownAllocations counts the allocations of all parties that belong to no line.
func ownAllocations(night *settlement.Night) (count int64) {
	for party := range settlement.Party(night.Parties.Len()) {
		count += night.Detail.Own(party).Count()
	}
	return count
}

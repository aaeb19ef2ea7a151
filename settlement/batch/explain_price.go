package batch

import (
	"context"
	"fmt"

	"alliance/settlement"
)

// lineOf returns a line of a merchant's statement.
func (p *published) lineOf(ctx context.Context, merchant string, number int) (*lineRow, error) {
	lines, err := p.statementLines(ctx, merchant)
	if err != nil {
		return nil, err
	}
	if number < 1 || number > len(lines) || lines[number-1].Line != number {
		return nil, notOnRecord("the statement of %s for %s has %d lines, there is no line %d", merchant, p.date.Date, len(lines), number)
	}
	return &lines[number-1], nil
}

// ofLine returns the allocations of a line in the order in which its value is shared out.
func (p *published) ofLine(ctx context.Context, merchant string, number int) ([]detailRow, error) {
	all, err := p.detail(ctx, merchant)
	var found []detailRow
	for i := range all {
		if all[i].Line == number {
			found = append(found, all[i])
		}
	}
	return found, err
}

// allocationLine works out an allocation's share of its line, from the redeemer's copies.
func (p *published) allocationLine(ctx context.Context, money settlement.Money, redeemer string, line *lineRow, row *detailRow) (*AllocationLine, error) {
	facts := &AllocationLine{BusinessDate: line.BusinessDate, RedeemerStatement: line.StatementNo, RedeemerLine: line.Line, Points: line.Points}
	price, err := priceOf(line.Price, line.PerPoints)
	if err != nil {
		return nil, err
	}
	facts.Exact, facts.Value = exactValue(line.Points, price), line.Value.StringFixed(money.MinorDigits)
	rows, err := p.ofLine(ctx, redeemer, line.Line)
	if err != nil {
		return nil, err
	}
	facts.Of = len(rows)
	before := int64(0)
	for i := range rows {
		if rows[i].ID == row.ID {
			if facts.Share, err = shareStep(money, price, i+1, before, rows[i].Points); err != nil {
				return nil, err
			}
			break
		}
		before += rows[i].Points
	}
	if want := row.Amount.StringFixed(money.MinorDigits); facts.Share.Amount != want {
		return nil, fmt.Errorf("internal error: the share of allocation %s comes to %s, published is %s; please report it", row.ID, facts.Share.Amount, want)
	}
	copied, err := p.issuersCopy(ctx, line.Counterparty, row.ID)
	if err != nil || copied == nil {
		return facts, err
	}
	issuers, err := p.lineOf(ctx, line.Counterparty, copied.Line)
	if err != nil {
		return nil, err
	}
	facts.IssuerStatement, facts.IssuerLine = issuers.StatementNo, issuers.Line
	return facts, nil
}

// priceFacts says why an allocation has its price.
func (e *explainer) priceFacts(row *detailRow, line *lineRow, issuer string) (*PriceFacts, error) {
	facts := &PriceFacts{ID: line.PriceID, Price: line.Price, PerPoints: line.PerPoints}
	if row.Activity == settlement.RedemptionReversalActivity.String() && e.rulebook.Ledger.Tracked {
		facts.Why = "points given back have the price at which they were redeemed"
		if e.row != nil && e.row.OriginalID != "" {
			facts.Why += ", by " + e.row.OriginalID
		}
		return facts, nil
	}
	party := e.rulebook.Parties.Find(issuer)
	if e.row == nil || party == settlement.NoParty {
		facts.Why = "not known without the row"
		return facts, nil
	}
	steps := e.rulebook.PriceSteps(party, e.merchant, row.BusinessDate, e.row.Reason)
	for _, step := range steps {
		facts.Steps = append(facts.Steps, PriceStepFacts{step.Rule.ID, step.Rule.From, step.Rule.To, step.Rule.When, step.DatesHold, step.ConditionHolds})
	}
	last := steps[len(steps)-1]
	if last.Rule.ID != line.PriceID || last.Rule.Price.Decimal().StringFixed(settlement.PriceDecimals) != line.Price || last.Rule.PerPoints != line.PerPoints {
		facts.Why = fmt.Sprintf("by the rulebook that settled the date; the one given would say %s", last.Rule.ID)
		return facts, nil
	}
	facts.Why = fmt.Sprintf("the first entry of the price table that holds for %s, the redemption's business date: %s", row.BusinessDate, entryInWords(last.Rule.From, last.Rule.To, last.Rule.When))
	return facts, nil
}

// entryInWords says when an entry of the price table holds.
func entryInWords(from, to settlement.Date, when string) string {
	dates := "on all dates"
	switch {
	case from != settlement.NoDate && to != settlement.Never:
		dates = fmt.Sprintf("from %s to %s", from, to)
	case from != settlement.NoDate:
		dates = fmt.Sprintf("from %s", from)
	case to != settlement.Never:
		dates = fmt.Sprintf("until %s", to)
	}
	if when == "" {
		return dates + ", without a condition"
	}
	return dates + ", when " + when
}

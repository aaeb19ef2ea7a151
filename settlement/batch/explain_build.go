package batch

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/clearing"
)

// explain puts together what was found out.
func (e *explainer) explain(ctx context.Context) (*Explanation, error) {
	x := &Explanation{
		Date: e.date, Record: e.record.Seq, Merchant: e.job.Merchant, TransactionID: e.job.Transaction, Exceptions: e.exceptions, Recomputed: e.recomputed,
		Rulebook: RulebookFacts{e.record.RulebookDigest, e.rulebook.Digest, e.record.RulebookDigest == e.rulebook.Digest},
	}
	if !x.Rulebook.Same {
		e.note("the rulebook given is not the one that settled the date; what is told of policy and prices is by the one given")
	}
	if e.job.ShowMember {
		x.Member = printablePseudonym(e.member)
	}
	x.Row = e.rowFacts()
	x.LotsBefore, x.LotsAfter = e.lotsOf(e.before), e.lotsOf(e.after)
	for i := range e.steps {
		step := &e.steps[i]
		x.Night = append(x.Night, e.nightStep(step))
		if e.isTarget(step) {
			x.Steps = append(x.Steps, e.stepFacts(step))
		}
	}
	for i := range e.rows {
		row := &e.rows[i]
		if e.row != nil && row.BusinessDate != e.row.BusinessDate || e.job.Allocation != "" && row.ID != e.job.Allocation {
			continue
		}
		facts, err := e.allocation(ctx, row)
		if err != nil {
			return nil, err
		}
		x.Allocations = append(x.Allocations, facts)
	}
	var err error
	x.AlsoOn, err = e.alsoOn(ctx)
	x.Notes = e.notes
	return x, err
}

func (e *explainer) isTarget(step *clearing.Step) bool {
	return step.Row.Merchant == e.merchant && step.Row.ID == e.job.Transaction && (e.row == nil || step.Row.BusinessDate == e.row.BusinessDate)
}

// alsoOn returns the other dates on which the claim of a redemption was covered, or given up.
func (e *explainer) alsoOn(ctx context.Context) ([]settlement.Date, error) {
	if e.row == nil || e.row.Kind != settlement.Redeem {
		return nil, nil
	}
	var dates []settlement.Date
	wait := settlement.Date(e.rulebook.Intake.WaitDays)
	for date := e.date - wait; date <= e.date+wait; date++ {
		settled, _ := e.ledger.Settled(date)
		if settled == nil || date == e.date {
			continue
		}
		rows, err := newPublished(e.ledger, settled).ofTransaction(ctx, e.job.Merchant, e.job.Transaction)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(rows, func(row detailRow) bool { return row.BusinessDate == e.row.BusinessDate }) {
			dates = append(dates, date)
		}
	}
	return dates, nil
}

// source says where a row or a lot was delivered.
func (e *explainer) source(source settlement.Source, imported bool) SourceFacts {
	facts := SourceFacts{File: source.File, Row: source.Row}
	if imported {
		return facts
	}
	for _, date := range settledDates(e.ledger) {
		settled, _ := e.ledger.Settled(date)
		for i := range settled.Inputs {
			if input := &settled.Inputs[i]; input.Key == source.File && input.State == settlement.Consumed {
				facts.ReadOn, facts.SHA256 = &settled.Date, input.SHA256
			}
		}
	}
	return facts
}

func (e *explainer) rowFacts() *RowFacts {
	if e.row == nil {
		return nil
	}
	row := *e.row
	for i := range e.steps {
		// A step knows all of a row that was read from its file.
		if e.isTarget(&e.steps[i]) && e.steps[i].Decision != clearing.Retried && e.steps[i].Decision != clearing.GivenUp {
			row = e.steps[i].Row
		}
	}
	return &RowFacts{
		TransactionID: row.ID, Kind: row.Kind.String(), Points: row.Points, OccurredAt: row.OccurredAt.String(), BusinessDate: row.BusinessDate,
		Issuer: e.rulebook.Parties.ID(row.Issuer), OriginalID: row.OriginalID, OriginalDate: row.OriginalDate, Reason: row.Reason,
		Source: e.source(row.Source, false),
	}
}

func (e *explainer) lotsOf(account *settlement.Account) []LotFacts {
	if account == nil {
		return nil
	}
	var lots []LotFacts
	for i := range account.Lots {
		lots = append(lots, e.lotFacts(&account.Lots[i]))
	}
	return lots
}

func (e *explainer) lotFacts(lot *settlement.Lot) LotFacts {
	parties := e.rulebook.Parties
	return LotFacts{
		Merchant: parties.ID(lot.Key.Merchant), ID: lot.Key.TransactionID, IssuedOn: lot.Key.BusinessDate, Imported: lot.Key.Imported,
		Issuer: parties.ID(lot.Issuer), IssuedAt: lot.IssuedAt.String(), ExpiresOn: lot.ExpiresOn, Issued: lot.Issued, Open: lot.Open, Spent: lot.Spent,
		Expired: lot.Expired, Reversed: lot.Reversed, Voided: lot.Voided, Shortfall: lot.Shortfall, Source: e.source(lot.Source, lot.Key.Imported),
	}
}

func (e *explainer) stepFacts(step *clearing.Step) StepFacts {
	facts := StepFacts{Decision: string(step.Decision), Policy: string(step.Policy), Asked: step.Asked, Uncovered: step.Uncovered, Reason: step.Reason}
	for i := range step.Candidates {
		candidate := &step.Candidates[i]
		facts.Candidates = append(facts.Candidates, CandidateFacts{e.lotFacts(&candidate.Lot), candidate.Available, candidate.Taken})
	}
	if step.Policy == rules.ProRata {
		facts.Shares = shares(facts.Candidates)
	}
	for i := range step.Excluded {
		facts.Excluded = append(facts.Excluded, ExclusionFacts{e.lotFacts(&step.Excluded[i].Lot), step.Excluded[i].Reason})
	}
	for i := range step.Changes {
		change := ChangeFacts{After: e.lotFacts(&step.Changes[i].After)}
		if before := &step.Changes[i].Before; *before != (settlement.Lot{}) {
			facts := e.lotFacts(before)
			change.Before = &facts
		}
		facts.Changes = append(facts.Changes, change)
	}
	return facts
}

// shares adds the candidates of a redemption up by issuer, in order of id.
func shares(candidates []CandidateFacts) []IssuerShare {
	var list []IssuerShare
	var available, taken int64
	for i := range candidates {
		candidate := &candidates[i]
		at := slices.IndexFunc(list, func(share IssuerShare) bool { return share.Issuer == candidate.Lot.Issuer })
		if at < 0 {
			at = len(list)
			list = append(list, IssuerShare{Issuer: candidate.Lot.Issuer})
		}
		list[at].Available += candidate.Available
		list[at].Taken += candidate.Taken
		available += candidate.Available
		taken += candidate.Taken
	}
	for i := range list {
		list[i].Exact = exactQuotient(taken, list[i].Available, available)
	}
	slices.SortFunc(list, func(a, b IssuerShare) int { return strings.Compare(a.Issuer, b.Issuer) })
	return list
}

func (e *explainer) nightStep(step *clearing.Step) NightStep {
	facts := NightStep{Decision: string(step.Decision), Allocations: len(step.Allocations), Reason: step.Reason}
	if step.Row.Merchant != settlement.NoParty {
		facts.Merchant, facts.TransactionID = e.rulebook.Parties.ID(step.Row.Merchant), step.Row.ID
		facts.Kind, facts.Points, facts.OccurredAt = step.Row.Kind.String(), step.Row.Points, step.Row.OccurredAt.String()
	}
	return facts
}

// allocation tells of one published allocation where it comes from and what it is worth.
func (e *explainer) allocation(ctx context.Context, row *detailRow) (AllocationFacts, error) {
	facts := AllocationFacts{ID: row.ID, Activity: row.Activity, Issuer: row.Counterparty, Redeemer: e.job.Merchant, Points: row.Points}
	if row.Role == roleOwn {
		facts.OnUs, facts.Issuer = true, e.job.Merchant
	}
	if err := e.lotOf(ctx, row, &facts); err != nil {
		return facts, err
	}
	if facts.OnUs {
		return facts, nil
	}
	line, err := e.published.lineOf(ctx, e.job.Merchant, row.Line)
	if err != nil {
		return facts, err
	}
	if facts.Price, err = e.priceFacts(row, line, facts.Issuer); err != nil {
		return facts, err
	}
	facts.Line, err = e.published.allocationLine(ctx, e.rulebook.Money, e.job.Merchant, line, row)
	return facts, err
}

const (
	roleOwn    = "own"
	roleIssuer = "issuer"
)

// lotOf finds the lot that an allocation is charged to: as the date left it, else as a step left
// it, else by the name that the issuer's statement gives it.
func (e *explainer) lotOf(ctx context.Context, row *detailRow, facts *AllocationFacts) error {
	if key := e.computedLot(row); key != nil {
		if lot := e.findLot(key); lot != nil {
			found := e.lotFacts(lot)
			facts.Lot = &found
		}
		return nil
	}
	named := row
	if row.Role != roleOwn {
		var err error
		if named, err = e.published.issuersCopy(ctx, facts.Issuer, row.ID); err != nil || named == nil {
			return err
		}
	}
	if named.LotID != "" {
		facts.LotName = fmt.Sprintf("%s of %s, issued on %s", named.LotID, named.LotMerchant, named.LotIssuedOn)
		for _, account := range []*settlement.Account{e.after, e.before} {
			if lot := namedLot(account, e.rulebook, named); lot != nil && facts.Lot == nil {
				found := e.lotFacts(lot)
				facts.Lot, facts.LotName = &found, ""
			}
		}
	}
	return nil
}

func namedLot(account *settlement.Account, rulebook *rules.Rulebook, named *detailRow) *settlement.Lot {
	if account == nil {
		return nil
	}
	for i := range account.Lots {
		key := &account.Lots[i].Key
		if rulebook.Parties.ID(key.Merchant) == named.LotMerchant && key.TransactionID == named.LotID && key.BusinessDate.String() == named.LotIssuedOn {
			return &account.Lots[i]
		}
	}
	return nil
}

// computedLot returns the lot that the computation charged an allocation to, nil if none.
func (e *explainer) computedLot(row *detailRow) *settlement.LotKey {
	for i := range e.steps {
		for j := range e.steps[i].Allocations {
			a := &e.steps[i].Allocations[j]
			if a.HasLot && settlement.AllocationID(e.rulebook.Parties.ID(a.Redeemer), a.BusinessDate, a.TransactionID, e.date, a.Number) == row.ID {
				return &a.Lot
			}
		}
	}
	return nil
}

// findLot returns a lot of the member as the night left it.
func (e *explainer) findLot(key *settlement.LotKey) *settlement.Lot {
	if e.after != nil {
		for i := range e.after.Lots {
			if e.after.Lots[i].Key == *key {
				return &e.after.Lots[i]
			}
		}
	}
	for i := range slices.Backward(e.steps) {
		for j := range e.steps[i].Changes {
			if e.steps[i].Changes[j].After.Key == *key {
				return &e.steps[i].Changes[j].After
			}
		}
	}
	return nil
}

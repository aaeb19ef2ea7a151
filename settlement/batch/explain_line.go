package batch

import (
	"context"
	"errors"
	"fmt"

	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/intake"
	"alliance/settlement/storage"
)

// A LineExplanation says how a line of a merchant's statement came to its value. Values have the
// sign of the statement: positive if the merchant receives them.
type LineExplanation struct {
	Date         settlement.Date `json:"date"`
	Record       int64           `json:"record"`
	Rulebook     RulebookFacts   `json:"rulebook"`
	Notes        []string        `json:"notes,omitempty"`
	Merchant     string          `json:"merchant_id"`
	StatementNo  string          `json:"statement_no"`
	Line         int             `json:"line_no"`
	Role         string          `json:"role"`
	Counterparty string          `json:"counterparty_id"`
	Activity     string          `json:"activity"`
	BusinessDate settlement.Date `json:"business_date"`
	Late         bool            `json:"late"`
	// Price is absent from adjustments.
	Price        *PriceFacts `json:"price,omitempty"`
	Currency     string      `json:"currency"`
	Transactions int64       `json:"transactions"`
	Points       int64       `json:"points"`
	// Exact is points × price / per_points before rounding, Rounding how it is rounded.
	Exact    string `json:"exact,omitempty"`
	Rounding string `json:"rounding,omitempty"`
	Value    string `json:"value"`
	// Allocations are all of the line, in the order in which its value is shared out.
	Allocations []LineAllocation `json:"allocations,omitempty"`
	Adjustment  *AdjustmentFacts `json:"adjustment,omitempty"`
}

// A LineAllocation is an allocation of a line, its share of the value, and both sides' names for it.
type LineAllocation struct {
	ID         string `json:"allocation_id"`
	OccurredAt string `json:"occurred_at"`
	// TransactionID is the redeemer's; the lot is the issuer's, and absent if the alliance issued it.
	TransactionID string    `json:"transaction_id"`
	LotMerchant   string    `json:"lot_merchant_id,omitempty"`
	LotID         string    `json:"lot_id,omitempty"`
	LotIssuedOn   string    `json:"lot_issued_on,omitempty"`
	Points        int64     `json:"points"`
	Share         ShareStep `json:"share"`
}

// AdjustmentFacts is a payment that the alliance booked by hand.
type AdjustmentFacts struct {
	ID        string      `json:"adjustment_id"`
	Payer     string      `json:"payer_id"`
	Payee     string      `json:"payee_id"`
	Reason    string      `json:"reason,omitempty"`
	Reference string      `json:"reference,omitempty"`
	Source    SourceFacts `json:"source"`
}

// ExplainLine tells how a line of a published statement came to its value: its allocations with
// the names that both sides have for them, the price, and each allocation's share. It computes
// the shares again and compares them with what is published; a difference is an internal error.
// Errors are those of [Explain].
func ExplainLine(ctx context.Context, job ExplainJob) (*LineExplanation, error) {
	ledger, err := books.Open(ctx, job.Ledger)
	if err != nil {
		return nil, err
	}
	e := &explainer{job: &job, ledger: ledger, rulebook: job.Rulebook}
	if err := e.useDate(job.Date); err != nil {
		return nil, err
	}
	if e.published.statement(job.Merchant) == nil {
		return nil, notOnRecord("%s has no statement of %s", job.Merchant, job.Date)
	}
	line, err := e.published.lineOf(ctx, job.Merchant, job.Line)
	if err != nil {
		return nil, err
	}
	x := e.lineExplanation(line)
	if line.Activity == settlement.AdjustmentActivity.String() {
		err = e.explainAdjustment(ctx, x, line)
	} else {
		err = e.explainAllocations(ctx, x, line)
	}
	x.Notes = e.notes
	return x, err
}

func (e *explainer) lineExplanation(line *lineRow) *LineExplanation {
	return &LineExplanation{
		Date: e.date, Record: e.record.Seq, Merchant: e.job.Merchant,
		Rulebook:    RulebookFacts{e.record.RulebookDigest, e.rulebook.Digest, e.record.RulebookDigest == e.rulebook.Digest},
		StatementNo: line.StatementNo, Line: line.Line, Role: line.Role, Counterparty: line.Counterparty, Activity: line.Activity,
		BusinessDate: line.BusinessDate, Late: line.Late, Currency: line.Currency, Transactions: line.Transactions, Points: line.Points,
		Value: line.Value.StringFixed(e.rulebook.Money.MinorDigits),
	}
}

func (e *explainer) explainAllocations(ctx context.Context, x *LineExplanation, line *lineRow) error {
	price, err := priceOf(line.Price, line.PerPoints)
	if err != nil {
		return err
	}
	x.Price = &PriceFacts{ID: line.PriceID, Price: line.Price, PerPoints: line.PerPoints, Why: e.whyOfLine(line)}
	// The issuer pays: its statement shows the value with the sign turned.
	sign := int64(1)
	if line.Role == roleIssuer {
		sign = -1
	}
	x.Exact, x.Rounding = exactValue(sign*line.Points, price), string(e.rulebook.Money.Rounding)
	rows, err := e.published.ofLine(ctx, e.job.Merchant, line.Line)
	if err != nil {
		return err
	}
	others, err := e.otherCopies(ctx, line.Counterparty)
	if err != nil {
		return err
	}
	before := int64(0)
	for i := range rows {
		row, other := &rows[i], others[rows[i].ID]
		share, err := shareStep(e.rulebook.Money, price, i+1, sign*before, sign*row.Points)
		if err != nil {
			return err
		}
		if want := row.Amount.StringFixed(e.rulebook.Money.MinorDigits); share.Amount != want {
			return fmt.Errorf("internal error: the share of allocation %s comes to %s, published is %s; please report it", row.ID, share.Amount, want)
		}
		before += row.Points
		share.PointsBefore, share.PointsUpTo = before-row.Points, before
		x.Allocations = append(x.Allocations, LineAllocation{
			ID: row.ID, OccurredAt: row.OccurredAt, TransactionID: either(row.Transaction, other.Transaction),
			LotMerchant: either(row.LotMerchant, other.LotMerchant), LotID: either(row.LotID, other.LotID), LotIssuedOn: either(row.LotIssuedOn, other.LotIssuedOn),
			Points: row.Points, Share: share,
		})
	}
	if len(rows) > 0 && x.Allocations[len(rows)-1].Share.RoundedUpTo != x.Value {
		return fmt.Errorf("internal error: the shares of line %d come to %s, the line to %s; please report it", line.Line, x.Allocations[len(rows)-1].Share.RoundedUpTo, x.Value)
	}
	if before != line.Points {
		return fmt.Errorf("internal error: the allocations of line %d come to %d points, the line to %d; please report it", line.Line, before, line.Points)
	}
	return nil
}

// otherCopies returns the other side's rows of its detail by allocation.
func (e *explainer) otherCopies(ctx context.Context, counterparty string) (map[string]detailRow, error) {
	rows, err := e.published.detail(ctx, counterparty)
	others := make(map[string]detailRow, len(rows))
	for i := range rows {
		others[rows[i].ID] = rows[i]
	}
	return others, err
}

func either(text, other string) string {
	if text != "" {
		return text
	}
	return other
}

// whyOfLine says which entry of the price table the line's price is.
func (e *explainer) whyOfLine(line *lineRow) string {
	if line.Activity == settlement.RedemptionReversalActivity.String() && e.rulebook.Ledger.Tracked {
		return "points given back have the price at which they were redeemed"
	}
	for i := range e.rulebook.Prices {
		rule := &e.rulebook.Prices[i]
		if rule.ID == line.PriceID {
			return fmt.Sprintf("entry %d of the price table: %s; explain one of the transactions to see why no entry before it holds", i+1, entryInWords(rule.From, rule.To, rule.When))
		}
	}
	return "the rulebook given has no price of this id"
}

func (e *explainer) explainAdjustment(ctx context.Context, x *LineExplanation, line *lineRow) error {
	facts := &AdjustmentFacts{ID: line.PriceID, Payer: x.Counterparty, Payee: x.Merchant}
	if line.Role == roleIssuer {
		facts.Payer, facts.Payee = facts.Payee, facts.Payer
	}
	x.Adjustment = facts
	adjustments, err := intake.ReadAdjustments(ctx, e.job.Inbox, e.rulebook.Parties, e.rulebook.Money, e.date, nil)
	var faulty *intake.AdjustmentError
	if err != nil && !errors.As(err, &faulty) && !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	for i := range adjustments.List {
		if adjustment := &adjustments.List[i]; adjustment.ID == line.PriceID && e.asOnRecord(&adjustments, adjustment.Source.File) {
			facts.Reason, facts.Reference = adjustment.Reason, adjustment.Reference
			facts.Source = e.source(adjustment.Source, false)
			return nil
		}
	}
	e.note("the file of adjustments that the date read is not in the inbox any more as it was, so reason and reference are not known")
	return nil
}

// asOnRecord reports whether a file of adjustments is the one that the date read.
func (e *explainer) asOnRecord(adjustments *intake.Adjustments, file string) bool {
	for _, found := range adjustments.Inputs {
		for _, input := range e.settled.Inputs {
			if found.Key == file && input.Key == file {
				return found.SHA256 == input.SHA256
			}
		}
	}
	return false
}

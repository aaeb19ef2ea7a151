package batch

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/statement"

	"github.com/shopspring/decimal"
)

// A Report says what a run did.
type Report struct {
	// Dates are those that the run settled, in order, or the one that was settled before. After an
	// error they are those that are on record all the same.
	Dates []DateReport `json:"dates"`
	// Head is the number of the newest record of the log and its SHA-256 in hex.
	Head HeadReport `json:"head"`
	// Ledger is how far the ledger has come; nil if no date is settled.
	Ledger *LedgerReport `json:"-"`
	// DryRun says that nothing was written.
	DryRun bool `json:"dry_run,omitempty"`
	// Restated says that the dates were settled before and were recomputed.
	Restated bool `json:"restated,omitempty"`
	// Same says that a restatement came to what is on record in every respect, so that nothing was written.
	Same bool `json:"same,omitempty"`
}

// A HeadReport identifies the newest record of the log.
type HeadReport struct {
	Sequence int64  `json:"sequence"`
	SHA256   string `json:"sha256"`
}

// A DateReport says what a run did for one settlement date.
type DateReport struct {
	Date settlement.Date `json:"date"`
	// Already says that the date was settled before, so that nothing was done. Changed then says
	// what is different since.
	Already bool     `json:"already,omitempty"`
	Changed []string `json:"changed,omitempty"`
	// Final says that the date was settled before and is closed, so that it cannot be restated.
	Final bool `json:"final,omitempty"`
	// Record is the number of the log's record that settles the date.
	Record        int64  `json:"record,omitempty"`
	ComputationID string `json:"computation_id"`
	// Totals are those on record if the date was settled before.
	Totals Totals `json:"totals"`
	// OpenClaims are those that the date left open; absent if it was settled before.
	OpenClaims *ClaimStatus `json:"open_claims,omitempty"`
	// Restatement says what a restatement changed on this date.
	Restatement *RestatementReport `json:"restatement,omitempty"`
	Stages      []StageReport      `json:"stages,omitempty"`
}

// A RestatementReport says what a restatement changed on one date.
type RestatementReport struct {
	// Unchanged counts the statements whose version on record stands.
	Unchanged int64 `json:"statements_unchanged"`
	// Alliance says that the operator's tables changed.
	Alliance bool `json:"alliance_changed"`
	// Changes has an entry for every statement that got a new version, in order of merchant.
	Changes []StatementChange `json:"changes"`
}

// A StatementChange is a statement that got a new version.
type StatementChange struct {
	Merchant string `json:"merchant_id"`
	Version  int    `json:"version"`
	// Supersedes is the version before, or 0 if the merchant had none of the date.
	Supersedes int `json:"supersedes,omitempty"`
	// Lines is how many lines differ.
	Lines int64 `json:"changed_lines"`
	// Receivable and Payable are the day's, Due what is to be paid at the close of the cycle.
	Receivable AmountChange `json:"receivable"`
	Payable    AmountChange `json:"payable"`
	Due        AmountChange `json:"due"`
}

// An AmountChange is an amount that was one and is another, with the decimals of the minor unit.
type AmountChange struct {
	Was        string `json:"was"`
	Is         string `json:"is"`
	Difference string `json:"difference"`
}

// A StageReport says how long a stage took.
type StageReport struct {
	Stage      Stage `json:"stage"`
	Elapsed_ms int64 `json:"elapsed_ms"`
}

// Totals are what one settlement date came to.
type Totals struct {
	Files        int64 `json:"files"`
	FilesHeld    int64 `json:"files_held"`
	RowsRead     int64 `json:"rows_read"`
	RowsAccepted int64 `json:"rows_accepted"`
	RowsDeferred int64 `json:"rows_deferred"`
	RowsRejected int64 `json:"rows_rejected"`
	// Exceptions counts them. Codes are not on record, and absent if the date was settled before.
	Exceptions int64            `json:"exceptions"`
	Codes      map[string]int64 `json:"exceptions_by_code,omitempty"`
	// PointsAcross is the points redeemed where they were not issued, less those given back.
	PointsAcross int64 `json:"points_redeemed_across_merchants"`
	Lines        int64 `json:"lines"`
	Allocations  int64 `json:"allocations"`
	Statements   int64 `json:"statements"`
	// Missing are the merchants that did not deliver.
	Missing     []string `json:"missing,omitempty"`
	Complete    bool     `json:"complete"`
	CycleClosed bool     `json:"cycle_closed"`
	Currency    string   `json:"currency"`
	// Value is the sum of the values of all lines; Fees, Tax are what the merchants pay for
	// the cycle; Due the sum of the payments. All have the decimals of the minor unit.
	Value    string `json:"value"`
	Fees     string `json:"fees"`
	Tax      string `json:"tax"`
	Due      string `json:"due"`
	Payments int64  `json:"payments"`
}

// totalsOf adds up a night. An error wraps [settlement.ErrOutOfRange].
func totalsOf(night *settlement.Night) (totals Totals, err error) {
	totals = Totals{
		Exceptions: int64(len(night.Exceptions)), Codes: make(map[string]int64), Lines: int64(len(night.Lines)),
		Statements: int64(len(night.Statements)), Payments: int64(len(night.Payments)),
		CycleClosed: night.Cycle.Closes(night.Date), Currency: night.Money.Currency, Complete: true,
	}
	var value, fees, tax, due decimal.Decimal
	for i := range night.Inputs {
		input := books.NewInputRecord(night.Parties, night.Inputs[i])
		totals.addInput(&input)
	}
	for i := range night.Exceptions {
		totals.Codes[night.Exceptions[i].Code.String()]++
	}
	for i := range night.Lines {
		if totals.PointsAcross, err = settlement.AddPoints(totals.PointsAcross, night.Lines[i].Points); err != nil {
			return totals, fmt.Errorf("points redeemed across merchants: %w", err)
		}
		totals.Allocations += night.Detail.Line(i).Count()
		value = value.Add(night.Lines[i].Value)
	}
	for party := range settlement.Party(night.Parties.Len()) {
		totals.Allocations += night.Detail.Own(party).Count()
	}
	for i := range night.Fees {
		fees = fees.Add(night.Fees[i].Amount)
		tax = tax.Add(night.Fees[i].Tax)
	}
	for i := range night.Payments {
		due = due.Add(night.Payments[i].Amount)
	}
	digits := night.Money.MinorDigits
	totals.Value, totals.Fees, totals.Tax, totals.Due = value.StringFixed(digits), fees.StringFixed(digits), tax.StringFixed(digits), due.StringFixed(digits)
	if len(night.Statements) > 0 {
		totals.Complete = night.Statements[0].Complete
	}
	return totals, nil
}

// recordedTotals returns what is on record of the totals of a settled date, in the currency of the ledger.
func recordedTotals(settled *books.DateRecord, currency string) Totals {
	said := &settled.Totals
	totals := Totals{
		Exceptions: said.Exceptions, PointsAcross: said.Points, Lines: said.Lines, Allocations: said.Allocations,
		Statements: int64(len(settled.Statements)), Complete: settled.Complete, CycleClosed: settled.CycleClosed,
		Currency: currency, Value: said.Value, Fees: said.Fees, Tax: said.Tax, Due: said.Due,
	}
	for i := range settled.Inputs {
		totals.addInput(&settled.Inputs[i])
	}
	for _, file := range settled.Alliance.Files {
		if file.Name == statement.PaymentsFile {
			totals.Payments = file.Rows
		}
	}
	return totals
}

func (t *Totals) addInput(input *books.InputRecord) {
	switch input.State {
	case settlement.Missing:
		t.Missing = append(t.Missing, input.Merchant)
		return
	case settlement.Held:
		t.FilesHeld++
	}
	t.Files++
	t.RowsRead += input.Rows
	t.RowsAccepted += input.Accepted
	t.RowsDeferred += input.Deferred
	t.RowsRejected += input.Rejected
}

// stageClock collects how long each stage took. Some are at work at the same time.
type stageClock struct {
	mutex  sync.Mutex
	stages []StageReport
}

func (c *stageClock) note(stage Stage, elapsed time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.stages = append(c.stages, StageReport{stage, elapsed.Milliseconds()})
	slices.SortStableFunc(c.stages, func(a, b StageReport) int { return slices.Index(stages, a.Stage) - slices.Index(stages, b.Stage) })
}

package batch

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/statement"
	"alliance/settlement/storage"

	"github.com/shopspring/decimal"
)

// A DiffJob asks what is different between two versions of a merchant's statement, or between
// its statements of two dates.
type DiffJob struct {
	Ledger   storage.Bucket
	Merchant string
	Date     settlement.Date
	// Was and Is are the versions of Date's statement to compare; 0 stands for the last but one and
	// the last.
	Was, Is int
	// Against is another date, whose last version is compared with Date's last version instead;
	// NoDate for none.
	Against settlement.Date
}

// A Diff says what is different, and what stands behind it. What is alike is left out.
type Diff struct {
	Merchant string   `json:"merchant_id"`
	Was      DiffSide `json:"was"`
	Is       DiffSide `json:"is"`
	// Numbers are the amounts and counts of the summary.
	Numbers []NumberDiff `json:"numbers"`
	// Lines are those of the statement; between dates they are told apart by all but the business date.
	Lines []LineDiff `json:"lines"`
	// Allocations, Inputs and Rules are compared between versions only.
	Allocations []AllocationDiff `json:"allocations,omitempty"`
	// Inputs are the objects of the inbox, of all merchants and on all dates up to this one, that
	// the two computations do not have in common.
	Inputs []InputDiff `json:"inputs,omitempty"`
	// Rules are the prices and fees that the date used, of those whose content was another.
	Rules []RuleDiff `json:"rules,omitempty"`
	// RulebookChanged and ProgramChanged say that the rules, or what computes, were others.
	RulebookChanged bool `json:"rulebook_changed"`
	ProgramChanged  bool `json:"program_changed"`
}

// A DiffSide is one of two statements.
type DiffSide struct {
	Date        settlement.Date `json:"date"`
	Version     int             `json:"version"`
	StatementNo string          `json:"statement_no"`
	// Record is the number of the record that published it.
	Record         int64  `json:"record"`
	Time           string `json:"time,omitempty"`
	Operator       string `json:"operator,omitempty"`
	Reason         string `json:"reason,omitempty"`
	Approval       string `json:"approved_by,omitempty"`
	RulebookDigest string `json:"rulebook_digest"`
	Program        string `json:"program"`
	ComputationID  string `json:"computation_id"`

	files []books.FileRecord
	// settled is the date as that record has it.
	settled *books.DateRecord
}

// A NumberDiff is a column of the summary.
type NumberDiff struct {
	Column     string `json:"column"`
	Was        string `json:"was"`
	Is         string `json:"is"`
	Difference string `json:"difference,omitempty"`
}

// A LineDiff is a line, each amount with the decimals of its column.
type LineDiff struct {
	statement.LineName
	// Date is the business date; absent between dates.
	Date         string     `json:"business_date,omitempty"`
	Price        string     `json:"price,omitempty"`
	Transactions NumberDiff `json:"transactions"`
	Points       NumberDiff `json:"points"`
	Value        NumberDiff `json:"value"`
}

// An AllocationDiff is an allocation that one of two versions lacks, or has otherwise.
type AllocationDiff struct {
	ID string `json:"allocation_id"`
	// What is added, removed or changed.
	What string `json:"what"`
	// Was and Is are the columns of the detail that differ, or all that have a value, by name.
	Was map[string]string `json:"was,omitempty"`
	Is  map[string]string `json:"is,omitempty"`
}

// A RuleDiff is a price or a fee that the date used: what it said, "" if it was not used.
type RuleDiff struct {
	// Kind is price or fee.
	Kind string `json:"kind"`
	ID   string `json:"id"`
	Was  string `json:"was,omitempty"`
	Is   string `json:"is,omitempty"`
}

// An InputDiff is an object of the inbox as a settlement date took it in two computations; one
// that the date did not look at has no state.
type InputDiff struct {
	Date      settlement.Date `json:"settled_on"`
	Merchant  string          `json:"merchant_id"`
	Key       string          `json:"key"`
	WasState  string          `json:"was_state,omitempty"`
	WasSHA256 string          `json:"was_sha256,omitempty"`
	IsState   string          `json:"is_state,omitempty"`
	IsSHA256  string          `json:"is_sha256,omitempty"`
}

// Difference compares two statements from what is on record. Errors: [RefusedError] for a
// statement or a version that there is not, and those of the store.
func Difference(ctx context.Context, job DiffJob) (*Diff, error) {
	ledger, err := books.Open(ctx, job.Ledger)
	if err != nil {
		return nil, err
	}
	diff := &Diff{Merchant: job.Merchant, Numbers: []NumberDiff{}, Lines: []LineDiff{}}
	if err := job.sides(ledger, diff); err != nil {
		return nil, err
	}
	diff.RulebookChanged = diff.Was.RulebookDigest != diff.Is.RulebookDigest
	diff.ProgramChanged = diff.Was.Program != diff.Is.Program
	if err := diff.compareNumbers(ctx, ledger); err != nil {
		return nil, err
	}
	betweenVersions := diff.Was.Date == diff.Is.Date
	if err := diff.compareLines(ctx, ledger, betweenVersions); err != nil || !betweenVersions {
		return diff, err
	}
	diff.Rules = append(ruleDiffs("price", diff.Was.settled.UsedPrices, diff.Is.settled.UsedPrices),
		ruleDiffs("fee", diff.Was.settled.UsedFees, diff.Is.settled.UsedFees)...)
	diff.Inputs = inputDiffs(ledger, diff.Is.Date, diff.Was.Record, diff.Is.Record)
	return diff, diff.compareAllocations(ctx, ledger)
}

// sides finds the two statements.
func (j *DiffJob) sides(ledger *books.Ledger, diff *Diff) (err error) {
	if j.Against != settlement.NoDate {
		if diff.Was, err = sideOf(ledger, j.Merchant, j.Date, 0); err != nil {
			return err
		}
		diff.Is, err = sideOf(ledger, j.Merchant, j.Against, 0)
		return err
	}
	was, is := j.Was, j.Is
	if was == 0 && is == 0 {
		is = len(ledger.Versions(j.Merchant, j.Date))
		if was = is - 1; is == 1 {
			return refuse("the statement of %s for %s has one version only; compare it with another date by --against", j.Merchant, j.Date)
		}
	}
	if diff.Was, err = sideOf(ledger, j.Merchant, j.Date, was); err != nil {
		return err
	}
	diff.Is, err = sideOf(ledger, j.Merchant, j.Date, is)
	return err
}

// sideOf returns a version of a statement, the last one for 0, with the record that published it.
func sideOf(ledger *books.Ledger, merchant string, date settlement.Date, version int) (DiffSide, error) {
	versions := ledger.Versions(merchant, date)
	if version == 0 {
		version = len(versions)
	}
	for i := range ledger.Records() {
		record := &ledger.Records()[i]
		for j := range record.Dates {
			for _, found := range record.Dates[j].Statements {
				if record.Dates[j].Date != date || found.Merchant != merchant || found.Version != version {
					continue
				}
				return DiffSide{Date: date, Version: version, StatementNo: settlement.StatementNo(merchant, date, version),
					Record: record.Seq, Time: record.Time, Operator: record.Operator, Reason: record.Reason, Approval: record.Approval,
					RulebookDigest: record.RulebookDigest, Program: record.Program, ComputationID: record.Dates[j].ComputationID,
					files: found.Files, settled: &record.Dates[j]}, nil
			}
		}
	}
	if len(versions) == 0 {
		return DiffSide{}, refuse("there is no statement of %s for %s on record; settle status says which dates are settled", merchant, date)
	}
	return DiffSide{}, refuse("the statement of %s for %s has the versions 1 to %d, not %d", merchant, date, len(versions), version)
}

// read returns a file of a side's folder.
func (s *DiffSide) read(ctx context.Context, ledger *books.Ledger, name string) ([]byte, error) {
	return openerOf(ctx, ledger, s.files)(name)
}

// compareNumbers compares the summaries, but for what names the version and the date.
func (d *Diff) compareNumbers(ctx context.Context, ledger *books.Ledger) error {
	var rows [2]map[string]string
	var order []string
	for i, side := range []*DiffSide{&d.Was, &d.Is} {
		content, err := side.read(ctx, ledger, "summary.parquet")
		if err != nil {
			return err
		}
		if rows[i], order, err = firstRow(content); err != nil {
			return fmt.Errorf("summary.parquet of %s: %w", side.StatementNo, err)
		}
	}
	for _, column := range order {
		was, is := rows[0][column], rows[1][column]
		if was == is || slices.Contains([]string{"statement_no", "version", "supersedes", "settlement_date", "rulebook_digest", "computation_id"}, column) {
			continue
		}
		d.Numbers = append(d.Numbers, numberDiff(column, was, is))
	}
	return nil
}

// numberDiff compares two cells; what is no number has no difference.
func numberDiff(column, was, is string) NumberDiff {
	diff := NumberDiff{Column: column, Was: was, Is: is}
	before, wrong := decimal.NewFromString(was)
	after, wrongToo := decimal.NewFromString(is)
	if wrong == nil && wrongToo == nil {
		diff.Difference = after.Sub(before).StringFixed(max(0, -after.Exponent()))
	}
	return diff
}

func (d *Diff) compareLines(ctx context.Context, ledger *books.Ledger, byBusinessDate bool) error {
	was, err := d.Was.read(ctx, ledger, "statement.parquet")
	if err != nil {
		return err
	}
	is, err := d.Is.read(ctx, ledger, "statement.parquet")
	if err != nil {
		return err
	}
	changes, err := statement.LineChanges(was, is, byBusinessDate)
	if err != nil {
		return err
	}
	for _, change := range changes {
		line := LineDiff{LineName: change.LineName,
			Transactions: numberDiff("transactions", fmt.Sprint(change.Was.Transactions), fmt.Sprint(change.Is.Transactions)),
			Points:       numberDiff("points", fmt.Sprint(change.Was.Points), fmt.Sprint(change.Is.Points)),
			Value: numberDiff("value", change.Was.Amount().StringFixed(settlement.MoneyDecimals),
				change.Is.Amount().StringFixed(settlement.MoneyDecimals))}
		if byBusinessDate {
			line.Date = change.BusinessDate.String()
		}
		if change.PerPoints != 0 {
			line.Price = decimal.New(change.Price, -settlement.PriceDecimals).StringFixed(settlement.PriceDecimals)
		}
		d.Lines = append(d.Lines, line)
	}
	return nil
}

// compareAllocations compares the details row by row. Line numbers are no difference: a line
// that is new moves all that follow it.
func (d *Diff) compareAllocations(ctx context.Context, ledger *books.Ledger) error {
	before := make(map[string]map[string]string)
	err := eachDetailRow(ctx, ledger, d.Was.files, func(id string, row map[string]string) { before[id] = row })
	if err != nil {
		return err
	}
	err = eachDetailRow(ctx, ledger, d.Is.files, func(id string, row map[string]string) {
		was, found := before[id]
		delete(before, id)
		if !found {
			d.Allocations = append(d.Allocations, AllocationDiff{ID: id, What: "added", Is: row})
		} else if was, is := differing(was, row); len(was) > 0 {
			d.Allocations = append(d.Allocations, AllocationDiff{ID: id, What: "changed", Was: was, Is: is})
		}
	})
	for id, row := range before {
		d.Allocations = append(d.Allocations, AllocationDiff{ID: id, What: "removed", Was: row})
	}
	slices.SortFunc(d.Allocations, func(a, b AllocationDiff) int { return strings.Compare(a.ID, b.ID) })
	return err
}

var allocationColumns = []string{"allocation_id", "role", "counterparty_id", "activity", "business_date", "occurred_at", "transaction_id",
	"lot_merchant_id", "lot_id", "lot_issued_on", "points", "price", "per_points", "amount"}

// eachDetailRow calls visit with the cells that have a value.
func eachDetailRow(ctx context.Context, ledger *books.Ledger, files []books.FileRecord, visit func(id string, row map[string]string)) error {
	return readTable(ctx, ledger, files, "detail", allocationColumns, func(cells []string) error {
		row := make(map[string]string, len(cells)-1)
		for i, cell := range cells[1:] {
			if cell != "" {
				row[allocationColumns[i+1]] = strings.Clone(cell)
			}
		}
		visit(strings.Clone(cells[0]), row)
		return nil
	})
}

// differing returns the columns in which two rows differ.
func differing(was, is map[string]string) (before, after map[string]string) {
	before, after = make(map[string]string), make(map[string]string)
	for _, column := range allocationColumns[1:] {
		if was[column] != is[column] {
			before[column], after[column] = was[column], is[column]
		}
	}
	return before, after
}

// inputDiffs returns the inputs of all dates up to one that stood otherwise after two records.
func inputDiffs(ledger *books.Ledger, through settlement.Date, was, is int64) []InputDiff {
	type object struct {
		date settlement.Date
		key  string
	}
	found := make(map[object]*InputDiff)
	for i, sequence := range []int64{was, is} {
		standing := make(map[settlement.Date]*books.DateRecord)
		for _, record := range ledger.Records()[:sequence] {
			for j := range record.Dates {
				standing[record.Dates[j].Date] = &record.Dates[j]
			}
		}
		for date, settled := range standing {
			if date > through {
				continue
			}
			for _, input := range settled.Inputs {
				at := object{date, input.Key}
				if input.Key == "" {
					at.key = input.Merchant // a delivery that is missing
				}
				diff := found[at]
				if diff == nil {
					diff = &InputDiff{Date: date, Merchant: input.Merchant, Key: input.Key}
					found[at] = diff
				}
				if state := input.State.String(); i == 0 {
					diff.WasState, diff.WasSHA256 = state, input.SHA256
				} else {
					diff.IsState, diff.IsSHA256 = state, input.SHA256
				}
			}
		}
	}
	var diffs []InputDiff
	for _, diff := range found {
		if diff.WasState != diff.IsState || diff.WasSHA256 != diff.IsSHA256 {
			diffs = append(diffs, *diff)
		}
	}
	slices.SortFunc(diffs, func(a, b InputDiff) int {
		if a.Date != b.Date {
			return int(a.Date - b.Date)
		}
		return strings.Compare(a.Merchant+"\x00"+a.Key, b.Merchant+"\x00"+b.Key)
	})
	return diffs
}

// ruleDiffs returns the rules that two versions of a date did not use alike, in order of id.
func ruleDiffs(kind string, was, is map[string]string) []RuleDiff {
	all := maps.Clone(was)
	if all == nil {
		all = make(map[string]string)
	}
	maps.Copy(all, is)
	var diffs []RuleDiff
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if was[id] != is[id] {
			diffs = append(diffs, RuleDiff{kind, id, was[id], is[id]})
		}
	}
	return diffs
}

// firstRow returns the one row of a table by column, and the columns in order.
func firstRow(content []byte) (row map[string]string, order []string, err error) {
	var text strings.Builder
	if err := statement.Dump(&text, content, nil); err != nil {
		return nil, nil, err
	}
	header, _, _ := strings.Cut(text.String(), "\n")
	order = strings.Split(header, ",")
	row = make(map[string]string)
	err = readCells(content, order, func(cells []string) error {
		for i := range cells {
			row[order[i]] = strings.Clone(cells[i])
		}
		return nil
	})
	return row, order, err
}

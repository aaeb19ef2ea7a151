package batch_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A nightResult is what one night came to, as text: one string per row of a table, values
// joined by "|" in the order of columns given below. Absent values are "". Money has the
// currency's decimals ("12.30"; JPY "12", BHD "12.300"), never "-0.00". Prices and rates have no needless
// zeros ("0.95", "1"). Dates are YYYY-MM-DD, instants 2026-03-01T09:30:00.000000Z in UTC.
// Booleans are true and false.
//
// Tables in published order, compared as they stand:
//
//	lines      issuer|redeemer|activity|business_date|late|price_id|price|per_points|transactions|points|value
//	           (adjustments: price "", per_points ""; positive value: the issuer owes)
//	detail     issuer|redeemer|activity|business_date|price_id|price|per_points|occurred_at|transaction_id|number|
//	           lot_merchant|lot_business_date|lot_id|points|amount
//	           (line by line in the order of lines, within a line by occurred_at, merchant, transaction id, number; amount signed as
//	           the line's value; the three lot columns "" where there is no lot)
//	own        party|activity|business_date|occurred_at|transaction_id|number|lot_merchant|lot_business_date|lot_id|points
//	           (on-us allocations, by party, then as within a line)
//	positions  party|receivable|payable|fees|tax|net|carried_in|held|released|carried_out|due
//	           (all parties in order of id at a close, else none)
//	fees       merchant|fee_id|base|transactions|fee|tax_rate|tax
//	points     issuer|opening|issued|issue_reversed|redeemed_own|redeemed_elsewhere|restored|expired|closing
//	           (only issuers with a figure that is not 0; opening, expired, closing "" on an untracked ledger)
//	summary    merchant|receivable|payable|cycle_receivable|cycle_payable|fees|tax|net|carried_in|held|released|carried_out|due|
//	           redeemed_here|rows_accepted|rows_deferred|rows_rejected|is_complete
//	           (one per merchant that gets a statement; fees to due are "" unless the cycle closed)
//	inputs     merchant|key|state|code|rows|accepted|deferred|rejected|issued_points|redeemed_points
//	           (objects that this run looked at, by merchant, key; not those that an earlier night made final; a missing
//	           merchant first, key "", state missing; all numbers 0 unless consumed tonight; a control file is consumed once for
//	           each content, with no rows, or held)
//
// Sorted as text by [nightResult.sort], whatever order they came in:
//
//	refusal    merchant   (who was missing when the run without --allow-missing was refused; the rest of the
//	           result is that of the run with it)
//	payments   payer|payee|amount|merchant   (merchant: whose statement_no it carries)
//	exceptions merchant|file|row|transaction_id|code|state|column|points
//	           (row "" for files; column only with missing_field, invalid_value, missing_column, unknown_column, else ""; points
//	           only with uncovered, unfunded, clawback_shortfall; transaction_id of rows with malformed, missing_field and
//	           invalid_value is "": what is not valid is not compared)
//	lots       member|issuer|merchant|business_date|transaction_id|issued_at|expires_on|open
//	           (lots with open points after the night, except on untracked ledgers; expires_on "never" or a date)
//	claims     member|merchant|business_date|transaction_id|points   (open claims after the night)
//	deferred   member|merchant|transaction_id|kind|business_date     (rows that wait after the night)
type nightResult struct {
	tables map[string][]string
}

var sortedTables = []string{"refusal", "payments", "exceptions", "lots", "claims", "deferred"}

func newResult() *nightResult { return &nightResult{map[string][]string{}} }

// add appends a row; each value is shown by fmt.Sprint.
func (r *nightResult) add(table string, values ...any) {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = fmt.Sprint(value)
	}
	r.tables[table] = append(r.tables[table], strings.Join(texts, "|"))
}

func (r *nightResult) sort() {
	for _, table := range sortedTables {
		slices.Sort(r.tables[table])
	}
}

// difference compares two results; it is "" if they are equal. r is what the model says.
func (r *nightResult) difference(engine *nightResult) string {
	r.sort()
	engine.sort()
	var names []string
	for name := range r.tables {
		names = append(names, name)
	}
	for name := range engine.tables {
		names = append(names, name)
	}
	slices.Sort(names)
	var out strings.Builder
	for _, name := range slices.Compact(names) {
		model, other := r.tables[name], engine.tables[name]
		if slices.Equal(model, other) {
			continue
		}
		fmt.Fprintf(&out, "table %s\n", name)
		onlyModel, onlyOther := without(model, other), without(other, model)
		for _, row := range onlyModel {
			fmt.Fprintf(&out, "  model  %s\n", row)
		}
		for _, row := range onlyOther {
			fmt.Fprintf(&out, "  engine %s\n", row)
		}
		if len(onlyModel)+len(onlyOther) == 0 {
			fmt.Fprintf(&out, "  the same rows in another order; model:\n    %s\n  engine:\n    %s\n", strings.Join(model, "\n    "), strings.Join(other, "\n    "))
		}
	}
	return out.String()
}

// without returns the rows of a that b does not have, counting repetitions.
func without(a, b []string) []string {
	counts := map[string]int{}
	for _, row := range b {
		counts[row]++
	}
	var rest []string
	for _, row := range a {
		if counts[row]--; counts[row] < 0 {
			rest = append(rest, row)
		}
	}
	return rest
}

func (r *nightResult) String() string {
	var out strings.Builder
	for _, name := range sortedKeys(r.tables) {
		fmt.Fprintf(&out, "%s\n", name)
		for _, row := range r.tables[name] {
			fmt.Fprintf(&out, "  %s\n", row)
		}
	}
	return out.String()
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	var keys []K
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

package batch_test

import (
	"strings"
	"testing"
	"time"
)

// A seed makes the same history, and the model says the same about it, every time.
func TestHistoriesComeFromTheirSeed(t *testing.T) {
	for seed := range uint64(5) {
		one, other := randomHistory(seed), randomHistory(seed)
		if one.String() != other.String() {
			t.Fatalf("seed %d makes two histories", seed)
		}
		first, second := modelResults(one), modelResults(other)
		for i := range first {
			if said := first[i].difference(second[i]); said != "" {
				t.Fatalf("seed %d, night %d: %s", seed, i, said)
			}
		}
	}
}

// The random histories are worth comparing: every code occurs in them, most rows are
// accepted, and every table has rows.
func TestHistoriesMeetEverything(t *testing.T) {
	wanted := map[string]bool{}
	for _, code := range strings.Fields(`unknown_format/held replaced_file/held duplicate_file/noticed bad_control/held not_in_control/held unreadable_file/held
		missing_column/held control_mismatch/held too_many_rejects/held hold_expired/held malformed/rejected missing_field/rejected invalid_value/rejected
		wrong_merchant/rejected inactive_merchant/rejected future/rejected future/deferred too_late/rejected unknown_issuer/rejected not_agreed/rejected
		issuer_required/rejected conflict/rejected duplicate/rejected unknown_original/deferred unknown_original/rejected original_mismatch/rejected
		reversal_exceeds_original/rejected uncovered/deferred unfunded/rejected clawback_shortfall/noticed unknown_column/noticed
		unknown_merchant/noticed unknown_folder/noticed`) {
		wanted[code] = true
	}
	for _, table := range strings.Fields("lines detail own positions fees payments points summary inputs refusal exceptions lots claims deferred") {
		wanted["table "+table] = true
	}
	for seed := uint64(0); len(wanted) > 0 && seed < 300; seed++ {
		for _, result := range modelResults(randomHistory(seed)) {
			for table, rows := range result.tables {
				if len(rows) > 0 {
					delete(wanted, "table "+table)
				}
			}
			for _, row := range result.tables["exceptions"] {
				values := strings.Split(row, "|")
				delete(wanted, values[len(values)-4]+"/"+values[len(values)-3])
			}
		}
	}
	for code := range wanted {
		t.Errorf("no history has %s", code)
	}
}

// Shrinking leaves what makes a history fail, and little else.
func TestHistoriesShrink(t *testing.T) {
	fails := func(h *history) string {
		for _, result := range modelResults(h) {
			for _, row := range result.tables["lines"] {
				if strings.Contains(row, "|redemption_reversal|") {
					return row
				}
			}
		}
		return ""
	}
	for seed := range uint64(100) {
		h := randomHistory(seed)
		if fails(h) == "" {
			continue
		}
		small := shrink(h, fails, 5*time.Second)
		rows := 0
		for _, n := range small.nights {
			for _, f := range n.files {
				if f.table != nil {
					rows += len(f.table.rows)
				}
			}
		}
		if fails(small) == "" || rows > 3 { // an issue, a redeem, a reversal
			t.Errorf("seed %d shrinks to %d rows:\n%s", seed, rows, small)
		}
		return
	}
	t.Error("no history has a reversal line")
}

func TestDifferencesAreShown(t *testing.T) {
	one, other := newResult(), newResult()
	one.add("lines", "A", "B", 1)
	one.add("lines", "A", "C", 1)
	other.add("lines", "A", "C", 1)
	other.add("lines", "A", "B", 2)
	want := "table lines\n  model  A|B|1\n  engine A|B|2\n"
	if got := one.difference(other); got != want {
		t.Errorf("got %q", got)
	}
	if got := one.difference(one); got != "" {
		t.Errorf("equal results differ: %s", got)
	}
}

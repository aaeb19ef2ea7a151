package batch

import (
	"errors"
	"strings"
	"testing"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/books"
)

func TestExactValuesAreCutAfterTwelveDecimals(t *testing.T) {
	price := settlement.Price{Amount: 100_000_000, PerPoints: 150}
	for points, want := range map[int64]string{
		0: "0", 150: "1", -225: "-1.5", 100: "0.666666666666…", -1: "-0.006666666666…",
		1_000_000_000_000_000_000: "6666666666666666.666666666666…", 3: "0.02",
	} {
		if got := exactValue(points, price); got != want {
			t.Errorf("%d points: %s, want %s", points, got, want)
		}
	}
	if got := exactQuotient(130, 100, 160); got != "81.25" {
		t.Error(got)
	}
}

// half_even: 1.5 and 2.5 minor units are both 2; the shares still add up.
func TestSharesFollowTheRoundingOfTheLedger(t *testing.T) {
	price := settlement.Price{Amount: 50_000_000, PerPoints: 100} // half a cent a point
	money := settlement.Money{Currency: "EUR", MinorDigits: 2, Rounding: settlement.HalfEven}
	first, err := shareStep(money, price, 1, 0, 3)
	if err != nil || first.RoundedUpTo != "0.02" || first.Amount != "0.02" {
		t.Errorf("%+v %v", first, err)
	}
	second, err := shareStep(money, price, 2, 3, 2)
	if err != nil || second.ExactUpTo != "0.025" || second.RoundedUpTo != "0.02" || second.Amount != "0.00" {
		t.Errorf("%+v %v", second, err)
	}
}

// A difference between what is computed again and what is on record is our own mistake, unless a
// file, the rulebook or the program is another.
func TestADifferenceNeedsAnExcuse(t *testing.T) {
	explainer := func() *explainer {
		return &explainer{
			rulebook: &rules.Rulebook{Digest: "r"}, record: &books.Record{Seq: 7, RulebookDigest: "r", Program: Program},
			settled: &books.DateRecord{Inputs: []books.InputRecord{{Key: "k"}}}, checked: map[string]string{"k": ""},
		}
	}
	e := explainer()
	if err := e.excuse("points"); err == nil || !strings.Contains(err.Error(), "internal error") || !strings.Contains(err.Error(), "record 7") {
		t.Error(err)
	}
	e = explainer()
	e.checked["k"] = "is gone"
	if err := e.excuse("points"); err != nil || len(e.notes) != 1 || !strings.Contains(e.notes[0], "k is gone") {
		t.Error(err, e.notes)
	}
	e = explainer()
	e.record.RulebookDigest = "other"
	var misfit *RulebookError
	if err := e.excuse("points"); !errors.As(err, &misfit) {
		t.Error(err)
	}
	e = explainer()
	e.record.Program = "settle/0"
	if err := e.excuse("points"); err == nil || !strings.Contains(err.Error(), "settle/0") || strings.Contains(err.Error(), "internal error") {
		t.Error(err)
	}
}

package command

import (
	"reflect"
	"testing"

	"alliance/settlement/batch"
)

// TestASettledDateKeepsItsTotals: what a date came to when it was settled is what it comes to when it is asked for again, but for
// what is not on record.
func TestASettledDateKeepsItsTotals(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	w.write("inbox/merchant=B/date=2026-01-06/bad.csv", "transaction_id\n1\n") // held, and A is missing
	var settled batch.Report
	w.json(&settled, "run", "--catch-up", "--date", "2026-01-06")
	if first := settled.Dates[0].Totals; first.Payments == 0 || first.Exceptions == 0 || first.Value != "1.70" {
		t.Fatalf("%+v", first)
	}
	if second := settled.Dates[1].Totals; second.Complete || second.FilesHeld != 1 || len(second.Missing) != 1 {
		t.Fatalf("%+v", second)
	}
	for _, wanted := range settled.Dates {
		var again batch.Report
		w.json(&again, "run", "--date", wanted.Date.String())
		if found := again.Dates[0]; !found.Already || !reflect.DeepEqual(found.Totals, withoutCodes(wanted.Totals)) {
			t.Errorf("%s came to %+v and is said to come to %+v", wanted.Date, wanted.Totals, found.Totals)
		}
	}
}

// TestARestatedDateKeepsItsTotals: the totals are those of the version that stands.
func TestARestatedDateKeepsItsTotals(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	w.settleTo("2026-01-05")
	w.deliver("C", "2026-01-05", "c2.csv", "c2,m3,issue,40,2026-01-05T09:00:00Z,,,,")
	var restated, again batch.Report
	w.json(&restated, "run", "--restate", "--reason", "a file was forgotten", "--date", "2026-01-05")
	w.json(&again, "run", "--date", "2026-01-05")
	if is := restated.Dates[0].Totals; is.Value != "1.97" || !reflect.DeepEqual(again.Dates[0].Totals, withoutCodes(is)) {
		t.Errorf("%+v came to %+v", is, again.Dates[0].Totals)
	}
}

func withoutCodes(totals batch.Totals) batch.Totals {
	totals.Codes = nil
	return totals
}

package batch_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/batch"
	"alliance/settlement/books"
)

// TestRejectedRowsOfOneFile holds a file of more bad rows than a night remembers of one file, takes one of just as
// many where the rulebook lets it, and settles everybody else.
func TestRejectedRowsOfOneFile(t *testing.T) {
	const limit = 250_000
	job := guardJob(t)
	var err error
	job.Rulebook, err = rules.Parse("rulebook.yaml", []byte(`
alliance: {id: HUB, currency: CNY, time_zone: Asia/Shanghai}
intake: {max_rejected: {share: "1"}}
prices: [{id: base, price: "1.00", per_points: 100}]
merchants: [{id: A}, {id: B}, {id: C}]
`))
	if err != nil {
		t.Fatal(err)
	}
	bad := func(count int) string {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		fmt.Fprint(w, oneRow[:strings.IndexByte(oneRow, '\n')+1], strings.Repeat("1,anna,issue,x,2026-06-01T10:00:00Z\n", count))
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return packed.String()
	}
	deliver(t, job, "merchant=A/date=2026-06-01/a.csv.gz", bad(limit+1))
	deliver(t, job, "merchant=B/date=2026-06-01/b.csv.gz", bad(limit))
	deliver(t, job, "merchant=C/date=2026-06-01/c.csv", oneRow)
	if _, err := batch.Run(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	ledger, err := books.Open(t.Context(), job.Ledger)
	if err != nil {
		t.Fatal(err)
	}
	settled, _ := ledger.Settled(settlement.NewDate(2026, 6, 1))
	want := map[string]string{
		"merchant=A/date=2026-06-01/a.csv.gz": "held unreadable_file 0 0",
		"merchant=B/date=2026-06-01/b.csv.gz": "consumed  250000 250000",
		"merchant=C/date=2026-06-01/c.csv":    "consumed  1 0",
	}
	for _, input := range settled.Inputs {
		if is := fmt.Sprint(input.State, " ", input.Code, " ", input.Rows, " ", input.Rejected); is != want[input.Key] {
			t.Errorf("%s is %s, not %s", input.Key, is, want[input.Key])
		}
		delete(want, input.Key)
	}
	if len(want) > 0 {
		t.Errorf("not read: %v", want)
	}
	acknowledged := string(contentsOf(t, job.Acknowledgements)["merchant=A/date=2026-06-01/ack.json"])
	if says := "more rows would be rejected than the limit of 250000; correct the file, or deliver it in parts"; !strings.Contains(acknowledged, says) {
		t.Errorf("the acknowledgement does not say so: %s", acknowledged)
	}
}

// TestRepeatedRowsOfOneFile holds a file of millions of equal rows, which takes few bytes, before they take the
// memory of the night; fewer of them are duplicates like any.
func TestRepeatedRowsOfOneFile(t *testing.T) {
	const limit = 100_000
	job := guardJob(t)
	job.Rulebook = mustRulebook(t, `
alliance: {id: HUB, currency: CNY, time_zone: Asia/Shanghai}
prices: [{id: base, price: "1.00", per_points: 100}]
merchants: [{id: A}, {id: B}]
`)
	packed := func(count int) string {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		fmt.Fprint(w, oneRow[:strings.IndexByte(oneRow, '\n')+1], strings.Repeat("1,anna,issue,5,2026-06-01T10:00:00Z\n2,anna,issue,5,2026-06-01T10:00:00Z\n", count))
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return packed.String()
	}
	deliver(t, job, "merchant=A/date=2026-06-01/a.csv.gz", packed(limit))
	deliver(t, job, "merchant=B/date=2026-06-01/b.csv.gz", packed(50))
	report, err := batch.Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	acknowledged := string(contentsOf(t, job.Acknowledgements)["merchant=A/date=2026-06-01/ack.json"])
	if says := "more rows repeat the id of a row not far before than the limit of 100000"; !strings.Contains(acknowledged, says) {
		t.Errorf("the acknowledgement does not say so: %s", acknowledged)
	}
	codes := report.Dates[0].Totals.Codes
	if codes["unreadable_file"] != 1 || codes["duplicate"] != 98 {
		t.Errorf("exceptions %v", codes)
	}
}

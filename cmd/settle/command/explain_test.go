package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"alliance/settlement"
	"alliance/settlement/batch"
)

// explained settles the first night and explains something of it.
func explained(t *testing.T, arguments ...string) (*world, batch.Explanation) {
	t.Helper()
	w := newWorld(t)
	w.firstNight()
	w.settleTo("2026-01-05")
	var x batch.Explanation
	w.json(&x, append([]string{"explain"}, arguments...)...)
	return w, x
}

func TestExplainARedemption(t *testing.T) {
	w, x := explained(t, "--merchant", "B", "--transaction", "b1")
	if x.Date.String() != "2026-01-05" || x.Record != 1 || !x.Recomputed || !x.Rulebook.Same || len(x.Notes) > 0 || x.Member != "" {
		t.Errorf("%+v", x)
	}
	if x.Row.Kind != "redeem" || x.Row.Points != 130 || x.Row.Source.File != "merchant=B/date=2026-01-05/b.csv" || x.Row.Source.Row != 1 || len(x.Row.Source.SHA256) != 64 {
		t.Errorf("%+v", x.Row)
	}
	step := x.Steps[0]
	if len(x.Steps) != 1 || step.Decision != "applied" || step.Policy != "fifo" || step.Asked != 130 || step.Uncovered != 0 || len(step.Candidates) != 2 {
		t.Fatalf("%+v", x.Steps)
	}
	if a, c := step.Candidates[0], step.Candidates[1]; a.Lot.ID != "a1" || a.Available != 100 || a.Taken != 100 || c.Lot.ID != "c1" || c.Available != 60 || c.Taken != 30 {
		t.Errorf("%+v", step.Candidates)
	}
	if len(x.LotsBefore) != 0 || len(x.LotsAfter) != 2 || x.LotsAfter[0].Spent != 100 || x.LotsAfter[1].Open != 30 || x.LotsAfter[0].ExpiresOn.String() != "2026-02-05" {
		t.Errorf("lots %+v %+v", x.LotsBefore, x.LotsAfter)
	}
	if len(x.Allocations) != 2 {
		t.Fatalf("%+v", x.Allocations)
	}
	// 100 of the line's 225 points: 100/150 = 0.666… -> 0.67; the first of two.
	first, second := x.Allocations[0], x.Allocations[1]
	want := batch.ShareStep{Place: 1, PointsBefore: 0, PointsUpTo: 100, ExactBefore: "0", RoundedBefore: "0.00", ExactUpTo: "0.666666666666…", RoundedUpTo: "0.67", Amount: "0.67"}
	if first.Line.Share != want || first.Line.Of != 2 || first.Line.Points != 225 || first.Line.Exact != "1.5" || first.Line.Value != "1.50" {
		t.Errorf("%+v", first.Line)
	}
	if first.Line.RedeemerLine != 1 || first.Line.RedeemerStatement != "ST-B-20260105-1" || first.Line.IssuerLine != 1 || first.Line.IssuerStatement != "ST-A-20260105-1" {
		t.Errorf("%+v", first.Line)
	}
	if first.Lot.Source.File != "merchant=A/date=2026-01-05/a.csv" || first.Lot.Source.Row != 1 || first.Lot.Source.ReadOn.String() != "2026-01-05" {
		t.Errorf("%+v", first.Lot)
	}
	if p := first.Price; p.ID != "base" || p.PerPoints != 150 || len(p.Steps) != 3 || p.Steps[0].ConditionHolds || !p.Steps[0].DatesHold || p.Steps[1].DatesHold || !p.Steps[2].ConditionHolds {
		t.Errorf("%+v", p)
	}
	if second.Issuer != "C" || second.Points != 30 || second.Line.Value != "0.20" || second.Line.Share.Amount != "0.20" {
		t.Errorf("%+v", second)
	}
	text := w.run(exitDone, "explain", "--merchant", "B", "--transaction", "b1", "--date", "2026-01-05")
	contains(t, text, "b1 of B, settlement date 2026-01-05", "redeem of 130 points", "from merchant=B/date=2026-01-05/b.csv, row 1",
		"computed again from state and files: the same as published", "policy fifo: 130 points to be taken, 130 covered, 0 not",
		"1      a1 of A, 2026-01-05", "2      c1 of C, 2026-01-05", "open 100 -> 0, spent 0 -> 100",
		"price base: 1.00 per 150 points", `not gifts: not true: reason == "gift"`, "not early: its dates, until 2026-01-01, do not hold",
		"225 points × 1.00 / 150 = 1.5, rounded 1.50", "allocation 1 of 2 on it: points 0 to 100, 0 -> 0.666666666666…, rounded 0.00 -> 0.67, so its share is 0.67",
		"The member's lots before the date: 0 lots", "The member's lots after the date: 2 lots", "The member's night, in order")
	if strings.Contains(text, "m1") {
		t.Error("the member is named")
	}
	contains(t, w.run(exitDone, "explain", "--merchant", "B", "--transaction", "b1", "--show-member"), "member m1")
}

// The second allocation of the line takes what the rounded value grows by: 1.50 - 0.67 = 0.83.
func TestExplainAnAllocation(t *testing.T) {
	id := settlement.AllocationID("B", settlement.NewDate(2026, 1, 5), "b2", settlement.NewDate(2026, 1, 5), 0)
	w, x := explained(t, "--allocation", id, "--date", "2026-01-05")
	if x.Merchant != "B" || x.Row.TransactionID != "b2" || len(x.Allocations) != 1 || x.Allocations[0].ID != id {
		t.Fatalf("%+v", x)
	}
	want := batch.ShareStep{Place: 2, PointsBefore: 100, PointsUpTo: 225, ExactBefore: "0.666666666666…", RoundedBefore: "0.67", ExactUpTo: "1.5", RoundedUpTo: "1.50", Amount: "0.83"}
	if x.Allocations[0].Line.Share != want {
		t.Errorf("%+v", x.Allocations[0].Line.Share)
	}
	contains(t, w.run(exitUsage, "explain", "--allocation", "0123", "--date", "2026-01-05"), `the statements of 2026-01-05 have no allocation "0123"`)
}

func TestExplainALineFromBothSides(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	w.settleTo("2026-01-05")
	var redeemer, issuer batch.LineExplanation
	w.json(&redeemer, "explain", "--merchant", "B", "--date", "2026-01-05", "--line", "1")
	t.Setenv("SETTLE_LINE", "1")
	w.json(&issuer, "explain", "--merchant", "A", "--date", "2026-01-05")
	if redeemer.Role != "redeemer" || redeemer.Value != "1.50" || redeemer.Exact != "1.5" || redeemer.Transactions != 2 || redeemer.Price.ID != "base" {
		t.Errorf("%+v", redeemer)
	}
	if issuer.Role != "issuer" || issuer.Value != "-1.50" || issuer.Exact != "-1.5" || issuer.Allocations[1].Share.Amount != "-0.83" {
		t.Errorf("%+v", issuer)
	}
	for _, side := range []batch.LineExplanation{redeemer, issuer} {
		one, two := side.Allocations[0], side.Allocations[1]
		if one.TransactionID != "b1" || one.LotID != "a1" || one.LotMerchant != "A" || one.Points != 100 || two.TransactionID != "b2" || two.LotID != "a2" || two.Share.PointsUpTo != 225 {
			t.Errorf("%+v", side.Allocations)
		}
	}
	contains(t, w.run(exitDone, "explain", "--merchant", "A", "--date", "2026-01-05"), "Line 1 of ST-A-20260105-1", "redemption as issuer, with B",
		"to be paid: -(225 points × 1.00 / 150) = -1.5, rounded (half_up) -1.50 EUR", "2 allocations",
		"b1           a1 of A, 2026-01-05  100     100            -0.666666666666…  -0.67    -0.67", "-1.50    -0.83")
	t.Setenv("SETTLE_LINE", "one")
	contains(t, w.run(exitUsage, "explain", "--merchant", "A", "--date", "2026-01-05"), `SETTLE_LINE="one" in the environment: write a whole number`)
	contains(t, w.run(exitUsage, "explain", "--merchant", "A", "--date", "2026-01-05", "--line", "2"), "has 1 lines, there is no line 2")
}

func TestExplainAnAdjustment(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	w.write("inbox/alliance/adjustments/date=2026-01-05/x.csv", "adjustment_id,payer_id,payee_id,amount,reason,reference\nadj-1,A,C,7.50,posters,note 12\n")
	w.settleTo("2026-01-05")
	contains(t, w.run(exitDone, "explain", "--merchant", "A", "--date", "2026-01-05", "--line", "2"), "adjustment as issuer, with C",
		"adjustment adj-1, booked by the alliance: A pays C 7.50 EUR", "reason: posters", "reference: note 12", "from alliance/adjustments/date=2026-01-05/x.csv, row 1")
	if err := os.RemoveAll(filepath.Join(w.root, "inbox", "alliance")); err != nil {
		t.Fatal(err)
	}
	contains(t, w.run(exitDone, "explain", "--merchant", "C", "--date", "2026-01-05", "--line", "2"), "note: the file of adjustments", "A pays C 7.50 EUR")
}

func TestExplainRowsThatWereNotTaken(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	w.deliver("B", "2026-01-06", "again.csv", "b1,m1,redeem,130,2026-01-05T10:00:00Z,,,,", "b2,m1,redeem,1,2026-01-05T10:00:00Z,,,,")
	w.deliver("A", "2026-01-06", "a.csv", "a3,m3,issue,30,2026-01-05T10:30:00Z,,,,")
	w.deliver("A", "2026-01-07", "a.csv")
	w.deliver("B", "2026-01-07", "b.csv")
	w.settleTo("2026-01-07")

	contains(t, w.run(exitDone, "explain", "--merchant", "B", "--transaction", "b5"), "b5 of B", "note: no row of this id got as far as the member's lots",
		"Exception invalid_value (rejected)", "b.csv, row 5", `column points, value "12.5"`)
	contains(t, w.run(exitDone, "explain", "--merchant", "B", "--transaction", "b1", "--date", "2026-01-06"), "Exception duplicate (rejected)", "again.csv, row 1")
	contains(t, w.run(exitDone, "explain", "--merchant", "B", "--transaction", "b2", "--date", "2026-01-06"), "Exception conflict (rejected)", "again.csv, row 2")
	// b4 waits on the 5th and the 6th, and is rejected on the 7th.
	contains(t, w.run(exitDone, "explain", "--merchant", "B", "--transaction", "b4", "--date", "2026-01-05"), "Exception unknown_original (deferred)", "Waits for a later night")
	contains(t, w.run(exitDone, "explain", "--merchant", "B", "--transaction", "b4", "--date", "2026-01-06"), "from merchant=B/date=2026-01-05/b.csv, row 4, read on 2026-01-05", "Waits for a later night")
	contains(t, w.run(exitDone, "explain", "--merchant", "B", "--transaction", "b4"), "settlement date 2026-01-07", "Exception unknown_original (rejected)", "\nRejected\n")
	// b3 found nothing on the 5th; a lot that was delivered late covers 30 of its 40 on the 6th, and
	// 10 are given up on the 7th.
	contains(t, w.run(exitDone, "explain", "--merchant", "B", "--transaction", "b3"), "settlement date 2026-01-05", "Exception uncovered (deferred)",
		"40 points to be taken, 0 covered, 40 not", "more of its points were settled on 2026-01-06")
	contains(t, w.run(exitDone, "explain", "--merchant", "B", "--transaction", "b3", "--date", "2026-01-06"), "The claim of an earlier night, tried again",
		"40 points to be taken, 30 covered, 10 not", "1      a3 of A", "30 points × 1.00 / 150 = 0.2, rounded 0.20", "The member's lots after the date: 1 lot")
}

func TestExplainTheEndOfAClaim(t *testing.T) {
	w := newWorld(t)
	w.write("rules.yaml", strings.Replace(rulebook, "reversal_days: 30}", "reversal_days: 30, unfunded: alliance}", 1))
	w.firstNight()
	w.deliver("A", "2026-01-07", "a.csv")
	w.settleTo("2026-01-07")
	// 40 points that no lot covered: 40/150 = 0.2666… -> 0.27, paid by the alliance.
	contains(t, w.run(exitDone, "explain", "--merchant", "B", "--transaction", "b3", "--date", "2026-01-07"), "Exception unfunded (rejected)",
		"The claim is given up", "40 points of HUB, redeemed at B\n", "charged to no lot", "40 points × 1.00 / 150 = 0.266666666666…, rounded 0.27")
}

func TestExplainAReversal(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	// 50 points go back: first the 30 of c1, which were taken last, then 20 of a1.
	w.deliver("B", "2026-01-06", "b.csv", "b9,m1,redeem_reversal,50,2026-01-06T10:00:00Z,,b1,,")
	w.settleTo("2026-01-06")
	var x batch.Explanation
	w.json(&x, "explain", "--merchant", "B", "--transaction", "b9")
	if len(x.Allocations) != 2 || !x.Recomputed {
		t.Fatalf("%+v", x)
	}
	c, a := x.Allocations[1], x.Allocations[0]
	if a.Lot.ID == "c1" {
		c, a = a, c
	}
	if c.Points != -30 || c.Line.Value != "-0.20" || c.Lot.Open != 60 || a.Points != -20 || a.Line.Share.Amount != "-0.13" || a.Lot.Open != 20 {
		t.Errorf("%+v %+v", a.Line, c.Line)
	}
	contains(t, w.run(exitDone, "explain", "--merchant", "B", "--transaction", "b9"), "-30 points of C, given back at B\n")
	if !strings.Contains(a.Price.Why, "the price at which they were redeemed, by b1") || len(a.Price.Steps) != 0 {
		t.Errorf("%+v", a.Price)
	}
}

func TestExplainWhatHappenedElsewhereToTheFiles(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	w.settleTo("2026-01-05")
	inbox := filepath.Join(w.root, "inbox")
	rows := filepath.Join(inbox, "merchant=C", "date=2026-01-05", "c.csv")
	content, err := os.ReadFile(rows)
	if err != nil {
		t.Fatal(err)
	}
	// A copy with another modification time is as good as the original.
	replace(t, rows, content)
	contains(t, w.run(exitDone, "explain", "--merchant", "B", "--transaction", "b1"), "the same as published")
	// m2 has nothing in C's file, m1 has: only the latter's night cannot be computed again.
	replace(t, rows, append(content, '\n'))
	contains(t, w.run(exitDone, "explain", "--merchant", "B", "--transaction", "b2"), "note: merchant=C/date=2026-01-05/c.csv has another content (SHA-256", "leads to what is published all the same", "the same as published")
	text := w.run(exitDone, "explain", "--merchant", "B", "--transaction", "b1")
	contains(t, text, "note: the member's night cannot be computed again", "c.csv has another content", "30 points of C", "lot c1 of C", "rounded 0.20", "The member's lots after the date: 2 lots")
	// Without any file the record alone tells.
	if err := os.RemoveAll(inbox); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(inbox, 0o755); err != nil {
		t.Fatal(err)
	}
	text = w.run(exitDone, "explain", "--merchant", "B", "--transaction", "b1")
	contains(t, text, "redeem of 130 points", "cannot be computed again", "is gone from the inbox", "100 points of A", "so its share is 0.67")
	contains(t, w.run(exitDone, "explain", "--merchant", "A", "--transaction", "a1"), "issue of 100 points", "is gone from the inbox")
	contains(t, w.run(exitDone, "explain", "--merchant", "B", "--transaction", "b5"), "Exception invalid_value", "")
}

func TestExplainWithAnotherRulebook(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	w.settleTo("2026-01-05")
	w.write("rules.yaml", strings.Replace(rulebook, "name: Cedar", "name: Cedarwood", 1))
	contains(t, w.run(exitDone, "explain", "--merchant", "B", "--transaction", "b1"), "NOT the one given", "note: the rulebook given is not the one that settled the date", "the same as published")
	w.write("rules.yaml", strings.Replace(rulebook, "attribution: fifo", "attribution: first_expiring", 1))
	contains(t, w.run(exitUsage, "explain", "--merchant", "B", "--transaction", "b1"), "it leads elsewhere", "give the one that was used")
}

func TestExplainRefusesWhatItCannotFind(t *testing.T) {
	w := newWorld(t)
	contains(t, w.run(exitUsage, "explain", "--merchant", "B", "--transaction", "b1"), "--ledger")
	w.firstNight()
	w.deliver("B", "2026-01-06", "b.csv")
	w.settleTo("2026-01-06")
	for _, one := range []struct {
		arguments, message string
	}{
		{"", "say what to explain"},
		{"--transaction b1", "--transaction needs --merchant"},
		{"--line 1 --merchant B", "--line needs --date"},
		{"--line 0 --merchant B --date 2026-01-05", "lines count from 1"},
		{"--line x --merchant B --date 2026-01-05", `--line "x": write a whole number; see settle explain --help`},
		{"--allocation 00", "--allocation needs --date"},
		{"--allocation 00 --merchant B --date 2026-01-05", "leave --merchant out"},
		{"--transaction b1 --line 1 --merchant B", "--transaction and --line exclude each other"},
		{"--transaction b1 --merchant B --date 2026-01-09", "2026-01-09 is not settled; settled are 2026-01-05 to 2026-01-06"},
		{"--transaction b1 --merchant B --date 2026-01-06", `2026-01-06 has nothing about transaction "b1" of B; 2026-01-05 has: give --date 2026-01-05`},
		{"--transaction zz --merchant B", `no settled date has a transaction "zz" of B`},
		{"--transaction b1 --merchant Z --date 2026-01-05", `its register has no merchant "Z"`},
		{"--line 1 --merchant Z --date 2026-01-05", "Z has no statement of 2026-01-05"},
		{"--line 9 --merchant B --date 2026-01-05", "there is no line 9"},
	} {
		contains(t, w.run(exitUsage, append([]string{"explain"}, strings.Fields(one.arguments)...)...), one.message)
	}
}

func TestExplainSharesAmongIssuers(t *testing.T) {
	w := newWorld(t)
	w.write("rules.yaml", strings.Replace(rulebook, "attribution: fifo", "attribution: pro_rata", 1))
	w.firstNight()
	w.settleTo("2026-01-05")
	// 130 of 160: A 100 × 130 / 160 = 81.25, C 60 × 130 / 160 = 48.75; the point left over is C's.
	contains(t, w.run(exitDone, "explain", "--merchant", "B", "--transaction", "b1"), "policy pro_rata",
		"share of A: 100 points available, exactly 81.25 of those taken, so 81", "share of C: 60 points available, exactly 48.75 of those taken, so 49")
}

func TestExplainAnUntrackedLedger(t *testing.T) {
	w := newWorld(t)
	w.write("rules.yaml", strings.Replace(rulebook, "ledger: {attribution: fifo, expiry: {months: 1}, reversal_days: 30}", "ledger: {lots: untracked, attribution: stated}", 1))
	w.deliver("B", "2026-01-05", "b.csv", "b1,m1,redeem,100,2026-01-05T10:00:00Z,A,,,gift", "b2,m1,redeem_reversal,40,2026-01-05T11:00:00Z,A,,,")
	w.settleTo("2026-01-05")
	contains(t, w.run(exitDone, "explain", "--merchant", "B", "--transaction", "b1"), "the same as published", "charged to no lot", "price gifts: 1.00 per 100 points", "rounded 1.00")
	contains(t, w.run(exitDone, "explain", "--merchant", "B", "--transaction", "b2"), "price base: 1.00 per 150 points; the first entry", "so its share is -0.27")
}

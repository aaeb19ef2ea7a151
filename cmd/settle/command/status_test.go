package command

import (
	"os"
	"path/filepath"
	"testing"

	"alliance/settlement/batch"
)

func TestStatusOfAnEmptyLedger(t *testing.T) {
	w := newWorld(t)
	contains(t, w.run(exitDone, "status"), "settled: 0 dates", "next date to settle: none, the inbox holds no file", "pending: no files", "log: empty")
	w.deliver("B", "2026-01-07", "b.csv")
	w.deliver("A", "2026-01-06", "a.csv")
	contains(t, w.run(exitDone, "status"), "next date to settle: 2026-01-06", "pending: 2 files",
		"merchant=A/date=2026-01-06/a.csv", "merchant=B/date=2026-01-07/b.csv")
	if _, err := os.Stat(filepath.Join(w.root, "ledger")); err == nil {
		t.Error("status made a ledger")
	}
}

func TestStatusTellsWhatIsSettledAndWhatWaits(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	w.write("inbox/merchant=A/date=2026-01-06/bad.csv", "transaction_id\n1\n") // held: columns are missing
	w.deliver("B", "2026-01-06", "early.csv", "e1,m1,issue,7,2026-01-07T08:00:00Z,,,,")
	w.settleTo("2026-01-06")
	w.deliver("C", "2026-01-09", "later.csv")
	w.deliver("C", "2026-01-05", "late.csv")
	w.deliver("C", "2026-01-03", "too-late.csv")

	var status batch.Status
	w.json(&status, "status")
	if len(status.Settled) != 2 || status.Next.String() != "2026-01-07" || status.ClosedThrough != nil || status.Head.Sequence != 2 {
		t.Fatalf("%+v", status)
	}
	first, second := status.Settled[0], status.Settled[1]
	if first.Date.String() != "2026-01-05" || first.Record != 1 || first.Version != 1 || !first.Complete || !first.CycleClosed || first.Operator != "olga" || first.Time == "" {
		t.Errorf("%+v", first)
	}
	if second.Complete || second.Held != 1 || second.Final || len(second.Missing) != 0 {
		t.Errorf("%+v", second)
	}
	if len(status.Held) != 1 || status.Held[0].Key != "merchant=A/date=2026-01-06/bad.csv" || status.Held[0].Code.String() != "missing_column" ||
		status.Held[0].Until.String() != "2026-01-09" || status.Held[0].LastLook {
		t.Errorf("held %+v", status.Held)
	}
	if len(status.Pending) != 2 || status.Pending[0].Key != "merchant=C/date=2026-01-05/late.csv" || status.Pending[1].Folder.String() != "2026-01-09" {
		t.Errorf("pending %+v", status.Pending)
	}
	if len(status.TooLate) != 1 || status.TooLate[0].Merchant != "C" {
		t.Errorf("too late %+v", status.TooLate)
	}
	// b3 found no lot; b4 waits for its original, e1 for its date.
	if c := status.OpenClaims; c.Count != 1 || c.Points != 40 || c.Oldest.String() != "2026-01-05" {
		t.Errorf("claims %+v", c)
	}
	if d := status.Deferred; d.Count != 2 || d.Future != 1 || d.Oldest.String() != "2026-01-05" {
		t.Errorf("deferred %+v", d)
	}

	contains(t, w.run(exitDone, "status"), "settled: 2 dates",
		"2026-01-05  1       1        complete            closed", "2026-01-06  2       1        incomplete: 1 held", "olga",
		"next date to settle: 2026-01-07", "closed through: nothing is closed", "missing on the last settled date: nobody",
		"pending: 2 files", "too late: 1 file", "held: 1 file", "missing_column, looked at until 2026-01-09",
		"open claims: 1, 40 points, the oldest settled on 2026-01-05", "deferred rows: 2, 1 of them for a later date", "log: record 2, SHA-256 ")
}

func TestStatusNamesTheMissing(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	w.deliver("B", "2026-01-06", "b.csv")
	w.settleTo("2026-01-06")
	contains(t, w.run(exitDone, "status"), "incomplete: missing A", "missing on the last settled date: A")
}

func TestStatusFindsAdjustmentsThatNobodyWillRead(t *testing.T) {
	w := newWorld(t)
	const header = "adjustment_id,payer_id,payee_id,amount,reason,reference\n"
	w.firstNight()
	w.write("inbox/alliance/adjustments/date=2026-01-05/read.csv", header+"x1,A,B,1.00,,\n")
	w.write("inbox/alliance/adjustments/date=2026-01-05/_notes.txt", "what is no data is read by nobody")
	w.write("inbox/alliance/adjustments/date=2026-01-05/.draft.csv", "nor is this")
	w.settleTo("2026-01-05")
	contains(t, w.run(exitDone, "run", "--date", "2026-01-05"), "2026-01-05 is settled already", "nothing has changed since")
	w.write("inbox/alliance/adjustments/date=2026-01-05/after.csv", header+"x2,A,B,1.00,,\n")
	w.write("inbox/alliance/adjustments/date=2026-01-06/next.csv", header+"x3,A,B,1.00,,\n")
	contains(t, w.run(exitDone, "status"), "pending: 1 file,", "alliance/adjustments/date=2026-01-06/next.csv",
		"too late: 1 file,", "alliance/adjustments/date=2026-01-05/after.csv")
	contains(t, w.run(exitDone, "run", "--date", "2026-01-05"),
		"changed since: the inbox: alliance/adjustments/date=2026-01-05/after.csv came after the date was settled, and no run reads it but a restatement", "\n  --restate")
}

func TestStatusShowsTheLastDatesUnlessAllAreAskedFor(t *testing.T) {
	w := newWorld(t)
	w.deliver("A", "2026-01-01", "a.csv")
	w.settleTo("2026-02-02")
	contains(t, w.run(exitDone, "status"), "settled: 33 dates", "2 earlier ones, from 2026-01-01, are not shown; --all shows them", "\n  2026-01-03")
	t.Setenv("SETTLE_ALL", "true")
	contains(t, w.run(exitDone, "status"), "\n  2026-01-01", "\n  2026-01-03")
}

func TestStatusRefusesWhatItCannotRead(t *testing.T) {
	w := newWorld(t)
	code, _, stderr := settle("status", "--root", w.root)
	if code != exitUsage {
		t.Error(code)
	}
	contains(t, stderr, "--rules is needed (or SETTLE_RULES in the environment)")
	code, _, stderr = settle("status", "--root", w.root, "--rules", w.rules, "--ledger", filepath.Join(w.root, "nowhere"))
	if code != exitUsage {
		t.Error(code)
	}
	contains(t, stderr, "--ledger", "nowhere")
	code, _, stderr = settle("status", "--root", filepath.Join(w.root, "nowhere"), "--rules", w.rules)
	if code != exitUsage {
		t.Error(code)
	}
	contains(t, stderr, "--inbox", "nowhere/inbox")
	w.firstNight()
	w.settleTo("2026-01-05")
	w.write("rules.yaml", withoutCedar())
	contains(t, w.run(exitUsage, "status"), `"C"`, "cannot be dropped")
}

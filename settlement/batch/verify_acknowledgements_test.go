package batch

import (
	"bytes"
	"maps"
	"testing"

	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/storage"
)

// TestVerifyLooksAtAcknowledgements damages what merchants were told, and forgets a member whose row was
// rejected: what they were told before stays right, and so is what a repair makes of it.
func TestVerifyLooksAtAcknowledgements(t *testing.T) {
	w := smallWorld(t)
	told := storage.NewMemory()
	must[Report](t)(Run(t.Context(), Job{Inbox: w.inbox, Ledger: w.ledger, Statements: w.statements, Acknowledgements: told, Rulebook: w.rulebook,
		Date: must[settlement.Date](t)(settlement.ParseDate("2026-01-05"))}))
	look := func(job *VerifyJob) { job.Acknowledgements = told }
	sound := func() {
		t.Helper()
		if report := w.verify(t, look); len(report.Faults) > 0 {
			t.Errorf("%v", report.Faults)
		}
	}
	sound()
	const key = "merchant=B/date=2026-01-05/rejected.csv"
	before := contentsOf(t, told)
	replaceContent(t, told, key, bytes.Replace(before[key], []byte("b3"), []byte("b4"), 1))
	faultsContain(t, w.verify(t, look), "acknowledgements: 2026-01-05: "+key+" has SHA-256")
	if err := told.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	faultsContain(t, w.verify(t, look), key+" is missing")
	replaceContent(t, told, key, before[key])
	sound()

	must[ForgetReport](t)(ForgetMember(t.Context(), ForgetJob{Ledger: w.ledger, Member: "m1", Reason: "asked for it"}))
	sound()
	ledger := must[*books.Ledger](t)(books.Open(t.Context(), w.ledger))
	if err := ledger.RebuildAcknowledgements(t.Context(), told); err != nil {
		t.Fatal(err)
	}
	if after := contentsOf(t, told); maps.EqualFunc(after, before, bytes.Equal) || bytes.Contains(after[key], []byte(",m1,")) {
		t.Errorf("the member is still there: %s", after[key])
	}
	sound()
}

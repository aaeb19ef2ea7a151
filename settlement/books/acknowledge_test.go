package books

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"alliance/settlement"
	"alliance/settlement/storage"
)

// settleWith publishes a date with acknowledgements: each a merchant's id, and "!" after it if
// rows were rejected.
func settleWith(t *testing.T, ledger *Ledger, date settlement.Date, text string, merchants ...string) {
	t.Helper()
	attempt := begin(t, ledger)
	record, err := prepare(t.Context(), ledger, attempt, date, text)
	if err != nil {
		t.Fatal(err)
	}
	store := func(merchant, name string) FileRecord {
		file, err := attempt.Create(t.Context(), "ack/"+merchant+"/"+name, strings.NewReader(merchant+" "+name+" "+text))
		if err != nil {
			t.Fatal(err)
		}
		file.Name = name
		return file
	}
	for _, merchant := range merchants {
		merchant, rejected := strings.CutSuffix(merchant, "!")
		acknowledgement := AcknowledgementRecord{Merchant: merchant}
		if rejected {
			acknowledgement.Files = append(acknowledgement.Files, store(merchant, "rejected.csv"))
		}
		acknowledgement.Files = append(acknowledgement.Files, store(merchant, AcknowledgementName))
		record.Dates[0].Acknowledgements = append(record.Dates[0].Acknowledgements, acknowledgement)
	}
	if err := attempt.Commit(t.Context(), record); err != nil {
		t.Fatal(err)
	}
}

func acknowledge(t *testing.T, ledger *Ledger, bucket storage.Bucket) {
	t.Helper()
	if err := ledger.ProjectAcknowledgements(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
}

func TestAcknowledgementsAreProjected(t *testing.T) {
	ledger, bucket := open(t, storage.NewMemory()), storage.NewMemory()
	settleWith(t, ledger, firstDate, "one", "bakery!", "cinema")
	settleWith(t, ledger, firstDate+1, "two", "bakery")
	acknowledge(t, ledger, bucket)
	settleWith(t, ledger, firstDate, "three", "bakery")
	verifyAll(t, ledger)

	want := map[string]string{
		"merchant=bakery/date=2024-03-18/ack.json": "bakery ack.json three",
		"merchant=bakery/date=2024-03-19/ack.json": "bakery ack.json two",
	}
	before := contents(t, bucket)
	for failing := 1; ; failing++ {
		again := storage.NewMemory()
		for key, content := range before {
			if err := again.Create(t.Context(), key, strings.NewReader(content)); err != nil {
				t.Fatal(err)
			}
		}
		calls := 0
		err := ledger.ProjectAcknowledgements(t.Context(), faulty(again, func(_, key string, run func() error) error {
			if calls++; calls == failing {
				return errTimeout
			}
			return run()
		}))
		if err != nil && !errors.Is(err, errTimeout) {
			t.Fatal(err)
		}
		acknowledge(t, ledger, again)
		got := contents(t, again)
		delete(got, acknowledgedKey)
		if !maps.Equal(got, want) {
			t.Fatalf("after a fault in call %d: %v, want %v", failing, got, want)
		}
		if err == nil {
			break
		}
	}
}

func TestAcknowledgementsOfAnotherLedgerAreReplaced(t *testing.T) {
	bucket := storage.NewMemory()
	trial := open(t, storage.NewMemory())
	settleWith(t, trial, firstDate, "trial", "bakery")
	acknowledge(t, trial, bucket)
	ledger := open(t, storage.NewMemory())
	settleWith(t, ledger, firstDate, "real", "bakery")
	acknowledge(t, ledger, bucket)
	if got := contents(t, bucket)["merchant=bakery/date=2024-03-18/ack.json"]; got != "bakery ack.json real" {
		t.Errorf("ack.json holds %q", got)
	}
	calls := 0
	acknowledge(t, ledger, faulty(bucket, func(_, _ string, run func() error) error {
		calls++
		return run()
	}))
	if calls != 1 {
		t.Errorf("%d calls where nothing was to be done", calls)
	}
}

func TestRefusedAcknowledgements(t *testing.T) {
	for want, spoil := range map[string]func(*DateRecord){
		"there is no ack.json": func(d *DateRecord) { d.Acknowledgements[0].Files = d.Alliance.Files },
		"not in order": func(d *DateRecord) {
			d.Acknowledgements = append(d.Acknowledgements, d.Acknowledgements[0])
		},
		"no merchant id": func(d *DateRecord) { d.Acknowledgements[0].Merchant = "a/b" },
	} {
		ledger := open(t, storage.NewMemory())
		attempt := begin(t, ledger)
		record, err := prepare(t.Context(), ledger, attempt, firstDate, "one")
		if err != nil {
			t.Fatal(err)
		}
		file := record.Dates[0].Alliance.Files[0]
		file.Name = AcknowledgementName
		record.Dates[0].Acknowledgements = []AcknowledgementRecord{{Merchant: "bakery", Files: []FileRecord{file}}}
		spoil(&record.Dates[0])
		if err := attempt.Commit(t.Context(), record); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestAcknowledgementsAreRebuilt(t *testing.T) {
	ledger, bucket := open(t, storage.NewMemory()), storage.NewMemory()
	settleWith(t, ledger, firstDate, "one", "bakery!", "cinema!", "florist")
	settleWith(t, ledger, firstDate, "two", "bakery!", "cinema")
	acknowledge(t, ledger, bucket)
	want := contents(t, bucket)
	const folder = "merchant=bakery/date=2024-03-18/"
	for _, key := range []string{folder + "rejected.csv", "merchant=cinema/date=2024-03-18/rejected.csv", "merchant=florist/date=2024-03-18/ack.json"} {
		if err := bucket.Replace(t.Context(), key, strings.NewReader("something else")); err != nil {
			t.Fatal(err)
		}
	}
	if err := bucket.Delete(t.Context(), folder+AcknowledgementName); err != nil {
		t.Fatal(err)
	}
	if err := ledger.RebuildAcknowledgements(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	if found := contents(t, bucket); !maps.Equal(found, want) {
		t.Errorf("rebuilt %v, want %v", found, want)
	}
}

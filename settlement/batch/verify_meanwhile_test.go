package batch

import (
	"bytes"
	"errors"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/faults"
	"alliance/settlement/storage"
)

// before returns a bucket that does something once, before a call.
func before(bucket storage.Bucket, operation faults.Operation, prefix string, do func()) storage.Bucket {
	var once sync.Once
	return faults.Wrap(bucket, "", func(call faults.Call, run func() error) error {
		if call.Operation == operation && strings.HasPrefix(call.Key, prefix) {
			once.Do(do)
		}
		return run()
	})
}

// publishJob settles up to a date, or restates it.
func (w *verifiedWorld) publishJob(t *testing.T, date string, told storage.Bucket) Job {
	return Job{Inbox: w.inbox, Ledger: w.ledger, Statements: w.statements, Acknowledgements: told, Rulebook: w.rulebook, CatchUp: true,
		Date: must[settlement.Date](t)(settlement.ParseDate(date))}
}

// expectNoRemoval expects that nobody is told to remove what a run publishes, or that it has to be mended.
func expectNoRemoval(t *testing.T, report *VerifyReport) {
	t.Helper()
	for _, fault := range append(report.Faults, report.Meanwhile...) {
		for _, advice := range []string{"remove it", "mends it", "brings it back"} {
			if strings.Contains(fault.Message, advice) {
				t.Errorf("%s", fault)
			}
		}
	}
}

// TestVerifyWhileARunPublishes lets a run settle or restate a date after the ledger was read, at each of the moments at which a look at what
// is published begins.
func TestVerifyWhileARunPublishes(t *testing.T) {
	for name, restate := range map[string]bool{"settles": false, "restates": true} {
		for moment, of := range map[string]struct{ bucket, prefix string }{"statements": {"statements", "merchant="},
			"alliance": {"statements", "alliance/date="}, "acknowledgements": {"acknowledgements", "merchant="}} {
			t.Run(name+" "+moment, func(t *testing.T) {
				w, told := smallWorld(t), storage.NewMemory()
				w.deliver(t, "A", "2026-01-06", "a9,m1,issue,10,2026-01-06T08:00:00Z")
				must[Report](t)(Run(t.Context(), w.publishJob(t, "2026-01-06", told)))
				another := w.publishJob(t, "2026-01-07", told)
				if restate {
					key := "merchant=B/date=2026-01-05/rows.csv"
					replaceContent(t, w.inbox, key, append(contentsOf(t, w.inbox)[key], "b8,m2,redeem,5,2026-01-05T13:00:00Z\n"...))
					another = w.publishJob(t, "2026-01-05", told)
					another.CatchUp, another.Restate, another.Reason = false, true, "corrected"
				}
				ran := false
				publish := func() {
					ran = true
					must[Report](t)(Run(t.Context(), another))
				}
				report := w.verify(t, func(job *VerifyJob) {
					job.Acknowledgements = told
					if of.bucket == "statements" {
						job.Statements = before(job.Statements, faults.List, of.prefix, publish)
					} else {
						job.Acknowledgements = before(told, faults.Open, of.prefix, publish)
					}
				})
				if !ran || len(report.Faults) > 0 {
					t.Errorf("ran %t, faults %v", ran, report.Faults)
				}
				if moment != "acknowledgements" && (len(report.Meanwhile) == 0 || !strings.Contains(report.Meanwhile[0].Message, "was written while this looked; verify again")) {
					t.Errorf("nothing is said of the other run: %v", report.Meanwhile)
				}
				expectNoRemoval(t, report)
				w.sound(t, false)
			})
		}
	}
}

// TestVerifyBesideARunThatHasCommitted looks while a run publishes what was on record before, and after one that died on the way. What is
// wrong besides is a fault as ever.
func TestVerifyBesideARunThatHasCommitted(t *testing.T) {
	died := errors.New("killed")
	w := smallWorld(t)
	w.settle(t, "2026-01-05")
	job := w.publishJob(t, "2026-01-06", nil)
	var writes atomic.Int64
	job.Statements = faults.Wrap(w.statements, "", func(call faults.Call, run func() error) error {
		if call.Operation.Writes() {
			if writes.Add(1) > 2 {
				return died
			}
		}
		return run()
	})
	if _, err := Run(t.Context(), job); !errors.Is(err, died) {
		t.Fatal(err)
	}
	report := w.verify(t, nil)
	expectNoRemoval(t, report)
	if len(report.Faults) != 1 || len(report.Meanwhile) > 0 {
		t.Errorf("%v; %v", report.Faults, report.Meanwhile)
	}
	faultsContain(t, report, "statements: 2026-01-06: ")
	faultsContain(t, report, "record 2 is not all published yet, by a run that is at work or one that died")

	const foreign, old = "merchant=A/date=2026-01-06/notes.txt", "merchant=A/date=2026-01-05/summary.parquet"
	content := contentsOf(t, w.statements)[old]
	replaceContent(t, w.statements, foreign, nil)
	replaceContent(t, w.statements, old, nil)
	report = w.verify(t, nil)
	faultsContain(t, report, foreign+" is not on record; find out how it came there and remove it")
	faultsContain(t, report, old+" has SHA-256")
	replaceContent(t, w.statements, old, content)
	if err := w.statements.Delete(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}

	report = w.verify(t, func(look *VerifyJob) {
		look.Statements = before(look.Statements, faults.List, "alliance/date=", func() { w.settle(t, "2026-01-06") })
	})
	expectNoRemoval(t, report)
	if len(report.Faults) > 0 || len(report.Meanwhile) == 0 || !strings.Contains(report.Meanwhile[0].Message, "a run published while this looked; verify again") {
		t.Errorf("%v; %v", report.Faults, report.Meanwhile)
	}
	w.sound(t, true)
	ledger := must[*books.Ledger](t)(books.Open(t.Context(), w.ledger))
	if head, _ := ledger.Head(); head != 2 {
		t.Errorf("%d records", head)
	}
}

// TestForgetMeanwhile forgets a member before each of the reads of objects that a restatement, another forget and a verification make: they have
// lost to it, and the ledger is not damaged.
func TestForgetMeanwhile(t *testing.T) {
	w := smallWorld(t)
	w.settle(t, "2026-01-06")
	settled := contentsOf(t, w.ledger)
	restated := w.publishJob(t, "2026-01-05", nil)
	restated.CatchUp, restated.Restate, restated.Reason = false, true, "corrected"
	tried := restated
	tried.DryRun = true
	for name, do := range map[string]func(storage.Bucket) error{
		"restate": func(ledger storage.Bucket) error {
			restated.Ledger = ledger
			_, err := Run(t.Context(), restated)
			return err
		},
		"restate --dry-run": func(ledger storage.Bucket) error {
			tried.Ledger = ledger
			_, err := Run(t.Context(), tried)
			return err
		},
		"forget": func(ledger storage.Bucket) error {
			_, err := ForgetMember(t.Context(), ForgetJob{Ledger: ledger, Member: "m1", Reason: "asked for it"})
			return err
		},
		"verify --deep": func(ledger storage.Bucket) error {
			report := w.verify(t, func(job *VerifyJob) { job.Ledger, job.Deep = ledger, true })
			expectNoRemoval(t, report)
			for _, fault := range report.Faults {
				t.Error(fault)
			}
			if len(report.Meanwhile) > 0 {
				return books.ErrLost
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			lost := 0
			for moment := int64(1); ; moment++ {
				ledger := storage.NewMemory()
				for key, content := range settled {
					replaceContent(t, ledger, key, content)
				}
				var opened atomic.Int64
				err := do(faults.Wrap(ledger, "", func(call faults.Call, run func() error) error {
					if call.Operation == faults.Open && strings.HasPrefix(call.Key, "runs/") {
						if opened.Add(1) == moment {
							must[ForgetReport](t)(ForgetMember(t.Context(), ForgetJob{Ledger: ledger, Member: "m2", Reason: "asked for it"}))
						}
					}
					return run()
				}))
				if errors.Is(err, books.ErrLost) {
					lost++
				} else if err != nil {
					t.Errorf("read %d: %v", moment, err)
				}
				if opened.Load() < moment {
					break
				}
			}
			if lost == 0 {
				t.Error("nobody noticed")
			}
			t.Logf("lost %d times", lost)
		})
	}
}

// TestStatementsOfAnotherLog takes the last record away, as a ledger is that was restored from yesterday's copy: the date that it settled is not
// settled again, and nobody is told to remove what was published of it.
func TestStatementsOfAnotherLog(t *testing.T) {
	w := smallWorld(t)
	w.settle(t, "2026-01-05")
	w.deliver(t, "A", "2026-01-06", "a9,m1,issue,10,2026-01-06T08:00:00Z")
	w.settle(t, "2026-01-06")
	const last = "log/00000000000000000002.json"
	record := contentsOf(t, w.ledger)[last]
	if err := w.ledger.Delete(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	w.deliver(t, "B", "2026-01-06", "b9,m1,redeem,5,2026-01-06T18:00:00Z")
	ledger, statements := contentsOf(t, w.ledger), contentsOf(t, w.statements)
	for _, date := range []string{"2026-01-05", "2026-01-06"} {
		_, err := Run(t.Context(), w.publishJob(t, date, nil))
		if !errors.Is(err, books.ErrOtherLog) || !strings.Contains(err.Error(), "published up to record 2, and the log ends at 1") {
			t.Errorf("%s: %v", date, err)
		}
	}
	if !maps.EqualFunc(contentsOf(t, w.ledger), ledger, bytes.Equal) || !maps.EqualFunc(contentsOf(t, w.statements), statements, bytes.Equal) {
		t.Error("something was written")
	}
	report := w.verify(t, nil)
	faultsContain(t, report, "published up to record 2, and the log ends at 1")
	faultsContain(t, report, "statements: 2026-01-06: ")
	expectNoRemoval(t, report)
	replaceContent(t, w.ledger, last, record)
	w.sound(t, true)
}

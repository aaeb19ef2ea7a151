package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/storage"
)

// A VerifyJob checks a ledger and what was published from it. It writes nothing.
type VerifyJob struct {
	Ledger, Statements storage.Bucket
	// Acknowledgements is where merchants are told what became of their deliveries; nil: it is not
	// looked at.
	Acknowledgements storage.Bucket
	// Date is the one date to look at, or NoDate for all.
	Date settlement.Date
	// Deep computes each date again, from the inbox and the rulebooks: those whose digests are on record.
	Deep      bool
	Inbox     storage.Bucket
	Rulebooks []*rules.Rulebook
	// Workers and Partitions change no result; zero means the default.
	Workers, Partitions int
	// Observe, if not nil, is told of each date before it is looked at.
	Observe func(date settlement.Date)
}

// A VerifyReport says what was looked at and what is wrong.
type VerifyReport struct {
	// Head is nil if the log cannot be read: then nothing else was looked at.
	Head *HeadReport `json:"head,omitempty"`
	// Objects is how many objects on record were read and compared with their SHA-256.
	Objects int64 `json:"objects"`
	// Dates are those looked at, in order; Recomputed those whose published files came out byte
	// for byte the same when they were computed again.
	Dates      []settlement.Date `json:"dates"`
	Recomputed []settlement.Date `json:"recomputed,omitempty"`
	// Faults is everything that is wrong; the ledger is sound if there is nothing.
	Faults []Fault `json:"faults"`
	// Meanwhile is what was not as on record, but may be so because another process put something on record, or published, while this
	// looked: it says nothing about the ledger. Verify again.
	Meanwhile []Fault `json:"meanwhile,omitempty"`
}

// A Fault is something that is wrong.
type Fault struct {
	// Where is what it is about: log, object, statements, acknowledgements, alliance, inbox, state,
	// recomputation, or a merchant's id.
	Where string `json:"where"`
	// Date is the settlement date, absent if it is about none.
	Date    string `json:"date,omitempty"`
	Message string `json:"message"`
}

func (f Fault) String() string {
	parts := []string{f.Where, f.Date, f.Message}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), ": ")
}

// Verify checks the chain of the log, every object's SHA-256, every invariant that can be read
// off the published tables and the state, and that statements and acknowledgements are what is on record; with
// Deep also that the dates come out the same when they are computed again. Everything that is
// wrong is in the report. Runs may be at work meanwhile: what they have not published yet is told apart by
// how far the places themselves say that everything is published, and by the records that were written since.
// An error says that something could not be looked at.
func Verify(ctx context.Context, job VerifyJob) (*VerifyReport, error) {
	v := &verifier{job: &job, report: &VerifyReport{Dates: []settlement.Date{}, Faults: []Fault{}}}
	var err error
	v.ledger, err = books.Open(ctx, job.Ledger)
	if errors.Is(err, books.ErrBroken) {
		v.fault("log", settlement.NoDate, "%v", err)
		return v.report, nil
	}
	if err != nil {
		return nil, err
	}
	v.report.Head = new(HeadReport)
	v.report.Head.Sequence, v.report.Head.SHA256 = v.ledger.Head()
	if err := v.run(ctx); err != nil {
		return nil, err
	}
	return v.report, nil
}

// A verifier looks at a ledger.
type verifier struct {
	job    *VerifyJob
	ledger *books.Ledger
	report *VerifyReport
	// alliance is the operator's id, "" before anything is settled.
	alliance string
	// opened is the points of each issuer in the opening lots.
	opened map[string]int64
	// carried and withheld are each party's at the last close looked at.
	carried, withheld map[string]int64
}

func (v *verifier) fault(where string, date settlement.Date, format string, arguments ...any) {
	v.report.Faults = append(v.report.Faults, newFault(where, date, format, arguments...))
}

// meanwhile notes what may be no fault, as another process is at work.
func (v *verifier) meanwhile(where string, date settlement.Date, format string, arguments ...any) {
	v.report.Meanwhile = append(v.report.Meanwhile, newFault(where, date, format, arguments...))
}

func newFault(where string, date settlement.Date, format string, arguments ...any) Fault {
	fault := Fault{Where: where, Message: fmt.Sprintf(format, arguments...)}
	if date != settlement.NoDate {
		fault.Date = date.String()
	}
	return fault
}

func (v *verifier) run(ctx context.Context) error {
	if err := v.readFixed(); err != nil {
		return err
	}
	dates, err := v.dates()
	if err != nil {
		return err
	}
	objects, err := v.ledger.VerifyDate(ctx, v.job.Date, func(fault error) {
		if errors.Is(fault, books.ErrLost) {
			v.meanwhile("object", settlement.NoDate, "%v", fault)
		} else {
			v.fault("object", settlement.NoDate, "%v", fault)
		}
	})
	v.report.Objects = objects
	if err != nil {
		return err
	}
	v.checkLog()
	v.checkInputs()
	if err := v.checkDates(ctx, dates); err != nil {
		return err
	}
	if err := v.checkStatements(ctx, dates); err != nil {
		return err
	}
	if err := v.checkAcknowledgements(ctx, dates); err != nil {
		return err
	}
	if !v.job.Deep {
		return nil
	}
	for _, date := range dates {
		err := v.recompute(ctx, date)
		if errors.Is(err, books.ErrLost) {
			v.meanwhile("recomputation", date, "not computed again: %v", err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) readFixed() error {
	text := v.ledger.Fixed()
	if text == nil {
		return nil
	}
	var fixed rules.Fixed
	if err := json.Unmarshal(text, &fixed); err != nil {
		return fmt.Errorf("read what is fixed in the ledger: %w", err)
	}
	v.alliance = fixed.AllianceID
	return nil
}

// dates returns the dates to look at, in order.
func (v *verifier) dates() ([]settlement.Date, error) {
	if v.job.Date != settlement.NoDate {
		if settled, _ := v.ledger.Settled(v.job.Date); settled == nil {
			return nil, refuse("%s is not settled, so there is nothing to verify", v.job.Date)
		}
		v.report.Dates = append(v.report.Dates, v.job.Date)
		return v.report.Dates, nil
	}
	first, any := v.ledger.FirstSettled()
	last, _ := v.ledger.LastSettled()
	for date := first; any && date <= last; date++ {
		if settled, _ := v.ledger.Settled(date); settled == nil {
			v.fault("log", date, "no record settles the date, though dates before and after it are settled")
			continue
		}
		v.report.Dates = append(v.report.Dates, date)
	}
	return v.report.Dates, nil
}

// checkLog checks what the records say of each other.
func (v *verifier) checkLog() {
	closed := settlement.NoDate
	settled := settlement.NoDate
	for _, record := range v.ledger.Records() {
		for i := range record.Dates {
			date := record.Dates[i].Date
			if date <= closed {
				v.fault("log", date, "record %d settles the date after a record made it final", record.Seq)
			}
			settled = max(settled, date)
		}
		if record.Kind != books.Close {
			continue
		}
		through, err := settlement.ParseDate(record.Through)
		if err != nil || through > settled {
			v.fault("log", settlement.NoDate, "record %d closes through %q, which was not settled then", record.Seq, record.Through)
			continue
		}
		closed = max(closed, through)
	}
}

// checkInputs checks that each object of the inbox was consumed, or found to be a duplicate, on
// one date only. A control file may be read on many.
func (v *verifier) checkInputs() {
	type object struct{ key, sha256 string }
	final := make(map[object]settlement.Date)
	first, any := v.ledger.FirstSettled()
	last, _ := v.ledger.LastSettled()
	for date := first; any && date <= last; date++ {
		settled, _ := v.ledger.Settled(date)
		if settled == nil {
			continue
		}
		for _, input := range settled.Inputs {
			if input.State != settlement.Consumed && input.State != settlement.DuplicateState || isControl(input.Key) {
				continue
			}
			one := object{input.Key, input.SHA256}
			if before, found := final[one]; found {
				v.fault("inbox", date, "%s (SHA-256 %s) is %s, but %s did so before", input.Key, input.SHA256, input.State, before)
			}
			final[one] = date
		}
	}
}

// checkDates checks every date's tables, and that one leads to the next.
func (v *verifier) checkDates(ctx context.Context, dates []settlement.Date) error {
	v.carried, v.withheld = make(map[string]int64), make(map[string]int64)
	if err := v.readOpening(ctx); err != nil {
		return err
	}
	var before *dateFacts
	if v.job.Date != settlement.NoDate {
		// The date before is read to compare with, its own faults are not asked for.
		var err error
		if before, err = v.readDate(ctx, v.job.Date-1); err != nil {
			return err
		}
		v.report.Faults = slices.DeleteFunc(v.report.Faults, func(f Fault) bool { return f.Date == (v.job.Date - 1).String() })
	}
	for _, date := range dates {
		if v.job.Observe != nil {
			v.job.Observe(date)
		}
		facts, err := v.readDate(ctx, date)
		if err != nil {
			return err
		}
		if facts != nil {
			v.checkDate(facts)
			v.checkFollows(before, facts)
		}
		before = facts
	}
	return nil
}

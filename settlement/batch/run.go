package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/intake"
	"alliance/settlement/spool"
	"alliance/settlement/storage"
)

// A Job is what a run is asked to do.
type Job struct {
	// Inbox is read, Ledger holds the books, Statements is where finance reads.
	Inbox, Ledger, Statements storage.Bucket
	// Acknowledgements is where merchants are told what became of their deliveries; nil: nowhere,
	// though it is on record.
	Acknowledgements storage.Bucket
	Rulebook         *rules.Rulebook
	Date             settlement.Date
	// CatchUp settles every unsettled date up to Date; on an empty ledger from the first date
	// in the inbox.
	CatchUp bool
	// AllowMissing settles although merchants are missing that the rulebook cannot do without.
	AllowMissing bool
	// Strict refuses a date with any exception.
	Strict bool
	// DryRun computes and checks everything and writes nothing. It settles one date at most, but
	// restates any number.
	DryRun bool
	// Restate recomputes Date and every later settled date instead; Reason says why, and Approval
	// who agreed, if anybody had to.
	Restate          bool
	Reason, Approval string
	// Workers and Partitions change no byte of what is published; zero means the default.
	Workers, Partitions int
	// Memory is about how many bytes what is on its way between the stages may take before it goes to
	// temporary files in SpillDirectory ("" is the system's); zero means no bound. Neither changes a byte.
	Memory         int64
	SpillDirectory string
	// Operator is who runs it, as claimed.
	Operator string
	// Now is the clock for the log's records.
	Now func() time.Time
	// Observe, if not nil, is told how the work gets on, from several goroutines.
	Observe func(Progress)

	// dateNumber of dateCount is under way.
	dateNumber, dateCount int
}

// A RulebookError says that a rulebook, though right in itself, does not fit the ledger.
type RulebookError struct{ Reasons []string }

func (e *RulebookError) Error() string {
	return "this rulebook does not fit the ledger: " + strings.Join(e.Reasons, "; ")
}

// Run settles the job's date, and those before it with CatchUp. Dates that are on record in spite of
// an error are in the report, and no others. Errors: [RefusedError], [RulebookError], those that wrap
// [settlement.ErrOutOfRange], [books.ErrLost], [books.ErrUnknown], and those of the stores.
func Run(ctx context.Context, job Job) (report Report, err error) {
	ledger, err := job.open(ctx)
	if err != nil {
		return report, err
	}
	defer func() {
		report.Head.Sequence, report.Head.SHA256 = ledger.Head()
		report.Ledger = ledgerReport(ledger, job.Rulebook)
	}()
	report.DryRun = job.DryRun
	if !job.DryRun {
		if err := ledger.ProjectAll(ctx, job.Statements); err != nil {
			return report, fmt.Errorf("finish what an earlier run left: %w", err)
		}
		if err := job.acknowledge(ctx, ledger); err != nil {
			return report, fmt.Errorf("finish what an earlier run left: %w", err)
		}
	}
	if job.Restate {
		err := job.restate(ctx, ledger, &report)
		return report, err
	}
	if ledger.IsSettled(job.Date) {
		already, err := job.alreadySettled(ctx, ledger, job.Date)
		if err != nil {
			return report, err
		}
		report.Dates = append(report.Dates, already)
		return report, nil
	}
	if err := checkRulebook(ledger, job.Rulebook); err != nil {
		return report, err
	}
	dates, err := job.dates(ctx, ledger)
	if err != nil {
		return report, err
	}
	job.dateCount = len(dates)
	for i, date := range dates {
		job.dateNumber = i + 1
		next, err := job.next(ctx, ledger, date)
		// What failed after the commit is on record all the same.
		if err == nil || next.Record > 0 {
			report.Dates = append(report.Dates, next)
		}
		if err != nil {
			return report, fmt.Errorf("%s: %w", date, err)
		}
	}
	return report, nil
}

// open opens the ledger, as far as the job asks for it: a restatement asks for what all dates have on record.
func (j *Job) open(ctx context.Context) (*books.Ledger, error) {
	if j.Restate {
		return books.Open(ctx, j.Ledger)
	}
	return books.OpenRecent(ctx, j.Ledger, j.Rulebook.Intake.AcceptLateDays)
}

// next settles a date, unless another run did while this one published the dates before, which has read the log on.
func (j *Job) next(ctx context.Context, ledger *books.Ledger, date settlement.Date) (report DateReport, err error) {
	if ledger.IsSettled(date) {
		return j.alreadySettled(ctx, ledger, date)
	}
	// Another run may have used prices and fees too.
	if err := checkRulebook(ledger, j.Rulebook); err != nil {
		return report, err
	}
	err = guarded(func() (err error) {
		report, err = j.settle(ctx, ledger, date)
		return err
	})
	return report, err
}

// dates returns what is to be settled, in order.
func (j *Job) dates(ctx context.Context, ledger *books.Ledger) ([]settlement.Date, error) {
	last, any := ledger.LastSettled()
	first := last + 1
	switch {
	case !any && !j.CatchUp:
		return []settlement.Date{j.Date}, j.checkFirst(ctx)
	case !any:
		earliest, err := j.firstDelivery(ctx)
		if err != nil {
			return nil, err
		}
		first = earliest.Date
		if nights := int(j.Date-first) + 1; nights > mostNights {
			return nil, refuse("the earliest file, %s, would make this run settle %d dates, more than the limit of %d; remove it, or settle the ledger's first date by itself, without --catch-up",
				earliest.Key, nights, mostNights)
		}
	case j.Date < first:
		return nil, refuseBeforeFirst(j.Date)
	case j.Date > first && !j.CatchUp:
		return nil, refuse("%s cannot be settled before %s is: the last settled date is %s; settle that one first, or run with --catch-up", j.Date, first, last)
	}
	if nights := int(j.Date-first) + 1; nights > mostNights {
		return nil, refuse("%s to %s are %d dates, more than the limit of %d for one run; if the date is right, name an earlier one first", first, j.Date, nights, mostNights)
	}
	if j.DryRun && j.Date > first {
		return nil, refuse("a dry run settles one date, but %s to %s are open; name %s", first, j.Date, first)
	}
	var dates []settlement.Date
	for date := first; date <= j.Date; date++ {
		dates = append(dates, date)
	}
	return dates, nil
}

// refuseBeforeFirst refuses a date that can be settled no more, since the ledger began later.
func refuseBeforeFirst(date settlement.Date) error {
	return refuse("%s lies before the ledger's first date; deliver late rows for a later date", date)
}

// mostNights is how many dates one run settles at most: a mistyped year must not settle centuries.
const mostNights = 1000

// firstDelivery returns a file of the earliest date that a merchant delivered for, up to the job's.
func (j *Job) firstDelivery(ctx context.Context) (first intake.Object, err error) {
	objects, err := intake.ListAll(ctx, j.Inbox, j.Rulebook.Parties, merchantsOn(j.Rulebook, j.Date))
	if err != nil {
		return first, err
	}
	first.Date = settlement.Never
	for i := range objects {
		if objects[i].Date < first.Date {
			first = objects[i]
		}
	}
	if first.Date > j.Date {
		return first, refuse("the inbox holds no file for a date up to %s, so there is no date to begin with; to settle it empty, run without --catch-up", j.Date)
	}
	return first, nil
}

// checkFirst refuses to begin a ledger with a date that is most likely mistyped: one in the
// future for which nothing is there. A ledger keeps its first date for ever.
func (j *Job) checkFirst(ctx context.Context) error {
	if j.Now == nil {
		return nil
	}
	today := j.Rulebook.Calendar.BusinessDate(settlement.Instant(j.Now().UnixMicro()))
	if j.Date <= today+1 {
		return nil
	}
	objects, err := intake.ListAll(ctx, j.Inbox, j.Rulebook.Parties, merchantsOn(j.Rulebook, j.Date))
	if err != nil {
		return err
	}
	for i := range objects {
		if objects[i].Date == j.Date {
			return nil
		}
	}
	return refuse("%s lies %d days ahead of this machine's clock and nothing was delivered for it; a ledger keeps its first date for ever, so correct the date", j.Date, j.Date-today)
}

// checkRulebook refuses a rulebook that changes what is fixed or what was used.
func checkRulebook(ledger *books.Ledger, rulebook *rules.Rulebook) error {
	reasons, err := changedFixed(ledger, rulebook)
	if err != nil {
		return err
	}
	return misfit(append(reasons, changedUsed(ledger, rulebook)...))
}

func misfit(reasons []string) error {
	if len(reasons) > 0 {
		return &RulebookError{reasons}
	}
	return nil
}

// changedFixed returns what a rulebook changes of what is fixed for ever.
func changedFixed(ledger *books.Ledger, rulebook *rules.Rulebook) (reasons []string, err error) {
	if ledger.Fixed() == nil {
		return nil, nil
	}
	fixed, err := fixedOf(ledger)
	if err != nil {
		return nil, err
	}
	return fixed.Diff(rulebook.Fixed()), nil
}

// fixedOf returns what is fixed for ever in a ledger that has a date.
func fixedOf(ledger *books.Ledger) (fixed rules.Fixed, err error) {
	if err := json.Unmarshal(ledger.Fixed(), &fixed); err != nil {
		return fixed, fmt.Errorf("read what is fixed in the ledger: %w", err)
	}
	return fixed, nil
}

// changedUsed returns what a rulebook changes of the prices and fees in use.
func changedUsed(ledger *books.Ledger, rulebook *rules.Rulebook) (reasons []string) {
	prices, fees := newTimeline(ledger).usedBefore(settlement.Never)
	for i := range rulebook.Prices {
		rule := &rulebook.Prices[i]
		if used, found := prices[rule.ID]; found && used != rule.Content() {
			reasons = append(reasons, fmt.Sprintf("price %q was used with another content (%s, now %s); give the new one an id of its own, or restate the dates that used it", rule.ID, used, rule.Content()))
		}
	}
	for i := range rulebook.Fees {
		rule := &rulebook.Fees[i]
		if used, found := fees[rule.ID]; found && used != rule.Content() {
			reasons = append(reasons, fmt.Sprintf("fee %q was used with another content (%s, now %s); give the new one an id of its own, or restate the dates that used it", rule.ID, used, rule.Content()))
		}
	}
	return reasons
}

// settle settles one date and puts it on record.
func (j *Job) settle(ctx context.Context, ledger *books.Ledger, date settlement.Date) (report DateReport, err error) {
	clock := &stageClock{}
	timeline := newTimeline(ledger)
	pool := j.pool(ledger)
	defer func() { err = errors.Join(err, pool.Close()) }()
	opening, err := timeline.opening(ctx, j.Rulebook, date)
	if err != nil {
		return report, err
	}
	store := stateStore{&attempt{ledger: ledger, discard: j.DryRun}, "state/", timeline.knownStates(date, nil)}
	computation := j.computation(date, clock, pool)
	if !j.DryRun {
		computation.keep = store.keep
	}
	var night *settlement.Night
	var closing *Closing
	var totals Totals
	err = guarded(func() (err error) {
		if night, closing, err = Compute(ctx, computation, opening); err != nil {
			return err
		}
		totals, err = totalsOf(night)
		return err
	})
	if err == nil && j.Strict && len(night.Exceptions) > 0 {
		err = strictRefusal(night)
	}
	if err != nil {
		return report, errors.Join(err, store.attempt.withdraw(ctx))
	}
	report = DateReport{Date: date, ComputationID: night.ComputationID, Totals: totals, OpenClaims: &closing.Claims}
	publication := &publication{stateStore: store, job: j, timeline: timeline, night: night, closing: closing, clock: clock}
	record, err := publication.write(ctx, report.Totals)
	if err == nil {
		// All is stored. Publishing forces a whole file system to disk, which would write what was spilled there, too.
		err = pool.Close()
	}
	if err == nil && !j.DryRun {
		report.Record, err = publication.commit(ctx, []books.DateRecord{record})
	}
	report.Stages = clock.stages
	return report, err
}

// pool returns a new pool for what is on its way.
func (j *Job) pool(ledger *books.Ledger) *spool.Pool {
	if j.Memory <= 0 {
		return spool.NewPool(j.SpillDirectory, math.MaxInt64)
	}
	return spool.NewPool(j.SpillDirectory, besideLog(j.Memory, ledger.MemoryBytes()))
}

// leastShare of the memory for what is on its way is for that, however many years are on record.
const leastShare = 8

// besideLog returns how much of the memory for what is on its way is left beside the ledger's log, all of which is in memory, too: a
// night does not take more because it is the thousandth.
func besideLog(memory, log int64) int64 { return max(memory-log, memory/leastShare) }

func (j *Job) computation(date settlement.Date, clock *stageClock, pool *spool.Pool) Computation {
	return Computation{
		Pool:  pool,
		Inbox: j.Inbox, Rulebook: j.Rulebook, Date: date, AllowMissing: j.AllowMissing,
		Workers: j.Workers, Partitions: j.Partitions, Observe: j.observer(clock),
	}
}

func (j *Job) observer(clock *stageClock) func(Progress) {
	return func(progress Progress) {
		progress.DateNumber, progress.Dates = j.dateNumber, j.dateCount
		if progress.Finished {
			clock.note(progress.Stage, progress.Elapsed)
		}
		if j.Observe != nil {
			j.Observe(progress)
		}
	}
}

func strictRefusal(night *settlement.Night) error {
	first := night.Exceptions[0]
	where := first.File
	if first.Row > 0 {
		where += fmt.Sprintf(", row %d", first.Row)
	}
	if len(night.Exceptions) == 1 {
		return refuse("--strict, and there is 1 exception: %s: %s: %s", where, first.Code, first.Message)
	}
	return refuse("--strict, and there are %d exceptions; the first: %s: %s: %s", len(night.Exceptions), where, first.Code, first.Message)
}

// alreadySettled says what stands and what has changed since.
func (j *Job) alreadySettled(ctx context.Context, ledger *books.Ledger, date settlement.Date) (DateReport, error) {
	if err := ledger.ReadWhole(ctx); err != nil {
		return DateReport{}, err
	}
	settled, record := ledger.Settled(date)
	fixed, err := fixedOf(ledger)
	if err != nil {
		return DateReport{}, err
	}
	report := DateReport{Date: settled.Date, Already: true, Final: isFinal(ledger, settled.Date), Record: record.Seq, ComputationID: settled.ComputationID,
		Totals: recordedTotals(settled, fixed.Currency)}
	if record.RulebookDigest != j.Rulebook.Digest {
		report.Changed = append(report.Changed, fmt.Sprintf("the rulebook: settled with %s, given %s", record.RulebookDigest, j.Rulebook.Digest))
	}
	if record.Program != Program {
		report.Changed = append(report.Changed, fmt.Sprintf("the program: settled by %s, this is %s", record.Program, Program))
	}
	if err := checkRulebook(ledger, j.Rulebook); err != nil {
		var misfit *RulebookError
		if !errors.As(err, &misfit) {
			return DateReport{}, err
		}
		report.Changed = append(report.Changed, misfit.Reasons...)
	}
	last, _ := ledger.LastSettled()
	open, err := OpenObjects(ctx, j.Inbox, ledger, j.Rulebook, last+1)
	if err != nil {
		return DateReport{}, err
	}
	known, consumed := lookedAt(ledger), consumedOn(ledger)
	for i := range open {
		if open[i].Date <= settled.Date {
			report.Changed = append(report.Changed, "the inbox: "+j.whatBecomesOf(ledger, &open[i], known, consumed, last+1))
		}
	}
	late, err := j.lateAdjustments(ctx, ledger, settled.Date)
	if err != nil {
		return DateReport{}, err
	}
	report.Changed = append(report.Changed, late...)
	return report, nil
}

// whatBecomesOf says what the run of the next date does with an object that has no final state: known is what settled
// dates found under each key, consumed which of them settled it.
func (j *Job) whatBecomesOf(ledger *books.Ledger, object *intake.Object, known map[string]*books.InputRecord, consumed map[string]consumedObject, next settlement.Date) string {
	before, settled := consumed[object.Key]
	seen := known[object.Key]
	switch {
	case settled && before.bytes == object.Size:
		return fmt.Sprintf("%s was written again after %s had settled it, in the same size and maybe with the same content; %s compares it, and holds other content as %s: in that case %s",
			object.Key, before.on, next, settlement.ReplacedFile, adviceOnReplaced(ledger, before.on))
	case settled:
		return fmt.Sprintf("%s was written again after %s had settled it; other content is held as %s and never settled: %s",
			object.Key, before.on, settlement.ReplacedFile, adviceOnReplaced(ledger, before.on))
	case seen == nil:
		return fmt.Sprintf("%s is not on record and goes to %s", object.Key, next)
	case seen.State == settlement.Held && isAsSeen(object, seen):
		return fmt.Sprintf("%s is held (%s) and looked at again until %s; mend it, or deliver it under a new name", object.Key, seen.Code, lastLook(object.Key, j.Rulebook))
	default:
		return fmt.Sprintf("%s has changed since it was looked at and goes to %s", object.Key, next)
	}
}

// adviceOnReplaced says what to do where a file that a date settled was replaced.
func adviceOnReplaced(ledger *books.Ledger, date settlement.Date) string {
	if isFinal(ledger, date) {
		return fmt.Sprintf("%s is closed, so deliver the rest under a new name", date)
	}
	return fmt.Sprintf("restate %s", date)
}

// isFinal reports whether a date is closed.
func isFinal(ledger *books.Ledger, date settlement.Date) bool {
	closed, any := ledger.ClosedThrough()
	return any && date <= closed
}

// lateAdjustments names the adjustments of a settled date that came after it was settled: no run
// reads them but a restatement.
func (j *Job) lateAdjustments(ctx context.Context, ledger *books.Ledger, date settlement.Date) ([]string, error) {
	objects, err := unreadAdjustments(ctx, j.Inbox, "date="+date.String()+"/", lookedAt(ledger))
	if err != nil {
		return nil, err
	}
	advice := "no run reads it but a restatement of that date; book it under a later date, or restate"
	if isFinal(ledger, date) {
		advice = "the date is closed, so no run reads it; book it under a later date"
	}
	var late []string
	for _, object := range objects {
		late = append(late, fmt.Sprintf("the inbox: %s came after the date was settled, and %s", object.Key, advice))
	}
	return late, nil
}

// OpenObjects returns the data objects of the inbox that the run of a date would look at, in
// order of merchant and key.
func OpenObjects(ctx context.Context, inbox storage.Bucket, ledger *books.Ledger, rulebook *rules.Rulebook, date settlement.Date) ([]intake.Object, error) {
	window := intake.Window{Date: date, AcceptLateDays: rulebook.Intake.AcceptLateDays}
	history := newTimeline(ledger).historyBefore(rulebook, date)
	listing, err := intake.Discover(ctx, inbox, rulebook.Parties, merchantsOn(rulebook, date), window, history)
	if err != nil {
		return nil, err
	}
	var open []intake.Object
	for i := range listing.Objects {
		if listing.Action(history, &listing.Objects[i]) != intake.Skip {
			open = append(open, listing.Objects[i])
		}
	}
	return open, nil
}

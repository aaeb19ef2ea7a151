package batch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/spool"
	"alliance/settlement/statement"
)

// restate recomputes the job's date and every later settled one, in order, and publishes what
// has changed in one commit.
func (j *Job) restate(ctx context.Context, ledger *books.Ledger, report *Report) (err error) {
	last, err := j.mayRestate(ledger)
	if err != nil {
		return err
	}
	report.Restated = true
	restatement := &restatement{job: j, timeline: newTimeline(ledger), attempt: &attempt{ledger: ledger, discard: j.DryRun}, pool: j.pool(ledger)}
	defer func() { err = errors.Join(err, restatement.pool.Close()) }()
	if err := restatement.checkInputs(ctx, j.Date, last); err != nil {
		return err
	}
	var dates []DateReport
	j.dateCount = int(last-j.Date) + 1
	for date := j.Date; date <= last; date++ {
		j.dateNumber = int(date-j.Date) + 1
		recomputed, err := restatement.date(ctx, date)
		if err != nil {
			return fmt.Errorf("%s: %w", date, err)
		}
		dates = append(dates, recomputed)
	}
	report.Same = !restatement.differs
	if j.DryRun || report.Same {
		report.Dates = dates
		return nil
	}
	if err := restatement.pool.Close(); err != nil { // as in settle
		return err
	}
	sequence, err := restatement.current.commit(ctx, restatement.records)
	if sequence == 0 {
		return err // not one of them is on record
	}
	for i := range dates {
		dates[i].Record = sequence
	}
	report.Dates = dates
	return err
}

// mayRestate refuses what cannot be restated, and returns the last date that is to be recomputed.
func (j *Job) mayRestate(ledger *books.Ledger) (last settlement.Date, err error) {
	if strings.TrimSpace(j.Reason) == "" {
		return last, errors.New("a restatement needs a reason")
	}
	first, any := ledger.FirstSettled()
	last, _ = ledger.LastSettled()
	if any && j.Date < first {
		return last, refuseBeforeFirst(j.Date)
	}
	if settled, _ := ledger.Settled(j.Date); settled == nil {
		known := "no date is settled yet"
		if any {
			known = fmt.Sprintf("settled are %s to %s", first, last)
		}
		return last, refuse("%s was never settled, so there is nothing to restate: %s; settle it without --restate", j.Date, known)
	}
	if closed, any := ledger.ClosedThrough(); any && j.Date <= closed {
		return last, refuse("%s is closed (all dates through %s are final): deliver what is still due as late rows, or book an adjustment, on a date after it", j.Date, closed)
	}
	reasons, err := changedFixed(ledger, j.Rulebook)
	if err != nil {
		return last, err
	}
	return last, misfit(reasons)
}

// A restatement is under way.
type restatement struct {
	job      *Job
	timeline *timeline
	attempt  *attempt
	// pool holds the closings of all dates.
	pool *spool.Pool
	// current is the publication of the last date so far.
	current *publication
	records []books.DateRecord
	// differs says that something is not as on record.
	differs bool
}

// checkInputs refuses to recompute dates of which something that they consumed is gone.
func (r *restatement) checkInputs(ctx context.Context, first, last settlement.Date) error {
	settledOn := make(map[string]settlement.Date)
	folders := make(map[string]bool)
	var misfits []string
	for date := first; date <= last; date++ {
		for _, input := range r.timeline.settled(date).Inputs {
			if input.State != settlement.Consumed {
				continue
			}
			settledOn[input.Key] = date
			folders[path.Dir(input.Key)+"/"] = true
			party := r.job.Rulebook.Parties.Find(input.Merchant)
			if party == settlement.NoParty || party != r.job.Rulebook.Alliance && r.job.Rulebook.Merchant(party) == nil {
				misfits = append(misfits, fmt.Sprintf("the register lacks %s, whose file %s was settled on %s; give it a `left` date instead", input.Merchant, input.Key, date))
			}
		}
	}
	if err := misfit(misfits); err != nil {
		return err
	}
	if err := r.checkWindow(settledOn, first); err != nil {
		return err
	}
	gone, err := r.missingFrom(ctx, folders, settledOn)
	if err != nil || len(gone) == 0 {
		return err
	}
	return refuse("%s gone from the inbox: %s; put back what was delivered under that name, or the corrected file", isOrAre(len(gone)), strings.Join(gone, ", "))
}

// checkWindow refuses to leave out what was settled: under an accept_late_days that is smaller by now,
// no recomputed date may look into the folder of a file that came late.
func (r *restatement) checkWindow(settledOn map[string]settlement.Date, first settlement.Date) error {
	days := settlement.Date(r.job.Rulebook.Intake.AcceptLateDays)
	needed := settlement.Date(0)
	var left []string
	for _, key := range slices.Sorted(maps.Keys(settledOn)) {
		folder := folderOf(key)
		if isControl(key) || first-folder <= days {
			continue
		}
		needed = max(needed, first-folder)
		left = append(left, fmt.Sprintf("%s (settled on %s)", key, settledOn[key]))
	}
	if len(left) == 0 {
		return nil
	}
	return refuse("under this rulebook's accept_late_days: %d no date would settle %s again; restate with at least %d. To take back what a file says, replace it by one without rows",
		days, strings.Join(left, ", "), needed)
}

func isOrAre(count int) string {
	if count == 1 {
		return "a file that was settled is"
	}
	return fmt.Sprintf("%d files that were settled are", count)
}

// missingFrom returns which of the keys are not in the inbox's folders, in order, with the date
// that settled each.
func (r *restatement) missingFrom(ctx context.Context, folders map[string]bool, settledOn map[string]settlement.Date) ([]string, error) {
	names := slices.Sorted(maps.Keys(folders))
	listed := make([]map[string]bool, len(names))
	err := each(ctx, storesAtOnce, len(names), func(ctx context.Context, _, i int) error {
		objects, err := r.job.Inbox.List(ctx, names[i])
		if err != nil {
			return fmt.Errorf("list %s of the inbox: %w", names[i], err)
		}
		listed[i] = make(map[string]bool, len(objects))
		for _, object := range objects {
			listed[i][object.Key] = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var gone []string
	for _, key := range slices.Sorted(maps.Keys(settledOn)) {
		at, _ := slices.BinarySearch(names, path.Dir(key)+"/")
		if !listed[at][key] {
			gone = append(gone, fmt.Sprintf("%s (settled on %s)", key, settledOn[key]))
		}
	}
	return gone, nil
}

// date recomputes one date and stores what has changed.
func (r *restatement) date(ctx context.Context, date settlement.Date) (report DateReport, err error) {
	j, clock := r.job, &stageClock{}
	standing := r.timeline.settled(date)
	opening, err := r.timeline.opening(ctx, j.Rulebook, date)
	if err != nil {
		return report, err
	}
	night, closing, err := Compute(ctx, j.computation(date, clock, r.pool), opening)
	if err != nil {
		return report, err
	}
	totals, err := totalsOf(night)
	if err != nil {
		return report, err
	}
	report = DateReport{Date: date, ComputationID: night.ComputationID, Totals: totals, OpenClaims: &closing.Claims}
	if j.Strict && len(night.Exceptions) > 0 {
		return report, strictRefusal(night)
	}
	r.current = &publication{stateStore: stateStore{r.attempt, fmt.Sprintf("state/date=%s/", date), r.timeline.knownStates(date, standing)},
		job: j, timeline: r.timeline, night: night, closing: closing, clock: clock, standing: standing}
	if err := r.current.keepStatements(); err != nil {
		return report, err
	}
	record, err := r.current.write(ctx, report.Totals)
	if err != nil {
		return report, err
	}
	report.Restatement = r.current.changes()
	report.Stages = clock.stages
	r.differs = r.differs || report.Restatement.Alliance || len(report.Restatement.Changes) > 0 ||
		record.ComputationID != standing.ComputationID ||
		!slices.Equal(record.State.Parties, standing.State.Parties) || !slices.Equal(record.State.Objects, r.timeline.ledger.CurrentState(&standing.State).Objects) ||
		!slices.EqualFunc(record.Acknowledgements, standing.Acknowledgements, r.sameFiles)
	night.Detail.(*spooledDetail).release()
	r.timeline.recompute(&record, closing, j.Rulebook)
	r.records = append(r.records, record)
	return report, nil
}

// sameFiles reports whether a merchant is told what it was told before, as it is on record by now.
func (r *restatement) sameFiles(is, was books.AcknowledgementRecord) bool {
	return is.Merchant == was.Merchant && slices.EqualFunc(is.Files, was.Files, func(is, was books.FileRecord) bool {
		return is == r.timeline.ledger.Current(was)
	})
}

// changes returns what the date's publication changed.
func (p *publication) changes() *RestatementReport {
	report := &RestatementReport{Changes: []StatementChange{}}
	digits := p.night.Money.MinorDigits
	amount := func(m statement.Moved) AmountChange {
		return AmountChange{m.Was.StringFixed(digits), m.Is.StringFixed(digits), m.Difference().StringFixed(digits)}
	}
	for i := range p.folders {
		folder := &p.folders[i]
		switch {
		case folder.Merchant == "":
			report.Alliance = !folder.Unchanged
		case folder.Unchanged:
			report.Unchanged++
		default:
			report.Changes = append(report.Changes, StatementChange{
				Merchant: folder.Merchant, Version: folder.Version, Supersedes: folder.Supersedes, Lines: folder.Change.Lines,
				Receivable: amount(folder.Change.Receivable), Payable: amount(folder.Change.Payable), Due: amount(folder.Change.Due)})
		}
	}
	return report
}

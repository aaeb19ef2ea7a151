package batch_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/batch"
	"alliance/settlement/books"
	"alliance/settlement/statement"
	"alliance/settlement/storage"
)

var restatementsFlag = flag.Uint64("restatements", 300, "how many random histories are restated")

// TestRestatingEqualsSettlingAnew settles random histories, delivers corrections, restates from
// a random date, and does so once more. What stands then must be what a ledger has that settled
// the corrected inbox in the first place.
func TestRestatingEqualsSettlingAnew(t *testing.T) {
	const shards = 4
	counts := make([]restatedCounts, shards)
	t.Run("histories", func(t *testing.T) {
		for shard := range uint64(shards) {
			from, count := *seedFlag+shard*(*restatementsFlag)/shards, *restatementsFlag/shards
			t.Run(fmt.Sprintf("seeds_%d_to_%d", from, from+count-1), func(t *testing.T) {
				t.Parallel()
				for seed := from; seed < from+count; seed++ {
					restateHistory(t, seed, &counts[shard])
				}
			})
		}
	})
	var all restatedCounts
	for i := range counts {
		all.add(&counts[i])
	}
	t.Logf("%+v", all)
	if *restatementsFlag >= 100 && (all.Changed == 0 || all.Unchanged == 0 || all.Closed == 0 || all.Prices == 0 || all.Versions < 3) {
		t.Error("there is too little in these histories")
	}
}

// restatedCounts say what the histories had in them.
type restatedCounts struct {
	Restatements, Same               int
	Changed, Unchanged, New, Emptied int // statements
	Versions                         int // the most of one statement
	Closed, Prices                   int
}

func (c *restatedCounts) add(other *restatedCounts) {
	c.Restatements, c.Same = c.Restatements+other.Restatements, c.Same+other.Same
	c.Changed, c.Unchanged, c.New, c.Emptied = c.Changed+other.Changed, c.Unchanged+other.Unchanged, c.New+other.New, c.Emptied+other.Emptied
	c.Versions, c.Closed, c.Prices = max(c.Versions, other.Versions), c.Closed+other.Closed, c.Prices+other.Prices
}

// A restateStep delivers, or settles the next date.
type restateStep struct {
	delivery map[string]string
	rulebook *rules.Rulebook // nil: deliver
}

// A restated history is one that is settled and restated, and the steps that would have led a
// ledger straight to what it must have by now.
type restatedHistory struct {
	*rand.Rand
	t      *testing.T
	seed   uint64
	first  settlement.Date
	config *config
	steps  []restateStep
	stores stores
	counts *restatedCounts
	// closed is the last date that is final, or the one before the first.
	closed settlement.Date
}

func restateHistory(t *testing.T, seed uint64, counts *restatedCounts) {
	history := randomHistory(seed)
	r := &restatedHistory{Rand: rand.New(rand.NewPCG(seed, 4)), t: t, seed: seed, first: settlement.Date(history.first), config: history.config,
		stores: memoryStores(), counts: counts, closed: settlement.Date(history.first) - 1}
	nights := history.nights[:min(len(history.nights), 2+r.IntN(4))]
	var late []*file
	for i := range nights {
		// Some files stay away, to be the corrections of later.
		night := nights[i]
		night.files = slices.DeleteFunc(slices.Clone(night.files), func(f *file) bool {
			stays := r.IntN(8) == 0
			if stays {
				late = append(late, f)
			}
			return stays
		})
		r.steps = append(r.steps, restateStep{delivery: deliveryOf(&night, history.first+day(i))}, restateStep{rulebook: mustRulebook(t, r.config.yaml())})
	}
	if !r.play(r.stores, r.steps) {
		return
	}
	for range 1 + r.IntN(2) {
		r.restate(nights, late)
		r.checkVersions()
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func deliveryOf(n *night, date day) map[string]string {
	delivery := make(map[string]string)
	for _, file := range n.files {
		delivery[file.key()] = string(file.bytes())
	}
	if len(n.adjustments) > 0 {
		delivery[adjustmentsKey(date)] = string(adjustmentsCSV(n.adjustments))
	}
	return delivery
}

// play takes all steps. It returns false if the ledger refuses a date.
func (r *restatedHistory) play(s stores, steps []restateStep) bool {
	date := r.first
	for _, step := range steps {
		fill(r.t, s.inbox, step.delivery)
		if step.rulebook == nil {
			continue
		}
		job := s.job(step.rulebook, date)
		job.AllowMissing = true
		// A first date that nobody delivered for may not lie ahead of the clock.
		job.Now = func() time.Time { return time.Date(2100, time.January, 1, 0, 0, 0, 0, time.UTC) }
		if _, err := batch.Run(context.Background(), job); err != nil {
			r.t.Fatalf("seed %d, %s: %v", r.seed, date, err)
		}
		date++
	}
	return true
}

// restate corrects, restates from a random date, and compares with what should have come of it.
func (r *restatedHistory) restate(nights []night, late []*file) {
	from := r.IntN(len(nights))
	date := r.first + settlement.Date(from)
	if r.IntN(4) == 0 && from > 0 {
		r.close(date - 1)
	}
	if date <= r.closed {
		r.expectRefused(date)
		return
	}
	before := published(r.t, r.stores)
	corrections := r.corrections(nights, late)
	rulebook := r.changedRulebook(from)
	fill(r.t, r.stores.inbox, corrections)
	job := r.stores.job(rulebook, date)
	job.AllowMissing, job.Restate, job.Reason = true, true, "corrected"
	shown := r.dryRun(job, before)
	report, err := batch.Run(context.Background(), job)
	if err != nil {
		r.t.Fatalf("seed %d, restating from %s: %v", r.seed, date, err)
	}
	r.note(report, shown)

	r.steps = r.corrected(from, corrections, rulebook)
	straight := memoryStores()
	r.play(straight, r.steps)
	r.expectEqual(straight, date, before)
}

// dryRun shows what a restatement would do, now and then, and expects that nothing is written.
func (r *restatedHistory) dryRun(job batch.Job, before map[string]string) *batch.Report {
	if r.IntN(3) > 0 {
		return nil
	}
	job.DryRun = true
	ledgerBefore := contentsOf(r.t, r.stores.ledger)
	shown, err := batch.Run(context.Background(), job)
	if err != nil {
		r.t.Fatalf("seed %d, dry run from %s: %v", r.seed, job.Date, err)
	}
	expectSame(r.t, contentsOf(r.t, r.stores.ledger), ledgerBefore)
	expectSame(r.t, published(r.t, r.stores), before)
	return &shown
}

// corrected returns the steps without the settling from a night on, then the corrections, then
// the settling.
func (r *restatedHistory) corrected(from int, corrections map[string]string, rulebook *rules.Rulebook) []restateStep {
	var steps, after []restateStep
	settled := 0
	for _, one := range r.steps {
		if one.rulebook == nil {
			steps = append(steps, one)
			continue
		}
		if settled < from {
			steps = append(steps, one)
		} else {
			after = append(after, restateStep{rulebook: rulebook})
		}
		settled++
	}
	return append(append(steps, restateStep{delivery: corrections}), after...)
}

// corrections makes files that come late: some that stayed away, some with other rows under
// their old name, some with rows of theirs under a new name.
func (r *restatedHistory) corrections(nights []night, late []*file) map[string]string {
	corrections := make(map[string]string)
	for _, f := range late {
		if r.IntN(3) > 0 {
			corrections[f.key()] = string(f.bytes())
		}
	}
	for i := range nights {
		for _, f := range nights[i].files {
			if f.table == nil || len(f.table.rows) == 0 || r.IntN(5) > 0 {
				continue
			}
			changed, table := *f, *f.table
			table.rows = slices.Clone(table.rows)
			for j := range table.rows {
				switch row := &table.rows[j]; r.IntN(5) {
				case 0:
					row.set("points", strconv.Itoa(1+r.IntN(2000)), "")
				case 1:
					if r.IntN(2) == 0 {
						row.set("transaction_id", fmt.Sprintf("other-%d", r.IntN(100000)), "")
					}
				}
			}
			if r.IntN(4) == 0 {
				table.rows = table.rows[:r.IntN(len(table.rows))]
			}
			changed.table, changed.cut = &table, 0
			if r.IntN(3) == 0 {
				changed.name = fmt.Sprintf("c%d-%s", r.IntN(1000), changed.name)
			}
			corrections[changed.key()] = string(changed.bytes())
		}
	}
	return corrections
}

// changedRulebook returns the rulebook of the restatement, now and then with another price: under
// the old id if every date is restated, since a ledger takes it under no other condition.
func (r *restatedHistory) changedRulebook(from int) *rules.Rulebook {
	if r.IntN(3) > 0 {
		return mustRulebook(r.t, r.config.yaml())
	}
	r.counts.Prices++
	changed := *r.config
	changed.prices = slices.Clone(changed.prices)
	at := r.IntN(len(changed.prices))
	if from > 0 {
		changed.prices[at].id += fmt.Sprintf("-%d", r.IntN(1_000_000))
	}
	changed.prices[at].amount = fmt.Sprintf("%d.%02d", r.IntN(3), r.IntN(100))
	r.config = &changed
	return mustRulebook(r.t, changed.yaml())
}

func (r *restatedHistory) close(through settlement.Date) {
	if _, err := batch.CloseDates(context.Background(), batch.CloseJob{Ledger: r.stores.ledger, Through: through}); err != nil {
		r.t.Fatalf("seed %d, closing %s: %v", r.seed, through, err)
	}
	r.closed, r.counts.Closed = max(r.closed, through), r.counts.Closed+1
	r.expectRefused(through)
}

// expectRefused expects that a closed date cannot be restated, and that nothing of it changes.
func (r *restatedHistory) expectRefused(date settlement.Date) {
	before := published(r.t, r.stores)
	job := r.stores.job(mustRulebook(r.t, r.config.yaml()), date)
	job.Restate, job.Reason = true, "too late"
	var refused *batch.RefusedError
	if _, err := batch.Run(context.Background(), job); !errors.As(err, &refused) {
		r.t.Errorf("seed %d: %s is closed, and restating it is not refused: %v", r.seed, date, err)
	}
	expectSame(r.t, published(r.t, r.stores), before)
}

// published returns the statements, without the mark up to which record they are projected.
func published(t *testing.T, s stores) map[string]string {
	contents := contentsOf(t, s.statements)
	delete(contents, "alliance/_projected.json")
	return contents
}

// note counts what a restatement did; what the dry run before showed, if there was one, must be that.
func (r *restatedHistory) note(report batch.Report, shown *batch.Report) {
	r.counts.Restatements++
	if report.Same {
		r.counts.Same++
	}
	for i := range report.Dates {
		restated := report.Dates[i].Restatement
		if shown != nil {
			r.expectShown(restated, shown.Dates[i].Restatement, report.Same == shown.Same)
		}
		r.counts.Unchanged += int(restated.Unchanged)
		for _, change := range restated.Changes {
			if change.Supersedes == 0 {
				r.counts.New++
			} else {
				r.counts.Changed++
			}
		}
	}
}

func (r *restatedHistory) expectShown(did, shown *batch.RestatementReport, both bool) {
	if !both || !slices.Equal(did.Changes, shown.Changes) || did.Unchanged != shown.Unchanged || did.Alliance != shown.Alliance {
		r.t.Errorf("seed %d: the dry run showed %+v, the restatement did %+v", r.seed, shown, did)
	}
}

// expectEqual compares what is published with what a ledger published that settled straight.
func (r *restatedHistory) expectEqual(straight stores, from settlement.Date, before map[string]string) {
	found, wanted := published(r.t, r.stores), published(r.t, straight)
	for _, key := range slices.Sorted(maps.Keys(found)) {
		folder, name := key[:strings.LastIndex(key, "/")], key[strings.LastIndex(key, "/")+1:]
		date, standing := dateOfFolder(folder)
		switch {
		case !standing || name == statement.ManifestFile || name == statement.ChangesFile:
		case date < from:
			if found[key] != before[key] {
				r.t.Errorf("seed %d: %s changed, and lies before %s", r.seed, key, from)
			}
		case wanted[key] == "":
			r.expectEmptied(folder, key, found[key])
		default:
			if got, want := versionless(r.t, found[key]), versionless(r.t, wanted[key]); got != want {
				r.t.Errorf("seed %d, restated from %s: %s is\n%s\nwant\n%s", r.seed, from, key, got, want)
			}
		}
	}
	for key := range wanted {
		if _, there := found[key]; !there {
			r.t.Errorf("seed %d: %s is missing", r.seed, key)
		}
	}
	if got, want := standingStates(r.t, r.stores.ledger), standingStates(r.t, straight.ledger); !maps.Equal(got, want) {
		r.t.Errorf("seed %d: the state is\n%v\nwant\n%v", r.seed, got, want)
	}
}

// standingStates returns the SHA-256 of every object of the state after each date as it stands.
func standingStates(t *testing.T, bucket storage.Bucket) map[string]string {
	ledger, err := books.Open(context.Background(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	sums := make(map[string]string)
	last, _ := ledger.LastSettled()
	first, _ := ledger.FirstSettled()
	for date := first; date <= last; date++ {
		settled, _ := ledger.Settled(date)
		for _, object := range settled.State.Objects {
			sums[fmt.Sprintf("%s %s %d", date, object.Role, object.Partition)] = object.SHA256
		}
	}
	return sums
}

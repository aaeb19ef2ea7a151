package batch

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"alliance/settlement"
	"alliance/settlement/spool"
)

// openingLots are the lots of a file on their way on record, by member and by key.
type openingLots struct {
	job     *OpeningJob
	pool    *spool.Pool
	workers int
	// blockBytes is the size of the blocks in which the file is read, longestRow but in tests.
	blockBytes int
	// atHand is about how many bytes of lots or keys all workers together may have loaded.
	atHand                       int64
	lotPartitions, keyPartitions int
	spooledLots, spooledKeys     *spool.Spool

	mutex sync.Mutex
	// totals are by issuer.
	totals []issuerTotal
	faults []blockFaults
	// lastRow is a row that is no CSV, after which none counts; broken says that there is one.
	lastRow int64
	broken  atomic.Bool
	// duplicates are the first ones, in order of row.
	duplicates     []duplicateLot
	duplicateCount int64

	progress stageProgress
}

const (
	// mostLotPartitions and mostKeyPartitions are into how many partitions lots and keys go, if there is memory for
	// what each worker gathers for each of them. With 1024, 100 million lots are 5 MB in each.
	mostLotPartitions = 1 << 10
	mostKeyPartitions = 1 << 8
	fewestPartsOfLots = 1 << 4
	// gatheredBytes is how much a worker gathers for a partition.
	gatheredBytes = 32 << 10
)

func newOpeningLots(job *OpeningJob) *openingLots {
	o := &openingLots{
		job: job, workers: orDefault(job.Workers, runtime.GOMAXPROCS(0)), blockBytes: longestRow, atHand: math.MaxInt64,
		lotPartitions: mostLotPartitions, keyPartitions: mostKeyPartitions,
		totals: make([]issuerTotal, job.Rulebook.Parties.Len()), lastRow: math.MaxInt64,
		progress: stageProgress{observe: job.Observe},
	}
	memory := int64(math.MaxInt64)
	if job.Memory > 0 {
		memory = job.Memory
		o.atHand = memory / 2
		for o.keyPartitions > fewestPartsOfLots && int64(o.workers*(o.lotPartitions+o.keyPartitions))*gatheredBytes > memory/4 {
			o.lotPartitions, o.keyPartitions = o.lotPartitions/2, o.keyPartitions/2
		}
	}
	o.pool = spool.NewPool(job.SpillDirectory, memory)
	o.spooledLots, o.spooledKeys = o.pool.NewSpool(o.lotPartitions), o.pool.NewSpool(o.keyPartitions)
	return o
}

// handsFor returns hands for as many workers as may have a unit of a spool each: fewer than there are if
// units are large, but one at least. Each unit is every so many-th partition.
func (o *openingLots) handsFor(from *spool.Spool, partitions, units int) []spoolHand {
	largest := int64(1)
	for unit := range units {
		size, one := int64(0), int64(0)
		for _, partition := range every(unit, units, partitions) {
			size += from.Bytes(partition)
			one = max(one, from.Bytes(partition))
		}
		if o.isLarge(size) {
			size = one
		}
		largest = max(largest, size)
	}
	return make([]spoolHand, max(1, min(int64(o.workers), o.atHand/largest)))
}

// isLarge reports whether a unit is more than a worker should have at hand, so that it has one partition of it at a time.
func (o *openingLots) isLarge(unitBytes int64) bool { return unitBytes > o.atHand/int64(o.workers) }

// every returns the numbers below an end that are a unit's.
func every(unit, units, end int) (numbers []int) {
	for number := unit; number < end; number += units {
		numbers = append(numbers, number)
	}
	return numbers
}

// check reads the file and returns how many members have lots, and its SHA-256, in hex.
func (o *openingLots) check(ctx context.Context) (members int64, digest string, err error) {
	if digest, err = o.read(ctx); err != nil {
		return 0, "", err
	}
	o.stage(stageDeduplicate, int64(o.keyPartitions+o.lotPartitions))
	defer o.finish(stageDeduplicate)
	if err := o.findDuplicates(ctx); err != nil {
		return 0, "", err
	}
	if err := o.refusal(ctx); err != nil {
		return 0, "", err
	}
	members, err = o.countMembers(ctx)
	return members, digest, err
}

// An issuerTotal adds up the lots of an issuer. Points have 128 bits on their way: that they are too many
// counts only if no lot is there twice.
type issuerTotal struct {
	lots      int64
	high, low uint64
}

func (t *issuerTotal) add(points int64) {
	var carry uint64
	t.lots++
	t.low, carry = bits.Add64(t.low, uint64(points), 0)
	t.high += carry
}

func (o *openingLots) addTotals(totals []issuerTotal) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	for i := range totals {
		to, carry := &o.totals[i], uint64(0)
		to.lots += totals[i].lots
		to.low, carry = bits.Add64(to.low, totals[i].low, 0)
		to.high += totals[i].high + carry
	}
}

// count returns how many lots were good.
func (o *openingLots) count() (count int64) {
	for i := range o.totals {
		count += o.totals[i].lots
	}
	return count
}

// points returns the points of each issuer that has lots.
func (o *openingLots) points() map[settlement.Party]int64 {
	points := make(map[settlement.Party]int64)
	for i := range o.totals {
		if total := &o.totals[i]; total.lots > 0 {
			points[settlement.Party(i)] = int64(total.low)
		}
	}
	return points
}

// report says what the lots are, or that points of an issuer are too many.
func (o *openingLots) report() (OpeningReport, error) {
	report := OpeningReport{Points: []OpeningPoints{}}
	for i := range o.totals {
		total := &o.totals[i]
		id := o.job.Rulebook.Parties.ID(settlement.Party(i))
		if total.high > 0 || total.low > math.MaxInt64 {
			return report, fmt.Errorf("points of %s in the opening lots: their sum is %w of a 64-bit integer", id, settlement.ErrOutOfRange)
		}
		if total.lots > 0 {
			report.Lots += total.lots
			report.Points = append(report.Points, OpeningPoints{id, total.lots, int64(total.low)})
		}
	}
	return report, nil
}

// A stageProgress tells an observer, if there is one, how the stages get on that follow each other.
type stageProgress struct {
	observe func(Progress)
	started time.Time
	total   int64
	done    atomic.Int64
}

func (o *openingLots) stage(stage Stage, total int64) {
	p := &o.progress
	p.started, p.total = time.Now(), total
	p.done.Store(0)
	p.tell(Progress{Stage: stage, Total: total})
}

func (o *openingLots) advance(stage Stage, by int64) {
	o.progress.tell(Progress{Stage: stage, Done: o.progress.done.Add(by), Total: o.progress.total})
}

func (o *openingLots) finish(stage Stage) {
	p := &o.progress
	p.tell(Progress{Stage: stage, Done: p.done.Load(), Total: p.total, Finished: true, Elapsed: time.Since(p.started)})
}

func (p *stageProgress) tell(progress Progress) {
	if p.observe != nil {
		p.observe(progress)
	}
}

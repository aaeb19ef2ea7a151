package batch_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"alliance/settlement"
	"alliance/settlement/batch"
	"alliance/settlement/faults"
	"alliance/settlement/storage"
)

// A shuffledBucket lists its objects and folders in another order each time.
type shuffledBucket struct {
	storage.Bucket
	mutex sync.Mutex
	order *rand.Rand
}

func newShuffled(bucket storage.Bucket, seed int) *shuffledBucket {
	return &shuffledBucket{Bucket: bucket, order: rand.New(rand.NewPCG(uint64(seed), 1))}
}

func (b *shuffledBucket) List(ctx context.Context, prefix string) ([]storage.Object, error) {
	objects, err := b.Bucket.List(ctx, prefix)
	return shuffled(b, objects), err
}

func (b *shuffledBucket) Folders(ctx context.Context, prefix string) ([]string, error) {
	names, err := b.Bucket.Folders(ctx, prefix)
	return shuffled(b, names), err
}

func shuffled[T any](b *shuffledBucket, list []T) []T {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.order.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

const streetNights = 4

// streetDeliveries returns what arrives before each night of the determinism tests.
func streetDeliveries() []map[string]string {
	s := newStreet(25)
	var nights []map[string]string
	for i := range settlement.Date(streetNights) {
		nights = append(nights, s.night(streetStart+i, streetMerchants, 12))
	}
	return nights
}

// A settledStreet is what a run of all nights came to.
type settledStreet struct {
	computations []string
	statements   map[string]string
	state        map[string]string
}

// settleStreet delivers and settles all nights.
func settleStreet(t *testing.T, s stores, change func(*batch.Job)) (settledStreet, []batch.DateReport) {
	t.Helper()
	rulebook := mustRulebook(t, streetRulebook)
	var (
		settled settledStreet
		reports []batch.DateReport
	)
	for i, delivery := range streetDeliveries() {
		fill(t, s.inbox, delivery)
		job := s.job(rulebook, streetStart+settlement.Date(i))
		change(&job)
		report, err := batch.Run(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		settled.computations = append(settled.computations, report.Dates[0].ComputationID)
		reports = append(reports, report.Dates...)
	}
	settled.statements, settled.state = contentsOf(t, s.statements), stateSums(t, s.ledger)
	return settled, reports
}

func (s *settledStreet) expect(t *testing.T, wanted settledStreet) {
	t.Helper()
	expectSame(t, s.statements, wanted.statements)
	expectSame(t, s.state, wanted.state)
	if !slices.Equal(s.computations, wanted.computations) {
		t.Errorf("computation ids %q, want %q", s.computations, wanted.computations)
	}
}

// TestFaultK_TheSameBytes settles the same nights again and again: in whatever order the stores
// list, with whatever number of workers, partitions and processors, whether all is in memory or all is
// spilled to the disk, at another time by another operator, every published file, every object of the state and every computation id is the same.
func TestFaultK_TheSameBytes(t *testing.T) {
	wanted, reports := settleStreet(t, memoryStores(), func(*batch.Job) {})
	expectEveryPath(t, reports)
	processors := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(processors)
	runs, different := faults.Count(10, 20), 0
	for i := range runs {
		workers, partitions, threads, memory := []int{1, 8, 3}[i%3], []int{1, 64}[i/3%2], 1+i%8, []int64{0, 1}[i/2%2]
		t.Run(fmt.Sprintf("%d_%d_workers_%d_partitions_%d_processors_%d_memory", i, workers, partitions, threads, memory), func(t *testing.T) {
			runtime.GOMAXPROCS(threads)
			found, _ := settleStreet(t, memoryStores(), func(job *batch.Job) {
				job.Workers, job.Partitions, job.Memory, job.SpillDirectory = workers, partitions, memory, t.TempDir()
				job.Inbox, job.Ledger, job.Statements = newShuffled(job.Inbox, i), newShuffled(job.Ledger, i), newShuffled(job.Statements, i)
			})
			if found.expect(t, wanted); t.Failed() {
				different++
			}
		})
	}
	faults.Record(t, "K", "shuffled listings and files, any number of workers, partitions and processors, all in memory or all spilled", runs, different, fmt.Sprintf(
		"each run settles %d nights; GOMAXPROCS 1 to 8; of each of %d published files, %d objects of the state and %d computation ids one SHA-256",
		streetNights, len(wanted.statements), len(wanted.state), len(wanted.computations)))
}

// expectEveryPath checks that the nights are worth comparing.
func expectEveryPath(t *testing.T, reports []batch.DateReport) {
	t.Helper()
	var total batch.Totals
	codes := make(map[string]int64)
	for _, report := range reports {
		total.RowsRead += report.Totals.RowsRead
		total.Lines += report.Totals.Lines
		total.Payments += report.Totals.Payments
		for code, count := range report.Totals.Codes {
			codes[code] += count
		}
	}
	t.Logf("%d rows, %d lines, %d payments, exceptions %v", total.RowsRead, total.Lines, total.Payments, codes)
	if total.RowsRead < 500 || total.Lines < 100 || total.Payments < 10 {
		t.Error("there is too little in these nights")
	}
	for _, code := range []settlement.Code{settlement.Conflict, settlement.Duplicate, settlement.Future, settlement.UnknownOriginal, settlement.Uncovered,
		settlement.Unfunded, settlement.ReversalExceedsOriginal, settlement.ClawbackShortfall, settlement.MissingColumn, settlement.UnknownMerchant,
		settlement.UnknownFolder, settlement.UnknownColumn, settlement.Malformed, settlement.InvalidValue} {
		if codes[code.String()] == 0 {
			t.Errorf("there is no %s in these nights", code)
		}
	}
}

// TestPublishesTheSameBytesFromDirectories settles one inbox in a directory into books in memory
// and into books in directories. (An inbox in memory is another: objects' versions are published.)
func TestPublishesTheSameBytesFromDirectories(t *testing.T) {
	onDisk, inMemory := directoryStores(t), memoryStores()
	inMemory.inbox = onDisk.inbox
	rulebook := mustRulebook(t, streetRulebook)
	for i, delivery := range streetDeliveries() {
		fill(t, onDisk.inbox, delivery)
		for j, s := range []stores{onDisk, inMemory} {
			job := s.job(rulebook, streetStart+settlement.Date(i))
			job.Workers, job.Partitions = []int{8, 1}[j], []int{64, 1}[j]
			if _, err := batch.Run(t.Context(), job); err != nil {
				t.Fatal(err)
			}
		}
	}
	expectSame(t, contentsOf(t, onDisk.statements), contentsOf(t, inMemory.statements))
	expectSame(t, stateSums(t, onDisk.ledger), stateSums(t, inMemory.ledger))
}

package batch

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"

	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/clearing"
	"alliance/settlement/identifiers"
	"alliance/settlement/spool"
	"alliance/settlement/storage"
)

// A countedRun is a run of ids of which it is counted how often it is read.
type countedRun struct {
	storage.ReadAtCloser
	reads        *atomic.Int32
	requestBytes int64
}

func (c countedRun) ReadAt(buffer []byte, offset int64) (int, error) {
	c.reads.Add(1)
	return c.ReadAtCloser.ReadAt(buffer, offset)
}

func (c countedRun) RequestBytes() int64 { return c.requestBytes }

// takenRunOf returns a run of ids, and how often it was read since it was opened.
func takenRunOf(t *testing.T, pool *spool.Pool, role books.Role, night settlement.Date, requestBytes int64, ids []settlement.TakenID) (takenRun, *atomic.Int32) {
	t.Helper()
	slices.SortFunc(ids, compareTakenIDs)
	ids = slices.Compact(ids)
	writer := newIDWriter(pool)
	if err := addIDs(writer.Writer, ids); err != nil {
		t.Fatal(err)
	}
	runs, err := writer.finish(role, night)
	if err != nil {
		t.Fatal(err)
	}
	run, err := openTaken(t.Context(), &runs[0])
	if err != nil {
		t.Fatal(err)
	}
	reads := new(atomic.Int32)
	counted := countedRun{run.content, reads, requestBytes}
	if run.Run, err = identifiers.Open(counted, runs[0].object.Bytes); err != nil {
		t.Fatal(err)
	}
	run.content = counted
	reads.Store(0)
	return run, reads
}

// TestLookedUpIDsDecideAsAllDo compares what is refused of random claimants by what they look up with what is refused by all ids on record.
func TestLookedUpIDsDecideAsAllDo(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	const date, duplicateDays, partitions = settlement.Date(20_000), 7, 4
	digest := func(n int) settlement.Digest {
		// Ids of one partition: their first bits are the same.
		return clearing.IDDigest("M", fmt.Sprint(n))
	}
	for _, requestBytes := range []int64{16 << 10, 512 << 10} {
		pool := spool.NewPool(t.TempDir(), 1<<20)
		defer pool.Close()
		taken := new(takenIDs)
		var all []settlement.TakenID
		for night := date - 30; night <= date; night++ {
			role, settledOn := books.IDs, night
			if night == date { // those that wait
				role, settledOn = books.WaitingIDs, settlement.NoDate
			}
			var ids []settlement.TakenID
			for range 60 {
				id := settlement.TakenID{ID: digest(random.IntN(400)), Content: settlement.Digest{byte(random.IntN(2))}, BusinessDate: night - settlement.Date(random.IntN(5)), SettledOn: settledOn}
				ids = append(ids, id)
			}
			all = append(all, ids...)
			run, _ := takenRunOf(t, pool, role, night, requestBytes, ids)
			taken.runs = append(taken.runs, run)
		}
		var refused int
		var buffer wantedBuffer
		for partition := range partitions {
			var claimants []clearing.Claimant
			for i := range 300 {
				claimant := clearing.Claimant{ID: digest(random.IntN(400)), Content: settlement.Digest{byte(random.IntN(2))}, BusinessDate: date - settlement.Date(random.IntN(34)), Row: int64(i)}
				if partitionOfID(claimant.ID, partitions) == partition {
					claimants = append(claimants, claimant)
				}
			}
			deduplicator := clearing.Deduplicator{Date: date, DuplicateDays: duplicateDays}
			want, err := deduplicator.Refuse(claimants, func(visit func(settlement.TakenID)) error {
				for _, id := range all {
					visit(id)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			got, err := deduplicator.Refuse(claimants, func(visit func(settlement.TakenID)) error {
				return taken.lookUp(t.Context(), claimants, deduplicator.OldestSettled(), &buffer, partitions, visit)
			})
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("partition %d: %d are refused, not %d, or for another reason", partition, len(got), len(want))
			}
			refused += len(want)
		}
		if refused == 0 {
			t.Error("nothing was refused: the test shows nothing")
		}
	}
}

// TestOldIDsAreReadForLateRowsAlone counts reads of what was settled long ago.
func TestOldIDsAreReadForLateRowsAlone(t *testing.T) {
	pool := spool.NewPool(t.TempDir(), 1<<20)
	defer pool.Close()
	const date, oldest = settlement.Date(20_000), settlement.Date(19_993)
	id := clearing.IDDigest("M", "1")
	taken := new(takenIDs)
	reads := make(map[settlement.Date]*atomic.Int32)
	for _, night := range []settlement.Date{date - 20, date - 8, date - 7, date - 1} {
		var run takenRun
		run, reads[night] = takenRunOf(t, pool, books.IDs, night, 16<<10, []settlement.TakenID{{ID: id, BusinessDate: night, SettledOn: night}})
		taken.runs = append(taken.runs, run)
	}
	for _, test := range []struct {
		business settlement.Date
		read     []settlement.Date
	}{
		{date, []settlement.Date{date - 7, date - 1}},
		{date - 7, []settlement.Date{date - 7, date - 1}},
		{date - 8, []settlement.Date{date - 8, date - 7, date - 1}},
		{date - 9, []settlement.Date{date - 8, date - 7, date - 1}},
		{date - 25, []settlement.Date{date - 20, date - 8, date - 7, date - 1}},
	} {
		var found []settlement.Date
		err := taken.lookUp(t.Context(), []clearing.Claimant{{ID: id, BusinessDate: test.business}}, oldest, new(wantedBuffer), 1,
			func(id settlement.TakenID) { found = append(found, id.SettledOn) })
		if err != nil || !slices.Equal(found, test.read) {
			t.Errorf("a row of %s finds ids settled on %v, want %v, %v", test.business, found, test.read, err)
		}
		for night, count := range reads {
			if read := count.Swap(0) > 0; read != slices.Contains(test.read, night) {
				t.Errorf("a row of %s: what was settled on %s was read: %v", test.business, night, read)
			}
		}
	}
	// That a run has rows of another night would break what this goes by.
	wrong, _ := takenRunOf(t, pool, books.IDs, date-2, 16<<10, []settlement.TakenID{{ID: id, BusinessDate: date - 3, SettledOn: date - 3}})
	taken.runs = append(taken.runs, wrong)
	if err := taken.lookUp(t.Context(), []clearing.Claimant{{ID: id, BusinessDate: date}}, oldest, new(wantedBuffer), 1, func(settlement.TakenID) {}); err == nil {
		t.Error("a run with ids of another night was taken")
	}
}

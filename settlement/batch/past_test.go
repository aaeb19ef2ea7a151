package batch

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"alliance/settlement"
	"alliance/settlement/accounts"
	"alliance/settlement/spool"
)

var pastParties = settlement.NewParties([]string{"A", "B"})

// putAwayOf returns what a night of a number of partitions put away: of each member one lot whose points are the night's date.
func putAwayOf(t *testing.T, pool *spool.Pool, night settlement.Date, partitions int, members []string) []stateRun {
	t.Helper()
	p := newPutAway(night, partitions)
	var runs []stateRun
	for partition := range partitions {
		out := newRunWriter(pool, pastParties)
		for _, member := range members {
			if partitionOf(member, partitions) != partition {
				continue
			}
			lot := settlement.Lot{Key: settlement.LotKey{BusinessDate: night, TransactionID: "t-" + member}, ExpiresOn: settlement.Never, Issued: int64(night), Spent: int64(night)}
			if err := out.Add(&settlement.Account{Member: member, Lots: []settlement.Lot{lot}}, settlement.Never); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.set(partition, out); err != nil {
			t.Fatal(err)
		}
		if whole := p.done(partition); whole != nil {
			runs = append(runs, *whole)
		}
	}
	if len(runs) != len(p.groups) {
		t.Fatalf("%d groups are whole, there are %d", len(runs), len(p.groups))
	}
	return p.groups
}

// A distantBlob is a blob that says of itself that it is far away.
type distantBlob struct {
	pooled
	// reading is how many reads are under way, most how many there ever were.
	reading, most *atomic.Int32
	pause         time.Duration
}

func (distantBlob) RequestBytes() int64 { return 512 << 10 }

func (d distantBlob) ReadAt(buffer []byte, offset int64) (int, error) {
	reading := d.reading.Add(1)
	defer d.reading.Add(-1)
	for most := d.most.Load(); reading > most && !d.most.CompareAndSwap(most, reading); most = d.most.Load() {
	}
	time.Sleep(d.pause)
	return d.pooled.ReadAt(buffer, offset)
}

// TestDistantNightsAreAskedTogether looks for somebody whom no night has but the oldest, and somebody whom all have.
func TestDistantNightsAreAskedTogether(t *testing.T) {
	pool := spool.NewPool(t.TempDir(), 1<<20)
	defer pool.Close()
	for _, distant := range []bool{true, false} {
		var reading, most atomic.Int32
		var runs []stateRun
		const nights = 40
		for night := range nights {
			members := []string{"everywhere"}
			if night == nights-1 {
				members = append(members, "oldest")
			}
			for _, run := range putAwayOf(t, pool, settlement.Date(20000-night), 1, members) {
				if distant {
					run.blob = distantBlob{run.blob, &reading, &most, 20 * time.Millisecond}
				}
				runs = append(runs, run)
			}
		}
		all, err := pastNights(runs)
		if err != nil {
			t.Fatal(err)
		}
		past := newPast(t.Context(), all, 0, pastParties, new(accounts.Arena))
		for night := range nights {
			if away, err := past.PutAway(night, "everywhere", "t-everywhere"); err != nil || away == nil || away.Lots[0].Spent != int64(20000-night) {
				t.Fatalf("night %d: %+v, %v", night, away, err)
			}
			if night == 0 && most.Load() > 1 {
				t.Errorf("%d nights were asked for what the newest has", most.Load())
			}
		}
		for night := range nights {
			if away, err := past.PutAway(night, "oldest", "t-oldest"); err != nil || (away != nil) != (night == nights-1) {
				t.Fatalf("night %d: %+v, %v", night, away, err)
			}
		}
		past.close()
		if most := most.Load(); distant && (most < 4 || most > askedTogether) {
			t.Errorf("%d nights were asked together", most)
		}
	}
}

// TestNightThatCannotBeRead damages one of several distant nights, which matters to those who ask it alone.
func TestNightThatCannotBeRead(t *testing.T) {
	pool := spool.NewPool(t.TempDir(), 1<<20)
	defer pool.Close()
	var reading, most atomic.Int32
	var runs []stateRun
	const nights, damaged = 12, 9
	for night := range nights {
		for _, run := range putAwayOf(t, pool, settlement.Date(20000-night), 1, []string{"M"}) {
			run.blob = distantBlob{run.blob, &reading, &most, 0}
			if night == damaged {
				run.object.IndexSHA256 = "another"
			}
			runs = append(runs, run)
		}
	}
	all, err := pastNights(runs)
	if err != nil {
		t.Fatal(err)
	}
	past := newPast(t.Context(), all, 0, pastParties, new(accounts.Arena))
	defer past.close()
	for night := range nights {
		if _, err := past.PutAway(night, "M", "t-M"); (err != nil) != (night == damaged) {
			t.Errorf("night %d: %v", night, err)
		}
	}
}

// TestPastOfFewerPartitions asks for everybody, partition by partition, after nights that had fewer of them.
func TestPastOfFewerPartitions(t *testing.T) {
	for _, distant := range []bool{false, true} {
		testPastOfFewerPartitions(t, distant)
	}
}

func testPastOfFewerPartitions(t *testing.T, distant bool) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var everybody []string
	for i := range 3000 {
		everybody = append(everybody, fmt.Sprintf("member-%04d", i))
	}
	pool := spool.NewPool(t.TempDir(), 1<<20) // most of it goes to the disk
	defer pool.Close()
	var runs []stateRun
	there := make(map[settlement.Date]map[string]bool)
	var dates []settlement.Date
	for i, night := range []struct{ partitions, oneOf int }{{64, 3}, {32, 2}, {32, 1000}, {16, 2}, {1, 2}, {1, 3000}} {
		date := settlement.Date(20000 - 3*i)
		var members []string
		there[date] = make(map[string]bool)
		for _, member := range everybody {
			if random.IntN(night.oneOf) == 0 {
				members = append(members, member)
				there[date][member] = true
			}
		}
		one := putAwayOf(t, pool, date, night.partitions, members)
		for i := range one {
			if distant {
				one[i].blob = distantBlob{one[i].blob, new(atomic.Int32), new(atomic.Int32), 0}
			}
		}
		if groups := max(1, night.partitions/partitionsPerGroup); len(one) != groups && (len(one) > 0 || len(members) > 0) {
			t.Errorf("%d partitions are %d groups, not %d", night.partitions, len(one), groups)
		}
		if runs = append(runs, one...); len(one) > 0 {
			dates = append(dates, date)
		}
	}
	nights, err := pastNights(runs)
	if err != nil {
		t.Fatal(err)
	}
	const partitions = 64
	for partition := range partitions {
		past := newPast(t.Context(), nights, partition, pastParties, new(accounts.Arena))
		if past.Nights() != len(dates) {
			t.Fatalf("%d nights, not %d", past.Nights(), len(dates))
		}
		for _, member := range everybody {
			if partitionOf(member, partitions) != partition {
				continue
			}
			for _, id := range []string{"t-" + member, "", "t-" + member} {
				for night, date := range dates {
					away, err := past.PutAway(night, member, id)
					if err != nil {
						t.Fatal(err)
					}
					if past.Night(night) != date || (away != nil) != there[date][member] || away != nil && away.Lots[0].Spent != int64(date) {
						t.Fatalf("%s, %s: %+v", member, date, away)
					}
				}
			}
		}
		past.close()
	}
	var all []string
	for i := range runs {
		if err := allPutAway(t.Context(), runs[i:i+1], pastParties, func(account *settlement.Account) { all = append(all, account.Member) }); err != nil {
			t.Fatal(err)
		}
	}
	count := 0
	for _, members := range there {
		count += len(members)
	}
	if len(all) != count {
		t.Errorf("%d members in all, not %d", len(all), count)
	}
}

// TestPastOfOneMember asks for ids of a member that has few lots and redemptions, or so many that it is remembered where each is.
func TestPastOfOneMember(t *testing.T) {
	for _, count := range []int{1, 40, 3000} {
		pool := spool.NewPool(t.TempDir(), 1<<20)
		defer pool.Close()
		account := settlement.Account{Member: "M"}
		for i := range count {
			// Each id has a lot and a redemption of either merchant; the ids of one are parts of those of the other.
			for party := range settlement.Party(2) {
				id := fmt.Sprintf("%05d%.*s", i, int(party), "0")
				account.Lots = append(account.Lots, settlement.Lot{Key: settlement.LotKey{Merchant: party, BusinessDate: 19000, TransactionID: id}, Issued: int64(i), Spent: int64(i)})
				account.Redemptions = append(account.Redemptions, settlement.Redemption{Merchant: party, BusinessDate: 19000, TransactionID: id, Points: int64(i), Reversed: int64(i)})
			}
		}
		p := newPutAway(20000, 1)
		out := newRunWriter(pool, pastParties)
		if err := out.Add(&account, settlement.Never); err != nil {
			t.Fatal(err)
		}
		if err := p.set(0, out); err != nil {
			t.Fatal(err)
		}
		nights, err := pastNights([]stateRun{*p.done(0)})
		if err != nil {
			t.Fatal(err)
		}
		past := newPast(t.Context(), nights, 0, pastParties, new(accounts.Arena))
		for i := range count + 2 {
			for party := range 2 {
				id := fmt.Sprintf("%05d%.*s", i, party, "0")
				away, err := past.PutAway(0, "M", id)
				if err != nil {
					t.Fatal(err)
				}
				if i >= count {
					if away != nil && len(away.Lots)+len(away.Redemptions) > 0 {
						t.Errorf("%d: %s is there: %+v", count, id, away)
					}
					continue
				}
				if away == nil || len(away.Lots) != 1 || len(away.Redemptions) != 1 || away.Lots[0].Key.TransactionID != id || away.Redemptions[0].TransactionID != id ||
					away.Lots[0].Issued != int64(i) || away.Redemptions[0].Points != int64(i) {
					t.Fatalf("%d: %s is %+v", count, id, away)
				}
			}
		}
		if away, err := past.PutAway(0, "N", "00001"); away != nil || err != nil {
			t.Errorf("somebody else has %+v, %v", away, err)
		}
		past.close()
	}
}

func TestNothingPutAwayIsNoObject(t *testing.T) {
	pool := spool.NewPool(t.TempDir(), 1<<20)
	defer pool.Close()
	if runs := putAwayOf(t, pool, 20000, 8, nil); len(runs) != 0 {
		t.Errorf("%+v", runs)
	}
	// Of several objects each is there, so that their number tells where a member is.
	if runs := putAwayOf(t, pool, 20000, 32, []string{"M"}); len(runs) != 2 {
		t.Errorf("%+v", runs)
	}
	// Those that have nothing are not the same bytes, so that none is taken for another.
	seen := make(map[string]bool)
	for _, night := range []settlement.Date{20000, 20001} {
		for _, run := range putAwayOf(t, pool, night, 64, nil) {
			if seen[run.object.IndexSHA256] {
				t.Errorf("%s and group %d: the same as another", run.object.Night, run.object.Partition)
			}
			seen[run.object.IndexSHA256] = true
		}
	}
}

func TestJoinedBlobs(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	pool := spool.NewPool(t.TempDir(), 1<<18)
	defer pool.Close()
	var whole []byte
	joined := new(joinedBlobs)
	for _, size := range []int{0, 1, 100_000, 0, 300_000, 7} {
		content := make([]byte, size)
		for i := range content {
			content[i] = byte(random.Uint32())
		}
		blob := pool.NewBlob()
		if _, err := blob.Write(content); err != nil {
			t.Fatal(err)
		}
		if err := blob.Close(); err != nil {
			t.Fatal(err)
		}
		joined.add(blob)
		whole = append(whole, content...)
	}
	joined.end = []byte("directory")
	whole = append(whole, joined.end...)
	if joined.Size() != int64(len(whole)) {
		t.Fatalf("%d bytes, not %d", joined.Size(), len(whole))
	}
	read, err := io.ReadAll(joined.NewReader())
	if err != nil || !bytes.Equal(read, whole) {
		t.Errorf("%d bytes, %v", len(read), err)
	}
	for range 2000 {
		from := random.IntN(len(whole) + 10)
		buffer := make([]byte, 1+random.IntN(1<<(1+random.IntN(19))))
		n, err := joined.ReadAt(buffer, int64(from))
		want := whole[min(from, len(whole)):min(from+len(buffer), len(whole))]
		if !bytes.Equal(buffer[:n], want) || (err == io.EOF) != (n < len(buffer)) || err != nil && err != io.EOF {
			t.Fatalf("%d bytes at %d: %d, %v", len(buffer), from, n, err)
		}
	}
	joined.Release()
}

func TestNightsOutOfOrderAreBroken(t *testing.T) {
	pool := spool.NewPool(t.TempDir(), 1<<20)
	defer pool.Close()
	runs := putAwayOf(t, pool, 20000, 32, []string{"M"})
	slices.Reverse(runs)
	if _, err := pastNights(runs); err == nil {
		t.Error("groups in another order were taken")
	}
	runs[0].object.Night = "tomorrow"
	if _, err := pastNights(runs); err == nil {
		t.Error("a night without a date was taken")
	}
}

package batch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/batch"
	"alliance/settlement/books"
	"alliance/settlement/faults"
	"alliance/settlement/storage"
)

// TestFaultF_StoresThatLie settles nights on stores that lie, and then goes on with the same stores
// telling the truth. A run that does not say that something is wrong has published what it must.
func TestFaultF_StoresThatLie(t *testing.T) {
	base := newLiarsWorld(t)
	base.deliver(t, 0)
	mustRun(t, base.job(0))
	past := base.stores.clone(t)
	base.deliver(t, 1)
	mustRun(t, base.job(1))
	base.deliver(t, 2)
	for _, what := range []lie{staleList, staleReads, wrongBytes, shortBody} {
		trials, violations, ends := faults.Count(5, 100), 0, map[string]int{}
		tried := 0
		for seed := uint64(0); tried < trials; seed++ {
			w, l := base.clone(t), newLiar(seed, what)
			if l.odds > 5 && l.intN(2) == 0 {
				l.odds = 5
			}
			end, wrong := w.settleWithLies(t, l, past)
			if l.told == 0 {
				continue // nothing was lied about
			}
			tried++
			ends[end]++
			for _, said := range wrong {
				violations++
				t.Errorf("%s, seed %d, one of %d calls, %s: %s", what, seed, l.odds, end, said)
			}
		}
		faults.Record(t, "F", string(what), trials, violations, describeEnds(ends))
	}
}

func describeEnds(ends map[string]int) string {
	var parts []string
	for _, end := range slices.Sorted(maps.Keys(ends)) {
		parts = append(parts, fmt.Sprintf("%d %s", ends[end], end))
	}
	return strings.Join(parts, ", ")
}

// settleWithLies settles the third night with lies and the fourth without, and says how the lying
// run ended and what is wrong in the end.
func (w *liarsWorld) settleWithLies(t *testing.T, l *liar, past stores) (end string, wrong []string) {
	var err error
	func() {
		defer func() {
			if panicked := recover(); panicked != nil {
				wrong = append(wrong, fmt.Sprint("panic: ", panicked))
			}
		}()
		_, err = batch.Run(t.Context(), w.lied(w.job(2), l, past))
	}()
	if err != nil {
		end = "refused"
	} else {
		end = "right although lied to"
		if w.exceptional(t) {
			end = "said in the exceptions"
		}
		wrong = append(wrong, w.judge(t, 2, false)...)
	}
	// From now on the stores tell the truth.
	w.deliver(t, 3)
	if _, err := batch.Run(t.Context(), w.job(3)); err != nil {
		return end, append(wrong, fmt.Sprint("afterwards: ", err))
	}
	return end, append(wrong, w.judge(t, 3, true)...)
}

// TestFaultF_WrongBytesOfAFileWithoutControl reads wrong bytes of a file, or of adjustments, of which
// nothing says what they must be. Only verify --deep can tell, and does.
func TestFaultF_WrongBytesOfAFileWithoutControl(t *testing.T) {
	rulebook := mustRulebook(t, strings.ReplaceAll(lyingRulebook, ", control: required", ""))
	trials, violations, ends := faults.Count(9, 100), 0, map[string]int{}
	for seed := range uint64(trials) {
		s, l := memoryStores(), newLiar(seed, wrongBytes)
		l.odds = 1
		files := lyingNight(0)
		maps.DeleteFunc(files, func(key, _ string) bool { return strings.HasSuffix(key, "/_control.json") })
		fill(t, s.inbox, files)
		job := s.job(rulebook, laneStart)
		key := "merchant=Bakery/date=" + laneStartText + "/tills.csv"
		if seed%3 == 0 {
			key = "alliance/adjustments/date=" + laneStartText + "/by-hand.csv"
		}
		job.Inbox = &oneLie{lyingBucket{s.inbox, l, nil}, key, nil}
		if _, err := batch.Run(t.Context(), job); err != nil {
			ends["refused"]++
			continue
		}
		report, err := batch.Verify(t.Context(), batch.VerifyJob{Ledger: s.ledger, Statements: s.statements, Date: settlement.NoDate, Deep: true, Inbox: s.inbox, Rulebooks: []*rules.Rulebook{rulebook}})
		if err != nil || len(report.Faults) == 0 {
			violations++
			t.Errorf("seed %d: %+v, %v", seed, report, err)
		}
		ends["found by verify --deep"]++
	}
	faults.Record(t, "F", "wrong bytes of files and adjustments without a control file", trials, violations, describeEnds(ends))
}

// A oneLie lies about one object, always the same.
type oneLie struct {
	lyingBucket
	key  string
	told []byte
}

func (b *oneLie) Open(ctx context.Context, key, version string) (io.ReadCloser, storage.Object, error) {
	if key != b.key {
		return b.Bucket.Open(ctx, key, version)
	}
	reader, object, err := b.Bucket.Open(ctx, key, version)
	if err != nil {
		return reader, object, err
	}
	content, err := io.ReadAll(reader)
	reader.Close()
	if err != nil {
		return nil, storage.Object{}, err
	}
	if b.told == nil {
		b.told = content
		b.told[b.liar.intN(len(content))] ^= 1 << b.liar.intN(8)
	}
	return io.NopCloser(strings.NewReader(string(b.told))), object, nil
}

// TestFaultF_StoresThatOverwrite runs on stores that let a key be created twice: such a store is
// refused before anything is written, whatever it holds.
func TestFaultF_StoresThatOverwrite(t *testing.T) {
	var worlds []*liarsWorld
	w := newLiarsWorld(t)
	for night := range settlement.Date(liarsNights) {
		w.deliver(t, night)
		worlds = append(worlds, w.clone(t))
		mustRun(t, w.job(night))
	}
	trials, violations := faults.Count(10, 100), 0
	for seed := range uint64(trials) {
		random := rand.New(rand.NewPCG(seed, 0xF0))
		night := settlement.Date(random.IntN(liarsNights))
		w := worlds[night].clone(t)
		if random.IntN(2) == 0 {
			if err := w.ledger.Delete(t.Context(), "probe.json"); err != nil {
				t.Fatal(err)
			}
		}
		if random.IntN(3) == 0 {
			onDisk := directoryStores(t)
			fill(t, onDisk.ledger, contentsOf(t, w.ledger))
			w.ledger = onDisk.ledger
		}
		before := contentsOf(t, w.ledger)
		l := newLiar(seed, overwrites)
		l.odds = 1
		job := w.job(night)
		job.Ledger = &lyingBucket{job.Ledger, l, nil}
		_, err := batch.Run(t.Context(), job)
		after := contentsOf(t, w.ledger)
		delete(before, "probe.json")
		delete(after, "probe.json")
		if !errors.Is(err, books.ErrUnsafe) || !maps.Equal(before, after) {
			violations++
			t.Errorf("seed %d, night %d: %v", seed, night, err)
		}
	}
	faults.Record(t, "F", string(overwrites), trials, violations, "all refused as unsafe, before anything is written")
}

// TestFaultF_StoresThatBeginToOverwrite lets a store begin to ignore If-None-Match when it was probed
// already, in the moment in which a rival commits. One of the two records is gone then, and the store is
// to blame; what is published is what is on record.
func TestFaultF_StoresThatBeginToOverwrite(t *testing.T) {
	base := newLiarsWorld(t)
	base.deliver(t, 0)
	mustRun(t, base.job(0))
	base.deliver(t, 1)
	trials, violations, ends := faults.Count(5, 100), 0, map[string]int{}
	for seed := range uint64(trials) {
		w := base.clone(t)
		random := rand.New(rand.NewPCG(seed, 0xF1))
		rival := w.clone(t)
		rival.ledger, rival.statements = w.ledger, w.statements
		// The rival finds a file more, so that it shows whose record it is.
		row := map[string]string{"transaction_id": "extra", "member_id": "ada", "kind": "redeem", "points": fmt.Sprint(1 + random.IntN(90)), "occurred_at": "2026-07-04T23:00:00+02:00"}
		extra := map[string]string{"extra.csv": asCSV([]map[string]string{row})}
		folder := "merchant=Cinema/date=2026-07-04/"
		fill(t, rival.inbox, map[string]string{folder + "extra.csv": extra["extra.csv"]})
		for _, name := range []string{"tills.csv", "web.jsonl"} {
			extra[name] = w.delivered[folder+name]
		}
		fill(t, rival.inbox, map[string]string{folder + "_control.json": controlWithDigests(extra)})
		job := w.job(1)
		job.Ledger = faults.Wrap(w.ledger, "ledger", func(call faults.Call, run func() error) error {
			if call.Operation == faults.Create && strings.HasPrefix(call.Key, "log/") {
				// The rival runs to its end while this write is on its way, which then overwrites.
				mustRun(t, rival.job(1))
				if err := w.ledger.Delete(t.Context(), call.Key); err != nil {
					t.Error(err)
				}
			}
			return run()
		})
		_, err := batch.Run(t.Context(), job)
		end := "the later record stands"
		if err != nil {
			end = "refused"
		}
		_, err = batch.Run(t.Context(), w.job(1))
		if errors.Is(err, books.ErrOtherLog) {
			// What the rival published is on no record any more. Nothing takes its place before a person has decided.
			end += ", and detected by the next run: the statements are of the record that was overwritten"
			if err := w.statements.Delete(t.Context(), "alliance/_projected.json"); err != nil {
				t.Error(err)
			}
			_, err = batch.Run(t.Context(), w.job(1))
		}
		ends[end]++
		if err != nil {
			violations++
			t.Errorf("seed %d: the next run: %v", seed, err)
		}
		for _, wrong := range w.judge(t, 1, false) {
			violations++
			t.Errorf("seed %d, %s: %s", seed, end, wrong)
		}
	}
	faults.Record(t, "F", "begins to ignore If-None-Match while a rival commits", trials, violations, describeEnds(ends)+"; the statements are those on record once somebody has decided")
}

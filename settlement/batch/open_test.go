package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/spool"
	"alliance/settlement/storage"
)

// openingRulebook returns a rulebook under which lots expire that do not say when.
func openingRulebook(t *testing.T) *rules.Rulebook {
	t.Helper()
	return openingRulebookOf(t, "expiry: {months: 7, end_of_month: true}, ")
}

func openingRulebookOf(t *testing.T, expiry string) *rules.Rulebook {
	t.Helper()
	rulebook, err := rules.Parse("rulebook.yaml", []byte(`
alliance: {id: HUB, currency: EUR, time_zone: Asia/Shanghai, day_starts_at: "04:00", cycle: daily}
ledger: {attribution: fifo, `+expiry+`reversal_days: 30}
prices: [{id: base, price: "1.00", per_points: 100}]
merchants: [{id: A}, {id: B}, {id: C}, {id: D-D}]
`))
	if err != nil {
		t.Fatal(err)
	}
	return rulebook
}

// A lotsFile makes up a file of lots, with columns in any order.
type lotsFile struct {
	random  *rand.Rand
	columns []string
	text    strings.Builder
}

func newLotsFile(seed uint64) *lotsFile {
	f := &lotsFile{random: rand.New(rand.NewPCG(seed, 20)), columns: []string{"member_id", "issuer_id", "lot_id", "issued_at", "expires_on", "points"}}
	f.random.Shuffle(len(f.columns), func(i, j int) { f.columns[i], f.columns[j] = f.columns[j], f.columns[i] })
	f.text.WriteString(strings.Join(f.columns, ",") + "\n")
	return f
}

func (f *lotsFile) one(of ...string) string { return of[f.random.IntN(len(of))] }

// row writes a row with some values instead of random ones.
func (f *lotsFile) row(values map[string]string) {
	number := f.random.Uint64()
	lot := map[string]string{
		"member_id":  fmt.Sprintf("%s%d", f.one("m", "Z", "member-", "会员", "a,b "), f.random.IntN(50_000)),
		"issuer_id":  f.one("A", "B", "C", "D-D", "HUB"),
		"lot_id":     fmt.Sprintf("%s%x", f.one("l", "lot \"", "批次"), number),
		"issued_at":  fmt.Sprintf("2025-%02d-%02dT%02d:10:59%s", 1+f.random.IntN(12), 1+f.random.IntN(28), f.random.IntN(24), f.one("Z", "+08:00", "-05:30", ".25Z", ".000001+08:00")),
		"expires_on": f.one("", fmt.Sprintf("2026-%02d-11", 1+f.random.IntN(12))),
		"points":     f.one("1", "1000000000000", fmt.Sprint(1+f.random.IntN(1_000_000))),
	}
	maps.Copy(lot, values)
	for i, column := range f.columns {
		if i > 0 {
			f.text.WriteByte(',')
		}
		value := lot[column]
		if strings.ContainsAny(value, "\",\n\r") || f.random.IntN(10) == 0 {
			value = `"` + strings.ReplaceAll(value, `"`, `""`) + `"`
		}
		f.text.WriteString(value)
	}
	f.text.WriteString(f.one("\n", "\n", "\r\n", "\n\n", "\r\n\r\n"))
}

// stateObjects returns the objects of the state by name, without that of the attempt.
func stateObjects(t *testing.T, ledger storage.Bucket) map[string]string {
	t.Helper()
	objects, err := ledger.List(t.Context(), "runs/")
	if err != nil {
		t.Fatal(err)
	}
	contents := make(map[string]string)
	for _, object := range objects {
		_, name, found := strings.Cut(object.Key, "/state/")
		if !found {
			continue
		}
		reader, _, err := ledger.Open(t.Context(), object.Key, "")
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		reader.Close()
		contents[name] = string(content)
	}
	return contents
}

// What is on record is the same whatever the memory and the number of workers, and it is what the model
// writes: 200,000 lots of some 140,000 members, in four partitions.
func TestOpenLotsIsTheSameUnderAnyBudget(t *testing.T) {
	file := newLotsFile(1)
	for range 200_000 {
		file.row(nil)
	}
	rulebook := openingRulebook(t)
	model := readModelOpening(t, rulebook, "lots.csv", file.text.String())
	hashes := model.runs(t, rulebook.Parties, model.partitions())
	if len(model.faults.Faults) > 0 || len(hashes) != 4 {
		t.Fatalf("faults %v, %d partitions", model.faults.Faults, len(hashes))
	}
	var first map[string]string
	for _, budget := range []struct {
		memory  int64
		workers int
		spills  bool
	}{{0, 1, false}, {1, 3, true}, {1 << 20, 2, true}, {8 << 20, 1, true}, {1 << 30, 4, false}} {
		t.Run(fmt.Sprint(budget.memory), func(t *testing.T) {
			job := OpeningJob{Rulebook: rulebook, Name: "lots.csv", Workers: budget.workers, Memory: budget.memory, Ledger: storage.NewMemory(),
				Lots: iotest.HalfReader(strings.NewReader(file.text.String())), SpillDirectory: filepath.Join(t.TempDir(), "none")}
			if budget.spills {
				if _, err := OpenLots(t.Context(), job); err == nil || !strings.Contains(err.Error(), "spill to the disk") {
					t.Fatalf("spilled where there is no directory: %v", err)
				}
				job.SpillDirectory = t.TempDir()
				job.Lots = strings.NewReader(file.text.String())
			}
			report, err := OpenLots(t.Context(), job)
			if err != nil {
				t.Fatal(err)
			}
			if report.Lots != 200_000 || report.Members != int64(len(model.accounts)) || len(report.Points) != 5 {
				t.Errorf("%+v, want 200000 lots of %d members", report, len(model.accounts))
			}
			objects := stateObjects(t, job.Ledger)
			if first == nil {
				first = objects
			}
			if len(objects) != 5 || !maps.Equal(objects, first) {
				t.Errorf("objects %v differ from those without a bound", slices.Sorted(maps.Keys(objects)))
			}
			ledger, err := books.Open(t.Context(), job.Ledger)
			if err != nil {
				t.Fatal(err)
			}
			state, _ := ledger.Opening()
			for i, object := range state.Of(books.Accounts) {
				if object.Partition != i || object.SHA256 != hashes[i] {
					t.Errorf("partition %d of the state has SHA-256 %s, that of the model %s", object.Partition, object.SHA256, hashes[i])
				}
			}
		})
	}
}

// A state of more partitions than the lots had on their way is made of parts of these. Half of these lots never expire.
func TestOpeningStateOfManyPartitions(t *testing.T) {
	file := newLotsFile(2)
	for range 5000 {
		file.row(nil)
	}
	rulebook := openingRulebookOf(t, "")
	hashes := readModelOpening(t, rulebook, "lots.csv", file.text.String()).runs(t, rulebook.Parties, 256)
	job := OpeningJob{Rulebook: rulebook, Name: "lots.csv", Lots: strings.NewReader(file.text.String()), Memory: 1}
	lots := newOpeningLots(&job)
	defer lots.pool.Close()
	if _, _, err := lots.check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if lots.lotPartitions >= 256 {
		t.Fatalf("%d partitions of lots are too many for this test", lots.lotPartitions)
	}
	state := &openingState{openingLots: lots, partitions: 256, units: lots.lotPartitions}
	count := 0
	for unit := range state.units {
		runs, err := state.write(t.Context(), new(spoolHand), unit)
		if err != nil {
			t.Fatal(err)
		}
		for _, run := range runs {
			count++
			if sum, err := run.sum(t.Context()); err != nil || sum != hashes[run.object.Partition] {
				t.Errorf("partition %d differs from the model's", run.object.Partition)
			}
		}
	}
	if count != len(hashes) {
		t.Errorf("%d partitions have lots, %d of the model", count, len(hashes))
	}
}

func TestOpeningFileThatCannotBeRead(t *testing.T) {
	file := newLotsFile(5)
	for range 30_000 {
		file.row(nil)
	}
	wrong := errors.New("the cable is out")
	job := OpeningJob{Rulebook: openingRulebook(t), Name: "lots.csv", Ledger: storage.NewMemory(),
		Lots: io.MultiReader(strings.NewReader(file.text.String()), iotest.ErrReader(wrong))}
	if _, err := OpenLots(t.Context(), job); !errors.Is(err, wrong) || !strings.HasPrefix(err.Error(), "read the opening lots: ") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	job.Lots = iotest.OneByteReader(&cancelling{strings.NewReader(file.text.String()), cancel})
	if _, err := OpenLots(ctx, job); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped while it read: %v", err)
	}
	if objects, err := job.Ledger.List(t.Context(), ""); err != nil || len(objects) > 0 {
		t.Errorf("written: %v, %v", objects, err)
	}
}

// A cancelling reader stops whoever reads it.
type cancelling struct {
	io.Reader
	cancel func()
}

func (c *cancelling) Read(buffer []byte) (int, error) {
	c.cancel()
	return c.Reader.Read(buffer)
}

func TestOpeningPointsOutOfRange(t *testing.T) {
	lots := newOpeningLots(&OpeningJob{Rulebook: openingRulebook(t)})
	for _, points := range []int64{1 << 62, 1<<62 - 1} {
		part := make([]issuerTotal, len(lots.totals))
		part[1].add(points)
		lots.addTotals(part)
	}
	if report, err := lots.report(); err != nil || report.Lots != 2 || report.Points[0] != (OpeningPoints{"B", 2, 1<<63 - 1}) {
		t.Errorf("%+v, %v", report, err)
	}
	for range 4 {
		part := make([]issuerTotal, len(lots.totals))
		part[1].add(1 << 62)
		lots.addTotals(part)
		if _, err := lots.report(); !errors.Is(err, settlement.ErrOutOfRange) || !strings.Contains(err.Error(), "points of B in the opening lots") {
			t.Errorf("%v", err)
		}
	}
}

// Little memory takes fewer partitions, and large ones fewer workers.
func TestOpeningFitsTheMemory(t *testing.T) {
	lots := newOpeningLots(&OpeningJob{Rulebook: openingRulebook(t), Memory: 512 << 20, Workers: 2})
	if lots.lotPartitions != mostLotPartitions || lots.keyPartitions != mostKeyPartitions {
		t.Errorf("%d and %d partitions", lots.lotPartitions, lots.keyPartitions)
	}
	lots = newOpeningLots(&OpeningJob{Rulebook: openingRulebook(t), Memory: 4 << 20, Workers: 8})
	if lots.lotPartitions != 64 || lots.keyPartitions != fewestPartsOfLots {
		t.Errorf("%d and %d partitions", lots.lotPartitions, lots.keyPartitions)
	}
	from := spool.NewPool("", 1<<30).NewSpool(4)
	writer := from.NewWriter()
	for _, partition := range []int{0, 1, 2, 2} {
		if err := writer.Append(partition, make([]byte, 200_000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Flush(); err != nil {
		t.Fatal(err)
	}
	// 2 MiB are at hand: 5 of the largest partitions; 2 units of 600 and 200 KB do not fit a worker's part, and are taken by partition.
	for units, want := range map[int]int{4: 5, 2: 5} {
		if hands := lots.handsFor(from, 4, units); len(hands) != want {
			t.Errorf("%d workers for %d units, want %d", len(hands), units, want)
		}
	}
}

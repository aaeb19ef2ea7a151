package identifiers

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"alliance/settlement"
	"alliance/settlement/sections"
)

func newRandom(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func digest(random *rand.Rand) (id settlement.Digest) {
	binary.BigEndian.PutUint64(id[:8], random.Uint64())
	binary.BigEndian.PutUint64(id[8:], random.Uint64())
	return id
}

// entries makes n sorted entries. spread is how many bits of the ids' prefixes are random.
func entries(random *rand.Rand, n, spread int) []settlement.TakenID {
	taken := make([]settlement.TakenID, n)
	for i := range taken {
		id := digest(random)
		binary.BigEndian.PutUint64(id[:8], 1<<62+random.Uint64()>>(64-spread))
		if i > 0 && random.IntN(30) == 0 {
			id = taken[i-1].ID
		}
		business := settlement.Date(20000 + random.IntN(4))
		if random.IntN(50) == 0 {
			business = settlement.Date(random.Uint32())
		}
		settled := business + 1
		if random.IntN(10) == 0 {
			settled = settlement.NoDate
		}
		taken[i] = settlement.TakenID{ID: id, Content: digest(random), BusinessDate: business, SettledOn: settled}
	}
	slices.SortFunc(taken, func(a, b settlement.TakenID) int { return Compare(&a, &b) })
	return slices.Compact(taken)
}

func write(t testing.TB, taken []settlement.TakenID) ([]byte, Facts) {
	var buffer bytes.Buffer
	writer := NewWriter(&buffer, new(bytes.Buffer))
	for i := range taken {
		if err := writer.Add(&taken[i]); err != nil {
			t.Fatal(err)
		}
	}
	facts, err := writer.Close()
	if err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes(), facts
}

func openRun(t testing.TB, content []byte) *Run {
	run, err := Open(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func collect(found *[]settlement.TakenID) func(settlement.TakenID) error {
	return func(taken settlement.TakenID) error {
		*found = append(*found, taken)
		return nil
	}
}

// TestLookup compares runs with a map: ids that are there, that are not, and neighbours of such.
func TestLookup(t *testing.T) {
	random := newRandom(t)
	for _, spread := range []int{1, 8, 20, 40, 64} {
		for _, n := range []int{0, 1, 2, 1000, 1024, 1025, 5000, 20_000} {
			taken := entries(random, n, spread)
			content, facts := write(t, taken)
			run := openRun(t, content)
			if run.Facts() != facts || facts.Bytes != int64(len(content)) || facts.IDs != int64(len(taken)) {
				t.Fatalf("facts %+v became %+v", facts, run.Facts())
			}
			var all []settlement.TakenID
			if err := run.All(collect(&all)); err != nil || !slices.Equal(all, taken) {
				t.Fatalf("%d entries became %d: %v", len(taken), len(all), err)
			}
			known := make(map[settlement.Digest][]settlement.TakenID)
			for _, entry := range taken {
				known[entry.ID] = append(known[entry.ID], entry)
			}
			for _, share := range []int{1, 3, 100, 10_000} {
				ids := questions(random, taken, share)
				var got, want []settlement.TakenID
				if err := run.Lookup(ids, collect(&got)); err != nil {
					t.Fatal(err)
				}
				for _, id := range slices.Compact(slices.Clone(ids)) {
					want = append(want, known[id]...)
				}
				if !slices.Equal(got, want) {
					t.Fatalf("spread %d, %d entries, %d ids: found %d, not %d", spread, n, len(ids), len(got), len(want))
				}
			}
		}
	}
}

func questions(random *rand.Rand, taken []settlement.TakenID, share int) []settlement.Digest {
	var ids []settlement.Digest
	for i := range taken {
		if random.IntN(share) != 0 {
			continue
		}
		id := taken[i].ID
		switch random.IntN(4) {
		case 0:
			id[15] ^= byte(1 + random.IntN(255))
		case 1:
			id[random.IntN(16)] ^= 1
		}
		ids = append(ids, id)
	}
	for range 5 {
		ids = append(ids, digest(random))
	}
	slices.SortFunc(ids, func(a, b settlement.Digest) int { return bytes.Compare(a[:], b[:]) })
	return ids
}

// TestOneIDInManyBlocks looks up an id that has more entries than a block.
func TestOneIDInManyBlocks(t *testing.T) {
	random := newRandom(t)
	ids := []settlement.Digest{{1}, {2}, {3}}
	var taken, want []settlement.TakenID
	for _, id := range ids {
		for range 3000 {
			taken = append(taken, settlement.TakenID{ID: id, Content: digest(random), BusinessDate: settlement.Date(random.IntN(2000))})
		}
	}
	slices.SortFunc(taken, func(a, b settlement.TakenID) int { return Compare(&a, &b) })
	for _, entry := range taken {
		if entry.ID == ids[1] {
			want = append(want, entry)
		}
	}
	content, _ := write(t, taken)
	for _, questions := range [][]settlement.Digest{{{2}}, {{0}, {1, 1}, {2}, {2, 1}}, {{2}, {2}, {9}}} {
		var got []settlement.TakenID
		if err := openRun(t, content).Lookup(questions, collect(&got)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%x: %d of %d entries, %v", questions, len(got), len(want), err)
		}
	}
}

type countingReader struct {
	*bytes.Reader
	bytes atomic.Int64
}

func (r *countingReader) ReadAt(buffer []byte, offset int64) (int, error) {
	r.bytes.Add(int64(len(buffer)))
	return r.Reader.ReadAt(buffer, offset)
}

// TestNewIDsReadFiltersOnly looks up as many new ids as there are old ones.
func TestNewIDsReadFiltersOnly(t *testing.T) {
	random := newRandom(t)
	const n = 200_000
	taken := entries(random, n, 64)
	content, _ := write(t, taken)
	reader := &countingReader{Reader: bytes.NewReader(content)}
	run, err := Open(reader, reader.Size())
	if err != nil {
		t.Fatal(err)
	}
	var filters int64
	for _, filter := range run.filters {
		filters += int64(filter.Length)
	}
	if bits := 8 * filters / int64(len(taken)); bits >= 19 {
		t.Errorf("%d bits an id", bits)
	}
	ids := make([]settlement.Digest, n)
	for i := range ids {
		ids[i] = digest(random)
	}
	slices.SortFunc(ids, func(a, b settlement.Digest) int { return bytes.Compare(a[:], b[:]) })
	hits, err := run.filtered(run.candidates(ids), ids)
	if err != nil {
		t.Fatal(err)
	}
	// 3 are expected; more than 20 has a chance of less than 10^-10.
	if len(hits) > 20 {
		t.Errorf("the filters point to %d blocks for %d new ids", len(hits), n)
	}
	reader.bytes.Store(0)
	if err := run.Lookup(ids, func(settlement.TakenID) error { return errors.New("found") }); err != nil {
		t.Error(err)
	}
	if read := reader.bytes.Load(); read > filters+20*40_000 {
		t.Errorf("%d bytes read, filters have %d", read, filters)
	}
	reader.bytes.Store(0)
	if err := run.Lookup([]settlement.Digest{taken[77].ID}, func(settlement.TakenID) error { return nil }); err != nil || reader.bytes.Load() > 40_000 {
		t.Errorf("%d bytes read for one id, %v", reader.bytes.Load(), err)
	}
}

func readWhole(content []byte) error {
	run, err := Open(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return err
	}
	var ids []settlement.Digest
	if err := run.All(func(taken settlement.TakenID) error { ids = append(ids, taken.ID); return nil }); err != nil {
		return err
	}
	slices.SortFunc(ids, func(a, b settlement.Digest) int { return bytes.Compare(a[:], b[:]) })
	return run.Lookup(ids, func(settlement.TakenID) error { return nil })
}

func TestEveryDamageIsFound(t *testing.T) {
	random := newRandom(t)
	content, _ := write(t, entries(random, 1500, 64))
	if err := readWhole(content); err != nil {
		t.Fatal(err)
	}
	for range 1500 {
		length := random.IntN(len(content))
		if err := readWhole(content[:length]); !errors.Is(err, sections.ErrDamaged) {
			t.Fatalf("cut to %d of %d bytes: %v", length, len(content), err)
		}
		at := random.IntN(len(content))
		if random.IntN(2) == 0 {
			at = len(content) - 1 - random.IntN(6000)
		}
		flipped := bytes.Clone(content)
		flipped[at] ^= 1 << random.IntN(8)
		if err := readWhole(flipped); !errors.Is(err, sections.ErrDamaged) {
			t.Fatalf("byte %d of %d altered: %v", at, len(content), err)
		}
	}
}

// columnsOf returns the columns of a block.
func columnsOf(taken []settlement.TakenID) columns {
	columns := newColumns()
	for i := range taken {
		columns.add(&taken[i])
	}
	return columns
}

func FuzzBlock(f *testing.F) {
	taken := entries(rand.New(rand.NewPCG(1, 1)), 10, 64)
	columns := columnsOf(taken)
	f.Add(columns.encode(), len(taken))
	f.Fuzz(func(t *testing.T, stored []byte, count int) {
		if count < 1 || count > blockEntries {
			return
		}
		var block block
		first := taken[0].ID
		if block.decode(stored, count, &first) != nil {
			return
		}
		for i := range count {
			block.entry(i)
		}
	})
}

func FuzzFilter(f *testing.F) {
	taken := entries(rand.New(rand.NewPCG(1, 1)), 10, 64)
	columns := columnsOf(taken)
	encoded, _ := appendFilter(nil, nil, columns.ids())
	f.Add(encoded, len(taken))
	f.Fuzz(func(t *testing.T, encoded []byte, count int) {
		if count < 1 || count > blockEntries {
			return
		}
		var filter filter
		if filter.decode(encoded, count, &taken[0].ID) == nil {
			filter.mayHold([]settlement.Digest{taken[0].ID, taken[3].ID, {0xff}})
		}
	})
}

func FuzzOpen(f *testing.F) {
	content, _ := write(f, entries(rand.New(rand.NewPCG(1, 1)), 1030, 64))
	index, offset, _, err := sections.ReadIndex(bytes.NewReader(content), int64(len(content)), magic)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(index)
	f.Fuzz(func(t *testing.T, index []byte) {
		content := append(bytes.Clone(content[:offset]), sections.AppendFooter(bytes.Clone(index), offset, magic)...)
		if err := readWhole(content); err != nil && !errors.Is(err, sections.ErrDamaged) {
			t.Fatal(err)
		}
	})
}

func TestMisusePanics(t *testing.T) {
	for _, test := range []struct {
		says string
		do   func(writer *Writer)
	}{
		{"after", func(w *Writer) {
			_ = w.Add(&settlement.TakenID{ID: settlement.Digest{2}})
			_ = w.Add(&settlement.TakenID{ID: settlement.Digest{2}})
		}},
		{"closed", func(w *Writer) { _, _ = w.Close(); _ = w.Add(&settlement.TakenID{}) }},
		{"twice", func(w *Writer) { _, _ = w.Close(); _, _ = w.Close() }},
		{"after", func(*Writer) { _ = new(Run).Lookup([]settlement.Digest{{2}, {1}}, nil) }},
	} {
		func() {
			defer func() {
				if said := fmt.Sprint(recover()); !strings.Contains(said, test.says) {
					t.Errorf("%q does not say %q", said, test.says)
				}
			}()
			test.do(NewWriter(new(bytes.Buffer), new(bytes.Buffer)))
		}()
	}
}

// A brokenAside loses what is written to it.
type brokenAside struct{ io.Writer }

func (brokenAside) Read([]byte) (int, error) { return 0, io.EOF }

func TestErrorsOfOthers(t *testing.T) {
	broken := errors.New("broken")
	writer := NewWriter(brokenWriter{broken}, new(bytes.Buffer))
	if _, err := writer.Close(); !errors.Is(err, broken) {
		t.Error(err)
	}
	taken := entries(newRandom(t), 3000, 64)
	writer = NewWriter(brokenWriter{broken}, new(bytes.Buffer))
	var err error
	for i := range taken {
		if err = writer.Add(&taken[i]); err != nil {
			break
		}
	}
	if _, closed := writer.Close(); !errors.Is(err, broken) || !errors.Is(closed, broken) {
		t.Error(err, closed)
	}
	for says, aside := range map[string]io.ReadWriter{"put a filter of taken ids aside: broken": brokenAside{Writer: brokenWriter{broken}}, "0 of ": brokenAside{Writer: io.Discard}} {
		writer := NewWriter(io.Discard, aside)
		for i := range taken {
			_ = writer.Add(&taken[i])
		}
		if _, err := writer.Close(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v does not say %q", err, says)
		}
	}
	content, _ := write(t, taken)
	run := openRun(t, content)
	stop := func(settlement.TakenID) error { return broken }
	if err := errors.Join(run.All(stop), nil); !errors.Is(err, broken) {
		t.Error(err)
	}
	if err := run.Lookup([]settlement.Digest{taken[5].ID}, stop); !errors.Is(err, broken) {
		t.Error(err)
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

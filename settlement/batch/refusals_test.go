package batch

import (
	"math/rand/v2"
	"testing"

	"alliance/settlement"
	"alliance/settlement/clearing"
)

// TestRowSet holds the set of rows against a map.
func TestRowSet(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 3))
	for _, size := range []int{0, 1, 100, 30_000} {
		wanted := make(map[rowName]bool)
		var set, union rowSet
		for len(wanted) < size {
			name := rowName{int32(random.IntN(200)), int64(random.IntN(100_000))}
			wanted[name] = true
			set.add(name)
			union.add(name) // so that many are added twice
		}
		union.addAll(&set)
		for _, s := range []*rowSet{&set, &union} {
			if s.count != size {
				t.Errorf("of %d rows the set has %d", size, s.count)
			}
			for file := range int32(205) {
				for row := range int64(110_000) {
					if name := (rowName{file, row}); row%7 == 0 && s.has(name) != wanted[name] {
						t.Fatalf("of %d rows, row %d of file %d is in the set: %t", size, row, file, s.has(name))
					}
				}
			}
		}
	}
}

func TestRefusalsOfAllPartitionsAreFound(t *testing.T) {
	partitions := make([][]clearing.Refusal, 3)
	for row := range int64(1000) {
		of := &partitions[row%3]
		*of = append(*of, clearing.Refusal{File: int32(row % 7), Row: row, By: clearing.IDHolder{Row: row * 2}})
	}
	all := newRefusals(partitions)
	for row := range int64(1000) {
		name := rowName{int32(row % 7), row}
		if !all.has(name) || all.has(rowName{name.file + 1, row}) || all.find(name).By.Row != row*2 {
			t.Fatalf("row %d: %+v", row, all.find(name))
		}
	}
}

// TestKeptTexts keeps exceptions whose texts change afterwards.
func TestKeptTexts(t *testing.T) {
	var from textArena
	borrow := func(text string) string {
		copy(from.room(len(text)), text)
		return from.take(len(text))
	}
	var kept keptTexts
	var got []settlement.Exception
	for _, id := range []string{"a", "b", "b", ""} {
		from.reset()
		got = append(got, kept.keep(settlement.Exception{TransactionID: borrow(id), Value: borrow(id + id), Message: borrow("no " + id)}))
	}
	from.reset()
	borrow("overwritten")
	for i, id := range []string{"a", "b", "b", ""} {
		if e := got[i]; e.TransactionID != id || e.Value != id+id || e.Message != "no "+id {
			t.Errorf("%+v was kept of %q", e, id)
		}
	}
}

// BenchmarkRefusals gathers refusals of very many rows, and finds each of them again.
func BenchmarkRefusals(b *testing.B) {
	const rows, partitions = 1 << 20, 32
	refused := make([][]clearing.Refusal, partitions)
	b.ReportAllocs()
	for b.Loop() {
		for i := range rows {
			refused[i%partitions] = append(refused[i%partitions], clearing.Refusal{File: 3, Row: int64(i + 1)})
		}
		all := newRefusals(refused)
		for i := range rows {
			if name := (rowName{3, int64(i + 1)}); !all.has(name) || all.find(name).Row != name.row {
				b.Fatal(name)
			}
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/rows, "ns/row")
}

package accounts

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"alliance/settlement"
)

// A model is what a stack says, as a map: slow and obvious.
type model map[string]item

// night makes the entries of a night and lays them over the model.
func (m model) night(r sources, members int) []item {
	var items []item
	for i := range members {
		if r.IntN(3) != 0 {
			continue
		}
		member := fmt.Sprintf("member-%04d", i)
		it := item{account: r.account(member), due: r.due()}
		if _, known := m[member]; known && r.IntN(4) == 0 {
			it = item{account: settlement.Account{Member: member}, due: settlement.Never, removed: true}
			delete(m, member)
		} else {
			m[member] = it
		}
		items = append(items, it)
	}
	return items
}

func (m model) sorted(wanted func(item) bool) []item {
	var items []item
	for _, it := range m {
		if wanted(it) {
			items = append(items, it)
		}
	}
	slices.SortFunc(items, func(a, b item) int { return cmp.Compare(a.account.Member, b.account.Member) })
	return items
}

func compareItems(t *testing.T, what string, got, want []item) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d accounts, not %d", what, len(got), len(want))
	}
	for i := range got {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("%s: account %d is\n%+v\nnot\n%+v", what, i, got[i], want[i])
		}
	}
}

func collect(items *[]item) func(account *settlement.Account, due settlement.Date) error {
	return func(account *settlement.Account, due settlement.Date) error {
		*items = append(*items, item{account: *account, due: due})
		return nil
	}
}

// TestStacksAreWhatNightsMade lays random nights over each other, merges now and then, and compares
// whatever a stack can be asked with a map of accounts.
func TestStacksAreWhatNightsMade(t *testing.T) {
	random := newSources(t)
	for range 6 {
		known, members := model{}, 20+random.IntN(300)
		var stack Stack
		for night := range 12 {
			content, _ := write(t, testParties, known.night(random, members))
			stack = append(Stack{openRun(t, content, testParties)}, stack...)
			if newest := 1 + random.IntN(len(stack)); random.IntN(3) == 0 {
				stack = mergeNewest(t, stack, newest)
			}
			what := fmt.Sprintf("night %d, %d runs", night, len(stack))
			var arena Arena
			var all []item
			if err := stack.All(&arena, collect(&all)); err != nil {
				t.Fatal(what, err)
			}
			compareItems(t, what, all, known.sorted(func(item) bool { return true }))
			compareSome(t, random, what, stack, known)
			compareSelections(t, random, what, stack, known, members)
		}
	}
}

func mergeNewest(t *testing.T, stack Stack, newest int) Stack {
	var buffer bytes.Buffer
	writer := NewWriter(&buffer, testParties)
	if err := Merge(writer, stack[:newest], newest == len(stack)); err != nil {
		t.Fatal(err)
	}
	facts, err := writer.Close()
	if err != nil {
		t.Fatal(err)
	}
	if newest == len(stack) && facts.Removed != 0 {
		t.Fatalf("%d members without account in the oldest run", facts.Removed)
	}
	return append(Stack{openRun(t, buffer.Bytes(), testParties)}, stack[newest:]...)
}

// compareSome compares the members that are wanted by the last byte of their names.
func compareSome(t *testing.T, random sources, what string, stack Stack, known model) {
	last := "0123456789"[random.IntN(10)]
	wanted := func(member string) bool { return member[len(member)-1] >= last }
	var arena Arena
	var some []item
	if err := stack.AllOf(wanted, &arena, collect(&some)); err != nil {
		t.Fatal(what, err)
	}
	compareItems(t, fmt.Sprintf("%s, members up from %c", what, last), some, known.sorted(func(it item) bool { return wanted(it.account.Member) }))
}

func compareSelections(t *testing.T, random sources, what string, stack Stack, known model, members int) {
	for _, share := range []int{1, 2, 20, 1000} {
		var chosen []string
		for i := -1; i < members+3; i++ {
			if random.IntN(share) == 0 {
				chosen = append(chosen, fmt.Sprintf("member-%04d", i))
			}
		}
		slices.Sort(chosen)
		after, through := settlement.NoDate, settlement.Date(20495+random.IntN(40))
		if random.IntN(2) == 0 {
			after = through - settlement.Date(random.IntN(3))
		}
		var arena Arena
		var got []item
		if err := stack.SelectDue(chosen, after, through, &arena, collect(&got)); err != nil {
			t.Fatal(what, err)
		}
		want := known.sorted(func(it item) bool {
			return slices.Contains(chosen, it.account.Member) || after < it.due && it.due <= through
		})
		compareItems(t, fmt.Sprintf("%s, %d members, due from %d to %d", what, len(chosen), after+1, through), got, want)
	}
}

// TestArenaMayBeResetByVisit checks that nothing but the account visited is lost.
func TestArenaMayBeResetByVisit(t *testing.T) {
	random := newSources(t)
	known := model{}
	older, _ := write(t, testParties, known.night(random, 500))
	newer, _ := write(t, testParties, known.night(random, 500))
	stack := Stack{openRun(t, newer, testParties), openRun(t, older, testParties)}
	var arena Arena
	members := slices.Sorted(maps.Keys(known))
	i := 0
	visit := func(account *settlement.Account, due settlement.Date) error {
		want := known[members[i]]
		if !reflect.DeepEqual(*account, want.account) || due != want.due {
			t.Fatalf("account %d is\n%+v\nnot\n%+v", i, account, want.account)
		}
		i++
		arena.Reset()
		return nil
	}
	if err := stack.All(&arena, visit); err != nil || i != len(members) {
		t.Fatal(err, i)
	}
	i = 0
	if err := stack.Select(members, settlement.NoDate, &arena, visit); err != nil || i != len(members) {
		t.Fatal(err, i)
	}
}

func TestVisitStops(t *testing.T) {
	random := newSources(t)
	content, _ := write(t, testParties, model{}.night(random, 100))
	stack := Stack{openRun(t, content, testParties)}
	stop := errors.New("stop")
	visits := 0
	visit := func(*settlement.Account, settlement.Date) error { visits++; return stop }
	var arena Arena
	if err := stack.All(&arena, visit); !errors.Is(err, stop) || visits != 1 {
		t.Error(err, visits)
	}
	if err := stack.Select(nil, settlement.Date(30000), &arena, visit); !errors.Is(err, stop) || visits != 2 {
		t.Error(err, visits)
	}
}

// A countingReader counts what is read.
type countingReader struct {
	*bytes.Reader
	reads, bytes atomic.Int64
}

func (r *countingReader) ReadAt(buffer []byte, offset int64) (int, error) {
	r.reads.Add(1)
	r.bytes.Add(int64(len(buffer)))
	return r.Reader.ReadAt(buffer, offset)
}

func (r *countingReader) forget() {
	r.reads.Store(0)
	r.bytes.Store(0)
}

// TestSelectReadsLittle selects a few accounts of many.
func TestSelectReadsLittle(t *testing.T) {
	parties, members := benchmarkAccounts(30_000)
	var buffer bytes.Buffer
	writer := NewWriter(&buffer, parties)
	for i := range members {
		if err := writer.Add(&members[i], settlement.Date(30000+i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	reader := &countingReader{Reader: bytes.NewReader(buffer.Bytes())}
	run, err := Open(reader, reader.Size(), parties)
	if err != nil {
		t.Fatal(err)
	}
	if reader.reads.Load() > 2 || reader.bytes.Load() > int64(buffer.Len())/8 {
		t.Errorf("opening read %d times, %d of %d bytes", reader.reads.Load(), reader.bytes.Load(), buffer.Len())
	}
	reader.forget()
	var arena Arena
	var got []item
	err = Stack{run}.SelectDue([]string{members[7].Member, members[20_000].Member + "x", members[21_000].Member}, 30_000+14_999, 30_000+15_000, &arena, collect(&got))
	if err != nil || len(got) != 3 || got[0].account.Member != members[7].Member || got[1].account.Member != members[15_000].Member {
		t.Fatal(err, len(got))
	}
	if reader.reads.Load() > 4 || reader.bytes.Load() > 5*blockBytes {
		t.Errorf("selecting three accounts read %d times, %d of %d bytes", reader.reads.Load(), reader.bytes.Load(), buffer.Len())
	}
	reader.forget()
	if err := (Stack{run}).All(&arena, func(*settlement.Account, settlement.Date) error { arena.Reset(); return nil }); err != nil {
		t.Fatal(err)
	}
	if reader.reads.Load() > int64(buffer.Len()>>18)+2 || reader.bytes.Load() > int64(buffer.Len()) {
		t.Errorf("reading all read %d times, %d of %d bytes", reader.reads.Load(), reader.bytes.Load(), buffer.Len())
	}
}

func TestMisusePanics(t *testing.T) {
	for _, test := range []struct {
		says string
		do   func()
	}{
		{"after", func() {
			writer := NewWriter(new(bytes.Buffer), testParties)
			_ = writer.Remove("b")
			_ = writer.Add(&settlement.Account{Member: "b"}, settlement.Never)
		}},
		{"closed", func() {
			writer := NewWriter(new(bytes.Buffer), testParties)
			_, _ = writer.Close()
			_ = writer.Remove("b")
		}},
		{"twice", func() {
			writer := NewWriter(new(bytes.Buffer), testParties)
			_, _ = writer.Close()
			_, _ = writer.Close()
		}},
		{"due", func() {
			_ = NewWriter(new(bytes.Buffer), testParties).Add(&settlement.Account{Member: "b"}, settlement.NoDate)
		}},
		{"after", func() { _ = Stack{}.Select([]string{"b", "a"}, 0, new(Arena), nil) }},
	} {
		func() {
			defer func() {
				if said := fmt.Sprint(recover()); !strings.Contains(said, test.says) {
					t.Errorf("%q does not say %q", said, test.says)
				}
			}()
			test.do()
		}()
	}
}

package accounts

import (
	"bytes"
	"cmp"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"alliance/settlement/sections"
)

// bundled returns a bundle of runs of items; where there are none is no run.
func bundled(t testing.TB, runs [][]item) (content []byte, indexSHA256 string) {
	facts := make([]Facts, len(runs))
	for i, items := range runs {
		if len(items) == 0 {
			continue
		}
		run, its := write(t, testParties, items)
		content, facts[i] = append(content, run...), its
	}
	directory, indexSHA256 := EncodeDirectory(20600, 3, facts)
	return append(content, directory...), indexSHA256
}

func TestBundle(t *testing.T) {
	random := newSources(t)
	runs := [][]item{random.items(30), nil, random.items(1), nil, random.items(700), nil}
	content, index := bundled(t, runs)
	reader := bytes.NewReader(content)
	for name, open := range map[string]func() (*Bundle, error){
		"read":      func() (*Bundle, error) { return OpenBundle(reader, int64(len(content))) },
		"in memory": func() (*Bundle, error) { return OpenBundle(sections.InMemory(content), int64(len(content))) },
	} {
		bundle, err := open()
		if err != nil {
			t.Fatal(err)
		}
		if bundle.Night() != 20600 || bundle.Group() != 3 || bundle.Runs() != len(runs) || bundle.IndexSHA256() != index {
			t.Errorf("%s: %d runs, index %s, want %d, %s", name, bundle.Runs(), bundle.IndexSHA256(), len(runs), index)
		}
		named, err := bundle.NamedParties()
		if err != nil || named.Len() == 0 {
			t.Errorf("%s: parties %v, %v", name, named, err)
		}
		for number, items := range runs {
			run, err := bundle.Open(number, testParties)
			switch {
			case err != nil:
				t.Fatal(err)
			case len(items) == 0 && run != nil:
				t.Errorf("%s: there is a run %d", name, number)
			case len(items) > 0:
				compareItems(t, name, readBack(t, run), items)
			}
			if _, err := bundle.Open(number, named); err != nil {
				t.Errorf("%s, under the parties that it names: %v", name, err)
			}
		}
	}
}

func TestEveryDamageOfABundleIsFound(t *testing.T) {
	random := newSources(t)
	content, _ := bundled(t, [][]item{random.items(3), nil, random.items(2)})
	read := func(content []byte) error {
		bundle, err := OpenBundle(bytes.NewReader(content), int64(len(content)))
		for number := 0; err == nil && number < bundle.Runs(); number++ {
			var run *Run
			if run, err = bundle.Open(number, testParties); err == nil && run != nil {
				err = run.Verify()
			}
		}
		return err
	}
	if err := read(content); err != nil {
		t.Fatal(err)
	}
	for length := range content {
		if err := read(content[:length]); !errors.Is(err, sections.ErrDamaged) {
			t.Fatalf("cut to %d of %d bytes: %v", length, len(content), err)
		}
	}
	for at := range content {
		flipped := bytes.Clone(content)
		flipped[at] ^= 1 << random.IntN(8)
		if err := read(flipped); !errors.Is(err, sections.ErrDamaged) {
			t.Fatalf("byte %d of %d altered: %v", at, len(content), err)
		}
	}
}

// A run that was put in the place of another is whole in itself.
func TestARunOfAnotherBundleIsFound(t *testing.T) {
	random := newSources(t)
	content, facts := write(t, testParties, random.items(5))
	facts.IndexSHA256 = strings.Repeat("0f", digestBytes)
	directory, _ := EncodeDirectory(20600, 3, []Facts{facts})
	content = append(content, directory...)
	bundle, err := OpenBundle(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bundle.Open(0, testParties); !errors.Is(err, sections.ErrDamaged) || !strings.Contains(err.Error(), "directory") {
		t.Error(err)
	}
}

func TestFinder(t *testing.T) {
	random := newSources(t)
	items := random.items(2000)
	content, _ := write(t, testParties, items)
	run := openRun(t, content, testParties)
	finder := NewFinder(run)
	defer finder.Close()
	var arena Arena
	asked := []string{"", "member", "zzz"}
	for i := range items {
		if random.IntN(4) == 0 {
			asked = append(asked, items[i].account.Member, items[i].account.Member+"!")
		}
	}
	slices.Sort(asked)
	for _, member := range asked {
		at, there := slices.BinarySearchFunc(items, member, func(it item, member string) int { return cmp.Compare(it.account.Member, member) })
		arena.Reset()
		found, err := finder.Find(member)
		if err != nil || found != there {
			t.Fatalf("%q was found: %v, %v", member, found, err)
		}
		if !found {
			continue
		}
		account, err := finder.Account(&arena)
		if again, _ := finder.Find(member); err != nil || !again {
			t.Fatalf("%q was found again: %v, %v", member, again, err)
		}
		switch want := items[at].account; {
		case items[at].removed:
			if account != nil || finder.Mentions("T") {
				t.Errorf("%q was found", member)
			}
		case account == nil || !reflect.DeepEqual(*account, want):
			t.Errorf("%q is\n%+v\nnot\n%+v", member, account, want)
		case len(want.Lots) > 0 && !finder.Mentions(want.Lots[0].Key.TransactionID),
			len(want.Redemptions) > 0 && !finder.Mentions(want.Redemptions[0].TransactionID), finder.Mentions("no such id"):
			t.Errorf("%q does not mention its ids in %d bytes", member, finder.Bytes())
		}
	}
}

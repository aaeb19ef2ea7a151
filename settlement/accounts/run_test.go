package accounts

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"alliance/settlement"
	"alliance/settlement/sections"
)

// An item is what a test puts into a run: an account, or that one is gone.
type item struct {
	account settlement.Account
	due     settlement.Date
	removed bool
}

func write(t testing.TB, parties settlement.Parties, items []item) ([]byte, Facts) {
	var buffer bytes.Buffer
	writer := NewWriter(&buffer, parties)
	for i := range items {
		var err error
		if items[i].removed {
			err = writer.Remove(items[i].account.Member)
		} else {
			err = writer.Add(&items[i].account, items[i].due)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	facts, err := writer.Close()
	if err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes(), facts
}

func openRun(t testing.TB, content []byte, parties settlement.Parties) *Run {
	return openReader(t, bytes.NewReader(content), int64(len(content)), parties)
}

func openReader(t testing.TB, reader io.ReaderAt, size int64, parties settlement.Parties) *Run {
	run, err := Open(reader, size, parties)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func (r sources) items(n int) []item {
	items := make([]item, n)
	for i := range items {
		member := fmt.Sprintf("member-%06d", 10*i+r.IntN(10))
		items[i] = item{account: r.account(member), due: r.due()}
		if r.IntN(10) == 0 {
			items[i] = item{account: settlement.Account{Member: member}, due: settlement.Never, removed: true}
		}
	}
	return items
}

func readBack(t testing.TB, run *Run) []item {
	var items []item
	var arena Arena
	err := run.Entries(&arena, func(member string, account *settlement.Account, due settlement.Date) error {
		if account == nil {
			items = append(items, item{account: settlement.Account{Member: member}, due: due, removed: true})
		} else {
			items = append(items, item{account: *account, due: due})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return items
}

func TestEverythingComesBack(t *testing.T) {
	random := newSources(t)
	for range 20 {
		items := random.items(random.IntN(400))
		content, facts := write(t, testParties, items)
		for _, reader := range []io.ReaderAt{bytes.NewReader(content), sections.InMemory(content)} {
			run := openReader(t, reader, int64(len(content)), testParties)
			if run.Facts() != facts || facts.Bytes != int64(len(content)) {
				t.Fatalf("facts %+v became %+v of %d bytes", facts, run.Facts(), len(content))
			}
			compareItems(t, fmt.Sprintf("read from %T", reader), readBack(t, run), items)
		}
	}
}

func TestSameAccountsGiveSameBytes(t *testing.T) {
	random := newSources(t)
	items := random.items(300)
	content, facts := write(t, testParties, items)
	var ids []string
	for i := range testParties.Len() {
		ids = append(ids, testParties.ID(settlement.Party(i)))
	}
	var other bytes.Buffer
	writer := NewWriter(new(bytes.Buffer), testParties)
	_ = writer.Add(&items[1].account, settlement.Never)
	writer.Reset(&other)
	for i := range items {
		if items[i].removed {
			_ = writer.Remove(items[i].account.Member)
		} else {
			_ = writer.Add(&items[i].account, items[i].due)
		}
	}
	if again, err := writer.Close(); err != nil || again != facts || !bytes.Equal(content, other.Bytes()) {
		t.Errorf("a writer that wrote before writes other bytes: %v", err)
	}
	more := settlement.NewParties(append(ids, "AARDVARK", "DELI"))
	again, facts2 := write(t, more, readBack(t, openRun(t, content, more)))
	if !bytes.Equal(content, again) || facts != facts2 {
		t.Error("the accounts of a run, written again under a larger register, are other bytes")
	}
}

func TestOpenPoints(t *testing.T) {
	random := newSources(t)
	items := random.items(300)
	want := make(map[settlement.Party]int64)
	for i := range items {
		for j := range items[i].account.Lots {
			lot := &items[i].account.Lots[j]
			if lot.Issuer != settlement.NoParty && lot.Open != 0 {
				want[lot.Issuer] += lot.Open
			}
		}
	}
	content, _ := write(t, testParties, items)
	if got := openRun(t, content, testParties).OpenPoints(); !reflect.DeepEqual(got, want) {
		t.Errorf("open points %v, not %v", got, want)
	}
}

func TestUnknownParty(t *testing.T) {
	account := settlement.Account{Member: "anna", Lots: []settlement.Lot{{Key: settlement.LotKey{Merchant: testParties.Find("CINEMA")}, Issuer: testParties.Find("CEDAR"),
		Source: settlement.Source{File: "merchant=GONE/date=2026-06-01/a.csv", Row: 1}}}}
	content, _ := write(t, testParties, []item{{account: account, due: settlement.Never}})
	_, err := Open(bytes.NewReader(content), int64(len(content)), settlement.NewParties([]string{"CEDAR"}))
	if !errors.Is(err, ErrUnknownParty) || !strings.Contains(err.Error(), `"CINEMA"`) {
		t.Errorf("without CINEMA: %v", err)
	}
	// A party that only a file's name mentions is not needed.
	run := openRun(t, content, settlement.NewParties([]string{"CEDAR", "CINEMA"}))
	if got := readBack(t, run)[0].account.Lots[0].Source.File; got != account.Lots[0].Source.File {
		t.Errorf("file %q", got)
	}
	named, err := NamedParties(bytes.NewReader(content), int64(len(content)))
	if err != nil || named.Len() != 2 || named.ID(0) != "CEDAR" || named.ID(1) != "CINEMA" {
		t.Errorf("named parties %v, %v", named, err)
	}
}

func TestDates(t *testing.T) {
	for date := settlement.Date(-400); date < settlement.NewDate(2402, 1, 1); date++ {
		if !isWritten(int64(date)) {
			if year := date.String()[:4]; year >= "1970" && year <= "2399" {
				t.Fatalf("%s is not written", date)
			}
			continue
		}
		text := string(appendDate(nil, date))
		if text != date.String() {
			t.Fatalf("%s is written as %s", date, text)
		}
		if parsed, ok := parseDate(text); !ok || parsed != date {
			t.Fatalf("%s is read as %s", text, parsed)
		}
	}
	for _, text := range []string{"2026-02-29", "2026-00-01", "2026-13-01", "2026-06-31", "2026-06-00", "2026/06/01", "202a-06-01", "1969-12-31", "2400-01-01", "+026-06-01"} {
		if date, ok := parseDate(text); ok {
			t.Errorf("%s is read as %s", text, date)
		}
	}
}

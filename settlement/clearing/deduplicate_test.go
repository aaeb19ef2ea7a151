package clearing

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"alliance/settlement"

	"pgregory.net/rapid"
)

var twoMerchants = settlement.NewParties([]string{"A", "B"})

const tonightDate = settlement.Date(20_000)

// wanting is a row of tonight that wants an id.
func wanting(merchant settlement.Party, id string, content byte, business settlement.Date, file string, row int64) settlement.Transaction {
	return settlement.Transaction{
		Source: settlement.Source{File: file, Row: row}, Merchant: merchant, ID: id,
		Content: settlement.Digest{content}, BusinessDate: business,
	}
}

func taken(merchant settlement.Party, id string, content byte, business, settled settlement.Date) settlement.TakenID {
	return settlement.TakenID{ID: IDDigest(twoMerchants.ID(merchant), id), Content: settlement.Digest{content}, BusinessDate: business, SettledOn: settled}
}

func TestDeduplicate(t *testing.T) {
	const d = tonightDate
	for _, test := range []struct {
		name string
		rows []settlement.Transaction
		on   []settlement.TakenID
		want string
	}{
		{"the first in order of file and row takes the id",
			[]settlement.Transaction{wanting(0, "T", 1, d, "b", 1), wanting(0, "T", 2, d, "a", 10), wanting(0, "T", 2, d, "a", 9)}, nil,
			"a:9; a:10 duplicate, b:1 conflict"},
		{"merchants have ids of their own",
			[]settlement.Transaction{wanting(0, "T", 1, d, "a", 1), wanting(1, "T", 1, d, "b", 1)}, nil, "a:1 b:1;"},
		{"settled within duplicate_days",
			[]settlement.Transaction{wanting(0, "T", 1, d, "a", 1), wanting(0, "U", 1, d, "a", 2)},
			[]settlement.TakenID{taken(0, "T", 1, d-7, d-7), taken(0, "U", 2, d-1, d-1)}, "; a:1 duplicate, a:2 conflict"},
		{"settled before duplicate_days, of another business date: free",
			[]settlement.Transaction{wanting(0, "T", 1, d, "a", 1)}, []settlement.TakenID{taken(0, "T", 1, d-8, d-8)}, "a:1;"},
		{"settled before duplicate_days, of the row's business date",
			[]settlement.Transaction{wanting(0, "T", 1, d-20, "a", 1), wanting(0, "T", 1, d-19, "a", 2)},
			[]settlement.TakenID{taken(0, "T", 1, d-20, d-9)}, "a:2; a:1 duplicate"},
		{"deferred, however long ago",
			[]settlement.Transaction{wanting(0, "T", 1, d, "a", 1), wanting(0, "T", 2, d, "a", 2)},
			[]settlement.TakenID{taken(0, "T", 1, d-30, settlement.NoDate)}, "; a:1 duplicate, a:2 conflict"},
		{"two on record: a conflict with any is one",
			[]settlement.Transaction{wanting(0, "T", 1, d-20, "a", 1)},
			[]settlement.TakenID{taken(0, "T", 1, d-20, d-20), taken(0, "T", 2, d-2, d-1)}, "; a:1 conflict"},
		{"a row that is refused takes nothing",
			[]settlement.Transaction{wanting(0, "T", 2, d-20, "a", 1), wanting(0, "T", 3, d, "a", 2), wanting(0, "T", 3, d-1, "a", 3)},
			[]settlement.TakenID{taken(0, "T", 1, d-20, d-19)}, "a:2; a:1 conflict, a:3 duplicate"},
	} {
		t.Run(test.name, func(t *testing.T) {
			passed, rejected := Deduplicate(d, twoMerchants, 7, test.rows, test.on)
			if got := outcomeOf(passed, rejected); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			for _, exception := range rejected {
				if exception.State != settlement.Rejected || exception.Message == "" || exception.Column != "transaction_id" ||
					exception.Value != exception.TransactionID || exception.TransactionID == "" {
					t.Errorf("exception %+v", exception)
				}
			}
		})
	}
}

func outcomeOf(passed []settlement.Transaction, rejected []settlement.Exception) string {
	text := ""
	for i, row := range passed {
		text += fmt.Sprintf("%.*s%s:%d", min(i, 1), " ", row.Source.File, row.Source.Row)
	}
	text += ";"
	for i, exception := range rejected {
		text += fmt.Sprintf("%.*s %s:%d %s", min(i, 1), ",", exception.File, exception.Row, exception.Code)
	}
	return text
}

func TestDeduplicateRefusesBooksOfTheFuture(t *testing.T) {
	mustPanic(t, "on record as settled on", func() {
		Deduplicate(tonightDate, twoMerchants, 7, nil, []settlement.TakenID{taken(0, "T", 1, tonightDate, tonightDate)})
	})
}

// slowDeduplicate asks for each row whether anything that came before takes its id.
func slowDeduplicate(days int, rows []settlement.Transaction, on []settlement.TakenID) string {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b settlement.Transaction) int {
		return cmp.Or(cmp.Compare(a.Source.File, b.Source.File), cmp.Compare(a.Source.Row, b.Source.Row))
	})
	var passed []settlement.Transaction
	var rejected []settlement.Exception
	for _, row := range rows {
		var contents []settlement.Digest
		for _, by := range on {
			deferred, recent := by.SettledOn == settlement.NoDate, by.SettledOn >= tonightDate-settlement.Date(days)
			if by.ID == IDDigest(twoMerchants.ID(row.Merchant), row.ID) && (deferred || recent || by.BusinessDate == row.BusinessDate) {
				contents = append(contents, by.Content)
			}
		}
		for _, by := range passed {
			if by.Merchant == row.Merchant && by.ID == row.ID {
				contents = append(contents, by.Content)
			}
		}
		exception := settlement.Exception{File: row.Source.File, Row: row.Source.Row, Code: settlement.Duplicate}
		for _, content := range contents {
			if content != row.Content {
				exception.Code = settlement.Conflict
			}
		}
		if len(contents) == 0 {
			passed = append(passed, row)
		} else {
			rejected = append(rejected, exception)
		}
	}
	return outcomeOf(passed, rejected)
}

func TestDeduplicateIsItsDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		party := rapid.Custom(func(t *rapid.T) settlement.Party { return settlement.Party(rapid.IntRange(0, 1).Draw(t, "party")) })
		id, content := rapid.SampledFrom([]string{"T", "U"}), rapid.ByteRange(1, 2)
		ago := rapid.Custom(func(t *rapid.T) settlement.Date { return settlement.Date(rapid.IntRange(1, 5).Draw(t, "ago")) })
		days := rapid.IntRange(0, 4).Draw(t, "days")
		var rows []settlement.Transaction
		for i := range rapid.IntRange(0, 8).Draw(t, "rows") {
			rows = append(rows, wanting(party.Draw(t, "merchant"), id.Draw(t, "id"), content.Draw(t, "content"),
				tonightDate-ago.Draw(t, "business"), rapid.SampledFrom([]string{"a", "b"}).Draw(t, "file"), int64(i)))
		}
		rows = rapid.Permutation(rows).Draw(t, "order")
		var on []settlement.TakenID
		for range rapid.IntRange(0, 4).Draw(t, "taken") {
			settled := tonightDate - ago.Draw(t, "settled")
			if rapid.Bool().Draw(t, "deferred") {
				settled = settlement.NoDate
			}
			on = append(on, taken(party.Draw(t, "merchant"), id.Draw(t, "id"), content.Draw(t, "content"), tonightDate-ago.Draw(t, "business"), settled))
		}
		want := slowDeduplicate(days, rows, on)
		if got := outcomeOf(Deduplicate(tonightDate, twoMerchants, days, slices.Clone(rows), on)); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
		// What is told does not depend on the order of the books.
		_, told := Deduplicate(tonightDate, twoMerchants, days, slices.Clone(rows), on)
		slices.Reverse(on)
		if _, again := Deduplicate(tonightDate, twoMerchants, days, slices.Clone(rows), on); !slices.Equal(told, again) {
			t.Fatalf("%+v, other order %+v", told, again)
		}
	})
}

func BenchmarkDeduplicate(b *testing.B) {
	const n = 200_000
	rows := make([]settlement.Transaction, n)
	on := make([]settlement.TakenID, 0, 7*n)
	for i := range rows {
		rows[i] = wanting(0, fmt.Sprintf("POS-%09d", i), 1, tonightDate, "a", int64(i))
	}
	for i := range cap(on) {
		on = append(on, taken(1, fmt.Sprintf("POS-%09d", i), 1, tonightDate-1, tonightDate-1))
	}
	b.ResetTimer()
	for b.Loop() {
		if passed, _ := Deduplicate(tonightDate, twoMerchants, 7, rows, on); len(passed) != n {
			b.Fatal(len(passed))
		}
	}
}

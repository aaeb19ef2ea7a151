package books

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"alliance/settlement"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

var testParties = settlement.NewParties([]string{"alliance", "bakery", "cinema", "Drugs_24", "e-shop"})

func party(t *rapid.T) settlement.Party {
	return settlement.Party(rapid.Int32Range(-1, int32(testParties.Len())-1).Draw(t, "party"))
}

func date(t *rapid.T) settlement.Date {
	return rapid.OneOf(rapid.Just(settlement.NoDate), rapid.Just(settlement.Never), rapid.Map(rapid.Int32(), func(n int32) settlement.Date { return settlement.Date(n) })).Draw(t, "date")
}

func text(t *rapid.T) string { return rapid.StringN(0, 20, 60).Draw(t, "text") }

func integer(t *rapid.T) int64 {
	return rapid.OneOf(rapid.Int64Range(0, 100), rapid.Int64()).Draw(t, "integer")
}

func source(t *rapid.T) settlement.Source {
	return settlement.Source{File: rapid.SampledFrom([]string{"", "merchant=a/date=2024-01-01/x.csv", "merchant=b/date=2024-01-01/y.csv"}).Draw(t, "file"), Row: integer(t)}
}

func lotKey(t *rapid.T) settlement.LotKey {
	return settlement.LotKey{Merchant: party(t), BusinessDate: date(t), TransactionID: text(t), Imported: rapid.Bool().Draw(t, "imported")}
}

func list[T any](t *rapid.T, item func(*rapid.T) T) []T {
	items := rapid.SliceOfN(rapid.Custom(item), 0, 4).Draw(t, "list")
	if len(items) == 0 {
		return nil
	}
	return items
}

func lot(t *rapid.T) settlement.Lot {
	return settlement.Lot{Key: lotKey(t), Issuer: party(t), IssuedAt: settlement.Instant(integer(t)), ExpiresOn: date(t), Issued: integer(t),
		Open: integer(t), Spent: integer(t), Expired: integer(t), Reversed: integer(t), Voided: integer(t), Shortfall: integer(t), Source: source(t)}
}

func charge(t *rapid.T) settlement.Charge {
	made := settlement.Charge{Issuer: party(t), Points: integer(t), Price: settlement.Price{ID: text(t), Amount: integer(t), PerPoints: integer(t)}}
	if made.ByAlliance = rapid.Bool().Draw(t, "by alliance"); made.ByAlliance {
		made.Lot.Merchant = settlement.NoParty
	} else {
		made.Lot = lotKey(t)
	}
	return made
}

func redemption(t *rapid.T) settlement.Redemption {
	return settlement.Redemption{Source: source(t), Merchant: party(t), BusinessDate: date(t), TransactionID: text(t),
		OccurredAt: settlement.Instant(integer(t)), Issuer: party(t), Reason: text(t), Points: integer(t), Reversed: integer(t),
		OpenClaim: integer(t), Unfunded: integer(t), SettledOn: date(t), Charges: list(t, charge)}
}

func deferredRow(t *rapid.T) settlement.Transaction {
	row := settlement.Transaction{Source: source(t), Merchant: party(t), ID: text(t), Member: text(t),
		Kind: settlement.Kind(rapid.IntRange(0, 3).Draw(t, "kind")), Points: integer(t), OccurredAt: settlement.Instant(integer(t)),
		BusinessDate: date(t), Issuer: party(t), OriginalID: text(t), OriginalDate: date(t), ExpiresOn: date(t), Reason: text(t), FirstRead: date(t)}
	copy(row.Content[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "content"))
	return row
}

func account(t *rapid.T) settlement.Account {
	return settlement.Account{Member: text(t), Lots: list(t, lot), Redemptions: list(t, redemption), Deferred: list(t, deferredRow)}
}

func encodeAccounts(t interface{ Fatal(...any) }, accounts []settlement.Account) []byte {
	var buffer bytes.Buffer
	if err := WriteAccounts(&buffer, testParties, accounts); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func TestAccountsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		accounts := list(t, account)
		encoded := encodeAccounts(t, accounts)
		if again := encodeAccounts(t, accounts); !bytes.Equal(again, encoded) {
			t.Fatal("the same accounts gave other bytes")
		}
		decoded, err := ReadAccounts(bytes.NewReader(encoded), testParties)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(decoded, accounts) {
			t.Fatalf("\n got %+v\nwant %+v", decoded, accounts)
		}
	})
}

func sampleAccounts(n int) []settlement.Account {
	sample := rapid.Custom(account)
	accounts := make([]settlement.Account, n)
	for i := range accounts {
		if i < 200 {
			accounts[i] = sample.Example(i)
		} else {
			accounts[i] = accounts[i%200]
		}
	}
	return accounts
}

func TestAccountsOfSeveralBatches(t *testing.T) {
	accounts := sampleAccounts(2*accountsPerBatch + 7)
	decoded, err := ReadAccounts(bytes.NewReader(encodeAccounts(t, accounts)), testParties)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(decoded, accounts) {
		t.Fatal("accounts of several batches differ")
	}
	// Appending to one account's list leaves its neighbour's alone.
	for i := range decoded {
		decoded[i].Lots = append(decoded[i].Lots, settlement.Lot{})
		decoded[i].Redemptions = append(decoded[i].Redemptions, settlement.Redemption{})
		decoded[i].Lots = decoded[i].Lots[:len(decoded[i].Lots)-1]
		decoded[i].Redemptions = decoded[i].Redemptions[:len(decoded[i].Redemptions)-1]
		if len(accounts[i].Lots) > 0 && !reflect.DeepEqual(decoded[i].Lots, accounts[i].Lots) {
			t.Fatal("lots share memory")
		}
	}
	if !reflect.DeepEqual(decoded[1].Redemptions, accounts[1].Redemptions) {
		t.Fatal("redemptions share memory")
	}
}

func TestAccountsBytesDoNotDependOnProcessors(t *testing.T) {
	accounts := sampleAccounts(200)
	want := encodeAccounts(t, accounts)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, n := range []int{1, 2, 8} {
		runtime.GOMAXPROCS(n)
		if !bytes.Equal(encodeAccounts(t, accounts), want) {
			t.Fatalf("GOMAXPROCS %d gave other bytes", n)
		}
	}
}

func TestAccountsUnderAnotherRegister(t *testing.T) {
	accounts := []settlement.Account{{Member: "m", Lots: []settlement.Lot{{Key: settlement.LotKey{Merchant: testParties.Find("bakery"), TransactionID: "t"},
		Issuer: testParties.Find("cinema"), Issued: 5, Open: 5}}}}
	encoded := encodeAccounts(t, accounts)
	wider := settlement.NewParties([]string{"a", "alliance", "bakery", "brewery", "cinema", "zoo"})
	decoded, err := ReadAccounts(bytes.NewReader(encoded), wider)
	if err != nil {
		t.Fatal(err)
	}
	if lot := decoded[0].Lots[0]; wider.ID(lot.Key.Merchant) != "bakery" || wider.ID(lot.Issuer) != "cinema" {
		t.Errorf("got %+v", lot)
	}
	// Parties without anything on record may go; the others may not.
	if _, err := ReadAccounts(bytes.NewReader(encoded), settlement.NewParties([]string{"bakery", "cinema"})); err != nil {
		t.Error(err)
	}
	_, err = ReadAccounts(bytes.NewReader(encoded), settlement.NewParties([]string{"bakery"}))
	if !errors.Is(err, ErrUnknownParty) || !strings.Contains(err.Error(), "cinema") {
		t.Errorf("got %v", err)
	}
}

func TestIDsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := list(t, func(t *rapid.T) settlement.TakenID {
			id := settlement.TakenID{BusinessDate: date(t), SettledOn: date(t)}
			copy(id.ID[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
			copy(id.Content[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "content"))
			return id
		})
		var first, second bytes.Buffer
		if err := errors.Join(WriteIDs(&first, ids), WriteIDs(&second, ids)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Fatal("the same ids gave other bytes")
		}
		decoded, err := ReadIDs(&first)
		if err != nil || !slices.Equal(decoded, ids) {
			t.Fatalf("got %v, %v; want %v", decoded, err, ids)
		}
	})
}

func TestBalancesRoundTrip(t *testing.T) {
	amount := func(t *rapid.T) decimal.Decimal {
		return decimal.New(integer(t), rapid.Int32Range(-4, 0).Draw(t, "exponent"))
	}
	known := func(t *rapid.T) settlement.Party {
		return settlement.Party(rapid.IntRange(0, testParties.Len()-1).Draw(t, "party"))
	}
	rapid.Check(t, func(t *rapid.T) {
		standing := Standing{settlement.Balances{
			Pairs: list(t, func(t *rapid.T) settlement.PairTotal {
				return settlement.PairTotal{Issuer: known(t), Redeemer: known(t), Value: amount(t), Adjustments: amount(t), Transactions: integer(t), Lines: integer(t)}
			}),
			Carried: list(t, func(t *rapid.T) settlement.Carry { return settlement.Carry{Merchant: known(t), Amount: amount(t)} }),
			Held: list(t, func(t *rapid.T) settlement.Holdback {
				return settlement.Holdback{Merchant: known(t), Amount: amount(t), Closes: rapid.IntRange(0, 9).Draw(t, "closes")}
			}),
		}, list(t, func(t *rapid.T) IssuerPoints { return IssuerPoints{known(t), integer(t)} })}
		var first, second bytes.Buffer
		if err := WriteBalances(&first, testParties, standing); err != nil {
			t.Fatal(err)
		}
		encoded := first.String()
		decoded, err := ReadBalances(&first, testParties)
		if err != nil {
			t.Fatal(err)
		}
		if err := WriteBalances(&second, testParties, decoded); err != nil || second.String() != encoded {
			t.Fatalf("%v\n got %s\nwant %s", err, second.String(), encoded)
		}
		for i, pair := range standing.Balances.Pairs {
			if !pair.Value.Equal(decoded.Balances.Pairs[i].Value) || pair.Issuer != decoded.Balances.Pairs[i].Issuer {
				t.Fatalf("got %v, want %v", decoded.Balances.Pairs[i], pair)
			}
		}
	})
}

func TestBadBalances(t *testing.T) {
	for text, want := range map[string]string{
		``:   "EOF",
		`{}`: "not those that this program writes",
		`{"carried":[{"merchant":"gone","amount":"1"}]}` + "\n":              `"gone"`,
		`{"carried":[{"merchant":"bakery","amount":"1e1000000000"}]}` + "\n": "no amount",
		`{"carried":[{"merchant":"bakery","amount":"1.50"}]}` + "\n":         "no amount",
		`{"carried":[{"merchant":"bakery","amount":"x"}]}` + "\n":            "no amount",
		`{"later":1}` + "\n": "newer version",
	} {
		_, err := ReadBalances(strings.NewReader(text), testParties)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

// TestDamagedState flips and cuts.
func TestDamagedState(t *testing.T) {
	var ids bytes.Buffer
	if err := WriteIDs(&ids, make([]settlement.TakenID, 300)); err != nil {
		t.Fatal(err)
	}
	for name, state := range map[string]struct {
		content []byte
		read    func(io.Reader) error
	}{
		"accounts": {encodeAccounts(t, sampleAccounts(25)), func(r io.Reader) error { _, err := ReadAccounts(r, testParties); return err }},
		"ids":      {ids.Bytes(), func(r io.Reader) error { _, err := ReadIDs(r); return err }},
	} {
		t.Run(name, func(t *testing.T) {
			if err := state.read(bytes.NewReader(state.content)); err != nil {
				t.Fatal(err)
			}
			step := max(1, len(state.content)/400)
			for length := 0; length < len(state.content); length += step {
				if err := state.read(bytes.NewReader(state.content[:length])); err == nil {
					t.Errorf("the first %d of %d bytes were read without an error", length, len(state.content))
				}
			}
			for at := 0; at < len(state.content); at += max(1, len(state.content)/1000) {
				damaged := bytes.Clone(state.content)
				for _, mask := range []byte{0x80, 0x01, 0xff} {
					damaged[at] = state.content[at] ^ mask
					if state.read(bytes.NewReader(damaged)) == nil {
						t.Errorf("byte %d altered by %#x was not noticed", at, mask)
					}
				}
			}
			broken := errors.New("broken")
			if err := state.read(iotest.ErrReader(broken)); !errors.Is(err, broken) {
				t.Errorf("got %v", err)
			}
		})
	}
	// One table's file is not another's.
	if _, err := ReadAccounts(&ids, testParties); err == nil {
		t.Error("ids were read as accounts")
	}
}

// BenchmarkAccounts writes and reads members as they are: a few lots and redemptions each.
func BenchmarkAccounts(b *testing.B) {
	accounts := make([]settlement.Account, 20_000)
	for i := range accounts {
		accounts[i].Member = fmt.Sprintf("member-%08d", i*7919%20_000)
		for j := range 5 {
			key := settlement.LotKey{Merchant: settlement.Party(j % 4), BusinessDate: settlement.Date(19_000 + i%365), TransactionID: fmt.Sprintf("tx-%d-%d", i, j)}
			file := settlement.Source{File: fmt.Sprintf("merchant=x/date=2024-01-01/%d.csv", i%100), Row: int64(i)}
			accounts[i].Lots = append(accounts[i].Lots, settlement.Lot{Key: key, Issuer: key.Merchant, Issued: int64(i), Open: int64(i), Source: file})
			accounts[i].Redemptions = append(accounts[i].Redemptions, settlement.Redemption{Merchant: 1, TransactionID: key.TransactionID,
				Points: 100, Charges: []settlement.Charge{{Lot: key, Points: 100, Price: settlement.Price{ID: "base", Amount: 1_000_000, PerPoints: 1}}}, Source: file})
		}
	}
	encoded := encodeAccounts(b, accounts)
	b.Run("write", func(b *testing.B) {
		b.SetBytes(int64(len(encoded)))
		for b.Loop() {
			encodeAccounts(b, accounts)
		}
	})
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(len(encoded)))
		for b.Loop() {
			if _, err := ReadAccounts(bytes.NewReader(encoded), testParties); err != nil {
				b.Fatal(err)
			}
		}
	})
}

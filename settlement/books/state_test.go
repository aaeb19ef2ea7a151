package books

import (
	"bytes"
	"strings"
	"testing"

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

func list[T any](t *rapid.T, item func(*rapid.T) T) []T {
	items := rapid.SliceOfN(rapid.Custom(item), 0, 4).Draw(t, "list")
	if len(items) == 0 {
		return nil
	}
	return items
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
		``:   "unexpected end of JSON input",
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

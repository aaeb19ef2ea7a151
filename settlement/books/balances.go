package books

import (
	"fmt"
	"io"
	"strings"

	"alliance/settlement"

	"github.com/shopspring/decimal"
)

// A Standing is the part of the state that belongs to no member.
type Standing struct {
	Balances settlement.Balances
	// Points are the closing points of each issuer, in order of issuer; none of zero need be listed.
	Points []IssuerPoints
}

// IssuerPoints is how many points of an issuer are open.
type IssuerPoints struct {
	Issuer settlement.Party
	Points int64
}

type standingText struct {
	Pairs   []pairText   `json:"pairs,omitempty"`
	Carried []carryText  `json:"carried,omitempty"`
	Held    []heldText   `json:"held,omitempty"`
	Points  []pointsText `json:"points,omitempty"`
}

type pairText struct {
	Issuer       string `json:"issuer"`
	Redeemer     string `json:"redeemer"`
	Value        string `json:"value"`
	Adjustments  string `json:"adjustments"`
	Transactions int64  `json:"transactions"`
	Lines        int64  `json:"lines"`
}

type carryText struct {
	Merchant string `json:"merchant"`
	Amount   string `json:"amount"`
}

type heldText struct {
	Merchant string `json:"merchant"`
	Amount   string `json:"amount"`
	Closes   int    `json:"closes"`
}

type pointsText struct {
	Issuer string `json:"issuer"`
	Points int64  `json:"points"`
}

// WriteBalances writes a standing as one line of JSON, parties by id, amounts as decimal texts.
func WriteBalances(w io.Writer, parties settlement.Parties, standing Standing) error {
	var text standingText
	for _, pair := range standing.Balances.Pairs {
		text.Pairs = append(text.Pairs, pairText{parties.ID(pair.Issuer), parties.ID(pair.Redeemer),
			pair.Value.String(), pair.Adjustments.String(), pair.Transactions, pair.Lines})
	}
	for _, carry := range standing.Balances.Carried {
		text.Carried = append(text.Carried, carryText{parties.ID(carry.Merchant), carry.Amount.String()})
	}
	for _, held := range standing.Balances.Held {
		text.Held = append(text.Held, heldText{parties.ID(held.Merchant), held.Amount.String(), held.Closes})
	}
	for _, points := range standing.Points {
		text.Points = append(text.Points, pointsText{parties.ID(points.Issuer), points.Points})
	}
	line, err := encodeLine(text)
	if err == nil {
		_, err = w.Write(line)
	}
	if err != nil {
		return fmt.Errorf("write balances: %w", err)
	}
	return nil
}

// ReadBalances reads what [WriteBalances] wrote, under a register of today: an id that it lacks
// is [ErrUnknownParty].
func ReadBalances(r io.Reader, parties settlement.Parties) (Standing, error) {
	standing, err := readBalances(r, parties)
	if err != nil {
		return Standing{}, fmt.Errorf("read balances: %w", err)
	}
	return standing, nil
}

func readBalances(r io.Reader, parties settlement.Parties) (standing Standing, err error) {
	content, err := io.ReadAll(r)
	if err != nil {
		return standing, err
	}
	var text standingText
	if err := decodeLine(content, &text); err != nil {
		return standing, err
	}
	// The first fault is kept; what is read after it is not used.
	party := func(id string) settlement.Party {
		found := parties.Find(id)
		if found == settlement.NoParty && err == nil {
			err = fmt.Errorf("%w: %q", ErrUnknownParty, id)
		}
		return found
	}
	amount := func(text string) decimal.Decimal {
		// An exponent could make a number of a billion digits.
		value, parseErr := decimal.NewFromString(strings.Map(withoutExponent, text))
		if (parseErr != nil || value.String() != text) && err == nil {
			err = fmt.Errorf("%q is no amount", text)
		}
		return value
	}
	balances := &standing.Balances
	for _, pair := range text.Pairs {
		balances.Pairs = append(balances.Pairs, settlement.PairTotal{Issuer: party(pair.Issuer), Redeemer: party(pair.Redeemer),
			Value: amount(pair.Value), Adjustments: amount(pair.Adjustments), Transactions: pair.Transactions, Lines: pair.Lines})
	}
	for _, carry := range text.Carried {
		balances.Carried = append(balances.Carried, settlement.Carry{Merchant: party(carry.Merchant), Amount: amount(carry.Amount)})
	}
	for _, held := range text.Held {
		balances.Held = append(balances.Held, settlement.Holdback{Merchant: party(held.Merchant), Amount: amount(held.Amount), Closes: held.Closes})
	}
	for _, points := range text.Points {
		standing.Points = append(standing.Points, IssuerPoints{party(points.Issuer), points.Points})
	}
	return standing, err
}

func withoutExponent(r rune) rune {
	if r == 'e' || r == 'E' {
		return -1
	}
	return r
}

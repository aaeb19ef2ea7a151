package statement

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/shopspring/decimal"

	"alliance/settlement"
)

// A role says on which side of a line, or of an allocation, a merchant stands.
type role uint8

const (
	issuer role = iota
	redeemer
	own
)

var roleNames = [...]string{"issuer", "redeemer", "own"}

func (r role) String() string { return roleNames[r] }

// sign is +1 where the merchant receives what a line is worth, -1 where it pays it.
func (r role) sign() int64 {
	if r == issuer {
		return -1
	}
	return 1
}

// A place is a line as one merchant's statement shows it.
type place struct {
	role         role
	counterparty settlement.Party
	line         *settlement.Line
	detail       settlement.Allocations
}

// value is the line's value with the statement's sign.
func (p *place) value() decimal.Decimal {
	if p.role == issuer {
		return p.line.Value.Neg()
	}
	return p.line.Value
}

// A view is what a night holds for one merchant.
type view struct {
	night      *settlement.Night
	head       *settlement.Statement
	places     []place
	own        settlement.Allocations
	exceptions []settlement.Exception
	inputs     []*settlement.Input
}

func (v *view) id() string { return v.night.Parties.ID(v.head.Merchant) }

func (v *view) no() string { return v.night.StatementNo(v.head) }

func (v *view) folder() string {
	return fmt.Sprintf("merchant=%s/date=%s", v.id(), v.night.Date)
}

// views returns what each merchant with a statement gets, in order of merchant, each list in
// its published order. The error names what the night holds for a merchant without a statement.
func views(night *settlement.Night) ([]view, error) {
	if night.Detail.Lines() != len(night.Lines) {
		return nil, fmt.Errorf("the night has %d lines but the detail of %d", len(night.Lines), night.Detail.Lines())
	}
	views := make([]view, len(night.Statements))
	of := make([]*view, night.Parties.Len())
	for i := range night.Statements {
		head := &night.Statements[i]
		if i > 0 && night.Statements[i-1].Merchant >= head.Merchant {
			return nil, fmt.Errorf("the statements are not in order of merchant at %s", night.Parties.ID(head.Merchant))
		}
		views[i] = view{night: night, head: head, own: night.Detail.Own(head.Merchant)}
		of[head.Merchant] = &views[i]
	}
	if err := placeLines(night, of); err != nil {
		return nil, err
	}
	for party := range settlement.Party(len(of)) {
		if of[party] == nil && night.Detail.Own(party).Count() > 0 {
			return nil, fmt.Errorf("on-us points of %s: it has no statement", night.Parties.ID(party))
		}
	}
	shareExceptions(night, of)
	for i := range night.Inputs {
		// What a merchant should have delivered and did not is no object of it.
		if view := find(of, night.Inputs[i].Merchant); view != nil && night.Inputs[i].State != settlement.Missing {
			view.inputs = append(view.inputs, &night.Inputs[i])
		}
	}
	for i := range views {
		slices.SortStableFunc(views[i].inputs, compareInputs)
	}
	return views, nil
}

// shareExceptions gives each view its part of the night's exceptions, which mostly are in order already, and may be very many.
func shareExceptions(night *settlement.Night, of []*view) {
	compare := func(a, b settlement.Exception) int { return settlement.CompareExceptions(&a, &b) }
	all := night.Exceptions
	if !slices.IsSortedFunc(all, compare) {
		all = slices.Clone(all)
		slices.SortStableFunc(all, compare)
	}
	for first, next := 0, 0; first < len(all); first = next {
		merchant := all[first].Merchant
		for next = first; next < len(all) && all[next].Merchant == merchant; next++ {
		}
		if view := find(of, merchant); view != nil {
			view.exceptions = all[first:next]
		}
	}
}

// find returns a party's view, nil for nobody and for a party without a statement.
func find(of []*view, party settlement.Party) *view {
	if party < 0 || int(party) >= len(of) {
		return nil
	}
	return of[party]
}

// placeLines puts every line on the statements of its two sides: first all lines where the
// merchant issues, then those where it redeems. As the night's lines are in order of issuer,
// redeemer and the rest, both kinds come in order of counterparty and the rest.
func placeLines(night *settlement.Night, of []*view) error {
	for _, side := range []role{issuer, redeemer} {
		for i := range night.Lines {
			line := &night.Lines[i]
			if i > 0 && settlement.CompareLineKeys(&night.Lines[i-1].LineKey, &line.LineKey) >= 0 {
				return fmt.Errorf("lines %d and %d of the night are not in order", i, i+1)
			}
			if line.Issuer == line.Redeemer {
				return fmt.Errorf("line %d is between %s and itself", i+1, night.Parties.ID(line.Issuer))
			}
			party, counterparty := line.Issuer, line.Redeemer
			if side == redeemer {
				party, counterparty = counterparty, party
			}
			if party == night.Alliance {
				continue
			}
			view := of[party]
			if view == nil {
				return fmt.Errorf("line %d: %s has no statement", i+1, night.Parties.ID(party))
			}
			view.places = append(view.places, place{side, counterparty, line, night.Detail.Line(i)})
		}
	}
	return nil
}

// check returns an error if the statement's head is not what its lines add up to.
func (v *view) check() error {
	var receivable, payable decimal.Decimal
	for i := range v.places {
		if v.places[i].role == issuer {
			payable = payable.Add(v.places[i].line.Value)
		} else {
			receivable = receivable.Add(v.places[i].line.Value)
		}
	}
	if !receivable.Equal(v.head.Receivable) || !payable.Equal(v.head.Payable) {
		return fmt.Errorf("the lines come to %s receivable and %s payable, the summary says %s and %s",
			receivable, payable, v.head.Receivable, v.head.Payable)
	}
	return nil
}

// compareInputs orders inputs by merchant, key, a missing delivery first.
func compareInputs(a, b *settlement.Input) int {
	return cmp.Or(cmp.Compare(a.Merchant, b.Merchant), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Version, b.Version))
}

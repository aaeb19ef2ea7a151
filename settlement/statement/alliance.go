package statement

import (
	"cmp"
	"fmt"
	"slices"

	"alliance/settlement"
)

// PaymentsFile is the name of the file in the alliance's folder that has a row for every payment.
const PaymentsFile = "payments.parquet"

// The tables of the alliance's folder.
var (
	lineTable              = newTable[lineRow]("lines.parquet")
	positionTable          = newTable[positionRow]("positions.parquet")
	feeTable               = newTable[feeRow]("fees.parquet")
	paymentTable           = newTable[paymentRow](PaymentsFile)
	pointsTable            = newTable[pointsRow]("points.parquet")
	allianceExceptionTable = newTable[allianceExceptionRow]("exceptions.parquet")
	allianceInputTable     = newTable[allianceInputRow]("inputs.parquet")
)

// An overview is what a night holds for the alliance's operator, each list in its published order.
type overview struct {
	night     *settlement.Night
	positions []settlement.Position
	fees      []settlement.Fee
	payments  []settlement.Payment
	points    []settlement.IssuerPoints
	// exceptions are the places of the night's.
	exceptions []int32
	inputs     []*settlement.Input
}

func newOverview(night *settlement.Night) *overview {
	o := &overview{
		night: night, positions: slices.Clone(night.Positions), fees: slices.Clone(night.Fees),
		payments: slices.Clone(night.Payments), points: slices.Clone(night.Points),
	}
	slices.SortStableFunc(o.positions, func(a, b settlement.Position) int { return cmp.Compare(a.Party, b.Party) })
	slices.SortStableFunc(o.fees, func(a, b settlement.Fee) int {
		return cmp.Or(cmp.Compare(a.Merchant, b.Merchant), cmp.Compare(a.ID, b.ID))
	})
	slices.SortStableFunc(o.payments, func(a, b settlement.Payment) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortStableFunc(o.points, func(a, b settlement.IssuerPoints) int { return cmp.Compare(a.Issuer, b.Issuer) })
	o.exceptions = make([]int32, len(night.Exceptions))
	for i := range night.Exceptions {
		o.exceptions[i] = int32(i)
	}
	for i := range night.Inputs {
		o.inputs = append(o.inputs, &night.Inputs[i])
	}
	byFile := func(a, b int32) int { return compareByFile(&night.Exceptions[a], &night.Exceptions[b]) }
	if !slices.IsSortedFunc(o.exceptions, byFile) {
		slices.SortStableFunc(o.exceptions, byFile)
	}
	slices.SortStableFunc(o.inputs, compareInputs)
	return o
}

// compareByFile orders the exceptions of all merchants by file, row, code, then by the rest.
func compareByFile(a, b *settlement.Exception) int {
	if a.Merchant == b.Merchant {
		return settlement.CompareExceptions(a, b)
	}
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Row, b.Row),
		cmp.Compare(a.Code.String(), b.Code.String()), settlement.CompareExceptions(a, b))
}

func (o *overview) folder() string { return "alliance/date=" + o.night.Date.String() }

func (o *overview) id(party settlement.Party) string { return o.night.Parties.ID(party) }

func (o *overview) lineRows() ([]lineRow, error) {
	var c converter
	rows := make([]lineRow, len(o.night.Lines))
	for i := range o.night.Lines {
		line := &o.night.Lines[i]
		price, perPoints := c.price(line)
		rows[i] = lineRow{
			IssuerID: o.id(line.Issuer), RedeemerID: o.id(line.Redeemer),
			Activity: line.Activity.String(), BusinessDate: int32(line.BusinessDate), Late: line.Late(o.night.Date),
			PriceID: line.Price.ID, Price: price, PerPoints: perPoints,
			Currency: o.night.Money.Currency, Transactions: line.Transactions, Points: line.Points,
			Value: c.money("value", line.Value),
		}
	}
	return rows, c.err
}

func (o *overview) tallyLines() tallies {
	t := tallies{rows: int64(len(o.night.Lines))}
	for i := range o.night.Lines {
		line := &o.night.Lines[i]
		t.text("issuer_id", o.id(line.Issuer))
		t.text("redeemer_id", o.id(line.Redeemer))
		t.line(o.night, line)
		t.money("value", line.Value)
	}
	return t
}

func (o *overview) positionRows() ([]positionRow, error) {
	var c converter
	rows := make([]positionRow, len(o.positions))
	for i := range o.positions {
		p := &o.positions[i]
		rows[i] = positionRow{
			PartyID: o.id(p.Party), Currency: o.night.Money.Currency,
			Receivable: c.money("receivable", p.Receivable), Payable: c.money("payable", p.Payable),
			Fees: c.money("fees", p.Fees), Tax: c.money("tax", p.Tax), Net: c.money("net", p.Net),
			CarriedIn: c.money("carried_in", p.CarriedIn), Held: c.money("held", p.Held),
			Released: c.money("released", p.Released), CarriedOut: c.money("carried_out", p.CarriedOut),
			Due: c.money("due", p.Due),
		}
	}
	return rows, c.err
}

func (o *overview) tallyPositions() tallies {
	t := tallies{rows: int64(len(o.positions))}
	for i := range o.positions {
		p := &o.positions[i]
		t.text("party_id", o.id(p.Party))
		t.text("currency", o.night.Money.Currency)
		t.money("receivable", p.Receivable)
		t.money("payable", p.Payable)
		t.position(p)
	}
	return t
}

func (o *overview) feeRows() ([]feeRow, error) {
	var c converter
	rows := make([]feeRow, len(o.fees))
	for i := range o.fees {
		f := &o.fees[i]
		rows[i] = feeRow{
			MerchantID: o.id(f.Merchant), FeeID: f.ID, Currency: o.night.Money.Currency,
			Base: c.money("base", f.Base), Transactions: f.Transactions, Fee: c.money("fee", f.Amount),
			TaxRate: c.rate("tax_rate", f.TaxRate), Tax: c.money("tax", f.Tax),
		}
	}
	return rows, c.err
}

func (o *overview) tallyFees() tallies {
	t := tallies{rows: int64(len(o.fees))}
	for i := range o.fees {
		f := &o.fees[i]
		t.text("merchant_id", o.id(f.Merchant))
		t.text("fee_id", f.ID)
		t.text("currency", o.night.Money.Currency)
		t.money("base", f.Base)
		t.number("transactions", f.Transactions)
		t.money("fee", f.Amount)
		t.scaled("tax_rate", f.TaxRate, settlement.PriceDecimals)
		t.money("tax", f.Tax)
	}
	return t
}

func (o *overview) paymentRows() ([]paymentRow, error) {
	var c converter
	rows := make([]paymentRow, len(o.payments))
	for i := range o.payments {
		p := &o.payments[i]
		no, err := o.statementNo(p.Merchant)
		if err != nil {
			return nil, fmt.Errorf("payment from %s to %s: %w", o.id(p.Payer), o.id(p.Payee), err)
		}
		rows[i] = paymentRow{
			PaymentID: p.ID, PayerID: o.id(p.Payer), PayeeID: o.id(p.Payee), Currency: o.night.Money.Currency,
			Amount: c.money("amount", p.Amount), StatementNo: no,
		}
	}
	return rows, c.err
}

// statementNo returns the number of a merchant's statement of the night.
func (o *overview) statementNo(merchant settlement.Party) (string, error) {
	at, found := slices.BinarySearchFunc(o.night.Statements, merchant, func(s settlement.Statement, m settlement.Party) int {
		return cmp.Compare(s.Merchant, m)
	})
	if !found {
		return "", fmt.Errorf("%q has no statement", o.id(merchant))
	}
	return o.night.StatementNo(&o.night.Statements[at]), nil
}

func (o *overview) tallyPayments() tallies {
	t := tallies{rows: int64(len(o.payments))}
	for i := range o.payments {
		p := &o.payments[i]
		no, _ := o.statementNo(p.Merchant)
		t.text("payment_id", p.ID)
		t.text("payer_id", o.id(p.Payer))
		t.text("payee_id", o.id(p.Payee))
		t.text("currency", o.night.Money.Currency)
		t.money("amount", p.Amount)
		t.text("statement_no", no)
	}
	return t
}

func (o *overview) pointsRows() ([]pointsRow, error) {
	rows := make([]pointsRow, len(o.points))
	for i := range o.points {
		p := &o.points[i]
		rows[i] = pointsRow{
			IssuerID: o.id(p.Issuer), Opening: balance(o.night, &p.Opening), Issued: p.Issued, IssueReversed: p.IssueReversed,
			RedeemedOwn: p.RedeemedOwn, RedeemedElsewhere: p.RedeemedElsewhere, Restored: p.Restored, Expired: p.Expired,
			Closing: balance(o.night, &p.Closing),
		}
	}
	return rows, nil
}

func (o *overview) tallyPoints() tallies {
	t := tallies{rows: int64(len(o.points))}
	for i := range o.points {
		t.text("issuer_id", o.id(o.points[i].Issuer))
		t.rollForward("", o.night.Tracked, &o.points[i])
	}
	return t
}

func (o *overview) exceptionRow(place *int32) allianceExceptionRow {
	exception := &o.night.Exceptions[*place]
	row := exceptionRowOf(exception)
	return allianceExceptionRow{
		MerchantID: textOrNull(o.id(exception.Merchant)), File: row.File, Row: row.Row, TransactionID: row.TransactionID, Code: row.Code,
		State: row.State, Column: row.Column, Value: row.Value, Points: row.Points, Message: row.Message,
	}
}

func (o *overview) tallyExceptions() tallies {
	t := tallies{rows: int64(len(o.exceptions))}
	for _, place := range o.exceptions {
		exception := &o.night.Exceptions[place]
		t.textOrNone("merchant_id", o.id(exception.Merchant))
		t.exception(exception)
	}
	return t
}

func (o *overview) inputRows() ([]allianceInputRow, error) {
	rows := make([]allianceInputRow, len(o.inputs))
	for i, input := range o.inputs {
		row := inputRowOf(input)
		rows[i] = allianceInputRow{
			MerchantID: textOrNull(o.id(input.Merchant)), Key: row.Key, Version: row.Version, Bytes: row.Bytes, SHA256: row.SHA256,
			State: row.State, Code: row.Code, Rows: row.Rows, Accepted: row.Accepted, Deferred: row.Deferred,
			Rejected: row.Rejected, IssuedPoints: row.IssuedPoints, RedeemedPoints: row.RedeemedPoints,
		}
	}
	return rows, nil
}

func (o *overview) tallyInputs() tallies {
	t := tallies{rows: int64(len(o.inputs))}
	for _, input := range o.inputs {
		t.textOrNone("merchant_id", o.id(input.Merchant))
		t.input(input)
	}
	return t
}

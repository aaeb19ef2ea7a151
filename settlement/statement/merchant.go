package statement

import "alliance/settlement"

// The tables of a merchant's folder.
var (
	summaryTable   = newTable[summaryRow]("summary.parquet")
	statementTable = newTable[statementRow]("statement.parquet")
	exceptionTable = newTable[exceptionRow]("exceptions.parquet")
	inputTable     = newTable[inputRow]("inputs.parquet")
)

func (v *view) summary() ([]summaryRow, error) {
	var c converter
	night, head, position, points := v.night, v.head, &v.head.Position, &v.head.Points
	row := summaryRow{
		StatementNo: v.no(), Version: int32(head.Version), MerchantID: v.id(),
		SettlementOn: int32(night.Date), CycleStart: int32(night.Cycle.Start), CycleEnd: int32(night.Cycle.End),
		CycleClosed: night.Cycle.Closes(night.Date), Currency: night.Money.Currency,
		Receivable:    c.money("receivable", head.Receivable),
		Payable:       c.money("payable", head.Payable),
		CycleReceived: c.money("cycle_receivable", head.CycleReceivable),
		CyclePayable:  c.money("cycle_payable", head.CyclePayable),
		Fees:          c.money("fees", position.Fees),
		Tax:           c.money("tax", position.Tax),
		Net:           c.money("net", position.Net),
		CarriedIn:     c.money("carried_in", position.CarriedIn),
		Held:          c.money("held", position.Held),
		Released:      c.money("released", position.Released),
		CarriedOut:    c.money("carried_out", position.CarriedOut),
		Due:           c.money("due", position.Due),

		PointsOpening: balance(night, &points.Opening), PointsIssued: points.Issued,
		PointsIssueReversed: points.IssueReversed, PointsRedeemedOwn: points.RedeemedOwn,
		PointsRedeemedElsewhere: points.RedeemedElsewhere, PointsRestored: points.Restored,
		PointsExpired: points.Expired, PointsClosing: balance(night, &points.Closing),
		PointsRedeemedHere: head.RedeemedHere,

		RowsAccepted: head.RowsAccepted, RowsDeferred: head.RowsDeferred, RowsRejected: head.RowsRejected,
		IsComplete: head.Complete, RulebookDigest: night.RulebookDigest, ComputationID: night.ComputationID,
	}
	if head.Supersedes != 0 {
		supersedes := int32(head.Supersedes)
		row.Supersedes = &supersedes
	}
	return []summaryRow{row}, c.err
}

func (v *view) tallySummary() tallies {
	t := tallies{rows: 1}
	night, head, position, points := v.night, v.head, &v.head.Position, &v.head.Points
	t.text("statement_no", v.no())
	t.number("version", int64(head.Version))
	t.none("supersedes")
	if head.Supersedes != 0 {
		t.number("supersedes", int64(head.Supersedes))
	}
	t.text("merchant_id", v.id())
	t.date("settlement_date", night.Date)
	t.date("cycle_start", night.Cycle.Start)
	t.date("cycle_end", night.Cycle.End)
	t.flag("cycle_closed", night.Cycle.Closes(night.Date))
	t.text("currency", night.Money.Currency)
	t.money("receivable", head.Receivable)
	t.money("payable", head.Payable)
	t.money("cycle_receivable", head.CycleReceivable)
	t.money("cycle_payable", head.CyclePayable)
	t.position(position)
	t.rollForward("points_", night.Tracked, points)
	t.number("points_redeemed_here", head.RedeemedHere)
	t.number("rows_accepted", head.RowsAccepted)
	t.number("rows_deferred", head.RowsDeferred)
	t.number("rows_rejected", head.RowsRejected)
	t.flag("is_complete", head.Complete)
	t.text("rulebook_digest", night.RulebookDigest)
	t.text("computation_id", night.ComputationID)
	return t
}

// position counts the columns from fees to due.
func (t *tallies) position(p *settlement.Position) {
	t.money("fees", p.Fees)
	t.money("tax", p.Tax)
	t.money("net", p.Net)
	t.money("carried_in", p.CarriedIn)
	t.money("held", p.Held)
	t.money("released", p.Released)
	t.money("carried_out", p.CarriedOut)
	t.money("due", p.Due)
}

// rollForward counts the columns of a roll-forward, whose names have a prefix in the summary.
func (t *tallies) rollForward(prefix string, tracked bool, p *settlement.IssuerPoints) {
	t.none(prefix + "opening")
	t.none(prefix + "closing")
	if tracked {
		t.number(prefix+"opening", p.Opening)
		t.number(prefix+"closing", p.Closing)
	}
	t.number(prefix+"issued", p.Issued)
	t.number(prefix+"issue_reversed", p.IssueReversed)
	t.number(prefix+"redeemed_own", p.RedeemedOwn)
	t.number(prefix+"redeemed_elsewhere", p.RedeemedElsewhere)
	t.number(prefix+"restored", p.Restored)
	t.number(prefix+"expired", p.Expired)
}

func (v *view) statement() ([]statementRow, error) {
	var c converter
	no, rows := v.no(), make([]statementRow, len(v.places))
	for i := range v.places {
		place := &v.places[i]
		line := place.line
		price, perPoints := c.price(line)
		rows[i] = statementRow{
			StatementNo: no, Version: int32(v.head.Version), LineNo: int32(i + 1),
			Role: place.role.String(), CounterpartyID: v.night.Parties.ID(place.counterparty),
			Activity: line.Activity.String(), BusinessDate: int32(line.BusinessDate), Late: line.Late(v.night.Date),
			PriceID: line.Price.ID, Price: price, PerPoints: perPoints,
			Currency: v.night.Money.Currency, Transactions: line.Transactions, Points: line.Points,
			Value: place.role.sign() * c.money("value", line.Value),
		}
	}
	return rows, c.err
}

func (v *view) tallyStatement() tallies {
	no, t := v.no(), tallies{rows: int64(len(v.places))}
	for i := range v.places {
		place := &v.places[i]
		t.text("statement_no", no)
		t.number("version", int64(v.head.Version))
		t.number("line_no", int64(i+1))
		t.text("role", place.role.String())
		t.text("counterparty_id", v.night.Parties.ID(place.counterparty))
		t.line(v.night, place.line)
		t.money("value", place.value())
	}
	return t
}

// line counts the columns of a line from activity to points.
func (t *tallies) line(night *settlement.Night, line *settlement.Line) {
	t.text("activity", line.Activity.String())
	t.date("business_date", line.BusinessDate)
	t.flag("late", line.Late(night.Date))
	t.text("price_id", line.Price.ID)
	t.none("price")
	t.none("per_points")
	if priced(line) {
		t.number("price", line.Price.Amount)
		t.number("per_points", line.Price.PerPoints)
	}
	t.text("currency", night.Money.Currency)
	t.number("transactions", line.Transactions)
	t.number("points", line.Points)
}

// exceptionRowOf makes a row that points into the exception, of which there may be very many.
func exceptionRowOf(exception *settlement.Exception) exceptionRow {
	return exceptionRow{
		File: cell(exception.File), Row: orNull(&exception.Row), TransactionID: textAt(&exception.TransactionID),
		Code: exception.Code.String(), State: exception.State.String(),
		Column: textAt(&exception.Column), Value: textAt(&exception.Value),
		Points: exceptionPoints(exception), Message: cell(exception.Message),
	}
}

func (v *view) tallyExceptions() tallies {
	t := tallies{rows: int64(len(v.exceptions))}
	for i := range v.exceptions {
		t.exception(&v.exceptions[i])
	}
	return t
}

func (t *tallies) exception(exception *settlement.Exception) {
	t.text("file", exception.File)
	t.none("row")
	if exception.Row != 0 {
		t.number("row", exception.Row)
	}
	t.textOrNone("transaction_id", exception.TransactionID)
	t.text("code", exception.Code.String())
	t.text("state", exception.State.String())
	t.textOrNone("column", exception.Column)
	t.textOrNone("value", exception.Value)
	t.none("points")
	if points := exceptionPoints(exception); points != nil {
		t.number("points", *points)
	}
	t.text("message", exception.Message)
}

func (v *view) inputRows() ([]inputRow, error) {
	rows := make([]inputRow, len(v.inputs))
	for i, input := range v.inputs {
		rows[i] = inputRowOf(input)
	}
	return rows, nil
}

// inputRowOf leaves key, version, bytes and sha256 null for a delivery that is missing, and
// version and sha256 for an object of which they are not known.
func inputRowOf(input *settlement.Input) inputRow {
	row := inputRow{
		Key: textOrNull(input.Key), Version: textOrNull(input.Version), SHA256: textOrNull(input.SHA256),
		State: input.State.String(), Code: textOrNull(input.Code.String()),
		Rows: input.Rows, Accepted: input.Accepted, Deferred: input.Deferred, Rejected: input.Rejected,
		IssuedPoints: input.IssuedPoints, RedeemedPoints: input.RedeemedPoints,
	}
	if input.State != settlement.Missing {
		row.Bytes = &input.Bytes
	}
	return row
}

func (v *view) tallyInputs() tallies {
	t := tallies{rows: int64(len(v.inputs))}
	for _, input := range v.inputs {
		t.input(input)
	}
	return t
}

func (t *tallies) input(input *settlement.Input) {
	t.textOrNone("key", input.Key)
	t.textOrNone("version", input.Version)
	t.none("bytes")
	if input.State != settlement.Missing {
		t.number("bytes", input.Bytes)
	}
	t.textOrNone("sha256", input.SHA256)
	t.text("state", input.State.String())
	t.textOrNone("code", input.Code.String())
	t.number("rows", input.Rows)
	t.number("accepted", input.Accepted)
	t.number("deferred", input.Deferred)
	t.number("rejected", input.Rejected)
	t.number("issued_points", input.IssuedPoints)
	t.number("redeemed_points", input.RedeemedPoints)
}

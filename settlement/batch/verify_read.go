package batch

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"alliance/settlement"
	"alliance/settlement/accounts"
	"alliance/settlement/books"
	"alliance/settlement/statement"
)

// dateFacts is what the published tables and the state of a date say. Money is in units of
// 10^-4 of the currency, as published.
type dateFacts struct {
	settled    *books.DateRecord
	statements map[string]*statementFacts // by merchant
	lines      map[lineID]*lineFacts      // the alliance's
	positions  map[string]moneyFacts      // by party
	fees       map[string][2]int64        // fee and tax by merchant
	payments   []paymentFacts
	points     map[string]pointsFacts // by issuer
	// exceptions counts the alliance's by merchant.
	exceptions map[string]int64
	inputs     []books.InputRecord
	// open is the sum of each issuer's open lots in the state; nil if it could not be read.
	open map[string]int64
	// unreadable says that a table could not be read: what is missing here is a fault already.
	unreadable bool
}

type statementFacts struct {
	summary    summaryFacts
	lines      map[lineID]*lineFacts
	exceptions int64
	inputs     []books.InputRecord
}

// A lineID identifies a line of a date.
type lineID struct{ issuer, redeemer, rest string }

// A lineFacts is a line, and what its detail comes to.
type lineFacts struct {
	transactions, points, value     int64
	allocations, detailPoints, paid int64
	// ids adds up the allocations' ids, so that two sides can be compared.
	ids [2]uint64
}

// moneyFacts are a party's receivable, payable, fees, tax, net, carried_in, held, released,
// carried_out and due.
type moneyFacts [10]int64

const (
	receivable = iota
	payable
	fees
	tax
	net
	carriedIn
	held
	released
	carriedOut
	due
)

var moneyNames = [...]string{"receivable", "payable", "fees", "tax", "net", "carried_in", "held", "released", "carried_out", "due"}

type paymentFacts struct {
	id, payer, payee, statementNo string
	amount                        int64
}

// pointsFacts is a roll-forward; untracked has neither opening nor closing.
type pointsFacts struct {
	untracked                                                            bool
	opening, issued, issueReversed, own, elsewhere, back, expired, after int64
}

func (p pointsFacts) rolled() int64 {
	return p.opening + p.issued - p.issueReversed - p.own - p.elsewhere + p.back - p.expired
}

type summaryFacts struct {
	rows                         int
	statementNo, merchant        string
	version                      int64
	date, cycleStart             settlement.Date
	cycleClosed, complete        bool
	dayReceivable, dayPayable    int64
	money                        moneyFacts
	points                       pointsFacts
	accepted, deferred, rejected int64
}

// readDate reads the tables of a date; nil if it is not settled. What cannot be read is a fault;
// an error is the store's.
func (v *verifier) readDate(ctx context.Context, date settlement.Date) (*dateFacts, error) {
	settled, _ := v.ledger.Settled(date)
	if settled == nil {
		return nil, nil
	}
	facts := &dateFacts{settled: settled, statements: make(map[string]*statementFacts)}
	if err := v.readStatements(ctx, facts); err != nil {
		return nil, err
	}
	err := v.readAlliance(ctx, facts)
	if err = v.readable(facts, "alliance", date, err); err != nil {
		return nil, err
	}
	facts.open, err = v.openLots(ctx, date, &settled.State)
	if err = v.readable(facts, "state", date, err); err != nil {
		return nil, err
	}
	return facts, nil
}

// readTogetherBytes is how large a merchant's statement may be for several to be read at a time, as a file is in memory while it is read.
const readTogetherBytes = 8 << 20

// readStatements reads the tables of all merchants.
func (v *verifier) readStatements(ctx context.Context, facts *dateFacts) error {
	records := facts.settled.Statements
	together := askedTogether
	for i := range records {
		var bytes int64
		for _, file := range records[i].Files {
			bytes += file.Bytes
		}
		if bytes > readTogetherBytes {
			together = 1
		}
	}
	type reading struct {
		verifier
		found *statementFacts
		err   error
	}
	readings := make([]reading, len(records))
	err := each(ctx, together, len(records), func(ctx context.Context, _, i int) error {
		one := &readings[i]
		one.verifier = verifier{job: v.job, ledger: v.ledger, alliance: v.alliance, report: new(VerifyReport)}
		one.found, one.err = one.readStatement(ctx, facts.settled.Date, &records[i])
		return nil
	})
	if err != nil {
		return err
	}
	for i := range readings {
		v.report.Faults = append(v.report.Faults, readings[i].report.Faults...)
		if err := v.readable(facts, records[i].Merchant, facts.settled.Date, readings[i].err); err != nil {
			return err
		}
		facts.statements[records[i].Merchant] = readings[i].found
	}
	return nil
}

// readable tells what is wrong with content from a store that fails, whose error it returns.
func (v *verifier) readable(facts *dateFacts, where string, date settlement.Date, err error) error {
	if err == nil {
		return nil
	}
	facts.unreadable = true
	var content *contentError
	switch {
	case errors.Is(err, books.ErrLost):
		v.meanwhile(where, date, "%v", err)
		return nil
	case errors.Is(err, books.ErrBroken): // reported as an object
		return nil
	case errors.As(err, &content):
		v.fault(where, date, "%v", err)
		return nil
	}
	return err
}

// A contentError says that content, though it is what is on record, cannot be what it should be.
type contentError struct{ error }

func (e *contentError) Unwrap() error { return e.error }

// table reads a table; an error of the content is a contentError.
func (v *verifier) table(ctx context.Context, files []books.FileRecord, name string, columns []string, visit func(*cellReader)) error {
	for _, file := range files {
		if file.Name != name+".parquet" && !(strings.HasPrefix(file.Name, name+"-") && strings.HasSuffix(file.Name, ".parquet")) {
			continue
		}
		content, err := v.ledger.Read(ctx, file)
		if err != nil {
			return err
		}
		rows := int64(0)
		err = readCells(content, columns, func(cells []string) error {
			rows++
			cell := &cellReader{cells: cells}
			visit(cell)
			return cell.err
		})
		if err == nil && rows != file.Rows {
			err = fmt.Errorf("there are %d rows, the record says %d", rows, file.Rows)
		}
		if err != nil {
			return &contentError{fmt.Errorf("%s: %w", file.Name, err)}
		}
	}
	return nil
}

// units reads an amount with four decimals as units of the last one.
func (r *cellReader) units() int64 {
	return r.amount().Shift(4).IntPart()
}

func (r *cellReader) flag() bool { return r.text() == "true" }

func (v *verifier) readStatement(ctx context.Context, date settlement.Date, record *books.StatementRecord) (*statementFacts, error) {
	facts := &statementFacts{lines: make(map[lineID]*lineFacts)}
	if err := v.checkManifest(ctx, record.Merchant, date, record.Files, record.Version, settlement.StatementNo(record.Merchant, date, record.Version)); err != nil {
		return facts, err
	}
	if err := v.table(ctx, record.Files, "summary", summaryColumns, facts.summary.read); err != nil {
		return facts, err
	}
	byNumber, err := v.readLines(ctx, date, record, facts)
	if err != nil {
		return facts, err
	}
	if err := v.readDetail(ctx, date, record, byNumber); err != nil {
		return facts, err
	}
	if err := v.table(ctx, record.Files, "exceptions", []string{"code"}, func(*cellReader) { facts.exceptions++ }); err != nil {
		return facts, err
	}
	return facts, v.table(ctx, record.Files, "inputs", verifiedInputColumns, func(cell *cellReader) {
		facts.inputs = append(facts.inputs, readInput(cell, record.Merchant))
	})
}

// checkManifest compares _statement.json with the record.
func (v *verifier) checkManifest(ctx context.Context, where string, date settlement.Date, files []books.FileRecord, version int, no string) error {
	at := slices.IndexFunc(files, func(file books.FileRecord) bool { return file.Name == statement.ManifestFile })
	if at < 0 {
		return &contentError{fmt.Errorf("the record names no %s", statement.ManifestFile)}
	}
	text, err := v.ledger.Read(ctx, files[at])
	if err != nil {
		return err
	}
	var manifest statement.Manifest
	if err := json.Unmarshal(text, &manifest); err != nil {
		return &contentError{fmt.Errorf("%s: %w", statement.ManifestFile, err)}
	}
	if no != "" && manifest.Version != version || manifest.StatementNo != no {
		v.fault(where, date, "%s says version %d, number %q; the record %d, %q", statement.ManifestFile, manifest.Version, manifest.StatementNo, version, no)
	}
	listed := make(map[string]statement.ManifestEntry)
	for _, entry := range manifest.Files {
		listed[entry.Name] = entry
	}
	for _, file := range files {
		if entry := listed[file.Name]; file.Name != statement.ManifestFile && (entry.SHA256 != file.SHA256 || entry.Rows != file.Rows) {
			v.fault(where, date, "%s lists %s with SHA-256 %q and %d rows, the record with %s and %d",
				statement.ManifestFile, file.Name, entry.SHA256, entry.Rows, file.SHA256, file.Rows)
		}
	}
	if len(manifest.Files)+1 != len(files) || len(listed) != len(manifest.Files) {
		v.fault(where, date, "%s lists %d files, the record %d besides it", statement.ManifestFile, len(manifest.Files), len(files)-1)
	}
	return nil
}

var summaryColumns = []string{"statement_no", "merchant_id", "version", "settlement_date", "cycle_start", "cycle_closed", "is_complete", "receivable", "payable",
	"cycle_receivable", "cycle_payable", "fees", "tax", "net", "carried_in", "held", "released", "carried_out", "due",
	"points_opening", "points_issued", "points_issue_reversed", "points_redeemed_own", "points_redeemed_elsewhere", "points_restored", "points_expired",
	"points_closing", "rows_accepted", "rows_deferred", "rows_rejected"}

func (s *summaryFacts) read(cell *cellReader) {
	s.rows++
	s.statementNo, s.merchant, s.version, s.date, s.cycleStart = cell.text(), cell.text(), cell.number(), cell.date(), cell.date()
	s.cycleClosed, s.complete = cell.flag(), cell.flag()
	s.dayReceivable, s.dayPayable = cell.units(), cell.units()
	s.money = readMoney(cell)
	s.points = readPoints(cell)
	s.accepted, s.deferred, s.rejected = cell.number(), cell.number(), cell.number()
}

func readMoney(cell *cellReader) (money moneyFacts) {
	for i := range money {
		money[i] = cell.units()
	}
	return money
}

func readPoints(cell *cellReader) pointsFacts {
	untracked := cell.cells[cell.next] == ""
	return pointsFacts{untracked: untracked, opening: cell.number(), issued: cell.number(), issueReversed: cell.number(),
		own: cell.number(), elsewhere: cell.number(), back: cell.number(), expired: cell.number(), after: cell.number()}
}

var verifiedInputColumns = []string{"key", "version", "bytes", "sha256", "state", "code", "rows", "accepted", "deferred", "rejected", "issued_points", "redeemed_points"}

// readInput reads a row of inputs.
func readInput(cell *cellReader, merchant string) books.InputRecord {
	input := books.InputRecord{Merchant: merchant, Key: cell.text(), Version: cell.text(), Bytes: cell.number(), SHA256: cell.text()}
	state, code := cell.text(), cell.text()
	cell.note(input.State.UnmarshalText([]byte(state)))
	if code != "" {
		cell.note(input.Code.UnmarshalText([]byte(code)))
	}
	input.Rows, input.Accepted, input.Deferred, input.Rejected = cell.number(), cell.number(), cell.number(), cell.number()
	input.IssuedPoints, input.RedeemedPoints = cell.number(), cell.number()
	return input
}

var verifiedLineColumns = []string{"line_no", "role", "counterparty_id", "transactions", "points", "value",
	"activity", "business_date", "late", "price_id", "price", "per_points", "currency"}

// readLines reads a statement's lines and returns them in order of line number.
func (v *verifier) readLines(ctx context.Context, date settlement.Date, record *books.StatementRecord, facts *statementFacts) ([]*lineFacts, error) {
	var byNumber []*lineFacts
	err := v.table(ctx, record.Files, "statement", verifiedLineColumns, func(cell *cellReader) {
		number, role, counterparty := cell.number(), cell.text(), cell.text()
		line := &lineFacts{transactions: cell.number(), points: cell.number(), value: cell.units()}
		id := lineID{record.Merchant, counterparty, strings.Join(cell.cells[cell.next:], "|")}
		if role != "issuer" {
			id.issuer, id.redeemer = counterparty, record.Merchant
		}
		byNumber = append(byNumber, line)
		if number != int64(len(byNumber)) {
			v.fault(record.Merchant, date, "line %d of the statement is number %d", len(byNumber), number)
		}
		if facts.lines[id] != nil {
			v.fault(record.Merchant, date, "line %d repeats another", number)
		}
		facts.lines[id] = line
	})
	return byNumber, err
}

var verifiedDetailColumns = []string{"line_no", "allocation_id", "role", "counterparty_id", "points", "amount"}

// readDetail adds a statement's detail up by line.
func (v *verifier) readDetail(ctx context.Context, date settlement.Date, record *books.StatementRecord, lines []*lineFacts) error {
	return v.table(ctx, record.Files, "detail", verifiedDetailColumns, func(cell *cellReader) {
		number, id, role, counterparty, points, amount := cell.number(), cell.text(), cell.text(), cell.text(), cell.number(), cell.units()
		if number == 0 {
			if role != "own" || counterparty != record.Merchant || amount != 0 {
				v.fault(record.Merchant, date, "allocation %s belongs to no line, but its role is %s and its amount not 0 or its counterparty another", id, role)
			}
			return
		}
		if number < 1 || number > int64(len(lines)) {
			v.fault(record.Merchant, date, "allocation %s belongs to line %d, which is not there", id, number)
			return
		}
		line := lines[number-1]
		line.allocations++
		line.detailPoints += points
		line.paid += amount
		digits, err := hex.DecodeString(id)
		if err != nil || len(digits) != 16 {
			v.fault(record.Merchant, date, "allocation %q has no id of 32 hex digits", id)
			return
		}
		line.ids[0] += binary.BigEndian.Uint64(digits[:8])
		line.ids[1] += binary.BigEndian.Uint64(digits[8:])
	})
}

func (v *verifier) readAlliance(ctx context.Context, facts *dateFacts) error {
	files, date := facts.settled.Alliance.Files, facts.settled.Date
	if err := v.checkManifest(ctx, "alliance", date, files, 0, ""); err != nil {
		return err
	}
	facts.lines, facts.positions, facts.fees = make(map[lineID]*lineFacts), make(map[string]moneyFacts), make(map[string][2]int64)
	facts.points, facts.exceptions = make(map[string]pointsFacts), make(map[string]int64)
	for _, table := range []struct {
		name    string
		columns []string
		visit   func(*cellReader)
	}{
		{"lines", append([]string{"issuer_id", "redeemer_id"}, verifiedLineColumns[3:]...), func(cell *cellReader) {
			id := lineID{issuer: cell.text(), redeemer: cell.text()}
			line := &lineFacts{transactions: cell.number(), points: cell.number(), value: cell.units()}
			id.rest = strings.Join(cell.cells[cell.next:], "|")
			if facts.lines[id] != nil {
				v.fault("alliance", date, "lines.parquet has the line of %s and %s (%s) twice", id.issuer, id.redeemer, id.rest)
			}
			facts.lines[id] = line
		}},
		{"positions", append([]string{"party_id"}, moneyNames[:]...), func(cell *cellReader) { facts.positions[cell.text()] = readMoney(cell) }},
		{"fees", []string{"merchant_id", "fee", "tax"}, func(cell *cellReader) {
			merchant := cell.text()
			sum := facts.fees[merchant]
			facts.fees[merchant] = [2]int64{sum[0] + cell.units(), sum[1] + cell.units()}
		}},
		{"payments", []string{"payment_id", "payer_id", "payee_id", "statement_no", "amount"}, func(cell *cellReader) {
			facts.payments = append(facts.payments, paymentFacts{cell.text(), cell.text(), cell.text(), cell.text(), cell.units()})
		}},
		{"points", []string{"issuer_id", "opening", "issued", "issue_reversed", "redeemed_own", "redeemed_elsewhere", "restored", "expired", "closing"},
			func(cell *cellReader) { facts.points[cell.text()] = readPoints(cell) }},
		{"exceptions", []string{"merchant_id"}, func(cell *cellReader) { facts.exceptions[cell.text()]++ }},
		{"inputs", append([]string{"merchant_id"}, verifiedInputColumns...), func(cell *cellReader) {
			facts.inputs = append(facts.inputs, readInput(cell, cell.text()))
		}},
	} {
		if err := v.table(ctx, files, table.name, table.columns, table.visit); err != nil {
			return err
		}
	}
	return nil
}

// readOpening adds up the lots from before the first date.
func (v *verifier) readOpening(ctx context.Context) (err error) {
	state, _ := v.ledger.Opening()
	if state == nil {
		return nil
	}
	v.opened, err = v.openLots(ctx, settlement.NoDate, state)
	return v.readable(&dateFacts{}, "state", settlement.NoDate, err)
}

// openLots adds up the open lots of a state, by issuer.
func (v *verifier) openLots(ctx context.Context, date settlement.Date, state *books.StateRecord) (map[string]int64, error) {
	open := make(map[string]int64)
	var named []string
	for _, object := range state.Of(books.PutAway) {
		parties, err := v.checkPutAway(ctx, date, object)
		if err != nil {
			return nil, err
		}
		for party := range settlement.Party(parties.Len()) {
			named = append(named, parties.ID(party))
		}
	}
	if named = slices.Compact(slices.Sorted(slices.Values(named))); !slices.Equal(named, state.Parties) {
		v.fault("state", date, "what was put away names the parties %q, on record are %q", named, state.Parties)
	}
	recorded := RecordedAccounts(v.ledger, state, date)
	for _, runs := range recorded.stacks {
		if err := v.openLotsOf(ctx, date, runs, open); err != nil {
			return nil, err
		}
	}
	return open, nil
}

// checkPutAway reads what a date put away: lots without open points, and redemptions that are settled. It returns the parties that
// these name.
func (v *verifier) checkPutAway(ctx context.Context, date settlement.Date, object books.StateObject) (settlement.Parties, error) {
	object.FileRecord = v.ledger.Current(object.FileRecord)
	runs, parties, err := readRuns(ctx, v.ledger, object)
	if err != nil {
		return parties, err
	}
	var arena accounts.Arena
	for _, run := range runs {
		if run == nil {
			continue
		}
		err := run.Entries(&arena, func(_ string, account *settlement.Account, _ settlement.Date) error {
			defer arena.Reset()
			v.checkAway(date, parties, account)
			return nil
		})
		if err != nil {
			return parties, &contentError{fmt.Errorf("%s: %w", object.Object, err)}
		}
	}
	return parties, nil
}

func (v *verifier) checkAway(date settlement.Date, parties settlement.Parties, away *settlement.Account) {
	if away == nil || len(away.Deferred) > 0 {
		v.fault("state", date, "something else than lots and redemptions was put away")
		return
	}
	for i := range away.Lots {
		v.checkLot(date, parties, &away.Lots[i])
		if lot := &away.Lots[i]; lot.Open != 0 {
			v.fault("state", date, "a lot of %s, issued by row %d of %s, was put away with open points", parties.ID(lot.Issuer), lot.Source.Row, lot.Source.File)
		}
	}
	for i := range away.Redemptions {
		redemption := &away.Redemptions[i]
		sum := redemption.Reversed + redemption.Unfunded
		for j := range redemption.Charges {
			sum += redemption.Charges[j].Points
		}
		if sum != redemption.Points || redemption.OpenClaim != 0 {
			v.fault("state", date, "a redemption at %s, by row %d of %s, does not add up", parties.ID(redemption.Merchant), redemption.Source.Row, redemption.Source.File)
		}
	}
}

func (v *verifier) checkLot(date settlement.Date, parties settlement.Parties, lot *settlement.Lot) {
	if lot.Open+lot.Spent+lot.Expired+lot.Reversed+lot.Voided != lot.Issued {
		v.fault("state", date, "a lot of %s, issued by row %d of %s, does not add up", parties.ID(lot.Issuer), lot.Source.Row, lot.Source.File)
	}
}

// openLotsOf adds the open lots of the members of one partition.
func (v *verifier) openLotsOf(ctx context.Context, date settlement.Date, runs []stateRun, open map[string]int64) error {
	var ids []string
	for i := range runs {
		_, named, err := readRun(ctx, v.ledger, runs[i].object.FileRecord)
		if err != nil {
			return err
		}
		for party := range settlement.Party(named.Len()) {
			ids = append(ids, named.ID(party))
		}
	}
	parties := settlement.NewParties(slices.Compact(slices.Sorted(slices.Values(ids))))
	stack, err := openStack(ctx, runs, parties, true)
	if err != nil {
		return &contentError{err}
	}
	defer stack.close()
	var arena accounts.Arena
	err = stack.All(&arena, func(account *settlement.Account, _ settlement.Date) error {
		defer arena.Reset()
		for i := range account.Lots {
			lot := &account.Lots[i]
			open[parties.ID(lot.Issuer)] += lot.Open
			v.checkLot(date, parties, lot)
		}
		return nil
	})
	if err != nil {
		return &contentError{err}
	}
	return nil
}

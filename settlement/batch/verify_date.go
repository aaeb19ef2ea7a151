package batch

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"alliance/settlement"
	"alliance/settlement/books"

	"github.com/shopspring/decimal"
)

// amount shows units of 10^-4 as published.
func amount(units int64) string { return decimal.New(units, -4).StringFixed(2) }

// checkDate checks what the tables of a date say of each other.
func (v *verifier) checkDate(facts *dateFacts) {
	if facts.unreadable {
		return // what is missing would look like faults of its own
	}
	for i := range facts.settled.Statements {
		v.checkStatement(facts, &facts.settled.Statements[i])
	}
	v.checkLines(facts)
	v.checkPositions(facts)
	v.checkPayments(facts)
	v.checkPoints(facts)
	v.checkCounts(facts)
}

// checkStatement checks a statement in itself and against the alliance's tables.
func (v *verifier) checkStatement(facts *dateFacts, record *books.StatementRecord) {
	date, statement := facts.settled.Date, facts.statements[record.Merchant]
	report := func(format string, arguments ...any) { v.fault(record.Merchant, date, format, arguments...) }
	summary := &statement.summary
	if summary.rows != 1 {
		report("summary.parquet has %d rows", summary.rows)
		return
	}
	if no := settlement.StatementNo(record.Merchant, date, record.Version); summary.statementNo != no || summary.merchant != record.Merchant ||
		summary.version != int64(record.Version) || summary.date != date {
		report("the summary is that of %s, version %d, %s, %s", summary.statementNo, summary.version, summary.merchant, summary.date)
	}
	if summary.complete != facts.settled.Complete || summary.cycleClosed != facts.settled.CycleClosed {
		report("the summary says is_complete %t and cycle_closed %t, the record %t and %t", summary.complete, summary.cycleClosed, facts.settled.Complete, facts.settled.CycleClosed)
	}
	var received, paid int64
	for id, line := range statement.lines {
		if id.redeemer == record.Merchant {
			received += line.value
		} else {
			paid -= line.value
		}
		if adjustment := strings.HasPrefix(id.rest, settlement.AdjustmentActivity.String()+"|"); !adjustment && (line.detailPoints != line.points || line.paid != line.value) {
			report("the detail of the line with %s (%s) comes to %d points and %s, the line says %d and %s",
				id.other(record.Merchant), id.rest, line.detailPoints, amount(line.paid), line.points, amount(line.value))
		}
	}
	if received != summary.dayReceivable || paid != summary.dayPayable {
		report("the lines come to %s receivable and %s payable, the summary says %s and %s", amount(received), amount(paid), amount(summary.dayReceivable), amount(summary.dayPayable))
	}
	if !summary.points.untracked && summary.points.rolled() != summary.points.after {
		report("points_opening and the movements come to %d, points_closing is %d", summary.points.rolled(), summary.points.after)
	}
	if public, listed := facts.points[record.Merchant]; listed && public != summary.points || !listed && summary.points.rolled() != 0 {
		report("the summary's points and the alliance's differ")
	}
	v.checkSummaryMoney(facts, record.Merchant, summary)
}

func (id lineID) other(merchant string) string {
	if id.issuer == merchant {
		return id.redeemer
	}
	return id.issuer
}

// checkSummaryMoney compares a summary with the position, and on other days sees that it has none.
func (v *verifier) checkSummaryMoney(facts *dateFacts, merchant string, summary *summaryFacts) {
	wanted := summary.money
	if facts.settled.CycleClosed {
		wanted = facts.positions[merchant]
		if _, listed := facts.positions[merchant]; !listed {
			v.fault(merchant, facts.settled.Date, "the cycle is closed, but the merchant has no position")
		}
	} else {
		clear(wanted[fees:])
	}
	for i, name := range moneyNames {
		if summary.money[i] != wanted[i] {
			v.fault(merchant, facts.settled.Date, "the summary's %s is %s instead of %s", name, amount(summary.money[i]), amount(wanted[i]))
		}
	}
}

// checkLines checks that the alliance's lines are the statements' lines, each on both sides.
func (v *verifier) checkLines(facts *dateFacts) {
	date := facts.settled.Date
	seen := make(map[string]int)
	for _, id := range slices.SortedFunc(maps.Keys(facts.lines), lineID.compare) {
		line := facts.lines[id]
		var sides []*lineFacts
		for _, merchant := range []string{id.issuer, id.redeemer} {
			if merchant == v.alliance {
				continue
			}
			sign := int64(1)
			if merchant == id.issuer {
				sign = -1
			}
			side := facts.side(merchant, id)
			if side == nil || side.points != line.points || side.transactions != line.transactions || side.value != sign*line.value {
				v.fault(merchant, date, "the statement does not have the line of %s and %s (%s) as the alliance's lines.parquet has it", id.issuer, id.redeemer, id.rest)
				continue
			}
			seen[merchant]++
			sides = append(sides, side)
		}
		if len(sides) == 2 && (sides[0].allocations != sides[1].allocations || sides[0].ids != sides[1].ids) {
			v.fault("alliance", date, "%s and %s have other allocations of their line (%s)", id.issuer, id.redeemer, id.rest)
		}
	}
	for _, merchant := range slices.Sorted(maps.Keys(facts.statements)) {
		if more := len(facts.statements[merchant].lines) - seen[merchant]; more > 0 {
			v.fault(merchant, date, "the statement has %d lines that the alliance's lines.parquet does not have so", more)
		}
	}
}

func (id lineID) compare(other lineID) int {
	return strings.Compare(id.issuer+"\x00"+id.redeemer+"\x00"+id.rest, other.issuer+"\x00"+other.redeemer+"\x00"+other.rest)
}

func (f *dateFacts) side(merchant string, id lineID) *lineFacts {
	if f.statements[merchant] == nil {
		return nil
	}
	return f.statements[merchant].lines[id]
}

// checkPositions checks that every position adds up and every column sums to zero.
func (v *verifier) checkPositions(facts *dateFacts) {
	date := facts.settled.Date
	if (len(facts.positions) > 0) != facts.settled.CycleClosed {
		v.fault("alliance", date, "there are %d positions, and cycle_closed is %t", len(facts.positions), facts.settled.CycleClosed)
	}
	var sum moneyFacts
	for _, party := range slices.Sorted(maps.Keys(facts.positions)) {
		p := facts.positions[party]
		for i := range p {
			sum[i] += p[i]
		}
		if p[net] != p[receivable]-p[payable]-p[fees]-p[tax] || p[carriedIn]+p[net]+p[released] != p[held]+p[carriedOut]+p[due] {
			v.fault("alliance", date, "the position of %s does not add up", party)
		}
		if public := facts.fees[party]; party != v.alliance && (public[0] != p[fees] || public[1] != p[tax]) {
			v.fault("alliance", date, "the fees of %s come to %s and tax %s, its position says %s and %s", party, amount(public[0]), amount(public[1]), amount(p[fees]), amount(p[tax]))
		}
	}
	if sum[receivable] != sum[payable] {
		v.fault("alliance", date, "the positions' receivable comes to %s, payable to %s", amount(sum[receivable]), amount(sum[payable]))
	}
	for i := fees; i <= due; i++ {
		if sum[i] != 0 {
			v.fault("alliance", date, "the positions' %s comes to %s instead of 0", moneyNames[i], amount(sum[i]))
		}
	}
}

// checkPayments checks that the payments are those that the positions ask for.
func (v *verifier) checkPayments(facts *dateFacts) {
	date := facts.settled.Date
	numbers := make(map[string]bool)
	for _, record := range facts.settled.Statements {
		// A version that changed nothing of the payment does not change its number.
		for version := 1; version <= record.Version; version++ {
			numbers[settlement.StatementNo(record.Merchant, date, version)] = true
		}
	}
	received := make(map[string]int64)
	seen := make(map[string]bool)
	for _, payment := range facts.payments {
		pair := min(payment.payer, payment.payee) + " and " + max(payment.payer, payment.payee)
		if payment.amount <= 0 || payment.payer == payment.payee || seen[payment.id] || seen[pair] {
			v.fault("alliance", date, "payment %s from %s to %s of %s: not positive, to itself, or there twice", payment.id, payment.payer, payment.payee, amount(payment.amount))
		}
		seen[payment.id], seen[pair] = true, true
		if !numbers[payment.statementNo] {
			v.fault("alliance", date, "payment %s names %s, which is no statement", payment.id, payment.statementNo)
		}
		received[payment.payer] -= payment.amount
		received[payment.payee] += payment.amount
	}
	for party := range facts.positions {
		received[party] += 0
	}
	for _, party := range slices.Sorted(maps.Keys(received)) {
		if want := facts.positions[party][due]; received[party] != want {
			v.fault("alliance", date, "the payments of %s come to %s, its position's due is %s", party, amount(received[party]), amount(want))
		}
	}
}

// checkPoints checks the roll-forward of every issuer.
func (v *verifier) checkPoints(facts *dateFacts) {
	date := facts.settled.Date
	for _, issuer := range slices.Sorted(maps.Keys(facts.points)) {
		points := facts.points[issuer]
		if points.untracked {
			continue
		}
		if points.rolled() != points.after {
			v.fault("alliance", date, "the points of %s: opening and the movements come to %d, closing is %d", issuer, points.rolled(), points.after)
		}
		if facts.open != nil && facts.open[issuer] != points.after {
			v.fault("state", date, "the open lots of %s come to %d points, its closing points are %d", issuer, facts.open[issuer], points.after)
		}
	}
	for _, issuer := range slices.Sorted(maps.Keys(facts.open)) {
		if _, listed := facts.points[issuer]; !listed && facts.open[issuer] != 0 {
			v.fault("state", date, "%s has %d open points, but no row in points.parquet", issuer, facts.open[issuer])
		}
	}
}

// checkCounts checks rows, inputs and exceptions.
func (v *verifier) checkCounts(facts *dateFacts) {
	date := facts.settled.Date
	if !slices.Equal(facts.inputs, facts.settled.Inputs) {
		v.fault("alliance", date, "inputs.parquet is not what is on record of the inputs")
	}
	byMerchant := make(map[string][]books.InputRecord)
	rows := make(map[string][3]int64)
	for _, input := range facts.inputs {
		if input.State == settlement.Missing {
			continue
		}
		byMerchant[input.Merchant] = append(byMerchant[input.Merchant], input)
		sum := rows[input.Merchant]
		rows[input.Merchant] = [3]int64{sum[0] + input.Accepted, sum[1] + input.Deferred, sum[2] + input.Rejected}
		if input.State == settlement.Consumed && input.Merchant != v.alliance && !isControl(input.Key) && input.Accepted+input.Deferred+input.Rejected != input.Rows {
			v.fault(input.Merchant, date, "%s has %d rows, but %d accepted, %d deferred and %d rejected", input.Key, input.Rows, input.Accepted, input.Deferred, input.Rejected)
		}
	}
	total := int64(0)
	for _, count := range facts.exceptions {
		total += count
	}
	if said := facts.settled.Totals; total != said.Exceptions || int64(len(facts.lines)) != said.Lines {
		v.fault("alliance", date, "there are %d exceptions and %d lines, the record says %d and %d", total, len(facts.lines), said.Exceptions, said.Lines)
	}
	for _, merchant := range slices.Sorted(maps.Keys(facts.statements)) {
		statement := facts.statements[merchant]
		if !slices.Equal(statement.inputs, byMerchant[merchant]) {
			v.fault(merchant, date, "the statement's inputs are not the alliance's")
		}
		if statement.exceptions != facts.exceptions[merchant] {
			v.fault(merchant, date, "the statement has %d exceptions, the alliance's table %d of the merchant", statement.exceptions, facts.exceptions[merchant])
		}
		if s := statement.summary; rows[merchant] != [3]int64{s.accepted, s.deferred, s.rejected} {
			v.fault(merchant, date, "the inputs have %v rows accepted, deferred and rejected, the summary %d, %d and %d", rows[merchant], s.accepted, s.deferred, s.rejected)
		}
	}
}

// checkFollows checks that a date begins where the one before ended; before is nil if there is none.
func (v *verifier) checkFollows(before, facts *dateFacts) {
	if facts.unreadable || before != nil && before.unreadable {
		return
	}
	date := facts.settled.Date
	report := func(where, what string, found, want any) {
		v.fault(where, date, "%s is %v, but %v is what the date before leads to", what, found, want)
	}
	closing := make(map[string]int64)
	if before != nil {
		for issuer, points := range before.points {
			closing[issuer] = points.after
		}
	} else if first, _ := v.ledger.FirstSettled(); first == date {
		maps.Copy(closing, v.opened)
	}
	for _, issuer := range slices.Sorted(maps.Keys(facts.points)) {
		points := facts.points[issuer]
		if !points.untracked && points.opening != closing[issuer] {
			report("alliance", "the opening of the points of "+issuer, points.opening, closing[issuer])
		}
		delete(closing, issuer)
	}
	for _, issuer := range slices.Sorted(maps.Keys(closing)) {
		if closing[issuer] != 0 {
			report("alliance", "the opening of the points of "+issuer, "not there", closing[issuer])
		}
	}
	for _, merchant := range slices.Sorted(maps.Keys(facts.statements)) {
		summary := &facts.statements[merchant].summary
		var running [2]int64
		if before != nil && before.statements[merchant] != nil && before.statements[merchant].summary.cycleStart == summary.cycleStart {
			running = [2]int64{before.statements[merchant].summary.money[receivable], before.statements[merchant].summary.money[payable]}
		}
		running[0] += summary.dayReceivable
		running[1] += summary.dayPayable
		if found := [2]int64{summary.money[receivable], summary.money[payable]}; found != running {
			report(merchant, "cycle_receivable and cycle_payable", fmt.Sprint(amount(found[0]), " and ", amount(found[1])), fmt.Sprint(amount(running[0]), " and ", amount(running[1])))
		}
	}
	v.checkCarry(facts)
}

// checkCarry checks that what was carried at a close is carried in at the next, and that no more
// is released than was held. It needs all closes, so it does nothing if one date is asked for.
func (v *verifier) checkCarry(facts *dateFacts) {
	if v.job.Date != settlement.NoDate || !facts.settled.CycleClosed {
		return
	}
	for _, party := range slices.Sorted(maps.Keys(facts.positions)) {
		p := facts.positions[party]
		if p[carriedIn] != v.carried[party] {
			v.fault("alliance", facts.settled.Date, "%s carries in %s, but carried out %s at the close before", party, amount(p[carriedIn]), amount(v.carried[party]))
		}
		v.carried[party] = p[carriedOut]
		v.withheld[party] += p[held] - p[released]
		if v.withheld[party] < 0 && party != v.alliance {
			v.fault("alliance", facts.settled.Date, "more was released of %s than was ever held", party)
		}
	}
}

package batch

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/intake"
)

// A timeline is what stands of every settled date: what the ledger has on record, overlaid by the
// dates that a restatement has recomputed so far, whose closings are still in memory.
type timeline struct {
	ledger *books.Ledger
	// dates are those that were recomputed.
	dates    map[settlement.Date]*books.DateRecord
	passed   map[settlement.Date]*books.PassedDate
	closings map[settlement.Date]*Closing
}

// newTimeline returns what the ledger has on record.
func newTimeline(ledger *books.Ledger) *timeline {
	return &timeline{ledger, make(map[settlement.Date]*books.DateRecord), ledger.Passed(), make(map[settlement.Date]*Closing)}
}

// settled returns what stands of a date; nil if it is not settled.
func (t *timeline) settled(date settlement.Date) *books.DateRecord {
	if recomputed := t.dates[date]; recomputed != nil {
		return recomputed
	}
	settled, _ := t.ledger.Settled(date)
	return settled
}

// readSince sees to it that the inputs of all dates from one on are there.
func (t *timeline) readSince(ctx context.Context, since settlement.Date) error {
	any, err := t.ledger.ReadSince(ctx, since)
	if any {
		for date, passed := range t.ledger.Passed() {
			if t.dates[date] == nil {
				t.passed[date] = passed
			}
		}
	}
	return err
}

// recompute overlays a date, and gives back what no later date asks of the closings: the state of the date before, and ids and
// what was put away when it is so long ago. Of what is on record by now nothing is in the pool.
func (t *timeline) recompute(record *books.DateRecord, closing *Closing, rulebook *rules.Rulebook) {
	date := record.Date
	t.dates[date], t.passed[date], t.closings[date] = record, record.Passed(), closing
	if before := t.closings[date-1]; before != nil {
		before.State.giveBack(&closing.State)
		giveBack(before.Waiting)
	}
	if old := t.closings[date-IDDays(rulebook)]; old != nil {
		giveBack(old.Settled)
	}
	if old := t.closings[date-putAwayDays(rulebook)]; old != nil {
		giveBack(old.PutAway)
	}
}

func giveBack(runs []stateRun) {
	for i := range runs {
		runs[i].giveBack()
	}
}

// before calls visit for what stands of every date before one, in order.
func (t *timeline) before(date settlement.Date, visit func(*books.PassedDate)) {
	for _, earlier := range slices.Sorted(maps.Keys(t.passed)) {
		if earlier < date {
			visit(t.passed[earlier])
		}
	}
}

// opening reads what is on record before a date.
func (t *timeline) opening(ctx context.Context, rulebook *rules.Rulebook, date settlement.Date) (Opening, error) {
	opening := Opening{
		Points:      make(map[settlement.Party]int64),
		History:     t.historyBefore(rulebook, date),
		Adjustments: t.adjustmentsBefore(date),
		Pseudonyms:  t.ledger.Pseudonyms(date),
	}
	state, digest := t.stateBefore(date)
	if state == nil {
		return opening, nil
	}
	opening.Digest = digest
	if err := t.loadState(ctx, state, rulebook, date, &opening); err != nil {
		return opening, asRulebookError(err)
	}
	t.loadTaken(rulebook, date, &opening)
	if err := t.loadPutAway(rulebook, date, &opening); err != nil {
		return opening, asRulebookError(err)
	}
	return opening, nil
}

// loadState fills in accounts, balances and points.
func (t *timeline) loadState(ctx context.Context, state *books.StateRecord, rulebook *rules.Rulebook, date settlement.Date, opening *Opening) (err error) {
	if closing := t.closings[date-1]; closing != nil {
		opening.State = closing.State
		opening.Taken = append(opening.Taken, closing.Waiting...)
		opening.Balances, opening.Points = closing.Balances, closing.Points
		return nil
	}
	after := settlement.NoDate
	if t.passed[date-1] != nil {
		after = date - 1
	}
	opening.State = RecordedAccounts(t.ledger, state, after)
	opening.Taken = append(opening.Taken, recorded(t.ledger, state.Of(books.WaitingIDs))...)
	return loadStanding(ctx, t.ledger, state, rulebook.Parties, opening)
}

// loadTaken fills in the ids that rows of the date could meet.
func (t *timeline) loadTaken(rulebook *rules.Rulebook, date settlement.Date, opening *Opening) {
	for earlier := date - IDDays(rulebook); earlier < date; earlier++ {
		if closing := t.closings[earlier]; closing != nil {
			opening.Taken = append(opening.Taken, closing.Settled...)
			continue
		}
		if passed := t.passed[earlier]; passed != nil {
			opening.Taken = append(opening.Taken, recorded(t.ledger, passed.IDs)...)
		}
	}
}

// putAwayDays returns for how many dates what they put away may be asked for: by reversals, and by rows that come late.
func putAwayDays(rulebook *rules.Rulebook) settlement.Date {
	return settlement.Date(max(rulebook.Ledger.ReversalDays, rulebook.Intake.AcceptLateDays))
}

// expiredBefore returns the last date before which lots had to expire to be put away with points that late rows of a date may take. Such
// lots were put away on their last date at the earliest.
func (t *timeline) expiredBefore(rulebook *rules.Rulebook, date settlement.Date) (before settlement.Date, err error) {
	before = settlement.NoDate
	for earlier := date - settlement.Date(rulebook.Intake.AcceptLateDays); earlier < date; earlier++ {
		passed := t.passed[earlier]
		if passed == nil || passed.ExpiredBefore == "" {
			continue
		}
		one, err := settlement.ParseDate(passed.ExpiredBefore)
		if err != nil {
			return before, fmt.Errorf("%w: the state of %s: expired_before: %w", books.ErrBroken, earlier, err)
		}
		before = max(before, one)
	}
	return before, nil
}

// loadPutAway fills in what reversals of the date may ask for: what they mean is no older than reversal_days, and was not
// put away before its business date; and what late rows may ask for. A register that lacks a party which it names is refused, whether it is asked for or not.
func (t *timeline) loadPutAway(rulebook *rules.Rulebook, date settlement.Date, opening *Opening) (err error) {
	if opening.ExpiredBefore, err = t.expiredBefore(rulebook, date); err != nil {
		return err
	}
	since := date - settlement.Date(rulebook.Ledger.ReversalDays)
	if claimable := date - settlement.Date(rulebook.Intake.AcceptLateDays); opening.ExpiredBefore > claimable {
		since = min(since, claimable)
	}
	for earlier := date - 1; earlier >= since; earlier-- {
		var named []string
		if closing := t.closings[earlier]; closing != nil {
			opening.PutAway = append(opening.PutAway, closing.PutAway...)
			named = closing.PutAwayParties
		} else if passed := t.passed[earlier]; passed != nil {
			opening.PutAway = append(opening.PutAway, recordedPutAway(t.ledger, passed.PutAway)...)
			named = passed.Parties
		}
		for _, party := range named {
			if rulebook.Parties.Find(party) == settlement.NoParty {
				return fmt.Errorf("what was put away on %s: %w: %q", earlier, books.ErrUnknownParty, party)
			}
		}
	}
	return nil
}

// stateBefore returns the state before a date and what identifies it; nil on an empty ledger.
func (t *timeline) stateBefore(date settlement.Date) (*books.StateRecord, string) {
	if before := t.settled(date - 1); before != nil {
		return t.ledger.CurrentState(&before.State), before.ComputationID
	}
	state, record := t.ledger.Opening()
	if state == nil {
		return nil, ""
	}
	digest := record.Kind
	for _, object := range state.Objects {
		digest += books.Kind(" " + object.SHA256)
	}
	return state, string(digest)
}

// knownStates are those that are likely to have objects in common with the state after a date: standing, which is on
// record of it if it is restated and else nil, and the state before.
func (t *timeline) knownStates(date settlement.Date, standing *books.DateRecord) (known []*books.StateRecord) {
	if standing != nil {
		known = append(known, t.ledger.CurrentState(&standing.State))
	}
	if before, _ := t.stateBefore(date); before != nil {
		known = append(known, before)
	}
	return known
}

// historyBefore returns what the dates before one have done with the inbox, as far as the run of
// that date can meet it: what lies under a date is consumed on that date or later.
func (t *timeline) historyBefore(rulebook *rules.Rulebook, date settlement.Date) *intake.History {
	history := intake.NewHistory()
	for earlier := date - settlement.Date(rulebook.Intake.AcceptLateDays); earlier < date; earlier++ {
		if passed := t.passed[earlier]; passed != nil {
			for _, input := range passed.Inputs() {
				history.Add(earlier, input.Input(rulebook.Parties))
			}
		}
	}
	return history
}

func (t *timeline) adjustmentsBefore(date settlement.Date) map[string]bool {
	known := make(map[string]bool)
	t.before(date, func(passed *books.PassedDate) {
		for _, id := range passed.Adjustments {
			known[id] = true
		}
	})
	return known
}

// usedBefore returns the content of the prices and fees in use on the dates before one, by id.
func (t *timeline) usedBefore(date settlement.Date) (prices, fees map[string]string) {
	prices, fees = make(map[string]string), make(map[string]string)
	t.before(date, func(passed *books.PassedDate) {
		for id, content := range passed.UsedPrices {
			prices[id] = content
		}
		for id, content := range passed.UsedFees {
			fees[id] = content
		}
	})
	return prices, fees
}

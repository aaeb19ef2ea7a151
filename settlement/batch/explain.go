package batch

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/accounts"
	"alliance/settlement/books"
	"alliance/settlement/clearing"
	"alliance/settlement/storage"
)

// An ExplainJob says what is to be explained: a transaction of a merchant, an allocation of a
// date, or, for [ExplainLine], a line of a merchant's statement of a date.
type ExplainJob struct {
	Inbox, Ledger storage.Bucket
	Rulebook      *rules.Rulebook
	Merchant      string
	Transaction   string
	Allocation    string
	Line          int
	// Date is the settlement date; with a Transaction it may be NoDate, which means the date that
	// settled it, or else the last one that deferred or rejected it.
	Date settlement.Date
	// ShowMember names the member.
	ShowMember bool
}

// A NotOnRecordError says that there is nothing of what was asked for.
type NotOnRecordError struct{ Message string }

func (e *NotOnRecordError) Error() string { return e.Message }

func notOnRecord(format string, arguments ...any) error {
	return &NotOnRecordError{fmt.Sprintf(format, arguments...)}
}

// Explain tells the chain from the published allocations of a transaction to the lots, and on to
// the files and rows that they come from. It computes the member's night again with the rulebook
// given, from the state before the date and the files of the inbox, and compares the outcome with
// what is published: a difference that nothing excuses is an internal error. It writes nothing.
//
// Errors: [NotOnRecordError], [RulebookError] if the rulebook given is not the one that settled
// the date and leads elsewhere, and those of the stores.
func Explain(ctx context.Context, job ExplainJob) (*Explanation, error) {
	ledger, err := books.Open(ctx, job.Ledger)
	if err != nil {
		return nil, err
	}
	e := &explainer{job: &job, ledger: ledger, rulebook: job.Rulebook}
	if job.Date == settlement.NoDate {
		if job.Date, err = e.findDate(ctx); err != nil {
			return nil, err
		}
	}
	if err := e.useDate(job.Date); err != nil {
		return nil, err
	}
	if job.Allocation != "" {
		if err := e.findAllocation(ctx); err != nil {
			return nil, err
		}
	}
	if e.rows, err = e.published.ofTransaction(ctx, job.Merchant, job.Transaction); err != nil {
		return nil, err
	}
	if e.exceptions, err = e.published.exceptions(ctx, job.Merchant, job.Transaction); err != nil {
		return nil, err
	}
	if err := e.compute(ctx); err != nil {
		return nil, err
	}
	return e.explain(ctx)
}

// An explainer explains one transaction on one date.
type explainer struct {
	job       *ExplainJob
	ledger    *books.Ledger
	rulebook  *rules.Rulebook
	date      settlement.Date
	settled   *books.DateRecord
	record    *books.Record
	published *published
	merchant  settlement.Party

	// What is published about the transaction on the date.
	rows       []detailRow
	exceptions []ExceptionFacts

	opening Opening
	// checked says of each input whether it may be used: "" or why not.
	checked map[string]string
	notes   []string

	// member is the transaction's, "" if it is not known.
	member string
	row    *settlement.Transaction
	// before and after are all that is on record of the member, nil if nothing is. Of it opened and left are the account, past what
	// was put away before, and away what the date put away.
	before, after, opened, left, away *settlement.Account
	past                              *past
	recomputed                        bool
	steps                             []clearing.Step
}

// useDate takes up a settled date.
func (e *explainer) useDate(date settlement.Date) error {
	e.settled, e.record = e.ledger.Settled(date)
	if e.settled == nil {
		last, any := e.ledger.LastSettled()
		if !any {
			return notOnRecord("no date is settled yet; settle %s first, with settle run", date)
		}
		first, _ := e.ledger.FirstSettled()
		return notOnRecord("%s is not settled; settled are %s to %s", date, first, last)
	}
	e.date = date
	e.published = newPublished(e.ledger, e.settled)
	e.checked = make(map[string]string)
	return nil
}

func (e *explainer) note(format string, arguments ...any) {
	e.notes = append(e.notes, fmt.Sprintf(format, arguments...))
}

// findAllocation finds the transaction that an allocation belongs to.
func (e *explainer) findAllocation(ctx context.Context) error {
	for i := range e.settled.Statements {
		merchant := e.settled.Statements[i].Merchant
		rows, err := e.published.detail(ctx, merchant)
		if err != nil {
			return err
		}
		for j := range rows {
			if rows[j].ID == e.job.Allocation && rows[j].Role != "issuer" {
				e.job.Merchant, e.job.Transaction = merchant, rows[j].Transaction
				return nil
			}
		}
	}
	return notOnRecord("the statements of %s have no allocation %q; allocation ids are in detail.parquet, 32 hex digits", e.date, e.job.Allocation)
}

// findDate returns the date that settled the transaction, else the last one that published an
// exception about it.
func (e *explainer) findDate(ctx context.Context) (settlement.Date, error) {
	dates := settledDates(e.ledger)
	id := clearing.IDDigest(e.job.Merchant, e.job.Transaction)
	for _, date := range slices.Backward(dates) {
		settled, _ := e.ledger.Settled(date)
		found, err := hasID(ctx, e.ledger, &settled.State, date, id)
		if err != nil || found {
			return date, err
		}
	}
	for _, date := range slices.Backward(dates) {
		settled, _ := e.ledger.Settled(date)
		exceptions, err := newPublished(e.ledger, settled).exceptions(ctx, e.job.Merchant, e.job.Transaction)
		if err != nil || len(exceptions) > 0 {
			return date, err
		}
	}
	return settlement.NoDate, notOnRecord("no settled date has a transaction %q of %s; check the two ids, and with settle status whether its file was read",
		e.job.Transaction, e.job.Merchant)
}

func settledDates(ledger *books.Ledger) []settlement.Date {
	first, _ := ledger.FirstSettled()
	last, any := ledger.LastSettled()
	var dates []settlement.Date
	for date := first; any && date <= last; date++ {
		if settled, _ := ledger.Settled(date); settled != nil {
			dates = append(dates, date)
		}
	}
	return dates
}

// hasID reports whether a date settled the id.
func hasID(ctx context.Context, ledger *books.Ledger, state *books.StateRecord, date settlement.Date, id settlement.Digest) (bool, error) {
	settled, err := openIDs(ctx, recorded(ledger, state.Of(books.IDs)))
	if err != nil {
		return false, err
	}
	defer settled.close()
	found := false
	for i := range settled.runs {
		run := &settled.runs[i]
		if err := run.find([]settlement.Digest{id}, func(taken settlement.TakenID) { found = found || taken.SettledOn == date }); err != nil {
			return false, err
		}
	}
	return found, nil
}

// compute finds the transaction's member and computes that member's night again.
func (e *explainer) compute(ctx context.Context) (err error) {
	if e.merchant = e.rulebook.Parties.Find(e.job.Merchant); e.merchant == settlement.NoParty {
		return &RulebookError{[]string{fmt.Sprintf("its register has no merchant %q", e.job.Merchant)}}
	}
	if e.opening, err = loadOpening(ctx, e.ledger, e.rulebook, e.date); err != nil {
		return err
	}
	closing := RecordedAccounts(e.ledger, &e.settled.State, e.date)
	outcome, err := e.findMember(ctx, &closing)
	if err != nil {
		return asRulebookError(err)
	}
	if e.member != "" {
		if err := e.readAccounts(ctx, &closing); err != nil {
			return asRulebookError(err)
		}
		defer e.past.close()
	}
	switch outcome {
	case memberNotFound:
		return e.nothingFound(ctx)
	case memberAttributed:
		return e.recompute(ctx)
	default:
		return nil
	}
}

// nothingFound is for a transaction of which nothing was found in state and files: what is
// published may still tell something.
func (e *explainer) nothingFound(ctx context.Context) error {
	if len(e.rows) > 0 || len(e.exceptions) > 0 {
		e.note("the row was not found in the inbox or in the state, so the member's night cannot be computed again; this is what was published")
		return nil
	}
	date, err := e.findDate(ctx)
	if err != nil {
		return err
	}
	return notOnRecord("%s has nothing about transaction %q of %s; %s has: give --date %s", e.date, e.job.Transaction, e.job.Merchant, date, date)
}

func accountOf(accounts []settlement.Account, member string) *settlement.Account {
	at := slices.IndexFunc(accounts, func(account settlement.Account) bool { return account.Member == member })
	if at < 0 {
		return nil
	}
	return &accounts[at]
}

// readAccounts reads all that is on record of the member before and after the date.
func (e *explainer) readAccounts(ctx context.Context, closing *AccountState) (err error) {
	parties := e.rulebook.Parties
	if e.opened, err = e.opening.State.Account(ctx, parties, e.member); err != nil {
		return err
	}
	if e.left, err = closing.Account(ctx, parties, e.member); err != nil {
		return err
	}
	if e.past, err = e.pastOf(ctx, e.opening.PutAway); err != nil {
		return err
	}
	tonight, err := e.pastOf(ctx, recordedPutAway(e.ledger, e.settled.State.Of(books.PutAway)))
	if err != nil {
		return err
	}
	defer tonight.close()
	if e.away, err = clearing.Everything(nil, tonight, e.member); err != nil {
		return err
	}
	if e.before, err = clearing.Everything(e.opened, e.past, e.member); err != nil {
		return err
	}
	since, err := e.pastOf(ctx, append(recordedPutAway(e.ledger, e.settled.State.Of(books.PutAway)), e.opening.PutAway...))
	if err != nil {
		return err
	}
	defer since.close()
	e.after, err = clearing.Everything(e.left, since, e.member)
	return err
}

// pastOf returns what some nights put away of the member.
func (e *explainer) pastOf(ctx context.Context, putAway []stateRun) (*past, error) {
	nights, err := pastNights(putAway)
	return newPast(ctx, nights, partitionOf(e.member, mostStatePartitions), e.rulebook.Parties, new(accounts.Arena)), err
}

// sameLots reports whether lots are those of an account on record, which is nil if there is none.
func sameLots(lots []settlement.Lot, recorded *settlement.Account) bool {
	if recorded == nil {
		return len(lots) == 0
	}
	return slices.Equal(lots, recorded.Lots)
}

// difference compares what was computed with what is on record, and says in words where they
// part; "" if they agree.
func (e *explainer) difference(ctx context.Context, account, away *settlement.Account, outcome *clearing.Outcome) (string, error) {
	if !sameLots(account.Lots, e.left) || !sameLots(away.Lots, e.away) {
		return "the member's lots after the date", nil
	}
	type rowKey struct {
		merchant, id string
		business     settlement.Date
	}
	touched := make(map[rowKey]bool)
	var want []string
	for i := range outcome.Allocations {
		want = append(want, e.describeComputed(&outcome.Allocations[i]))
	}
	var have []string
	for i := range e.steps {
		row := &e.steps[i].Row
		merchant := e.rulebook.Parties.ID(row.Merchant)
		key := rowKey{merchant, row.ID, row.BusinessDate}
		if merchant == "" || touched[key] {
			continue
		}
		touched[key] = true
		rows, err := e.published.ofTransaction(ctx, merchant, row.ID)
		if err != nil {
			return "", err
		}
		for j := range rows {
			if rows[j].BusinessDate == row.BusinessDate {
				have = append(have, describePublished(merchant, &rows[j]))
			}
		}
	}
	slices.Sort(want)
	slices.Sort(have)
	for i := range max(len(want), len(have)) {
		switch {
		case i >= len(have):
			return "computed, but not published: " + want[i], nil
		case i >= len(want):
			return "published, but not computed: " + have[i], nil
		case want[i] != have[i]:
			return "computed " + want[i] + ", published " + have[i], nil
		}
	}
	return "", nil
}

func (e *explainer) describeComputed(a *settlement.Allocation) string {
	parties := e.rulebook.Parties
	price, perPoints := "", int64(0)
	if !a.OnUs() {
		price, perPoints = a.Price.Decimal().StringFixed(settlement.PriceDecimals), a.Price.PerPoints
	}
	redeemer := parties.ID(a.Redeemer)
	id := settlement.AllocationID(redeemer, a.BusinessDate, a.TransactionID, e.date, a.Number)
	return fmt.Sprintf("%s: %s of %s at %s, %d points of %s at %s per %d", id, a.Activity, a.TransactionID, redeemer, a.Points, parties.ID(a.Issuer), price, perPoints)
}

func describePublished(redeemer string, row *detailRow) string {
	issuer := row.Counterparty
	if row.Role == "own" {
		issuer = redeemer
	}
	return fmt.Sprintf("%s: %s of %s at %s, %d points of %s at %s per %d", row.ID, row.Activity, row.Transaction, redeemer, row.Points, issuer, row.Price, row.PerPoints)
}

// excuse returns nil if a difference is explained by files that are gone; else the error.
func (e *explainer) excuse(difference string) error {
	var gone []string
	for _, input := range e.settled.Inputs {
		if why := e.checked[input.Key]; why != "" {
			gone = append(gone, input.Key+" "+why)
		}
	}
	switch {
	case len(gone) > 0:
		e.note("the member's night cannot be computed again, since files that the date read are not there any more as they were: %s; this is what is on record", strings.Join(gone, "; "))
		return nil
	case e.record.RulebookDigest != e.rulebook.Digest:
		return &RulebookError{[]string{fmt.Sprintf("%s was settled with the one of digest %s, this is %s, and it leads elsewhere (%s); give the one that was used",
			e.date, e.record.RulebookDigest, e.rulebook.Digest, difference)}}
	case e.record.Program != Program:
		return fmt.Errorf("%s was settled by %s, this is %s, and it leads elsewhere (%s); use the program that settled the date", e.date, e.record.Program, Program, difference)
	default:
		return fmt.Errorf("internal error: computing the member's night of %s again does not lead to what is on record (%s); please report it, with the ledger's record %d",
			e.date, difference, e.record.Seq)
	}
}

package batch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/clearing"
	"alliance/settlement/intake"
	"alliance/settlement/storage"
)

// A memberOutcome says how far the transaction's row got.
type memberOutcome uint8

const (
	// memberNotFound: neither files nor state have the row.
	memberNotFound memberOutcome = iota
	// memberAttributed: the row got to its member's lots on the date.
	memberAttributed
	// memberRejected: the row was rejected before.
	memberRejected
)

// findMember finds the transaction's row and its member: among what waited from earlier nights,
// in the files that the date read, at last in the state after it.
func (e *explainer) findMember(ctx context.Context, closing *AccountState) (memberOutcome, error) {
	// Whoever has a claim, or a row that waits, is looked at on this date.
	err := e.opening.State.Due(ctx, e.rulebook.Parties, e.date, func(account *settlement.Account) error {
		if row := e.waited(account); row != nil {
			e.member, e.row = account.Member, row
		}
		return nil
	})
	if err != nil || e.row != nil {
		return memberAttributed, err
	}
	rows, rejected, err := e.readRows(ctx, e.merchant, func(record *settlement.Record) bool {
		return record.Values[settlement.TransactionID] == e.job.Transaction
	})
	if err != nil {
		return memberNotFound, err
	}
	passed, err := e.deduplicate(ctx, rows)
	if err != nil {
		return memberNotFound, err
	}
	if len(passed) > 0 {
		e.member, e.row = passed[0].Member, &passed[0]
		return memberAttributed, nil
	}
	if len(rows)+len(rejected) > 0 {
		e.note("no row of this id got as far as the member's lots on this date: it changed nothing")
		return memberRejected, nil
	}
	look := func(account *settlement.Account) {
		if row := e.kept(account); row != nil {
			e.member, e.row = account.Member, row
		}
	}
	err = closing.All(ctx, e.rulebook.Parties, func(account *settlement.Account) error {
		look(account)
		return nil
	})
	if err == nil && e.row == nil {
		err = allPutAway(ctx, recordedPutAway(e.ledger, e.settled.State.Of(books.PutAway)), e.rulebook.Parties, look)
	}
	if err != nil || e.row == nil {
		return memberNotFound, err
	}
	return memberAttributed, nil
}

// waited returns the row if it waits on an account: deferred, or with an open claim.
func (e *explainer) waited(account *settlement.Account) *settlement.Transaction {
	for i := range account.Deferred {
		if row := account.Deferred[i]; row.Merchant == e.merchant && row.ID == e.job.Transaction {
			return &row
		}
	}
	for i := range account.Redemptions {
		r := &account.Redemptions[i]
		if r.Merchant == e.merchant && r.TransactionID == e.job.Transaction && r.OpenClaim > 0 {
			return rowOfRedemption(account.Member, r)
		}
	}
	return nil
}

// kept returns the row if the date left it on an account.
func (e *explainer) kept(account *settlement.Account) *settlement.Transaction {
	for i := range account.Redemptions {
		r := &account.Redemptions[i]
		if r.Merchant == e.merchant && r.TransactionID == e.job.Transaction && r.SettledOn == e.date {
			return rowOfRedemption(account.Member, r)
		}
	}
	for i := range account.Lots {
		lot := &account.Lots[i]
		if !lot.Key.Imported && lot.Key.Merchant == e.merchant && lot.Key.TransactionID == e.job.Transaction && e.readTonight(lot.Source.File) {
			return &settlement.Transaction{Source: lot.Source, Merchant: e.merchant, ID: e.job.Transaction, Member: account.Member, Kind: settlement.Issue,
				Points: lot.Issued, OccurredAt: lot.IssuedAt, BusinessDate: lot.Key.BusinessDate, Issuer: lot.Issuer,
				OriginalDate: settlement.NoDate, ExpiresOn: lot.ExpiresOn}
		}
	}
	for i := range account.Deferred {
		if row := account.Deferred[i]; row.Merchant == e.merchant && row.ID == e.job.Transaction && row.FirstRead == e.date {
			return &row
		}
	}
	return nil
}

func (e *explainer) readTonight(file string) bool {
	return slices.ContainsFunc(e.settled.Inputs, func(input books.InputRecord) bool {
		return input.Key == file && input.State == settlement.Consumed
	})
}

func rowOfRedemption(member string, r *settlement.Redemption) *settlement.Transaction {
	return &settlement.Transaction{Source: r.Source, Merchant: r.Merchant, ID: r.TransactionID, Member: member, Kind: settlement.Redeem,
		Points: r.Points, OccurredAt: r.OccurredAt, BusinessDate: r.BusinessDate, Issuer: r.Issuer, Reason: r.Reason,
		OriginalDate: settlement.NoDate, ExpiresOn: settlement.NoDate}
}

// recompute attributes the member's night again and compares the outcome with the record.
func (e *explainer) recompute(ctx context.Context) error {
	rows, err := e.memberRows(ctx)
	if err != nil {
		return err
	}
	account := settlement.Account{Member: e.member}
	if e.opened != nil {
		account = cloneAccount(e.opened)
	}
	attributor := clearing.NewAttributor(e.rulebook, e.date)
	attributor.Past, attributor.ExpiredBefore = e.past, e.opening.ExpiredBefore
	usedUp, err := clearing.Everything(nil, e.past, e.member)
	if err != nil {
		return err
	}
	if usedUp != nil {
		attributor.UsedUp = usedUp.Lots
	}
	attributor.Trace = func(step clearing.Step) { e.steps = append(e.steps, step) }
	var outcome clearing.Outcome
	lent := make([]*settlement.Transaction, len(rows))
	for i := range rows {
		lent[i] = &rows[i]
	}
	if err := attributor.Attribute(&account, lent, &outcome); err != nil {
		return err
	}
	difference, err := e.difference(ctx, &account, attributor.PutAway(), &outcome)
	if err != nil {
		return err
	}
	if difference != "" {
		e.steps = nil
		return e.excuse(difference)
	}
	e.recomputed = true
	for _, input := range e.settled.Inputs {
		if why := e.checked[input.Key]; why != "" {
			e.note("%s %s; without it the member's night leads to what is published all the same", input.Key, why)
		}
	}
	return nil
}

// cloneAccount returns a copy that shares nothing that attribution changes.
func cloneAccount(account *settlement.Account) settlement.Account {
	clone := *account
	clone.Lots, clone.Redemptions, clone.Deferred = slices.Clone(account.Lots), slices.Clone(account.Redemptions), slices.Clone(account.Deferred)
	for i := range clone.Redemptions {
		clone.Redemptions[i].Charges = slices.Clone(clone.Redemptions[i].Charges)
	}
	return clone
}

// memberRows returns the member's rows of the date that got as far as the member's lots. Whether
// a row's id is free depends on all rows of that id, so the files of the merchants concerned are
// read once more for those.
func (e *explainer) memberRows(ctx context.Context) ([]settlement.Transaction, error) {
	mine, _, err := e.readRows(ctx, settlement.NoParty, func(record *settlement.Record) bool {
		return e.opening.nameOf(record.Values[settlement.MemberID]) == e.member
	})
	if err != nil {
		return nil, err
	}
	wanted := make(map[settlement.Party]map[string]bool)
	for i := range mine {
		if wanted[mine[i].Merchant] == nil {
			wanted[mine[i].Merchant] = make(map[string]bool)
		}
		wanted[mine[i].Merchant][mine[i].ID] = true
	}
	var rivals []settlement.Transaction
	for party := range settlement.Party(e.rulebook.Parties.Len()) {
		if wanted[party] == nil {
			continue
		}
		rows, _, err := e.readRows(ctx, party, func(record *settlement.Record) bool { return wanted[party][record.Values[settlement.TransactionID]] })
		if err != nil {
			return nil, err
		}
		rivals = append(rivals, rows...)
	}
	passed, err := e.deduplicate(ctx, rivals)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(passed, func(row settlement.Transaction) bool { return row.Member != e.member }), nil
}

// deduplicate lets the first row of each id pass, as the run did.
func (e *explainer) deduplicate(ctx context.Context, rows []settlement.Transaction) ([]settlement.Transaction, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	onRecord, err := openIDs(ctx, e.opening.Taken)
	if err != nil {
		return nil, err
	}
	defer onRecord.close()
	wanted := make([]clearing.Claimant, len(rows))
	for i := range rows {
		wanted[i].ID, wanted[i].BusinessDate = clearing.IDDigest(e.rulebook.Parties.ID(rows[i].Merchant), rows[i].ID), rows[i].BusinessDate
	}
	var taken []settlement.TakenID
	oldest := (&clearing.Deduplicator{Date: e.date, DuplicateDays: e.rulebook.Intake.DuplicateDays}).OldestSettled()
	err = onRecord.lookUp(ctx, wanted, oldest, new(wantedBuffer), 1, func(id settlement.TakenID) { taken = append(taken, id) })
	if err != nil {
		return nil, err
	}
	passed, _ := clearing.Deduplicate(e.date, e.rulebook.Parties, e.rulebook.Intake.DuplicateDays, rows, taken)
	return passed, nil
}

// readRows reads the files that the date consumed, of one merchant or of all, and returns the
// rows wanted that pass every check of their own, and where those are that do not.
func (e *explainer) readRows(ctx context.Context, of settlement.Party, wanted func(*settlement.Record) bool) (rows []settlement.Transaction, rejected []settlement.Source, err error) {
	validator := clearing.NewValidator(e.rulebook, e.date)
	for i := range e.settled.Inputs {
		input := &e.settled.Inputs[i]
		merchant := e.rulebook.Parties.Find(input.Merchant)
		if input.State != settlement.Consumed || isControl(input.Key) || input.Rows == 0 ||
			merchant == settlement.NoParty || merchant == e.rulebook.Alliance || of != settlement.NoParty && of != merchant {
			continue
		}
		object, err := e.usable(ctx, input, merchant)
		if err != nil {
			return nil, nil, err
		}
		if object == nil {
			continue
		}
		_, err = intake.Read(ctx, e.job.Inbox, object, func(record *settlement.Record) error {
			if record.Fault != "" || !wanted(record) {
				return nil
			}
			var row settlement.Transaction
			rejection := validator.Check(merchant, input.Key, record, &row)
			if rejection != nil {
				rejected = append(rejected, settlement.Source{File: input.Key, Row: record.Row})
				return nil
			}
			row.Member = e.opening.nameOf(row.Member)
			rows = append(rows, row)
			return nil
		})
		if err != nil {
			return nil, nil, fmt.Errorf("read %s: %w", input.Key, err)
		}
	}
	return rows, rejected, nil
}

// usable returns the object of an input if its content is still what is on record; else nil.
func (e *explainer) usable(ctx context.Context, input *books.InputRecord, merchant settlement.Party) (*intake.Object, error) {
	why, known := e.checked[input.Key]
	if known && why != "" {
		return nil, nil
	}
	object, err := findObject(ctx, e.job.Inbox, input.Key, merchant)
	if object != nil {
		object.Layout = e.rulebook.Merchant(merchant).Layout
	}
	if err != nil || object == nil || known {
		if object == nil && err == nil {
			e.checked[input.Key] = "is gone from the inbox"
		}
		return object, err
	}
	facts, err := intake.Read(ctx, e.job.Inbox, object, nil)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		e.checked[input.Key] = "is gone from the inbox"
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", input.Key, err)
	case facts.SHA256 != input.SHA256:
		e.checked[input.Key] = fmt.Sprintf("has another content (SHA-256 %s instead of %s on record)", facts.SHA256, input.SHA256)
		return nil, nil
	}
	e.checked[input.Key] = ""
	return object, nil
}

// findObject returns an object of the inbox by its key, nil if it is not there.
func findObject(ctx context.Context, inbox storage.Bucket, key string, merchant settlement.Party) (*intake.Object, error) {
	objects, err := inbox.List(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("look for %s: %w", key, err)
	}
	for _, object := range objects {
		if object.Key == key {
			name := key[strings.LastIndexByte(key, '/')+1:]
			return &intake.Object{Merchant: merchant, Date: folderOf(key), Name: name, Format: intake.FormatOf(name), Object: object}, nil
		}
	}
	return nil, nil
}

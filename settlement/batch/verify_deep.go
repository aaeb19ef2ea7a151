package batch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/spool"
	"alliance/settlement/statement"
)

// recompute computes a date again and compares every file and the state with the record.
func (v *verifier) recompute(ctx context.Context, date settlement.Date) error {
	settled, record := v.ledger.Settled(date)
	before := len(v.report.Faults)
	rulebook := v.rulebook(record.RulebookDigest)
	switch {
	case rulebook == nil:
		v.fault("recomputation", date, "not computed again: it needs the rulebook with digest %s, and none with that digest was given", record.RulebookDigest)
		return nil
	case record.Program != Program:
		v.fault("recomputation", date, "not computed again: %s settled it, this program computes as %s", record.Program, Program)
		return nil
	}
	unread, err := v.unread(ctx, settled)
	if err != nil {
		return v.readable(&dateFacts{}, "alliance", date, err)
	}
	inbox, missing, err := newRecordedInbox(ctx, v.job.Inbox, v.ledger, settled, rulebook.Intake.AcceptLateDays, unread)
	if err != nil {
		return err
	}
	for _, what := range missing {
		v.fault("inbox", date, "not computed again: %s", what)
	}
	if len(missing) > 0 {
		return nil
	}
	opening, err := loadOpening(ctx, v.ledger, rulebook, date)
	if errors.Is(err, books.ErrBroken) {
		v.fault("recomputation", date, "not computed again: the state before cannot be read")
		return nil
	}
	if err != nil {
		return err
	}
	pool := spool.NewPool("", deepMemory)
	defer pool.Close()
	night, closing, err := Compute(ctx, Computation{Pool: pool, Inbox: inbox, Rulebook: rulebook, Date: date, AllowMissing: true,
		Workers: v.job.Workers, Partitions: v.job.Partitions}, opening)
	if errors.Is(err, books.ErrBroken) {
		v.fault("recomputation", date, "not computed again: the state before cannot be read")
		return nil
	}
	var refused *RefusedError
	if errors.As(err, &refused) || errors.Is(err, settlement.ErrOutOfRange) {
		v.fault("recomputation", date, "it is refused now: %v", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", date, err)
	}
	if night.ComputationID != settled.ComputationID {
		v.fault("recomputation", date, "the computation id is %s instead of %s", night.ComputationID, settled.ComputationID)
	}
	if err := v.compareState(ctx, settled, night, closing); err != nil {
		return err
	}
	if err := v.compareFiles(ctx, rulebook, settled, night); err != nil {
		return err
	}
	if len(v.report.Faults) == before {
		v.report.Recomputed = append(v.report.Recomputed, date)
	}
	return nil
}

// deepMemory is how many bytes of what is on its way stay in memory when a date is computed again.
const deepMemory = 512 << 20

func (v *verifier) rulebook(digest string) *rules.Rulebook {
	for _, rulebook := range v.job.Rulebooks {
		if rulebook.Digest == digest {
			return rulebook
		}
	}
	return nil
}

// unread returns what is on record of what the date did not read.
func (v *verifier) unread(ctx context.Context, settled *books.DateRecord) (unread recordedUnread, err error) {
	unread = recordedUnread{held: make(map[string]string)}
	err = v.table(ctx, settled.Alliance.Files, "exceptions", []string{"file", "code", "state", "message"}, func(cell *cellReader) {
		file, code, state, message := cell.text(), cell.text(), cell.text(), cell.text()
		switch {
		case code == settlement.UnknownMerchant.String() || code == settlement.UnknownFolder.String():
			unread.noticed = append(unread.noticed, recordedNotice{file, message})
		case state == settlement.Held.String() && code != settlement.HoldExpired.String():
			unread.held[file] = message
		}
	})
	return unread, err
}

// compareState compares the state that the date leaves with the record, byte by byte.
func (v *verifier) compareState(ctx context.Context, settled *books.DateRecord, night *settlement.Night, closing *Closing) error {
	state := v.ledger.CurrentState(&settled.State)
	differs := func(what string, objects []books.StateObject, write func(io.Writer) error) error {
		var buffer bytes.Buffer
		if err := write(&buffer); err != nil {
			return err
		}
		if len(objects) != 1 || objects[0].SHA256 != sha256Hex(buffer.Bytes()) {
			v.fault("recomputation", night.Date, "the state's %s come out otherwise than they are on record", what)
		}
		return nil
	}
	if err := v.compareAccounts(ctx, state, night.Date, closing); err != nil {
		return err
	}
	if !slices.Equal(state.Parties, closing.PutAwayParties) {
		v.fault("recomputation", night.Date, "what was put away names other parties than are on record")
	}
	// States of earlier programs do not say it.
	if said := closing.ExpiredBefore.String(); state.ExpiredBefore != "" && state.ExpiredBefore != said {
		v.fault("recomputation", night.Date, "expired lots were put away from before %s, on record is %q", said, state.ExpiredBefore)
	}
	if err := v.compareRuns(ctx, state.Of(books.PutAway), night.Date, closing.PutAway, "what was put away comes out otherwise than it is on record"); err != nil {
		return err
	}
	const otherIDs = "the ids that rows have taken come out otherwise than they are on record"
	if err := v.compareRuns(ctx, state.Of(books.IDs), night.Date, closing.Settled, otherIDs); err != nil {
		return err
	}
	if err := v.compareRuns(ctx, state.Of(books.WaitingIDs), night.Date, closing.Waiting, otherIDs); err != nil {
		return err
	}
	return differs("balances", state.Of(books.BalancesRole), func(w io.Writer) error {
		return books.WriteBalances(w, night.Parties, standingOf(closing))
	})
}

// compareRuns compares runs, and reports a fault if they differ.
func (v *verifier) compareRuns(ctx context.Context, onRecord []books.StateObject, date settlement.Date, computed []stateRun, fault string) error {
	sums, err := sumsOf(ctx, computed)
	if err != nil {
		return err
	}
	if !slices.EqualFunc(onRecord, sums, func(object books.StateObject, sum string) bool { return object.SHA256 == sum }) {
		v.fault("recomputation", date, "%s", fault)
	}
	return nil
}

// sumsOf returns the SHA-256 of each run.
func sumsOf(ctx context.Context, runs []stateRun) (sums []string, err error) {
	for i := range runs {
		sum, err := runs[i].sum(ctx)
		if err != nil {
			return nil, err
		}
		sums = append(sums, sum)
	}
	return sums, nil
}

// compareAccounts compares the runs of accounts, partition by partition.
func (v *verifier) compareAccounts(ctx context.Context, state *books.StateRecord, date settlement.Date, closing *Closing) error {
	partitions := max(1, state.Partitions)
	if partitions != closing.State.partitions() {
		v.fault("recomputation", date, "the state comes out in %d partitions, on record are %d", closing.State.partitions(), partitions)
		return nil
	}
	onRecord := make([][]string, partitions)
	for _, object := range state.Of(books.Accounts) {
		onRecord[object.Partition] = append(onRecord[object.Partition], object.SHA256)
	}
	for partition := range partitions {
		computed, err := sumsOf(ctx, closing.State.runs(partition))
		if err != nil {
			return err
		}
		if !slices.Equal(computed, onRecord[partition]) {
			v.fault("recomputation", date, "the state's accounts of partition %d come out otherwise than they are on record", partition)
		}
	}
	return nil
}

// compareFiles writes the date's tables and compares every file with the record. A statement that
// a restatement left alone is compared with what the run wrote that gave it its version.
func (v *verifier) compareFiles(ctx context.Context, rulebook *rules.Rulebook, settled *books.DateRecord, night *settlement.Night) error {
	origins := make(map[int64]map[string][]books.FileRecord)
	add := func(origin int64, merchant string, files []books.FileRecord) {
		if origins[origin] == nil {
			origins[origin] = make(map[string][]books.FileRecord)
		}
		origins[origin][merchant] = files
	}
	for i := range settled.Statements {
		add(v.origin(settled.Date, &settled.Statements[i], nil), settled.Statements[i].Merchant, settled.Statements[i].Files)
	}
	add(v.origin(settled.Date, nil, settled.Alliance.Files), "", settled.Alliance.Files)
	for _, record := range v.ledger.Records() {
		if origins[record.Seq] == nil {
			continue
		}
		if err := v.compareOrigin(ctx, rulebook, &record, night, origins[record.Seq]); err != nil {
			return err
		}
	}
	return nil
}

// origin returns the record that first had a statement's version, or the alliance's files.
func (v *verifier) origin(date settlement.Date, statement *books.StatementRecord, alliance []books.FileRecord) int64 {
	for _, record := range v.ledger.Records() {
		for i := range record.Dates {
			if record.Dates[i].Date != date {
				continue
			}
			if statement == nil && slices.Equal(record.Dates[i].Alliance.Files, alliance) {
				return record.Seq
			}
			for _, one := range record.Dates[i].Statements {
				if statement != nil && one.Merchant == statement.Merchant && one.Version == statement.Version {
					return record.Seq
				}
			}
		}
	}
	panic("a statement is on record and no record has it")
}

// compareOrigin compares the folders that one record wrote, perhaps over those of records before.
func (v *verifier) compareOrigin(ctx context.Context, rulebook *rules.Rulebook, record *books.Record, computed *settlement.Night, folders map[string][]books.FileRecord) error {
	night := *computed
	night.Statements = slices.Clone(computed.Statements)
	night.RulebookDigest = record.RulebookDigest
	for i := range record.Dates {
		if record.Dates[i].Date == night.Date {
			night.ComputationID = record.Dates[i].ComputationID
		}
	}
	options := statement.Options{Workers: v.job.Workers}
	if standing := v.standingBefore(night.Date, record.Seq); standing != nil {
		restated := &publication{job: &Job{Rulebook: rulebook}, night: &night, standing: standing}
		if err := restated.keepStatements(); err != nil {
			return fmt.Errorf("%s: %w", night.Date, err)
		}
		options.Earlier = v.earlier(ctx, standing, record.Seq)
	}
	discard := func(context.Context, string, io.ReadSeeker) error { return nil }
	written, err := statement.Write(ctx, &night, options, discard)
	if err != nil {
		return fmt.Errorf("%s: %w", night.Date, err)
	}
	for _, folder := range written {
		files, concerned := folders[folder.Merchant]
		if !concerned {
			continue
		}
		delete(folders, folder.Merchant)
		where := folder.Merchant
		if where == "" {
			where = "alliance"
		}
		v.compareFolder(night.Date, where, folder, files)
	}
	for _, merchant := range slices.Sorted(maps.Keys(folders)) {
		v.fault(merchant, night.Date, "computed again, there is no statement")
	}
	return nil
}

// standingBefore returns what was on record of a date before a record; nil if nothing was.
func (v *verifier) standingBefore(date settlement.Date, seq int64) (standing *books.DateRecord) {
	records := v.ledger.Records()
	for i := range records[:seq-1] {
		for j := range records[i].Dates {
			if records[i].Dates[j].Date == date {
				standing = &records[i].Dates[j]
			}
		}
	}
	return standing
}

// earlier opens the versions that a record superseded.
func (v *verifier) earlier(ctx context.Context, standing *books.DateRecord, seq int64) func(merchant string) statement.Opener {
	return func(merchant string) statement.Opener {
		if merchant == "" {
			return openerOf(ctx, v.ledger, standing.Alliance.Files)
		}
		var files []books.FileRecord
		for _, record := range v.ledger.Records()[:seq-1] {
			for i := range record.Dates {
				for _, one := range record.Dates[i].Statements {
					if record.Dates[i].Date == standing.Date && one.Merchant == merchant {
						files = one.Files
					}
				}
			}
		}
		if files == nil {
			return nil
		}
		return openerOf(ctx, v.ledger, files)
	}
}

func (v *verifier) compareFolder(date settlement.Date, where string, folder statement.Folder, files []books.FileRecord) {
	if folder.Unchanged {
		v.fault(where, date, "computed again, it says the same as the version before")
		return
	}
	onRecord := make(map[string]string)
	for _, file := range files {
		onRecord[file.Name] = file.SHA256
	}
	for _, file := range folder.Files {
		if found := onRecord[file.Name]; found != file.SHA256 {
			v.fault(where, date, "%s comes out with SHA-256 %s, on record is %q", file.Name, file.SHA256, found)
		}
		delete(onRecord, file.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(onRecord)) {
		v.fault(where, date, "%s does not come out when the date is computed again", name)
	}
}

package batch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"
	"time"

	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/crash"
	"alliance/settlement/statement"

	"golang.org/x/sync/errgroup"
)

// A publication brings one night from memory to the objects of an attempt, and says what goes on
// record about it.
type publication struct {
	stateStore
	job      *Job
	timeline *timeline
	night    *settlement.Night
	closing  *Closing
	clock    *stageClock
	// standing is what the ledger has on record of a date that is restated, else nil.
	standing *books.DateRecord
	// toldFiles are its acknowledgements' files, by SHA-256, once they were asked for.
	told      sync.Once
	toldFiles map[string]books.FileRecord
	// versions are those in force of the date's statements, by merchant, once statements are written.
	versions map[string]*books.StatementRecord
	// folders are the published ones, once they are written.
	folders []statement.Folder
}

// write stores state and statements and returns what goes on record about the date.
func (p *publication) write(ctx context.Context, totals Totals) (date books.DateRecord, err error) {
	crash.At(crash.NightComputed)
	// The state waits for the store, the statements for the processors.
	both, storing := errgroup.WithContext(ctx)
	both.Go(func() error {
		return guarded(func() error {
			return p.timed(stageState, func() (err error) {
				if date.State, err = p.writeState(storing); err == nil {
					crash.At(crash.StateStored)
				}
				return err
			})
		})
	})
	both.Go(func() error {
		return guarded(func() error {
			return p.timed(stageStatements, func() error { return p.writeStatements(storing, &date) })
		})
	})
	if err := both.Wait(); err != nil {
		return date, err
	}
	crash.At(crash.StatementsStored)
	err = p.timed(stageAcknowledge, func() error {
		date.Acknowledgements, err = p.writeAcknowledgements(ctx, date.Statements)
		return err
	})
	if err != nil {
		return date, err
	}
	crash.At(crash.AcknowledgementsStored)
	p.describe(&date, totals)
	return date, nil
}

// commit puts dates on record and projects them. It returns the record's number.
func (p *publication) commit(ctx context.Context, dates []books.DateRecord) (sequence int64, err error) {
	ledger := p.attempt.ledger
	record := books.Record{
		Kind: books.Publish, Operator: p.job.Operator, Reason: p.job.Reason, Approval: p.job.Approval, Program: Program,
		RulebookDigest: p.night.RulebookDigest, Dates: dates,
	}
	if p.job.Now != nil {
		record.Time = p.job.Now().UTC().Format(time.RFC3339)
	}
	if ledger.Fixed() == nil {
		if record.Fixed, err = json.Marshal(p.job.Rulebook.Fixed()); err != nil {
			return 0, err
		}
	}
	if err := p.timed(stageCommit, func() error { return p.attempt.commit(ctx, record) }); err != nil {
		return 0, err
	}
	crash.At(crash.Committed)
	sequence, _ = ledger.Head()
	err = p.timed(stageProject, func() error {
		if err := ledger.ProjectAll(ctx, p.job.Statements); err != nil {
			return &CommittedError{sequence, fmt.Errorf("but its statements are not all published; run again to finish: %w", err)}
		}
		crash.At(crash.StatementsProjected)
		if err := p.job.acknowledge(ctx, ledger); err != nil {
			return &CommittedError{sequence, fmt.Errorf("and its statements are published, but: %w", err)}
		}
		crash.At(crash.AcknowledgementsProjected)
		return nil
	})
	return sequence, err
}

// timed runs a stage and tells the observer.
func (p *publication) timed(stage Stage, work func() error) error {
	observe := p.job.observer(p.clock)
	date := p.night.Date.String()
	start := time.Now()
	observe(Progress{Date: date, Attempt: p.attempt.id(), Stage: stage})
	err := work()
	observe(Progress{Date: date, Attempt: p.attempt.id(), Stage: stage, Finished: true, Elapsed: time.Since(start)})
	return err
}

// writeStatements encodes the published tables, compares them with the night and stores them.
func (p *publication) writeStatements(ctx context.Context, date *books.DateRecord) error {
	storing := storeMany(ctx)
	packing := p.newPacking("statements", storing)
	sink := func(_ context.Context, path string, body io.ReadSeeker) error { return packing.add(path, body) }
	folders, err := statement.Write(storing.ctx, p.night, statement.Options{Workers: p.job.Workers, Earlier: p.earlier(ctx)}, sink)
	if err == nil {
		err = packing.flush()
	}
	if failed := storing.wait(); failed != nil {
		return failed
	}
	if err != nil {
		return err
	}
	p.folders = folders
	for _, folder := range folders {
		if folder.Unchanged {
			p.nameAgain(date, folder.Merchant)
			continue
		}
		var files []books.FileRecord
		for _, written := range folder.Files {
			file := packing.stored[folder.Path+"/"+written.Name]
			if file.SHA256 != written.SHA256 || file.Bytes != written.Bytes {
				return fmt.Errorf("%s/%s was stored with SHA-256 %s, encoded with %s", folder.Path, written.Name, file.SHA256, written.SHA256)
			}
			file.Name, file.Rows = written.Name, written.Rows
			files = append(files, file)
		}
		if folder.Merchant == "" {
			date.Alliance.Files = files
			continue
		}
		date.Statements = append(date.Statements, books.StatementRecord{
			Merchant: folder.Merchant, Version: folder.Version, Supersedes: folder.Supersedes, Files: files,
		})
	}
	return nil
}

// objectName is the name in the attempt of a file that will be published under a path. All files of a date
// lie in one folder: to make folders for each merchant, durably, takes longer than to store what lies in them.
func (p *publication) objectName(kind, path string) string {
	return kind + "/date=" + p.night.Date.String() + "/" + strings.ReplaceAll(path, "/", ".")
}

// describe fills in what the record says of the date besides its objects.
func (p *publication) describe(date *books.DateRecord, totals Totals) {
	date.Date = p.night.Date
	date.ComputationID = p.night.ComputationID
	date.CycleClosed = totals.CycleClosed
	date.Complete = totals.Complete
	date.Adjustments = p.closing.Adjustments
	for _, input := range p.night.Inputs {
		date.Inputs = append(date.Inputs, books.NewInputRecord(p.night.Parties, input))
	}
	date.UsedPrices, date.UsedFees = p.used()
	date.Totals = books.Totals{
		RowsAccepted: totals.RowsAccepted, RowsDeferred: totals.RowsDeferred, RowsRejected: totals.RowsRejected,
		Lines: totals.Lines, Allocations: totals.Allocations, Exceptions: totals.Exceptions,
		Points: totals.PointsAcross, Value: totals.Value, Fees: totals.Fees, Tax: totals.Tax, Due: totals.Due,
	}
}

// used returns the content of the prices and fees that the night used, by id.
func (p *publication) used() (prices, fees map[string]string) {
	prices, fees = make(map[string]string), make(map[string]string)
	for i := range p.night.Lines {
		prices[p.night.Lines[i].Price.ID] = ""
	}
	for i := range p.night.Fees {
		fees[p.night.Fees[i].ID] = ""
	}
	for i := range p.job.Rulebook.Prices {
		rule := &p.job.Rulebook.Prices[i]
		if _, used := prices[rule.ID]; used {
			prices[rule.ID] = rule.Content()
		}
	}
	for i := range p.job.Rulebook.Fees {
		rule := &p.job.Rulebook.Fees[i]
		if _, used := fees[rule.ID]; used {
			fees[rule.ID] = rule.Content()
		}
	}
	// Reversals of redemptions carry prices that this rulebook may not have any more, and
	// adjustments carry ids of their own.
	none := func(_ string, content string) bool { return content == "" }
	maps.DeleteFunc(prices, none)
	maps.DeleteFunc(fees, none)
	return prices, fees
}

func sha256Hex(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

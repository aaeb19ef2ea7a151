package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/storage"
)

// An OpeningJob puts lots on record that members brought along from before the first date.
type OpeningJob struct {
	Ledger   storage.Bucket
	Rulebook *rules.Rulebook
	// Name is the file's name, for messages and as the lots' source.
	Name string
	// Lots is the file: CSV with a header and the columns of [clearing.OpeningColumnNames], in any order.
	Lots io.Reader
	// Bytes is the file's length if it is known; only the progress goes by it.
	Bytes int64
	// Operator is who does it, as claimed.
	Operator string
	// Now is the clock for the log's record.
	Now func() time.Time
	// Workers is how many goroutines read and write; zero means one for each processor.
	Workers int
	// Memory is about how many bytes what is on its way may take before it goes to temporary files in
	// SpillDirectory ("" is the system's); zero means no bound. Neither changes a byte of what is put on record.
	Memory         int64
	SpillDirectory string
	// Observe, if not nil, is told how the work gets on, from several goroutines.
	Observe func(Progress)
}

// An OpeningReport says what was put on record.
type OpeningReport struct {
	Lots    int64 `json:"lots"`
	Members int64 `json:"members"`
	// Points are the open points of each issuer that has some, in order of id.
	Points []OpeningPoints `json:"points"`
	// SHA256 is that of the file, in hex.
	SHA256 string     `json:"sha256"`
	Head   HeadReport `json:"head"`
}

// OpeningPoints are the points that the lots of one issuer hold.
type OpeningPoints struct {
	Issuer string `json:"issuer_id"`
	Lots   int64  `json:"lots"`
	Points int64  `json:"points"`
}

// OpenLots reads a file of opening lots and puts it on record: the first date starts from it.
// Nothing is written before every row was found good. Errors: [RefusedError] for a ledger that has lots
// or dates already or keeps no lots, [LotsError] for the file, [RulebookError], those that wrap
// [settlement.ErrOutOfRange], and those of the books and of the local disk.
func OpenLots(ctx context.Context, job OpeningJob) (report OpeningReport, err error) {
	ledger, err := books.Open(ctx, job.Ledger)
	if err != nil {
		return report, err
	}
	if err := mayOpen(ledger, job.Rulebook); err != nil {
		return report, err
	}
	lots := newOpeningLots(&job)
	defer func() { err = errors.Join(err, lots.pool.Close()) }()
	members, digest, err := lots.check(ctx)
	if err != nil {
		return report, err
	}
	if report, err = lots.report(); err != nil {
		return report, err
	}
	report.Members, report.SHA256 = members, digest
	if err := job.commit(ctx, ledger, lots, &report); err != nil {
		return report, err
	}
	report.Head.Sequence, report.Head.SHA256 = ledger.Head()
	return report, nil
}

func mayOpen(ledger *books.Ledger, rulebook *rules.Rulebook) error {
	if !rulebook.Ledger.Tracked {
		return refuse("the rulebook says `lots: untracked`: such a ledger keeps no lots, so there are none to open")
	}
	if first, settled := ledger.FirstSettled(); settled {
		return refuse("lots are opened before the first date, but %s is settled already; deliver them as issue rows, or begin a new ledger", first)
	}
	if state, record := ledger.Opening(); state != nil {
		return refuse("lots were opened already, by record %d of the log; to begin again, use a new, empty ledger", record.Seq)
	}
	return checkRulebook(ledger, rulebook)
}

// commit writes the state and its record.
func (j *OpeningJob) commit(ctx context.Context, ledger *books.Ledger, lots *openingLots, report *OpeningReport) error {
	attempt := &attempt{ledger: ledger}
	writer := &publication{
		stateStore: stateStore{attempt, "state/", nil}, job: &Job{Rulebook: j.Rulebook}, timeline: newTimeline(ledger),
		closing: &Closing{Points: lots.points()}, night: &settlement.Night{Parties: j.Rulebook.Parties},
	}
	if err := lots.writeState(ctx, writer, report.Members); err != nil {
		return err
	}
	state, err := writer.writeState(ctx)
	if err != nil {
		return err
	}
	fixed, err := json.Marshal(j.Rulebook.Fixed())
	if err != nil {
		return err
	}
	record := books.Record{
		Kind: books.OpenLots, Operator: j.Operator, Program: Program, RulebookDigest: j.Rulebook.Digest, Opening: &state,
		Reason: fmt.Sprintf("opening lots of %s: %d lots, SHA-256 %s", j.Name, report.Lots, report.SHA256),
	}
	if ledger.Fixed() == nil {
		record.Fixed = fixed
	}
	if j.Now != nil {
		record.Time = j.Now().UTC().Format(time.RFC3339)
	}
	lots.stage(stageCommit, 0)
	defer lots.finish(stageCommit)
	return attempt.commit(ctx, record)
}

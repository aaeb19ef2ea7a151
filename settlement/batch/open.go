package batch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/clearing"
	"alliance/settlement/spool"
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
	// Operator is who does it, as claimed.
	Operator string
	// Now is the clock for the log's record.
	Now func() time.Time
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
// Nothing is written unless every row is good. Errors: [RefusedError] for a ledger that has lots
// or dates already or keeps no lots, [LotsError] for the file, [RulebookError], those that wrap
// [settlement.ErrOutOfRange], and those of the books.
func OpenLots(ctx context.Context, job OpeningJob) (report OpeningReport, err error) {
	ledger, err := books.Open(ctx, job.Ledger)
	if err != nil {
		return report, err
	}
	if err := mayOpen(ledger, job.Rulebook); err != nil {
		return report, err
	}
	digest := sha256.New()
	lots, err := readOpening(io.TeeReader(job.Lots, digest), job.Name, job.Rulebook)
	if err != nil {
		return report, err
	}
	report = lots.report(job.Rulebook.Parties)
	report.SHA256 = hex.EncodeToString(digest.Sum(nil))
	var all []settlement.Account
	for _, account := range lots.accounts {
		slices.SortFunc(account.Lots, func(a, b settlement.Lot) int { return settlement.CompareLotKeys(&a.Key, &b.Key) })
		all = append(all, *account)
	}
	closing := &Closing{Points: lots.points}
	if closing.State, err = NewAccountState(spool.NewPool("", math.MaxInt64), job.Rulebook.Parties, all); err != nil {
		return report, err
	}
	if err := job.commit(ctx, ledger, closing, &report); err != nil {
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
func (j *OpeningJob) commit(ctx context.Context, ledger *books.Ledger, closing *Closing, report *OpeningReport) error {
	attempt := &attempt{ledger: ledger}
	writer := &publication{
		job: &Job{Rulebook: j.Rulebook}, timeline: newTimeline(ledger), attempt: attempt, closing: closing,
		night: &settlement.Night{Parties: j.Rulebook.Parties}, folder: "state/",
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
	return attempt.commit(ctx, record)
}

// openingLots are the lots of a file, by member.
type openingLots struct {
	accounts map[string]*settlement.Account
	points   map[settlement.Party]int64
	lots     map[settlement.Party]int64
	keys     map[openingKey]int64 // the row that has each key
}

// openingKey identifies a lot: it may be on record once, whoever has it.
type openingKey struct {
	id       settlement.Digest
	business settlement.Date
}

// add puts a lot on its member's account. It returns the row that has the lot's key already, or 0.
func (o *openingLots) add(parties settlement.Parties, member string, lot settlement.Lot) (row int64, err error) {
	key := openingKey{clearing.IDDigest(parties.ID(lot.Issuer), lot.Key.TransactionID), lot.Key.BusinessDate}
	if row := o.keys[key]; row != 0 {
		return row, nil
	}
	o.keys[key] = lot.Source.Row
	account := o.accounts[member]
	if account == nil {
		account = &settlement.Account{Member: member}
		o.accounts[member] = account
	}
	account.Lots = append(account.Lots, lot)
	o.lots[lot.Issuer]++
	sum, err := settlement.AddPoints(o.points[lot.Issuer], lot.Open)
	if err != nil {
		return 0, fmt.Errorf("points of %s in the opening lots: %w", parties.ID(lot.Issuer), err)
	}
	o.points[lot.Issuer] = sum
	return 0, nil
}

func (o *openingLots) report(parties settlement.Parties) OpeningReport {
	report := OpeningReport{Members: int64(len(o.accounts)), Points: []OpeningPoints{}}
	for party := range settlement.Party(parties.Len()) {
		if lots := o.lots[party]; lots > 0 {
			report.Lots += lots
			report.Points = append(report.Points, OpeningPoints{parties.ID(party), lots, o.points[party]})
		}
	}
	return report
}

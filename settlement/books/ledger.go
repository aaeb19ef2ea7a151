package books

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"alliance/settlement"
	"alliance/settlement/crash"
	"alliance/settlement/storage"
)

var (
	// ErrUnsafe says that the store let a key be created twice: nothing is safe in it.
	ErrUnsafe = errors.New("the store is unsafe")
	// ErrBroken says that the ledger is damaged: a record is missing or altered, or an object is.
	ErrBroken = errors.New("the ledger is damaged")
	// ErrLost says that another run filled the slot first: nothing of this one is on record. Run again. So it does where
	// that run has removed what this one reads.
	ErrLost = errors.New("another run won")
	// ErrAborted says that the commit failed for sure: the slot holds an abort record.
	ErrAborted = errors.New("the commit failed and was aborted")
	// ErrUnknown says that the store could not be reached to find out whether the commit
	// succeeded. Run again: the next run finds out.
	ErrUnknown = errors.New("the outcome of the commit is unknown")
	// ErrOtherLog says that the statements were published from records that the log does not have: it was cut off, or is another one.
	ErrOtherLog = errors.New("the statements are not of this log")
	// ErrLeft says that some of what is published could not be made what is on record; all else is.
	ErrLeft = errors.New("not everything could be made what is on record")
	// ErrUnknownParty says that state names parties that the register does not have.
	ErrUnknownParty = errors.New("the register lacks parties that are still on record")
)

const (
	logPrefix  = "log/"
	runsPrefix = "runs/"
	probeKey   = "probe.json"
	intentName = "intent.json"
)

func logKey(seq int64) string { return fmt.Sprintf("%s%020d.json", logPrefix, seq) }

func attemptPrefix(attempt string) string { return runsPrefix + attempt + "/" }

// A Ledger is the log of a ledger as it was read. Its methods do not change it but for
// [Attempt.Commit] and the projection, which may find newer records; they must not run at the
// same time as others.
type Ledger struct {
	bucket  storage.Bucket
	records []Record
	// passed is, by record, what was read of its dates where it was read in brief, as the dates are not in records then; else nil.
	passed [][]PassedDate
	// hashes holds the SHA-256 of each record, log_bytes what they take, as far as they were read, in the store.
	hashes    []string
	log_bytes int64
	// atOnce is how many records are read at a time, at most.
	atOnce int
	// recent is how many dates before the next one are asked for their inputs; less than 0 if all records are read whole.
	recent int
	// listed is the last record that was listed, sizes what the records take, from the first on, as far as they were listed.
	listed int64
	sizes  []int64
	// files are all that records name which were read whole, by where they lie, as the last one names them.
	files map[place]*FileRecord
	// packs are those of them that lie in packs, by the pack's key, in no order.
	packs map[string][]*FileRecord
	// substitutes are the objects that stand for others since a member was forgotten, by the key
	// of the object replaced.
	substitutes map[string]FileRecord
	// shared are texts that dates read in brief have in common.
	shared map[string]string
	// kept are objects of this process's attempts that need not be read from the store to be published.
	kept   *kept
	probed bool
	// pause waits before the next try.
	pause func(try int)
	// foldersPerLook is how many folders the projection writes before it asks for newer records again.
	foldersPerLook int
}

// Head returns the number and the hash of the last record; 0 and "" if there is none.
func (l *Ledger) Head() (seq int64, hash string) {
	if len(l.records) == 0 {
		return 0, ""
	}
	return int64(len(l.records)), l.hashes[len(l.hashes)-1]
}

// Records returns all records, in order. They must not be changed. It panics if one was read in brief: see [OpenRecent].
func (l *Ledger) Records() []Record {
	if brief := l.briefRecords(every); len(brief) > 0 {
		panic(fmt.Sprintf("record %d was read in brief", brief[0]+1))
	}
	return l.records
}

// Settled returns what is on record about a date, and the record; nil if it is not settled. It panics if that was read in brief.
func (l *Ledger) Settled(date settlement.Date) (*DateRecord, *Record) {
	for i := len(l.records) - 1; i >= 0; i-- {
		l.mustBeWhole(i, date)
		for j := range l.records[i].Dates {
			if l.records[i].Dates[j].Date == date {
				return &l.records[i].Dates[j], &l.records[i]
			}
		}
	}
	return nil, nil
}

// IsSettled reports whether a date is settled.
func (l *Ledger) IsSettled(date settlement.Date) bool {
	_, settled := l.standingRecords()[date]
	return settled
}

// FirstSettled returns the first settled date, if any is.
func (l *Ledger) FirstSettled() (settlement.Date, bool) {
	first, found := settlement.Never, false
	for i := range l.records {
		l.settledBy(i, func(date settlement.Date, _ string) { first, found = min(first, date), true })
	}
	return first, found
}

// LastSettled returns the last settled date, if any is.
func (l *Ledger) LastSettled() (settlement.Date, bool) {
	last, found := settlement.NoDate, false
	for i := range l.records {
		l.settledBy(i, func(date settlement.Date, _ string) { last, found = max(last, date), true })
	}
	return last, found
}

// ClosedThrough returns the date through which all are final, if any is.
func (l *Ledger) ClosedThrough() (settlement.Date, bool) {
	through := settlement.NoDate
	for _, record := range l.records {
		if date, err := settlement.ParseDate(record.Through); record.Kind == Close && err == nil {
			through = max(through, date)
		}
	}
	return through, through != settlement.NoDate
}

// Opening returns the state of the opening lots and its record; nil if there are none.
func (l *Ledger) Opening() (*StateRecord, *Record) {
	for i := range l.records {
		if l.records[i].Opening != nil {
			return l.records[i].Opening, &l.records[i]
		}
	}
	return nil, nil
}

// Fixed returns what the first record with a rulebook fixed for ever; nil if there is none yet.
func (l *Ledger) Fixed() json.RawMessage {
	for _, record := range l.records {
		if record.Fixed != nil {
			return record.Fixed
		}
	}
	return nil
}

// Version returns the last version of a merchant's statement of a date, or nil.
func (l *Ledger) Version(merchant string, date settlement.Date) *StatementRecord {
	versions := l.Versions(merchant, date)
	if len(versions) == 0 {
		return nil
	}
	return versions[len(versions)-1]
}

// Versions returns the versions of a merchant's statement of a date, from the first.
func (l *Ledger) Versions(merchant string, date settlement.Date) []*StatementRecord {
	var versions []*StatementRecord
	l.eachStatement(date, func(statement *StatementRecord) {
		if statement.Merchant == merchant {
			versions = appendNewer(versions, statement)
		}
	})
	return versions
}

// LatestVersions returns the version in force of every merchant's statement of a date, by merchant: what [Ledger.Version]
// returns of each, in one pass.
func (l *Ledger) LatestVersions(date settlement.Date) map[string]*StatementRecord {
	latest := make(map[string]*StatementRecord)
	for merchant, versions := range l.versionsByMerchant(date) {
		latest[merchant] = versions[len(versions)-1]
	}
	return latest
}

// versionsByMerchant returns the versions of all merchants' statements of a date.
func (l *Ledger) versionsByMerchant(date settlement.Date) map[string][]*StatementRecord {
	versions := make(map[string][]*StatementRecord)
	l.eachStatement(date, func(statement *StatementRecord) {
		versions[statement.Merchant] = appendNewer(versions[statement.Merchant], statement)
	})
	return versions
}

// appendNewer leaves out a version that a later record repeats.
func appendNewer(versions []*StatementRecord, statement *StatementRecord) []*StatementRecord {
	if len(versions) > 0 && versions[len(versions)-1].Version >= statement.Version {
		return versions
	}
	return append(versions, statement)
}

// eachStatement visits what every record says of the statements of a date, in order.
func (l *Ledger) eachStatement(date settlement.Date, visit func(*StatementRecord)) {
	l.eachOf(date, func(settled *DateRecord, _ *Record) {
		for k := range settled.Statements {
			visit(&settled.Statements[k])
		}
	})
}

// Read returns the content of a file on record, after checking its SHA-256; of one that was
// replaced since, that of its substitute. A file that is gone or altered is [ErrBroken]; one that is gone
// since a record came after the head is [ErrLost].
func (l *Ledger) Read(ctx context.Context, file FileRecord) ([]byte, error) {
	file = l.Current(file)
	content, err := l.readFile(ctx, file)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, l.missing(ctx, "object "+file.Place())
	}
	if err != nil {
		return nil, fmt.Errorf("read an object of the ledger: %w", err)
	}
	if int64(len(content)) != file.Bytes || digest(content) != file.SHA256 {
		return nil, fmt.Errorf("%w: object %s is not what is on record: %d bytes, SHA-256 %s instead of %d, %s",
			ErrBroken, file.Place(), len(content), digest(content), file.Bytes, file.SHA256)
	}
	return content, nil
}

// probe checks that the store refuses to create a key a second time.
func (l *Ledger) probe(ctx context.Context) error {
	if l.probed {
		return nil
	}
	content := []byte(`{"probe":"a store that lets this be created twice is unsafe"}` + "\n")
	refused := false
	for try := 0; try < 2 && !refused; try++ {
		err := l.bucket.Create(ctx, probeKey, bytes.NewReader(content))
		if err == nil {
			crash.At(crash.ProbeCreated)
		}
		refused = errors.Is(err, storage.ErrExists)
		if err != nil && !refused {
			return fmt.Errorf("probe the store: %w", err)
		}
	}
	if !refused {
		return fmt.Errorf("%w: %s could be created twice. The store does not support conditional writes (put-if-absent); use another", ErrUnsafe, probeKey)
	}
	found, err := l.readObject(ctx, probeKey)
	if err != nil {
		return fmt.Errorf("probe the store: %w", err)
	}
	if !bytes.Equal(found, content) {
		return fmt.Errorf("%w: %s in the ledger does not hold what was written there. If settle verify finds the ledger sound, "+
			"only that object was damaged: delete it, and the next run makes it again; else the store does not keep what it is given, use another", ErrUnsafe, probeKey)
	}
	l.probed = true
	return nil
}

// sumOf returns length and SHA-256 of a body and goes back to its start.
func sumOf(body io.ReadSeeker) (int64, string, error) {
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return 0, "", err
	}
	hash := sha256.New()
	size, err := io.Copy(hash, body)
	if err != nil {
		return 0, "", err
	}
	_, err = body.Seek(0, io.SeekStart)
	return size, hex.EncodeToString(hash.Sum(nil)), err
}

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
	"slices"
	"strings"
	"time"

	"alliance/settlement"
	"alliance/settlement/crash"
	"alliance/settlement/storage"

	"golang.org/x/sync/errgroup"
)

var (
	// ErrUnsafe says that the store let a key be created twice: nothing is safe in it.
	ErrUnsafe = errors.New("the store is unsafe")
	// ErrBroken says that the ledger is damaged: a record is missing or altered, or an object is.
	ErrBroken = errors.New("the ledger is damaged")
	// ErrLost says that another run filled the slot first: nothing of this one is on record. Run again.
	ErrLost = errors.New("another run won")
	// ErrAborted says that the commit failed for sure: the slot holds an abort record.
	ErrAborted = errors.New("the commit failed and was aborted")
	// ErrUnknown says that the store could not be reached to find out whether the commit
	// succeeded. Run again: the next run finds out.
	ErrUnknown = errors.New("the outcome of the commit is unknown")
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
	// hashes holds the SHA-256 of each record, log_bytes what they take in the store.
	hashes    []string
	log_bytes int64
	// files are all that records name, by where they lie, as the last one names them.
	files map[place]*FileRecord
	// packs are those of them that lie in packs, by the pack's key, in no order.
	packs map[string][]*FileRecord
	// substitutes are the objects that stand for others since a member was forgotten, by the key
	// of the object replaced.
	substitutes map[string]FileRecord
	// kept are objects of this process's attempts that need not be read from the store to be published.
	kept   *kept
	probed bool
	// pause waits before the next try.
	pause func(try int)
	// foldersPerLook is how many folders the projection writes before it asks for newer records again.
	foldersPerLook int
}

// Open reads and verifies the log. It writes nothing. Errors: [ErrBroken], or those of the store.
func Open(ctx context.Context, bucket storage.Bucket) (*Ledger, error) {
	return openBy(ctx, bucket, recordsAtOnce)
}

// openBy reads up to so many records at a time.
func openBy(ctx context.Context, bucket storage.Bucket, together int) (*Ledger, error) {
	ledger := &Ledger{bucket: bucket, files: make(map[place]*FileRecord), packs: make(map[string][]*FileRecord),
		substitutes: make(map[string]FileRecord), kept: newKept(), pause: pause, foldersPerLook: foldersPerLook}
	if err := ledger.readLog(ctx, together); err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	return ledger, nil
}

func pause(try int) { time.Sleep(100 * time.Millisecond << try) }

// refresh reads the records after the head.
func (l *Ledger) refresh(ctx context.Context) error {
	for {
		more, err := l.readNext(ctx)
		if err != nil || !more {
			return err
		}
	}
}

// readNext reads the record after the head, if there is one.
func (l *Ledger) readNext(ctx context.Context) (found bool, err error) {
	text, err := l.readObject(ctx, logKey(int64(len(l.records))+1))
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	record, err := decodeRecord(int64(len(l.records))+1, text)
	return true, l.take(record, text, err)
}

// take takes the record after the head and its text, or what was wrong with it.
func (l *Ledger) take(record *Record, text []byte, fault error) error {
	if fault != nil {
		return fault
	}
	if seq, head := l.Head(); record.Previous != head {
		return fmt.Errorf("%w: %s does not follow on the record before, %s: the hashes differ; restore whichever was altered from a copy of the ledger: a record is never written again",
			ErrBroken, logKey(seq+1), logKey(seq))
	}
	return l.append(record, text)
}

func (l *Ledger) append(record *Record, text []byte) error {
	var clash error
	record.files(func(file *FileRecord) {
		if !l.name(file) && clash == nil {
			clash = fmt.Errorf("%w: record %d gives object %s another content than a record before", ErrBroken, record.Seq, file.Place())
		}
	})
	if record.Forgotten != nil {
		for _, substitute := range record.Forgotten.Substitutes {
			l.substitutes[substitute.Object] = substitute.By
		}
	}
	l.records = append(l.records, *record)
	l.hashes = append(l.hashes, digest(text))
	l.log_bytes += int64(len(text))
	return clash
}

// MemoryBytes returns about how many bytes of memory the ledger takes: that of all its records, which is a fifth more than they have in
// the store (see BenchmarkOpen).
func (l *Ledger) MemoryBytes() int64 { return l.log_bytes + l.log_bytes/5 }

// name adds a file that a record names. It reports whether that agrees with what was named before: the same place has
// the same content, and an object is one file or a pack of files.
func (l *Ledger) name(file *FileRecord) bool {
	known, found := l.files[file.place()]
	l.files[file.place()] = file
	if file.Offset != 0 && !found {
		l.packs[file.Object] = append(l.packs[file.Object], file)
	}
	if _, isFile := l.files[place{object: file.Object}]; isFile && len(l.packs[file.Object]) > 0 {
		return false
	}
	return !found || known.SHA256 == file.SHA256 && known.Bytes == file.Bytes
}

// recordsAtOnce is how many records are asked for at a time: a store that is far away takes its time for each.
const recordsAtOnce = 16

// readLog reads all records: those that are listed, several at a time, and what came since. It looks for records beyond the end, and
// for what is no record.
func (l *Ledger) readLog(ctx context.Context, together int) error {
	listed, err := l.listLog(ctx)
	if err != nil {
		return err
	}
	for int64(len(l.records)) < listed {
		read, err := l.readSome(ctx, min(int64(together), listed-int64(len(l.records))))
		if err != nil {
			return err
		}
		for i := range read {
			if err := l.take(read[i].record, read[i].text, read[i].fault); err != nil {
				return err
			}
		}
		if len(read) == 0 {
			break
		}
	}
	// Records are created in order: if a later one is listed, the next one can be read by now.
	if err := l.refresh(ctx); err != nil {
		return err
	}
	if head, _ := l.Head(); listed > head {
		return fmt.Errorf("%w: there is %s, but no %s; %s", ErrBroken, logKey(listed), logKey(head+1), restoreRecord)
	}
	return nil
}

// listLog returns the number of the last record that is listed.
func (l *Ledger) listLog(ctx context.Context) (last int64, err error) {
	objects, err := l.bucket.List(ctx, logPrefix)
	if err != nil {
		return 0, err
	}
	for _, object := range objects {
		var seq int64
		name := strings.TrimPrefix(object.Key, logPrefix)
		if _, err := fmt.Sscanf(name, "%020d.json", &seq); err != nil || logKey(seq) != object.Key || seq < 1 {
			return 0, fmt.Errorf("%w: %s is no record; find out how it came there and remove it", ErrBroken, object.Key)
		}
		last = max(last, seq)
	}
	return last, nil
}

// A slot is what was found where a record should be.
type slot struct {
	text   []byte
	record *Record
	// fault says why the text is no record.
	fault  error
	absent bool
}

// readSome reads so many records after the head, or those before the first that is not there. They are decoded together, too: after
// years of nights that takes seconds.
func (l *Ledger) readSome(ctx context.Context, count int64) ([]slot, error) {
	slots := make([]slot, count)
	read := func(ctx context.Context, i int) (err error) {
		found, seq := &slots[i], int64(len(l.records)+i)+1
		found.text, err = l.readObject(ctx, logKey(seq))
		if found.absent = errors.Is(err, storage.ErrNotFound); found.absent {
			return nil
		}
		if err == nil {
			found.record, found.fault = decodeRecord(seq, found.text)
		}
		return err
	}
	if count == 1 {
		if err := read(ctx, 0); err != nil {
			return nil, err
		}
	} else {
		group, ctx := errgroup.WithContext(ctx)
		for i := range slots {
			group.Go(func() error { return read(ctx, i) })
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
	}
	if first := slices.IndexFunc(slots, func(s slot) bool { return s.absent }); first >= 0 {
		slots = slots[:first]
	}
	return slots, nil
}

func (l *Ledger) readObject(ctx context.Context, key string) ([]byte, error) {
	return readObject(ctx, l.bucket, key)
}

func readObject(ctx context.Context, bucket storage.Bucket, key string) ([]byte, error) {
	reader, object, err := bucket.Open(ctx, key, "")
	if err != nil {
		return nil, err
	}
	content := bytes.NewBuffer(make([]byte, 0, object.Size+bytes.MinRead))
	_, err = content.ReadFrom(reader)
	return content.Bytes(), errors.Join(err, reader.Close())
}

// Head returns the number and the hash of the last record; 0 and "" if there is none.
func (l *Ledger) Head() (seq int64, hash string) {
	if len(l.records) == 0 {
		return 0, ""
	}
	return int64(len(l.records)), l.hashes[len(l.hashes)-1]
}

// Records returns all records, in order. They must not be changed.
func (l *Ledger) Records() []Record { return l.records }

// Settled returns what is on record about a date, and the record; nil if it is not settled.
func (l *Ledger) Settled(date settlement.Date) (*DateRecord, *Record) {
	for i := len(l.records) - 1; i >= 0; i-- {
		for j := range l.records[i].Dates {
			if l.records[i].Dates[j].Date == date {
				return &l.records[i].Dates[j], &l.records[i]
			}
		}
	}
	return nil, nil
}

// FirstSettled returns the first settled date, if any is.
func (l *Ledger) FirstSettled() (settlement.Date, bool) {
	first, found := settlement.Never, false
	for _, record := range l.records {
		for _, date := range record.Dates {
			first, found = min(first, date.Date), true
		}
	}
	return first, found
}

// LastSettled returns the last settled date, if any is.
func (l *Ledger) LastSettled() (settlement.Date, bool) {
	last, found := settlement.NoDate, false
	for _, record := range l.records {
		for _, date := range record.Dates {
			last, found = max(last, date.Date), true
		}
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
	for i := range l.records {
		for j := range l.records[i].Dates {
			settled := &l.records[i].Dates[j]
			if settled.Date != date {
				continue
			}
			for k := range settled.Statements {
				visit(&settled.Statements[k])
			}
		}
	}
}

// Read returns the content of a file on record, after checking its SHA-256; of one that was
// replaced since, that of its substitute. A file that is gone or altered is [ErrBroken].
func (l *Ledger) Read(ctx context.Context, file FileRecord) ([]byte, error) {
	file = l.Current(file)
	content, err := l.readFile(ctx, file)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, fmt.Errorf("%w: object %s is on record and missing", ErrBroken, file.Place())
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
		return fmt.Errorf("%w: %s does not hold what was written there", ErrUnsafe, probeKey)
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

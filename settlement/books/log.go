package books

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"alliance/settlement/storage"

	"golang.org/x/sync/errgroup"
)

// Open reads and verifies the log. It writes nothing. Errors: [ErrBroken], or those of the store.
func Open(ctx context.Context, bucket storage.Bucket) (*Ledger, error) {
	return openBy(ctx, bucket, recordsAtOnce, -1)
}

// openBy reads up to so many records at a time.
func openBy(ctx context.Context, bucket storage.Bucket, atOnce, recent int) (*Ledger, error) {
	ledger := &Ledger{bucket: bucket, files: make(map[place]*FileRecord), packs: make(map[string][]*FileRecord), atOnce: atOnce, recent: recent,
		substitutes: make(map[string]FileRecord), shared: make(map[string]string), kept: newKept(), pause: pause, foldersPerLook: foldersPerLook}
	err := ledger.readLog(ctx)
	if err == nil && recent >= 0 {
		err = ledger.readNeeded(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	return ledger, nil
}

func pause(try int) { time.Sleep(100 * time.Millisecond << try) }

// refresh reads the records after the head.
func (l *Ledger) refresh(ctx context.Context) error {
	for {
		next, err := l.readSlot(ctx, int64(len(l.records))+1, whole)
		if err != nil || next.absent {
			return err
		}
		if err := l.take(&next); err != nil {
			return err
		}
	}
}

// take takes the record after the head, or what was wrong with it.
func (l *Ledger) take(found *slot) error {
	if found.fault != nil {
		return found.fault
	}
	if seq, head := l.Head(); found.record.Previous != head {
		return fmt.Errorf("%w: %s does not follow on the record before, %s: the hashes differ; restore whichever was altered from a copy of the ledger: a record is never written again",
			ErrBroken, logKey(seq+1), logKey(seq))
	}
	return l.append(found)
}

func (l *Ledger) append(found *slot) error {
	record := found.record
	clash := l.nameFiles(record)
	if record.Forgotten != nil {
		for _, substitute := range record.Forgotten.Substitutes {
			l.substitutes[substitute.Object] = substitute.By
		}
	}
	l.shareTexts(found.passed)
	l.records = append(l.records, *record)
	l.passed = append(l.passed, found.passed)
	l.hashes = append(l.hashes, found.sum)
	l.log_bytes += found.kept_bytes
	return clash
}

// MemoryBytes returns about how many bytes of memory the ledger takes: that of its records as far as they were read, which is a fifth more than they
// have in the store (see BenchmarkOpen).
func (l *Ledger) MemoryBytes() int64 { return l.log_bytes + l.log_bytes/5 }

// nameFiles adds the files that a record names.
func (l *Ledger) nameFiles(record *Record) (clash error) {
	record.files(func(file *FileRecord) {
		if !l.name(file) && clash == nil {
			clash = fmt.Errorf("%w: record %d gives object %s another content than a record before", ErrBroken, record.Seq, file.Place())
		}
	})
	return clash
}

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

// recordsAtOnce is how many records are asked for at a time: a store that is far away takes its time for each. They have to be no more than
// mostAtOnce_bytes, all but one.
const (
	recordsAtOnce    = 16
	mostAtOnce_bytes = 64 << 20
)

// readLog reads all records: those that are listed, several at a time, and what came since. It looks for records beyond the end, and
// for what is no record.
func (l *Ledger) readLog(ctx context.Context) error {
	if err := l.listLog(ctx); err != nil {
		return err
	}
	for int64(len(l.records)) < l.listed {
		read, err := l.readSome(ctx)
		if err != nil {
			return err
		}
		for i := range read {
			if err := l.take(&read[i]); err != nil {
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
	if head, _ := l.Head(); l.listed > head {
		return fmt.Errorf("%w: there is %s, but no %s; %s", ErrBroken, logKey(l.listed), logKey(head+1), restoreRecord)
	}
	return nil
}

// listLog lists the log.
func (l *Ledger) listLog(ctx context.Context) error {
	objects, err := l.bucket.List(ctx, logPrefix)
	if err != nil {
		return err
	}
	for _, object := range objects {
		var seq int64
		name := strings.TrimPrefix(object.Key, logPrefix)
		if _, err := fmt.Sscanf(name, "%020d.json", &seq); err != nil || logKey(seq) != object.Key || seq < 1 {
			return fmt.Errorf("%w: %s is no record; find out how it came there and remove it", ErrBroken, object.Key)
		}
		l.listed = max(l.listed, seq)
		if seq == int64(len(l.sizes))+1 {
			l.sizes = append(l.sizes, object.Size)
		}
	}
	return nil
}

// A slot is what was found where a record should be.
type slot struct {
	// record and passed are as in a [Ledger], sum is the SHA-256 of the record's text, in hex.
	record *Record
	passed []PassedDate
	sum    string
	// kept_bytes is about how much of the text was kept.
	kept_bytes int64
	// fault says why the text is no record.
	fault  error
	absent bool
}

// readSlot reads the slot of a record, so much of it.
func (l *Ledger) readSlot(ctx context.Context, seq int64, extent extent) (found slot, err error) {
	text, err := l.readObject(ctx, logKey(seq))
	if errors.Is(err, storage.ErrNotFound) {
		return slot{absent: true}, nil
	}
	if err != nil {
		return found, err
	}
	if extent != whole {
		return decodeBrief(seq, text, extent), nil
	}
	found.record, found.sum, found.fault = decodeRecord(seq, text)
	found.kept_bytes = int64(len(text))
	return found, nil
}

// extentOf returns how much is read of a listed record at first: the last one is asked for whole, the few before it for their inputs.
func (l *Ledger) extentOf(seq int64) extent {
	switch {
	case l.recent < 0 || seq >= l.listed:
		return whole
	case seq > l.listed-int64(l.recent):
		return withInputs
	}
	return inBrief
}

// readSome reads up to so many listed records after the head, or those before the first that is not there. They are decoded together, too: after
// years of nights that takes seconds.
func (l *Ledger) readSome(ctx context.Context) ([]slot, error) {
	head := int64(len(l.records))
	count := 0
	for bytes := int64(0); count < l.atOnce && head+int64(count) < l.listed; count++ {
		if at := head + int64(count); at < int64(len(l.sizes)) {
			bytes += l.sizes[at]
		}
		if count > 0 && bytes > mostAtOnce_bytes {
			break
		}
	}
	slots := make([]slot, count)
	err := together(ctx, count, func(ctx context.Context, i int) (err error) {
		seq := head + int64(i) + 1
		slots[i], err = l.readSlot(ctx, seq, l.extentOf(seq))
		return err
	})
	if err != nil {
		return nil, err
	}
	if first := slices.IndexFunc(slots, func(s slot) bool { return s.absent }); first >= 0 {
		slots = slots[:first]
	}
	return slots, nil
}

// together calls work for 0 to count-1 at the same time, and returns the first error.
func together(ctx context.Context, count int, work func(ctx context.Context, i int) error) error {
	if count == 1 {
		return work(ctx, 0)
	}
	group, ctx := errgroup.WithContext(ctx)
	for i := range count {
		group.Go(func() error { return work(ctx, i) })
	}
	return group.Wait()
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

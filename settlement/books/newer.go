package books

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"alliance/settlement/storage"
)

// Newer returns the number of the record after the head if somebody has written it by now, else 0. It does not read the log on.
func (l *Ledger) Newer(ctx context.Context) (seq int64, err error) {
	head, _ := l.Head()
	present, err := l.present(ctx, logKey(head+1))
	if err != nil || !present {
		return 0, err
	}
	return head + 1, nil
}

// missing says what it means that an object is not there which is on record, or which this process stored: somebody whose record comes after
// the head has replaced it, as a forget does, or cleaned up an attempt that was passed; else the ledger is damaged. It changes nothing: objects are read
// by many goroutines at a time.
func (l *Ledger) missing(ctx context.Context, what string) error {
	newer, err := l.Newer(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("%s is missing, and whether another run has removed it is not known: %w", what, err)
	case newer > 0:
		return fmt.Errorf("%w: record %d was written meanwhile, and %s is gone since; run again", ErrLost, newer, what)
	}
	return fmt.Errorf("%w: %s is on record and missing", ErrBroken, what)
}

// A Mark says up to which record everything was published. It lies beside what is published.
type Mark struct {
	Seq int64 `json:"seq"`
	// Computation is the computation id of the newest date by then: it tells the mark of another log, such as one that was begun anew or
	// restored from a copy. A record's hash would do as well, but what is published holds no clock and no random number.
	Computation string `json:"computation_id"`
}

// StatementsMark returns the mark in the bucket of statements; it is zero if there is none that can be read.
func (l *Ledger) StatementsMark(ctx context.Context, statements storage.Bucket) (Mark, error) {
	return readMark(ctx, statements, markKey)
}

// AcknowledgementsMark returns the mark in the bucket of acknowledgements; it is zero if there is none that can be read.
func (l *Ledger) AcknowledgementsMark(ctx context.Context, acknowledgements storage.Bucket) (Mark, error) {
	return readMark(ctx, acknowledgements, acknowledgedKey)
}

func readMark(ctx context.Context, bucket storage.Bucket, key string) (found Mark, err error) {
	text, err := readObject(ctx, bucket, key)
	if errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrIrregular) {
		return Mark{}, nil
	}
	if err != nil {
		return Mark{}, fmt.Errorf("read %s, which says what is published: %w", key, err)
	}
	if json.Unmarshal(text, &found) != nil || found.Seq < 1 {
		return Mark{}, nil
	}
	return found, nil
}

// CheckMark returns [ErrOtherLog] if a mark of the statements is not one of this log, as far as that was read.
func (l *Ledger) CheckMark(mark Mark) error {
	if l.IsMarkOf(mark) {
		return nil
	}
	const advice = "was the ledger restored from an old copy, or are these another ledger's statements? Restore the whole log, or name the right statements; " +
		"if the ledger was begun anew on purpose, and finance knows, remove " + markKey + " from the statements"
	head, _ := l.Head()
	if mark.Seq > head {
		return fmt.Errorf("%w: they were published up to record %d, and the log ends at %d: %s", ErrOtherLog, mark.Seq, head, advice)
	}
	return fmt.Errorf("%w: they were published up to a record %d by which the newest date had the computation id %q, and by record %d of this log it has %q: %s",
		ErrOtherLog, mark.Seq, mark.Computation, mark.Seq, l.computationAt(mark.Seq), advice)
}

// IsMarkOf reports whether a mark is one of this log, as far as that was read.
func (l *Ledger) IsMarkOf(mark Mark) bool {
	head, _ := l.Head()
	return mark.Seq <= head && mark.Computation == l.computationAt(mark.Seq)
}

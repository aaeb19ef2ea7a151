package books

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"alliance/settlement/crash"
	"alliance/settlement/storage"
)

// callLimit bounds one call to the store while the outcome of a commit is sought.
const callLimit = time.Minute

// Commit puts the record in the slot after the head that the attempt began with; it sets Seq,
// Previous, Attempt and Seal. nil: it is on record, and the ledger's new head. [ErrLost],
// [ErrAborted] and errors about the record: it is not and never will be. [ErrUnknown]: run again.
// After an error, open the ledger again.
func (a *Attempt) Commit(ctx context.Context, record Record) error {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.ended {
		return fmt.Errorf("attempt %s has ended", a.id)
	}
	a.ended = true
	record.Seq, record.Previous, record.Attempt = a.slot, a.head, a.id
	if seq, _ := a.ledger.Head(); seq >= a.slot {
		// Publishing an earlier date has read the log on meanwhile, and met another's record.
		return a.lost(&a.ledger.records[a.slot-1])
	}
	if err := a.check(&record); err != nil {
		return fmt.Errorf("refuse to commit record %d: %w", record.Seq, err)
	}
	text, err := record.seal()
	if err != nil {
		return err
	}
	// What another process will read must be what we meant.
	written, sum, err := decodeRecord(record.Seq, text)
	if err != nil {
		return fmt.Errorf("refuse to commit: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("commit record %d: %w", record.Seq, err)
	}
	// From here on the record may be on its way: stopping now would not undo it.
	crash.At(crash.RecordReady)
	c := commit{a, context.WithoutCancel(ctx), text, nil}
	if err := c.send(record); err != nil {
		return err
	}
	a.ledger.kept.retain(record.published())
	return a.ledger.append(&slot{record: written, sum: sum, kept_bytes: int64(len(text))})
}

// A commit is under way.
type commit struct {
	*Attempt
	ctx  context.Context
	text []byte
	// abort is the abort record, once it was sent.
	abort []byte
}

// send writes the record and finds out what became of it.
func (c *commit) send(record Record) error {
	settled, cause := c.fill(c.text)
	if settled {
		return cause
	}
	abort := Record{Seq: record.Seq, Previous: record.Previous, Attempt: record.Attempt, Kind: Abort,
		Operator: record.Operator, Time: record.Time, Program: record.Program,
		Reason: "the store did not take the record that this attempt sent"}
	var err error
	if c.abort, err = abort.seal(); err != nil {
		return c.unknown(cause, err)
	}
	settled, err = c.fill(c.abort)
	if settled {
		if errors.Is(err, ErrAborted) {
			err = fmt.Errorf("%w: %w", err, cause)
		}
		return err
	}
	return c.unknown(cause, err)
}

// fill tries to put text into the slot until it is known what the slot holds: settled is true
// then, and err the outcome of the commit. Otherwise the slot was empty when it was last seen,
// and err is what the store said.
func (c *commit) fill(text []byte) (settled bool, err error) {
	var unforced error
	for try := range tries {
		if err = c.create(text); err == nil {
			return true, c.judge(text)
		}
		if errors.Is(err, storage.ErrUnforced) {
			unforced = err
		}
		if unforced != nil && !errors.Is(err, storage.ErrExists) {
			// To find it would prove nothing. The store says that it stays when it refuses to create it again.
			c.ledger.pause(try)
			continue
		}
		found, lookErr := c.look()
		if lookErr == nil {
			return true, c.judge(found)
		}
		if !errors.Is(lookErr, storage.ErrNotFound) {
			return true, c.unknown(err, lookErr)
		}
		c.ledger.pause(try)
	}
	if unforced != nil {
		return true, c.unknown(unforced, err)
	}
	return false, err
}

func (c *commit) create(text []byte) error {
	ctx, cancel := context.WithTimeout(c.ctx, callLimit)
	defer cancel()
	err := c.ledger.bucket.Create(ctx, logKey(c.slot), bytes.NewReader(text))
	if err == nil {
		crash.At(crash.RecordSent)
	}
	return err
}

// look reads the slot; a store that cannot be reached is asked again a few times.
func (c *commit) look() (text []byte, err error) {
	for try := range tries {
		text, err = c.read()
		if err == nil || errors.Is(err, storage.ErrNotFound) {
			return text, err
		}
		c.ledger.pause(try)
	}
	return nil, err
}

func (c *commit) read() ([]byte, error) {
	ctx, cancel := context.WithTimeout(c.ctx, callLimit)
	defer cancel()
	return c.ledger.readObject(ctx, logKey(c.slot))
}

// judge says what it means that the slot holds these bytes.
func (c *commit) judge(found []byte) error {
	switch {
	case bytes.Equal(found, c.text):
		return nil
	case c.abort != nil && bytes.Equal(found, c.abort):
		return ErrAborted
	}
	winner, _, err := decodeRecord(c.slot, found)
	if err != nil {
		return fmt.Errorf("record %d is not ours: %w", c.slot, err)
	}
	return c.lost(winner)
}

// lost says whose record is in the slot.
func (a *Attempt) lost(winner *Record) error {
	return fmt.Errorf("%w: record %d is of attempt %s (%s), not of %s; run again", ErrLost, a.slot, winner.Attempt, winner.Kind, a.id)
}

func (c *commit) unknown(cause, err error) error {
	return fmt.Errorf("%w: record %d of attempt %s was sent (%w), and then: %w; run again, the next run finds out", ErrUnknown, c.slot, c.id, cause, err)
}

package books

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"alliance/settlement/storage"
)

// Abandoned returns the ids of the attempts that can never become a record: no record but an
// abort names them, and the head has passed their slot. Attempts without a legible intent are
// not among them.
func (l *Ledger) Abandoned(ctx context.Context) ([]string, error) {
	attempts, err := l.bucket.Folders(ctx, runsPrefix)
	if err != nil {
		return nil, fmt.Errorf("look for abandoned attempts: %w", err)
	}
	named := l.namedAttempts()
	head, _ := l.Head()
	var abandoned []string
	for _, attempt := range attempts {
		if named[attempt] {
			continue
		}
		text, err := l.readObject(ctx, attemptPrefix(attempt)+intentName)
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look for abandoned attempts: %w", err)
		}
		var found intent
		if decodeLine(text, &found) == nil && found.Attempt == attempt && found.Head+1 <= head {
			abandoned = append(abandoned, attempt)
		}
	}
	return abandoned, nil
}

// Waste is what [Ledger.CleanUp] would remove.
type Waste struct {
	Attempts []WastedAttempt
	// Replaced are objects that held a forgotten member.
	Replaced []string
}

// A WastedAttempt is an abandoned attempt with what it stored.
type WastedAttempt struct {
	ID             string
	Objects, Bytes int64
}

// Waste returns what can be cleaned up. It writes nothing.
func (l *Ledger) Waste(ctx context.Context) (waste Waste, err error) {
	abandoned, err := l.Abandoned(ctx)
	if err != nil {
		return waste, err
	}
	for _, attempt := range abandoned {
		objects, err := l.bucket.List(ctx, attemptPrefix(attempt))
		if err != nil {
			return waste, fmt.Errorf("look for abandoned attempts: %w", err)
		}
		wasted := WastedAttempt{ID: attempt}
		for _, object := range objects {
			wasted.Objects++
			wasted.Bytes += object.Size
		}
		waste.Attempts = append(waste.Attempts, wasted)
	}
	waste.Replaced, err = l.Replaced(ctx)
	return waste, err
}

// namedAttempts returns the attempts that records are of, and those whose objects they name.
func (l *Ledger) namedAttempts() map[string]bool {
	named := make(map[string]bool)
	for i := range l.records {
		if l.records[i].Kind != Abort {
			named[l.records[i].Attempt] = true
		}
	}
	for file := range l.files {
		attempt, _, _ := strings.Cut(strings.TrimPrefix(file.object, runsPrefix), "/")
		named[attempt] = true
	}
	return named
}

// CleanUp deletes the objects of abandoned attempts, intents last, and returns the attempts
// that are gone. It may be repeated after an error.
func (l *Ledger) CleanUp(ctx context.Context) (removed []string, err error) {
	abandoned, err := l.Abandoned(ctx)
	if err != nil {
		return nil, err
	}
	for _, attempt := range abandoned {
		if err := l.remove(ctx, attempt); err != nil {
			return removed, fmt.Errorf("clean up attempt %s: %w", attempt, err)
		}
		removed = append(removed, attempt)
	}
	return removed, nil
}

func (l *Ledger) remove(ctx context.Context, attempt string) error {
	objects, err := l.bucket.List(ctx, attemptPrefix(attempt))
	if err != nil {
		return err
	}
	last := attemptPrefix(attempt) + intentName
	for _, object := range objects {
		if object.Key == last {
			continue
		}
		if err := l.bucket.Delete(ctx, object.Key); err != nil {
			return err
		}
	}
	return l.bucket.Delete(ctx, last)
}

// Sweep removes the temporary files that killed processes left below attempts which nobody
// continues: those that became a record, and those that are abandoned; call it after CleanUp.
// Temporary files anywhere else may be somebody's who is still at work; they stay, and no listing
// shows them.
func (l *Ledger) Sweep(ctx context.Context, abandoned []string) (removed int64, err error) {
	attempts := slices.Clone(abandoned)
	for i := range l.records {
		attempts = append(attempts, l.records[i].Attempt)
	}
	for _, attempt := range attempts {
		swept, err := storage.Sweep(ctx, l.bucket, attemptPrefix(attempt))
		removed += swept
		if err != nil {
			return removed, fmt.Errorf("clean up attempt %s: %w", attempt, err)
		}
	}
	return removed, nil
}

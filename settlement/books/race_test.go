package books

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"alliance/settlement"
	"alliance/settlement/storage"
)

// TestRacingRunners lets runners that know nothing of each other settle the same dates in one
// directory.
func TestRacingRunners(t *testing.T) {
	ledgerPath, statementsPath := t.TempDir(), t.TempDir()
	const dates = 3
	var group sync.WaitGroup
	var mutex sync.Mutex
	winners := make(map[settlement.Date]int)
	run := func(runner int) error {
		bucket, err := storage.OpenDirectory(ledgerPath)
		if err != nil {
			return err
		}
		statements, err := storage.OpenDirectory(statementsPath)
		if err != nil {
			return err
		}
		for {
			ledger, err := Open(t.Context(), bucket)
			if err != nil {
				return err
			}
			date := firstDate
			if last, found := ledger.LastSettled(); found {
				date = last + 1
			}
			if date == firstDate+dates {
				return ledger.ProjectAll(t.Context(), statements)
			}
			attempt, err := ledger.Begin(t.Context())
			if err != nil {
				return err
			}
			record, err := prepare(t.Context(), ledger, attempt, date, fmt.Sprintf("runner %d", runner))
			if err != nil {
				return err
			}
			switch err := attempt.Commit(t.Context(), record); {
			case err == nil:
				mutex.Lock()
				winners[date]++
				mutex.Unlock()
			case !errors.Is(err, ErrLost):
				return err
			}
		}
	}
	for runner := range 4 {
		group.Go(func() {
			if err := run(runner); err != nil {
				t.Errorf("runner %d: %v", runner, err)
			}
		})
	}
	group.Wait()
	for date := firstDate; date < firstDate+dates; date++ {
		if winners[date] != 1 {
			t.Errorf("%s has %d winners", date, winners[date])
		}
	}
	bucket, err := storage.OpenDirectory(ledgerPath)
	if err != nil {
		t.Fatal(err)
	}
	statements, err := storage.OpenDirectory(statementsPath)
	if err != nil {
		t.Fatal(err)
	}
	ledger := open(t, bucket)
	expectProjected(t, ledger, statements)
	if _, err := ledger.CleanUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	verifyAll(t, ledger)
}

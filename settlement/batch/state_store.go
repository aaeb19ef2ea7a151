package batch

import (
	"context"
	"fmt"
	"strings"

	"alliance/settlement/books"
)

// A stateStore puts the state after a date on record, as objects of an attempt.
type stateStore struct {
	attempt *attempt
	// folder is where they go in the attempt, with a "/" at its end.
	folder string
	// known are the states that are likely to have objects in common with this one.
	known []*books.StateRecord
}

// keep puts a run on record, or names the object of the same content again.
func (s *stateStore) keep(ctx context.Context, run *stateRun) error {
	again, err := s.recall(ctx, run)
	if err != nil || again {
		return err
	}
	return s.storeRun(ctx, run)
}

// recall makes a run the object of the same content that a known state names, if there is one, and gives back its
// place in the pool.
func (s *stateStore) recall(ctx context.Context, run *stateRun) (bool, error) {
	if run.gathering != nil && hasNight(s.known, &run.object) {
		if _, err := run.gathering.facts(ctx); err != nil {
			return false, err
		}
		run.learn()
	}
	if !hasIndex(s.known, run.object.IndexSHA256, run.object.Bytes) {
		return false, nil
	}
	sum, err := run.sum(ctx)
	if err != nil {
		return false, err
	}
	file := sameObject(s.known, sum, run.object.Bytes)
	if file == nil {
		return false, nil
	}
	run.object.FileRecord = *file
	if file.Object != "" {
		run.moveTo(s.attempt.ledger)
	}
	return true, nil
}

// hasNight reports whether a known state names a run of the same role and night: only such a one may have the same ids.
func hasNight(known []*books.StateRecord, object *books.StateObject) bool {
	for _, state := range known {
		for i := range state.Objects {
			if state.Objects[i].Role == object.Role && state.Objects[i].Night == object.Night {
				return true
			}
		}
	}
	return false
}

// hasIndex reports whether a known state names a run with an index: only such a one may be of the same content.
func hasIndex(known []*books.StateRecord, index string, size int64) bool {
	for _, state := range known {
		for i := range state.Objects {
			if object := &state.Objects[i].FileRecord; object.IndexSHA256 == index && object.Bytes == size {
				return true
			}
		}
	}
	return false
}

// storeRun puts a run on record and gives back its place in the pool.
func (s *stateStore) storeRun(ctx context.Context, run *stateRun) error {
	name := strings.ReplaceAll(string(run.object.Role), "_", "-") + ".run"
	if role := run.object.Role; role == books.Accounts || role == books.PutAway {
		name = fmt.Sprintf("%s-%05d.run", strings.ReplaceAll(string(role), "_", "-"), run.object.Partition)
	}
	body := run.body(ctx)
	defer body.Close()
	file, err := s.attempt.create(ctx, s.folder+name, body)
	if err != nil {
		return err
	}
	run.learn()
	if file.Bytes != run.object.Bytes || run.object.SHA256 != "" && file.SHA256 != run.object.SHA256 {
		return fmt.Errorf("%s was stored with %d bytes and SHA-256 %s, written with %d and %s", name, file.Bytes, file.SHA256, run.object.Bytes, run.object.SHA256)
	}
	file.Rows, file.IndexSHA256 = run.object.Rows, run.object.IndexSHA256
	run.object.FileRecord = file
	if !s.attempt.discard {
		// Who needs it again, as the next date of a catch-up does, reads it there.
		body.Close()
		run.moveTo(s.attempt.ledger)
	}
	return nil
}

// sameObject returns the object of a content that a known state names, or nil.
func sameObject(known []*books.StateRecord, sha256 string, size int64) *books.FileRecord {
	for _, state := range known {
		for i := range state.Objects {
			if object := &state.Objects[i].FileRecord; object.SHA256 == sha256 && object.Bytes == size {
				return object
			}
		}
	}
	return nil
}

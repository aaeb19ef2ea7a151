package books

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"

	"alliance/settlement"
	"alliance/settlement/storage"
)

// Forgotten is what a record of kind forget says. It does not hold the member's id.
type Forgotten struct {
	// Pseudonym is what the state calls the member from now on. It begins with U+0001, which no
	// row's member id can hold, so nobody else ever gets it.
	Pseudonym string `json:"pseudonym"`
	// MemberDigest is [MemberDigest] of the record's attempt and the member's id: a date that
	// is computed again finds the member's rows by it.
	MemberDigest string `json:"member_digest"`
	// Through is the last date that was settled when the member was forgotten, YYYY-MM-DD; ""
	// if none was. Rows that a later date settles open a new account.
	Through string `json:"through,omitempty"`
	// Substitutes are the state objects that held the id, and what replaces them.
	Substitutes []Substitute `json:"substitutes,omitempty"`
}

// A Substitute replaces an object on record, which is deleted after the commit.
type Substitute struct {
	// Object is the key of the object replaced.
	Object string     `json:"object"`
	By     FileRecord `json:"by"`
}

// MemberDigest returns, in hex, the SHA-256 of an attempt's id, LF and a member's id. The
// attempt's id is random, so that equal members of two ledgers have different digests.
func MemberDigest(attempt, member string) string {
	sum := sha256.Sum256([]byte(attempt + "\n" + member))
	return hex.EncodeToString(sum[:])
}

// A Pseudonym stands for a member whose id was forgotten.
type Pseudonym struct {
	attempt, digest, name string
}

// Name returns the pseudonym of a member, if it is the one that was forgotten.
func (p Pseudonym) Name(member string) (name string, found bool) {
	return p.name, MemberDigest(p.attempt, member) == p.digest
}

// Pseudonyms returns the members that were forgotten after a date was settled: rows of that date
// belong to them. The first that knows a member is the right one.
func (l *Ledger) Pseudonyms(date settlement.Date) []Pseudonym {
	var known []Pseudonym
	for i := range l.records {
		forgotten := l.records[i].Forgotten
		if forgotten == nil {
			continue
		}
		if through, err := settlement.ParseDate(forgotten.Through); err == nil && date <= through {
			known = append(known, Pseudonym{l.records[i].Attempt, forgotten.MemberDigest, forgotten.Pseudonym})
		}
	}
	return known
}

// Current returns the object that holds the content of one on record: itself, unless a forgotten
// member was in it.
func (l *Ledger) Current(file FileRecord) FileRecord {
	for {
		by, replaced := l.substitutes[file.Object]
		if !replaced {
			return file
		}
		by.Name = file.Name
		file = by
	}
}

func (l *Ledger) currentPlace(file FileRecord) place {
	file = l.Current(file)
	return file.place()
}

// CurrentObjects returns objects of a state as they are now.
func (l *Ledger) CurrentObjects(objects []StateObject) []StateObject {
	current := slices.Clone(objects)
	for i := range current {
		current[i].FileRecord = l.Current(current[i].FileRecord)
	}
	return current
}

// CurrentState returns a state with the objects that hold its content now.
func (l *Ledger) CurrentState(state *StateRecord) *StateRecord {
	if state == nil || len(l.substitutes) == 0 {
		return state
	}
	current := *state
	current.Objects = l.CurrentObjects(state.Objects)
	return &current
}

// StateAfter returns the state after a date as it is on record now; nil if it is not settled.
func (l *Ledger) StateAfter(date settlement.Date) *StateRecord {
	settled, _ := l.Settled(date)
	if settled == nil {
		return nil
	}
	return l.CurrentState(&settled.State)
}

// MemberObjects returns every object that any record names and that holds members, [Accounts] or [PutAway], as it is now,
// each once and in the order of the records.
func (l *Ledger) MemberObjects() []StateObject {
	var objects []StateObject
	seen := make(map[string]bool)
	add := func(state *StateRecord) {
		for _, object := range state.Objects {
			if object.Role != Accounts && object.Role != PutAway {
				continue
			}
			object.FileRecord = l.Current(object.FileRecord)
			if !seen[object.Object] {
				seen[object.Object] = true
				objects = append(objects, object)
			}
		}
	}
	for _, record := range l.Records() {
		if record.Opening != nil {
			add(record.Opening)
		}
		for j := range record.Dates {
			add(&record.Dates[j].State)
		}
	}
	return objects
}

// checkForgotten returns what is wrong with a forgotten member that is to be put on record.
func (l *Ledger) checkForgotten(forgotten *Forgotten) error {
	if forgotten == nil {
		return nil
	}
	if forgotten.Pseudonym == "" || forgotten.MemberDigest == "" || len(forgotten.Substitutes) == 0 {
		return errors.New("it forgets nobody")
	}
	seen := make(map[string]bool)
	for _, substitute := range forgotten.Substitutes {
		if _, known := l.files[place{object: substitute.Object}]; !known || seen[substitute.Object] || substitute.By.Object == substitute.Object {
			return fmt.Errorf("it replaces %q, which is not on record, or twice", substitute.Object)
		}
		if _, replaced := l.substitutes[substitute.Object]; replaced {
			return fmt.Errorf("it replaces %q, which was replaced before", substitute.Object)
		}
		seen[substitute.Object] = true
	}
	return nil
}

// verifyObject checks an object on record. One that was replaced must be gone.
func (l *Ledger) verifyObject(ctx context.Context, file FileRecord) error {
	if _, replaced := l.substitutes[file.Object]; !replaced {
		return l.verify(ctx, file)
	}
	present, err := l.present(ctx, file.Object)
	if present {
		return fmt.Errorf("%w: object %s holds a member that was forgotten and is still there; run settle gc", ErrBroken, file.Object)
	}
	return err
}

func (l *Ledger) present(ctx context.Context, key string) (bool, error) {
	reader, _, err := l.bucket.Open(ctx, key, "")
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for object %s: %w", key, err)
	}
	return true, reader.Close()
}

// Replaced returns the keys of the objects that were replaced and are still there, in order.
func (l *Ledger) Replaced(ctx context.Context) ([]string, error) {
	var found []string
	for _, key := range slices.Sorted(maps.Keys(l.substitutes)) {
		present, err := l.present(ctx, key)
		if err != nil {
			return nil, err
		}
		if present {
			found = append(found, key)
		}
	}
	return found, nil
}

// RemoveReplaced deletes the objects that were replaced, and returns the keys of those that were
// still there. It may be repeated after an error.
func (l *Ledger) RemoveReplaced(ctx context.Context) ([]string, error) {
	found, err := l.Replaced(ctx)
	if err != nil {
		return nil, err
	}
	for at, key := range found {
		if err := l.bucket.Delete(ctx, key); err != nil {
			return found[:at], fmt.Errorf("delete object %s, which held a forgotten member: %w", key, err)
		}
	}
	return found, nil
}

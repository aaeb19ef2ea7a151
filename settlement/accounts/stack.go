package accounts

import (
	"bytes"
	"fmt"
	"slices"

	"alliance/settlement"
)

// A Stack is the runs of one partition, the newest first: of each member the newest entry counts.
// It is safe for concurrent use, each caller with an Arena of its own.
type Stack []*Run

// Select visits, in byte order of member, the accounts of members, which must ascend (else it
// panics), and all those that are due on or before a date. Members without an account are passed over. It
// reads and decodes only the blocks that may hold one, and stops with the first error of visit.
//
// Account and due date are valid until the arena is reset, which visit may do.
func (s Stack) Select(members []string, date settlement.Date, arena *Arena, visit func(account *settlement.Account, due settlement.Date) error) error {
	return s.SelectDue(members, settlement.NoDate, date, arena, visit)
}

// SelectDue is Select with those that are due after a date and through another. If whatever is due is written
// again with a later due date, as nights do that follow each other, the night's own date is enough
// (after the date before, through the date), and it spares reading what older runs say was due on
// dates gone by, which newer ones have overtaken.
func (s Stack) SelectDue(members []string, after, through settlement.Date, arena *Arena, visit func(account *settlement.Account, due settlement.Date) error) error {
	selection := selection{members: members, cursors: make([]*cursor, len(s))}
	for i := 1; i < len(members); i++ {
		if members[i-1] >= members[i] {
			panic(fmt.Sprintf("accounts: member %q was to be selected after %q", members[i], members[i-1]))
		}
	}
	for i, run := range s {
		selection.cursors[i] = newCursor(run)
		defer selection.cursors[i].fetcher.Close()
		if err := selection.cursors[i].want(members, after, through); err != nil {
			return err
		}
	}
	for {
		chosen, ok, err := selection.next()
		if !ok || err != nil {
			return err
		}
		if err := selection.visit(chosen, arena, visit); err != nil {
			return err
		}
	}
}

// A selection is a Select on its way.
type selection struct {
	members []string
	cursors []*cursor
	// member is the one that is looked at.
	member []byte
}

// next goes to the next member to look at, and says whether it was asked for by name.
func (s *selection) next() (chosen, ok bool, err error) {
	for {
		chosen, ok = len(s.members) > 0, false
		if chosen {
			s.member, ok = append(s.member[:0], s.members[0]...), true
		}
		// Of the blocks with due accounts that are not loaded yet, only the one with the lowest
		// members may be loaded: a cursor cannot go back to where a lower member would be.
		lowest, at := -1, -1
		for i, cursor := range s.cursors {
			entry, block := cursor.nextDue()
			switch {
			case entry >= 0:
				if member := cursor.member(entry); !ok || bytes.Compare(member, s.member) < 0 {
					s.member, ok, chosen = append(s.member[:0], member...), true, false
				}
			case block >= 0 && (at < 0 || s.first(i, block) < s.first(at, lowest)):
				lowest, at = block, i
			}
		}
		if at < 0 || ok && s.first(at, lowest) > string(s.member) {
			break
		}
		if err := s.cursors[at].load(lowest); err != nil {
			return false, false, err
		}
	}
	if chosen {
		s.members = s.members[1:]
	}
	return chosen, ok, nil
}

// first returns the first member of a block of a run.
func (s *selection) first(run, block int) string {
	return s.cursors[run].run.blocks[block].first
}

// visit looks up the member in the runs, the newest first.
func (s *selection) visit(chosen bool, arena *Arena, visit func(*settlement.Account, settlement.Date) error) error {
	var newest *cursor
	for _, cursor := range s.cursors {
		found, err := cursor.find(s.member)
		if err != nil {
			return err
		}
		if found {
			newest = cursor
			break
		}
	}
	if newest != nil && (chosen || newest.isDue(newest.at)) {
		due := newest.block.entries[newest.at].due
		account, err := newest.block.decode(newest.at, arena)
		if err != nil {
			return err
		}
		if account != nil {
			if err := visit(account, due); err != nil {
				return err
			}
		}
	}
	for _, cursor := range s.cursors {
		cursor.pass(s.member)
	}
	return nil
}

// All visits every account, in byte order of member, and stops with the first error of visit.
// Account and due date are valid until the arena is reset, which visit may do.
func (s Stack) All(arena *Arena, visit func(account *settlement.Account, due settlement.Date) error) error {
	return s.AllOf(everyMember, arena, visit)
}

func everyMember(string) bool { return true }

// AllOf is All of the members that are wanted; what is on record of others is passed over without being decoded.
func (s Stack) AllOf(wanted func(member string) bool, arena *Arena, visit func(account *settlement.Account, due settlement.Date) error) error {
	return s.entries(func(block *block, i int) error {
		if !wanted(block.part(block.entries[i].member)) {
			return nil
		}
		account, err := block.decode(i, arena)
		if err != nil || account == nil {
			return err
		}
		return visit(account, block.entries[i].due)
	})
}

// Entries visits every entry of the run, in byte order of member: an account, or that the one of
// older runs is gone, for which account is nil. The rest is as with [Stack.All].
func (r *Run) Entries(arena *Arena, visit func(member string, account *settlement.Account, due settlement.Date) error) error {
	return Stack{r}.entries(func(block *block, i int) error {
		account, err := block.decode(i, arena)
		if err != nil {
			return err
		}
		return visit(block.part(block.entries[i].member), account, block.entries[i].due)
	})
}

// Merge writes what stands of a stack. last says that the oldest run there is belongs to the
// stack: then nothing is written of accounts that are gone. It does not close w.
func Merge(w *Writer, s Stack, last bool) error {
	var arena Arena
	return s.entries(func(block *block, i int) error {
		arena.Reset()
		account, err := block.decode(i, &arena)
		switch {
		case err != nil:
			return err
		case account != nil:
			return w.Add(account, block.entries[i].due)
		case last:
			return nil
		}
		span := block.entries[i].member
		return w.Remove(block.part(span))
	})
}

// entries visits the newest entry of each member.
func (s Stack) entries(visit func(block *block, i int) error) error {
	cursors := make([]*cursor, 0, len(s))
	for _, run := range s {
		cursor := newCursor(run)
		defer cursor.fetcher.Close()
		cursor.dense = true
		cursor.fetcher.WantAll()
		ok, err := cursor.next()
		if err != nil {
			return err
		}
		if ok {
			cursors = append(cursors, cursor)
		}
	}
	var member []byte
	for len(cursors) > 0 {
		newest := cursors[0]
		for _, cursor := range cursors[1:] {
			if bytes.Compare(cursor.member(cursor.at), newest.member(newest.at)) < 0 {
				newest = cursor
			}
		}
		if err := visit(&newest.block, newest.at); err != nil {
			return err
		}
		member = append(member[:0], newest.member(newest.at)...)
		for i := 0; i < len(cursors); i++ {
			if !bytes.Equal(cursors[i].member(cursors[i].at), member) {
				continue
			}
			ok, err := cursors[i].next()
			if err != nil {
				return err
			}
			if !ok {
				cursors = slices.Delete(cursors, i, i+1)
				i--
			}
		}
	}
	return nil
}

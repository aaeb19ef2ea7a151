package accounts

import (
	"fmt"
	"maps"
	"slices"

	"alliance/settlement"
	"alliance/settlement/sections"
)

// Verify reads the whole run and compares it with what its index says: the numbers of accounts, of members
// whose account is gone and of lots, the open points of every issuer, the blocks with accounts
// due on each date. Errors: sections.ErrDamaged, with what differs; those of reading.
func (r *Run) Verify() error {
	var facts Facts
	points := make(map[settlement.Party]int64)
	dues := make(map[settlement.Date][]int)
	var arena Arena
	err := Stack{r}.entries(func(block *block, i int) error {
		arena.Reset()
		account, err := block.decode(i, &arena)
		if err != nil {
			return err
		}
		if account == nil {
			facts.Removed++
			return nil
		}
		facts.Accounts++
		facts.Lots += int64(len(account.Lots))
		if due := block.entries[i].due; due != settlement.Never {
			if blocks := dues[due]; len(blocks) == 0 || blocks[len(blocks)-1] != block.number {
				dues[due] = append(blocks, block.number)
			}
		}
		return addOpenPoints(points, account)
	})
	if err != nil {
		return err
	}
	maps.DeleteFunc(points, func(_ settlement.Party, sum int64) bool { return sum == 0 })
	if facts.Accounts != r.facts.Accounts || facts.Removed != r.facts.Removed || facts.Lots != r.facts.Lots {
		return sections.Damaged("a run of accounts has %d accounts, %d members whose account is gone and %d lots, its index says %d, %d and %d",
			facts.Accounts, facts.Removed, facts.Lots, r.facts.Accounts, r.facts.Removed, r.facts.Lots)
	}
	if !maps.Equal(points, r.OpenPoints()) {
		return sections.Damaged("the open points of a run of accounts by issuer are %v, its index says %v", points, r.OpenPoints())
	}
	return r.verifyDues(dues)
}

func addOpenPoints(points map[settlement.Party]int64, account *settlement.Account) error {
	for i := range account.Lots {
		lot := &account.Lots[i]
		if lot.Open == 0 || lot.Issuer == settlement.NoParty {
			continue
		}
		sum, err := settlement.AddPoints(points[lot.Issuer], lot.Open)
		if err != nil {
			return fmt.Errorf("open points of a run of accounts: %w", err)
		}
		points[lot.Issuer] = sum
	}
	return nil
}

func (r *Run) verifyDues(dues map[settlement.Date][]int) error {
	for _, list := range r.dues {
		blocks, err := r.dueBlocks(list.date-1, list.date)
		if err != nil {
			return err
		}
		if !slices.Equal(blocks, dues[list.date]) {
			return sections.Damaged("the blocks of accounts due on %s are %d, the index lists %d", list.date, dues[list.date], blocks)
		}
		delete(dues, list.date)
	}
	for date := range dues {
		return sections.Damaged("the index of a run of accounts lists none that are due on %s, but there are some", date)
	}
	return nil
}

// Rename writes the run with a member under another id, in the place of which the run must have no
// entry. found says whether the member has an entry. It does not close w.
func (r *Run) Rename(w *Writer, from, to string) (found bool, err error) {
	// The entry is looked for first: its new place may be before its old one.
	renamed := newCursor(r)
	defer renamed.fetcher.Close()
	found, err = renamed.find([]byte(from))
	if err != nil {
		return false, err
	}
	var arena Arena
	write := func(block *block, i int, member string) error {
		arena.Reset()
		account, err := block.decode(i, &arena)
		switch {
		case err != nil:
			return err
		case account == nil:
			return w.Remove(member)
		}
		for i := range account.Deferred {
			if row := &account.Deferred[i]; row.Member == account.Member {
				row.Member = member
			}
		}
		account.Member = member
		return w.Add(account, block.entries[i].due)
	}
	pending := found
	insert := func() error {
		pending = false
		return write(&renamed.block, renamed.at, to)
	}
	err = Stack{r}.entries(func(block *block, i int) error {
		member := block.part(block.entries[i].member)
		if pending && member > to {
			if err := insert(); err != nil {
				return err
			}
		}
		if member == from {
			return nil
		}
		return write(block, i, member)
	})
	if err == nil && pending {
		err = insert()
	}
	return found, err
}

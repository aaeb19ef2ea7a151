package accounts

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"sort"

	"alliance/settlement"
	"alliance/settlement/sections"
)

// A cursor goes through a run in order of member. It holds one block at a time.
type cursor struct {
	run     *Run
	fetcher *sections.Fetcher
	block   block
	// loaded is the number of the block, -1 before the first one.
	loaded int
	// at is the entry at which the cursor is.
	at int
	// dense says that most accounts of the blocks that are read are wanted.
	dense bool

	// The entries due after a date, through another, are found too: due holds the blocks that
	// have them, in order, of which those before dueAt are done; dueEntry is up to which entry that
	// is so of the block that is loaded.
	after, through settlement.Date
	due            []int
	dueAt          int
	dueEntry       int
}

func newCursor(run *Run) *cursor {
	return &cursor{run: run, fetcher: sections.NewFetcher(run.r, run.places), loaded: -1, at: -1}
}

// load goes to the first entry of a block.
func (c *cursor) load(number int) error {
	stored, err := c.fetcher.Fetch(number)
	if err != nil {
		return fmt.Errorf("read accounts: %w", err)
	}
	c.loaded, c.at, c.dueEntry = number, 0, 0
	return c.block.load(c.run, number, stored, c.fetcher.Lasts(), c.dense)
}

// blockOf returns the number of the block in which a member must be, if it is in the run, of those
// from a number on; -1 if the member comes before that block.
func (r *Run) blockOf(member []byte, from int) int {
	blocks := r.blocks
	if from >= len(blocks) || blocks[from].first > string(member) {
		return -1
	}
	step := 1
	for from+step < len(blocks) && blocks[from+step].first <= string(member) {
		from += step
		step *= 2
	}
	rest := blocks[from+1 : min(from+step, len(blocks))]
	return from + sort.Search(len(rest), func(i int) bool { return rest[i].first > string(member) })
}

// find goes to a member's entry. Members must ascend.
func (c *cursor) find(member []byte) (found bool, err error) {
	number := c.run.blockOf(member, max(c.loaded, 0))
	if number < 0 {
		return false, nil
	}
	if number != c.loaded {
		if err := c.load(number); err != nil {
			return false, err
		}
	}
	for ; c.at < len(c.block.entries); c.at++ {
		span := c.block.entries[c.at].member
		if order := bytes.Compare(c.block.raw[span.from:span.to], member); order >= 0 {
			return order == 0, nil
		}
	}
	return false, nil
}

// next goes to the next entry, of the next block if need be.
func (c *cursor) next() (ok bool, err error) {
	c.at++
	if c.loaded >= 0 && c.at < len(c.block.entries) {
		return true, nil
	}
	if c.loaded+1 == len(c.run.blocks) {
		return false, nil
	}
	return true, c.load(c.loaded + 1)
}

// member returns the member of an entry of the block.
func (c *cursor) member(i int) []byte {
	span := c.block.entries[i].member
	return c.block.raw[span.from:span.to]
}

// want plans for the members, of which the run may have some, and for what is due.
func (c *cursor) want(members []string, after, through settlement.Date) error {
	run := c.run
	c.after, c.through = after, through
	var err error
	if c.due, err = run.dueBlocks(after, through); err != nil {
		return err
	}
	due, number, wanted := c.due, -1, len(c.due)
	var member []byte
	for _, text := range members {
		member = append(member[:0], text...)
		at := run.blockOf(member, max(number, 0))
		if at < 0 {
			continue
		}
		if at != number {
			wanted++
		}
		number = at
		for len(due) > 0 && due[0] <= number {
			c.fetcher.Want(due[0])
			due = due[1:]
		}
		c.fetcher.Want(number)
	}
	for _, number := range due {
		c.fetcher.Want(number)
	}
	// As many members of each block as make it worth to prepare for all.
	c.dense = int64(len(members))*fewDecoded*int64(len(run.blocks)) > int64(wanted)*(run.facts.Accounts+run.facts.Removed)
	return nil
}

// dueBlocks returns the blocks with an account due after a date and through another, in order.
func (r *Run) dueBlocks(after, through settlement.Date) ([]int, error) {
	var numbers []int
	from := sort.Search(len(r.dues), func(i int) bool { return r.dues[i].date > after })
	for _, list := range r.dues[from:] {
		if list.date > through {
			break
		}
		scan := sections.Scanner{Data: []byte(list.list)}
		for number := -1; scan.At < len(scan.Data); {
			number += 1 + int(min(scan.Uvarint(), math.MaxInt32))
			if scan.Bad || number >= len(r.blocks) {
				return nil, sections.Damaged("its index lists blocks of accounts due on %s that are none", list.date)
			}
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers), nil
}

// nextDue returns the next due entry of the block that is loaded, or if there is none (-1) the next block
// with one (-1 if there is none either).
func (c *cursor) nextDue() (entry, block int) {
	for ; c.dueAt < len(c.due); c.dueAt++ {
		number := c.due[c.dueAt]
		if number > c.loaded {
			return -1, number
		}
		if number == c.loaded && c.findDue() {
			return c.dueEntry, -1
		}
	}
	return -1, -1
}

// findDue goes to the next due entry of the block from the cursor on.
func (c *cursor) findDue() bool {
	for c.dueEntry = max(c.dueEntry, c.at); c.dueEntry < len(c.block.entries); c.dueEntry++ {
		if c.isDue(c.dueEntry) {
			return true
		}
	}
	return false
}

// isDue reports whether an entry of the block is due.
func (c *cursor) isDue(i int) bool {
	due := c.block.entries[i].due
	return c.after < due && due <= c.through
}

// pass notes that a member was dealt with.
func (c *cursor) pass(member []byte) {
	if c.loaded < 0 || c.dueAt == len(c.due) || c.due[c.dueAt] != c.loaded {
		return
	}
	if c.findDue() && bytes.Equal(c.member(c.dueEntry), member) {
		c.dueEntry++
	}
}

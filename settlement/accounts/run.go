package accounts

import (
	"errors"
	"fmt"
	"io"

	"alliance/settlement"
	"alliance/settlement/sections"
)

// ErrUnknownParty says that a run names a party that the register does not have.
var ErrUnknownParty = errors.New("the register lacks parties that are still on record")

// A Run is an open run. It is safe for concurrent use.
type Run struct {
	r       io.ReaderAt
	named   []namedParty
	parties []settlement.Party // by number-1; NoParty if the register lacks it
	blocks  []blockInfo
	places  []sections.Section // of the blocks
	dues    []dueBlocks
	facts   Facts
}

type blockInfo struct {
	blockFacts
	first string
}

// A dueBlocks is the blocks with accounts of one due date, as the index has it.
type dueBlocks struct {
	date settlement.Date
	list string
}

// Open opens a run of a number of bytes under a register. It reads index and footer only. Errors:
// r's; ErrUnknownParty, with the id, if an account of the run names a party that the register
// lacks, also if a newer run has another version of that account; bytes that are no run.
func Open(r io.ReaderAt, size int64, parties settlement.Parties) (*Run, error) {
	run, err := open(r, size)
	if err != nil {
		return nil, err
	}
	run.parties = make([]settlement.Party, len(run.named))
	for i, party := range run.named {
		run.parties[i] = parties.Find(party.id)
		if run.parties[i] == settlement.NoParty && party.required {
			return nil, fmt.Errorf("%w: %q", ErrUnknownParty, party.id)
		}
	}
	return run, nil
}

// NamedParties returns the parties that the accounts of a run name.
func NamedParties(r io.ReaderAt, size int64) (settlement.Parties, error) {
	run, err := open(r, size)
	if err != nil {
		return settlement.Parties{}, err
	}
	var ids []string
	for _, party := range run.named {
		if party.required {
			ids = append(ids, party.id)
		}
	}
	return settlement.NewParties(ids), nil
}

// Facts returns what [Writer.Close] did. They are those of the bytes that were opened, so to
// compare them with what is on record proves index, footer, and with them every block.
func (r *Run) Facts() Facts { return r.facts }

// OpenPoints returns the sum of the open points of the run's accounts by issuer; an issuer with
// none is left out.
func (r *Run) OpenPoints() map[settlement.Party]int64 {
	points := make(map[settlement.Party]int64)
	for i, party := range r.named {
		if party.open != 0 {
			points[r.parties[i]] = party.open
		}
	}
	return points
}

func open(r io.ReaderAt, size int64) (*Run, error) {
	index, offset, digest, err := sections.ReadIndex(r, size, magic)
	if err != nil {
		return nil, fmt.Errorf("open a run of accounts: %w", err)
	}
	run := &Run{r: r}
	run.facts.Bytes, run.facts.IndexSHA256 = size, digest
	scan := sections.Scanner{Data: index}
	run.scanIndex(&scan, offset)
	if scan.Bad || scan.At != len(index) {
		return nil, sections.Damaged("the index of a run of accounts is of no form that this program knows, at byte %d of %d", scan.At, len(index))
	}
	run.facts.Blocks = int64(len(run.blocks))
	return run, nil
}

func (r *Run) scanIndex(scan *sections.Scanner, offset int64) {
	r.facts.Accounts, r.facts.Removed, r.facts.Lots = scan.Integer(), scan.Integer(), scan.Integer()
	r.named = make([]namedParty, scan.Count(4))
	for i := range r.named {
		r.named[i].id = string(scan.Text())
		required := scan.Uvarint()
		r.named[i].required = required == 1
		r.named[i].open = scan.Varint()
		scan.Bad = scan.Bad || required > 1 || r.named[i].id == ""
	}
	r.blocks = make([]blockInfo, scan.Count(13))
	r.places = make([]sections.Section, len(r.blocks))
	entries, at := int64(0), int64(0)
	for i := range r.blocks {
		if scan.Bad {
			return
		}
		r.scanBlock(scan, i, at)
		at += int64(r.blocks[i].stored)
		entries += int64(r.blocks[i].entries)
	}
	r.dues = make([]dueBlocks, scan.Count(3))
	for i := range r.dues {
		r.dues[i] = dueBlocks{settlement.Date(scan.Date()), string(scan.Text())}
		scan.Bad = scan.Bad || i > 0 && r.dues[i-1].date >= r.dues[i].date
	}
	scan.Bad = scan.Bad || at != offset || entries != r.facts.Accounts+r.facts.Removed
}

func (r *Run) scanBlock(scan *sections.Scanner, i int, offset int64) {
	info := &r.blocks[i]
	stored := scan.Integer()
	saved := scan.Integer()
	info.stored, info.digest = int(stored), scan.Fixed()
	r.places[i] = sections.Section{Offset: offset, Length: info.stored, Digest: info.digest}
	info.entries = int(scan.Integer())
	info.due = settlement.Never
	if due := scan.Uvarint(); due > 0 {
		value := sections.Unzigzag(due - 1)
		info.due = settlement.Date(value)
		scan.Bad = scan.Bad || value != int64(info.due)
	}
	info.first = string(scan.Text())
	if stored < 1 || stored > maxBlockBytes || saved > maxBlockBytes || stored+saved > maxRatio*stored || stored+saved > maxBlockBytes ||
		info.entries < 1 || int64(info.entries) > (stored+saved)/entryBytes || i > 0 && r.blocks[i-1].first >= info.first {
		scan.Bad = true
	}
	info.raw = int(stored + saved)
}

// entryBytes is the least that an entry takes.
const entryBytes = 4

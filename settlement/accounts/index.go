package accounts

import (
	"encoding/binary"
	"slices"

	"alliance/settlement"
	"alliance/settlement/sections"
)

// An indexBuilder gathers what the index says.
type indexBuilder struct {
	facts   Facts
	blocks  int
	offset  int64
	encoded []byte // the entries of the blocks
	dues    map[settlement.Date]*dueList
	lastDue settlement.Date
	list    *dueList // that of lastDue
}

// A dueList is the blocks with an account of one due date: each number less the one before.
type dueList struct {
	next    int // the number after the last block's
	encoded []byte
}

// addDue notes the due date of an account of the block that is being filled.
func (b *indexBuilder) addDue(due settlement.Date) {
	if due == settlement.Never {
		return
	}
	if b.list == nil || b.lastDue != due {
		b.list, b.lastDue = b.dues[due], due
		if b.list == nil {
			b.list = new(dueList)
			b.dues[due] = b.list
		}
	}
	if b.list.next <= b.blocks {
		b.list.encoded = binary.AppendUvarint(b.list.encoded, uint64(b.blocks-b.list.next))
		b.list.next = b.blocks + 1
	}
}

// blockFacts is what the index says of a block.
type blockFacts struct {
	stored, raw, entries int
	due                  settlement.Date
	digest               uint64
}

func (b *indexBuilder) addBlock(block blockFacts, first []byte) {
	b.encoded = binary.AppendUvarint(b.encoded, uint64(block.stored))
	b.encoded = binary.AppendUvarint(b.encoded, uint64(block.raw-block.stored))
	b.encoded = binary.LittleEndian.AppendUint64(b.encoded, block.digest)
	b.encoded = binary.AppendUvarint(b.encoded, uint64(block.entries))
	b.encoded = binary.AppendUvarint(b.encoded, dueCode(block.due))
	b.encoded = binary.AppendUvarint(b.encoded, uint64(len(first)))
	b.encoded = append(b.encoded, first...)
	b.blocks++
	b.offset += int64(block.stored)
}

func dueCode(due settlement.Date) uint64 {
	if due == settlement.Never {
		return 0
	}
	return sections.Zigzag(int64(due)) + 1
}

// encode returns index and footer.
func (b *indexBuilder) encode(parties []namedParty) []byte {
	index := binary.AppendUvarint(nil, uint64(b.facts.Accounts))
	index = binary.AppendUvarint(index, uint64(b.facts.Removed))
	index = binary.AppendUvarint(index, uint64(b.facts.Lots))
	index = binary.AppendUvarint(index, uint64(len(parties)))
	for _, party := range parties {
		index = binary.AppendUvarint(index, uint64(len(party.id)))
		index = append(index, party.id...)
		index = append(index, bit(party.required, 1))
		index = binary.AppendUvarint(index, sections.Zigzag(party.open))
	}
	index = binary.AppendUvarint(index, uint64(b.blocks))
	index = append(index, b.encoded...)
	index = binary.AppendUvarint(index, uint64(len(b.dues)))
	for _, due := range sortedDates(b.dues) {
		list := b.dues[due]
		index = binary.AppendUvarint(index, sections.Zigzag(int64(due)))
		index = binary.AppendUvarint(index, uint64(len(list.encoded)))
		index = append(index, list.encoded...)
	}
	return sections.AppendFooter(index, b.offset, magic)
}

func sortedDates(dues map[settlement.Date]*dueList) []settlement.Date {
	dates := make([]settlement.Date, 0, len(dues))
	for due := range dues {
		dates = append(dates, due)
	}
	slices.Sort(dates)
	return dates
}

// magic says that a file is a run of accounts.
const magic = "ACCOUNT1"

package batch

import (
	"bytes"
	"context"

	"alliance/settlement/acknowledgement"
	"alliance/settlement/books"
)

// letters are the acknowledgements of merchants that had no row rejected: they say nothing that a forgotten member may
// have to be taken out of, and go into packs.
type letters struct {
	publication *publication
	storing     *storing
	packing     *packing
	// held are those of the merchants at hand, by the merchant's place; nil if it is stored otherwise.
	held []*letter
	// first is the place of the first merchant at hand.
	first int
	// packed are those that were handed to the packing, and told those that are on record, by the merchant's place.
	packed map[int]string
	told   map[int]books.FileRecord
}

type letter struct {
	path    string
	content []byte
}

// lettersAtHand is how many merchants' letters are in memory before they are packed, in order.
const lettersAtHand = 1024

func (p *publication) newLetters(ctx context.Context) *letters {
	storing := storeMany(ctx)
	return &letters{publication: p, storing: storing, packing: p.newPacking("acknowledgements", storing),
		packed: make(map[int]string), told: make(map[int]books.FileRecord)}
}

// each calls work for so many merchants, several at a time, and stores the letters that it keeps.
func (l *letters) each(merchants int, work func(ctx context.Context, i int) error) error {
	err := l.packEach(merchants, work)
	if failed := l.storing.wait(); failed != nil {
		return failed
	}
	return err
}

func (l *letters) packEach(merchants int, work func(ctx context.Context, i int) error) error {
	for l.first = 0; l.first < merchants; l.first += lettersAtHand {
		l.held = make([]*letter, min(lettersAtHand, merchants-l.first))
		err := each(l.storing.ctx, smallStoresAtOnce, len(l.held), func(ctx context.Context, _, i int) error { return work(ctx, l.first+i) })
		if err != nil {
			return err
		}
		for i, held := range l.held {
			if held == nil {
				continue
			}
			if err := l.pack(l.first+i, held); err != nil {
				return err
			}
		}
	}
	return l.packing.flush()
}

// keep takes the letter of a merchant to be packed, unless it is large.
func (l *letters) keep(i int, merchant string, content []byte) bool {
	if len(content) > packedFileBytes {
		return false
	}
	l.held[i-l.first] = &letter{books.StatementFolder(merchant, l.publication.night.Date) + "/" + acknowledgement.Name, content}
	return true
}

func (l *letters) pack(i int, held *letter) error {
	if file, known := l.publication.toldBefore(sha256Hex(held.content)); known {
		l.told[i] = file
		return nil
	}
	l.packed[i] = held.path
	return l.packing.add(held.path, bytes.NewReader(held.content))
}

// record puts the letters into the merchants' records, in which they are the only file.
func (l *letters) record(records []books.AcknowledgementRecord) {
	for i, path := range l.packed {
		l.told[i] = l.packing.stored[path]
	}
	for i, file := range l.told {
		file.Name = acknowledgement.Name
		records[i].Files = []books.FileRecord{file}
	}
}

package identifiers

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"sort"

	"alliance/settlement"
	"alliance/settlement/sections"
)

// A Run is an open run. It is safe for concurrent use.
type Run struct {
	r       io.ReaderAt
	facts   Facts
	firsts  []settlement.Digest // the first id of each block
	counts  []int32             // the number of entries of each block
	blocks  []sections.Section
	filters []sections.Section
}

// Open opens a run of a number of bytes. It reads index and footer only.
func Open(r io.ReaderAt, size int64) (*Run, error) {
	index, offset, digest, err := sections.ReadIndex(r, size, magic)
	if err != nil {
		return nil, fmt.Errorf("open a run of taken ids: %w", err)
	}
	run := &Run{r: r, facts: Facts{Bytes: size, IndexSHA256: digest}}
	scan := sections.Scanner{Data: index}
	run.scan(&scan, offset)
	if scan.Bad || scan.At != len(index) {
		return nil, sections.Damaged("the index of a run of taken ids is of no form that this program knows, at byte %d of %d", scan.At, len(index))
	}
	return run, nil
}

// Facts returns what [Writer.Close] did. They are those of the bytes that were opened, so to
// compare them with what is on record proves index, footer, and with them every block.
func (r *Run) Facts() Facts { return r.facts }

// indexEntryBytes is the least that a block takes in the index.
const indexEntryBytes = 35

func (r *Run) scan(scan *sections.Scanner, offset int64) {
	r.facts.IDs = scan.Integer()
	blocks := scan.Count(indexEntryBytes)
	r.facts.Blocks = int64(blocks)
	r.firsts, r.counts = make([]settlement.Digest, blocks), make([]int32, blocks)
	r.blocks, r.filters = make([]sections.Section, blocks), make([]sections.Section, blocks)
	var entries, at int64
	for i := range blocks {
		r.scanBlock(scan, i)
		if scan.Bad {
			return
		}
		r.blocks[i].Offset = at
		at += int64(r.blocks[i].Length)
		entries += int64(r.counts[i])
	}
	for i := range r.filters {
		r.filters[i].Offset = at
		at += int64(r.filters[i].Length)
	}
	scan.Bad = scan.Bad || at != offset || entries != r.facts.IDs
}

func (r *Run) scanBlock(scan *sections.Scanner, i int) {
	count := scan.Integer()
	copy(r.firsts[i][:], scan.Bytes(16))
	length := scan.Integer()
	r.blocks[i] = sections.Section{Length: int(length), Digest: scan.Fixed()}
	filter := scan.Integer()
	r.filters[i] = sections.Section{Length: int(filter), Digest: scan.Fixed()}
	r.counts[i] = int32(count)
	if count < 1 || count > blockEntries || length < entryBytes*count+3 || length > (entryBytes+1)*count+count*20+3 ||
		filter < 1+2*count || filter > 1+2*count+(3*count+7)/8 || i > 0 && bytes.Compare(r.firsts[i-1][:], r.firsts[i][:]) > 0 {
		scan.Bad = true
	}
}

// entryBytes is the least that an entry takes in a block.
const entryBytes = 16 + 16 + 1

// Lookup visits the entries of ids, which must ascend (else it panics), each entry once and in the
// order of the run. It reads the filters where the ids would be, and the blocks to which these point. It stops with
// the first error of visit.
func (r *Run) Lookup(ids []settlement.Digest, visit func(taken settlement.TakenID) error) error {
	for i := 1; i < len(ids); i++ {
		if bytes.Compare(ids[i-1][:], ids[i][:]) > 0 {
			panic(fmt.Sprintf("identifiers: id %x was to be looked up after %x", ids[i], ids[i-1]))
		}
	}
	candidates := r.candidates(ids)
	hits, err := r.filtered(candidates, ids)
	if err != nil {
		return fmt.Errorf("look up taken ids: %w", err)
	}
	fetcher := sections.NewFetcher(r.r, r.blocks)
	defer fetcher.Close()
	for _, hit := range hits {
		fetcher.Want(hit.block)
	}
	var block block
	for _, hit := range hits {
		stored, err := fetcher.Fetch(hit.block)
		if err == nil {
			err = block.decode(stored, int(r.counts[hit.block]), &r.firsts[hit.block])
		}
		if err != nil {
			return fmt.Errorf("look up taken ids: %w", err)
		}
		if err := block.lookup(ids[hit.from:hit.to], visit); err != nil {
			return err
		}
	}
	return nil
}

// A candidate is a block, and which of the ids it may hold by its place.
type candidate struct{ block, from, to int }

// candidates returns the blocks in whose span ids lie, in order.
func (r *Run) candidates(ids []settlement.Digest) []candidate {
	var found []candidate
	for block, from := 0, 0; from < len(ids); block++ {
		block = r.blockOf(&ids[from], block)
		if block == len(r.firsts) {
			break
		}
		to := len(ids)
		if block+1 < len(r.firsts) {
			// Entries of one id may end a block and start the next one.
			next := &r.firsts[block+1]
			to = from + sort.Search(len(ids)-from, func(i int) bool { return bytes.Compare(ids[from+i][:], next[:]) > 0 })
		}
		if to > from {
			found = append(found, candidate{block, from, to})
		}
		from = to
		if to > 0 && block+1 < len(r.firsts) && ids[to-1] == r.firsts[block+1] {
			from = to - 1
		}
	}
	return found
}

// blockOf returns the first block, of those from a number on, in which an id may be: the last one that
// starts before it, or the next one; len(r.firsts) if there is none.
func (r *Run) blockOf(id *settlement.Digest, from int) int {
	step := 1
	for from+step < len(r.firsts) && bytes.Compare(r.firsts[from+step][:], id[:]) < 0 {
		from += step
		step *= 2
	}
	rest := r.firsts[min(from+1, len(r.firsts)):min(from+step, len(r.firsts))]
	return min(from+sort.Search(len(rest), func(i int) bool { return bytes.Compare(rest[i][:], id[:]) >= 0 }), len(r.firsts))
}

// filtered returns the candidates whose filter does not say no.
func (r *Run) filtered(candidates []candidate, ids []settlement.Digest) ([]candidate, error) {
	fetcher := sections.NewFetcher(r.r, r.filters)
	defer fetcher.Close()
	for _, candidate := range candidates {
		fetcher.Want(candidate.block)
	}
	var filter filter
	hits := candidates[:0]
	for _, candidate := range candidates {
		encoded, err := fetcher.Fetch(candidate.block)
		if err == nil {
			err = filter.decode(encoded, int(r.counts[candidate.block]), &r.firsts[candidate.block])
		}
		if err != nil {
			return nil, err
		}
		if filter.mayHold(ids[candidate.from:candidate.to]) {
			hits = append(hits, candidate)
		}
	}
	return hits, nil
}

// All visits every entry, in order, and stops with the first error of visit.
func (r *Run) All(visit func(taken settlement.TakenID) error) error {
	fetcher := sections.NewFetcher(r.r, r.blocks)
	defer fetcher.Close()
	fetcher.WantAll()
	var block block
	for i := range r.blocks {
		stored, err := fetcher.Fetch(i)
		if err == nil {
			err = block.decode(stored, int(r.counts[i]), &r.firsts[i])
		}
		if err != nil {
			return fmt.Errorf("read taken ids: %w", err)
		}
		for j := range block.count {
			if err := visit(block.entry(j)); err != nil {
				return err
			}
		}
	}
	return nil
}

// A block is a block of a run, decoded as far as need be.
type block struct {
	count         int
	ids, contents []byte
	places        []byte
	placeBytes    int
	pairs         []datePair
}

// decode makes the block that of the bytes stored, which must stay as they are as long as it is used.
func (b *block) decode(stored []byte, count int, first *settlement.Digest) error {
	scan := sections.Scanner{Data: stored}
	pairs := scan.Count(2)
	if pairs < 1 || pairs > count {
		scan.Fail()
	}
	b.pairs = b.pairs[:0]
	for range pairs {
		b.pairs = append(b.pairs, datePair{settlement.Date(scan.Date()), settlement.Date(scan.Date())})
	}
	b.count, b.placeBytes = count, placeBytes(pairs)
	b.ids, b.contents = scan.Bytes(16*count), scan.Bytes(16*count)
	b.places = scan.Bytes(b.placeBytes * count)
	if scan.Bad || scan.At != len(stored) {
		return sections.Damaged("a block of taken ids is of no form that this program knows, at byte %d of %d", scan.At, len(stored))
	}
	if !bytes.Equal(b.ids[:16], first[:]) {
		return sections.Damaged("a block of taken ids starts with another id than the index says")
	}
	for i := range count {
		if b.place(i) >= len(b.pairs) {
			return sections.Damaged("entry %d of a block of taken ids has dates that the block does not list", i)
		}
	}
	return nil
}

func (b *block) place(i int) int {
	if b.placeBytes == 1 {
		return int(b.places[i])
	}
	return int(binary.LittleEndian.Uint16(b.places[2*i:]))
}

func (b *block) id(i int) []byte { return b.ids[16*i : 16*i+16] }

func (b *block) entry(i int) settlement.TakenID {
	pair := b.pairs[b.place(i)]
	return settlement.TakenID{ID: settlement.Digest(b.id(i)), Content: settlement.Digest(b.contents[16*i : 16*i+16]),
		BusinessDate: pair.business, SettledOn: pair.settled}
}

// lookup visits the entries of ids.
func (b *block) lookup(ids []settlement.Digest, visit func(taken settlement.TakenID) error) error {
	at := 0
	for i := range ids {
		for at < b.count && bytes.Compare(b.id(at), ids[i][:]) < 0 {
			at++
		}
		for ; at < b.count && bytes.Equal(b.id(at), ids[i][:]); at++ {
			if err := visit(b.entry(at)); err != nil {
				return err
			}
		}
	}
	return nil
}

package batch

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"strings"

	"alliance/settlement"
	"alliance/settlement/spool"
)

const (
	// sortedShare is the part of the pool's budget that the allocations may take that are sorted together: one of so many. To sort them
	// takes about as much again, and each worker does.
	sortedShare       = 32
	leastSorted_bytes = 1 << 10
	mostSorted_bytes  = 64 << 20
)

// sortedTogether returns how many bytes of allocations are sorted at once where the pool has a budget.
func sortedTogether(budget int64) int64 {
	return min(max(budget/sortedShare, leastSorted_bytes), mostSorted_bytes)
}

// gather sorts the allocations of a partition into the detail. Those of a line that has very many, as where most of a night is one
// merchant's, are divided first.
func (d *spooledDetail) gather(r *run, worker, partition int) (err error) {
	from, number, parts := r.allocations, partition, 1
	from.PrefetchAfter(partition, r.Partitions, spool.InOrder)
	if from.Bytes(partition) > d.mostSorted_bytes {
		if from, parts, err = d.divide(r, partition); err != nil {
			return err
		}
		number = 0
	}
	sorter := &d.sorters[worker]
	blob := r.Pool.NewBlob()
	d.blobs[partition] = blob
	var gathered []int32
	for range parts {
		if sorter.content, err = from.Load(number, sorter.content[:0]); err != nil {
			return err
		}
		from.Release(number)
		number++
		sorter.read(len(d.lines)+len(d.own), r.detailLine)
		for i, line := range sorter.lines {
			if err := d.write(blob, sorter, line, sorter.sort(d.codec, i)); err != nil {
				return err
			}
		}
		gathered = append(gathered, sorter.lines...) // a line that goes on in the next part twice
	}
	for _, line := range gathered {
		d.checkPoints(line)
	}
	return blob.Close()
}

// detailLine returns the place of the line that a reference means, or past all lines that of the party whose own it is.
func (r *run) detailLine(reference uint64) int32 {
	line, own := r.line(reference)
	if line < 0 {
		line = int32(len(r.lines)) + int32(own)
	}
	return line
}

// write appends allocations of one line, which begin at places of the sorter's content. Their ids go before them, as two statements have
// them; a merchant's own are on one.
func (d *spooledDetail) write(blob *spool.Blob, sorter *detailSorter, place int32, places iter.Seq[int]) (err error) {
	to, line := d.stretch(place)
	if to.blob == nil {
		to.blob, to.offset = blob, blob.Size()
	}
	for at := range places {
		to.count++
		sorter.texts.reset()
		transaction, number, points := d.codec.peek(sorter.content, at, &sorter.texts)
		if to.points, err = settlement.AddPoints(to.points, points); err != nil {
			return err
		}
		if line != nil {
			id := sorter.namer.ID(d.night.Rulebook.Parties.ID(line.Redeemer), line.BusinessDate, transaction, d.night.Date, number)
			if _, err := blob.Write(id[:]); err != nil {
				return err
			}
		}
		if _, err := blob.Write(sorter.allocation(at)); err != nil {
			return err
		}
	}
	to.bytes = blob.Size() - to.offset
	return nil
}

// checkPoints panics if the allocations of a line, which are all in the detail, do not add up to it.
func (d *spooledDetail) checkPoints(place int32) {
	if to, line := d.stretch(place); line != nil && to.points != line.Points {
		panic(fmt.Sprintf("the allocations of line %+v add up to %d points, the line to %d", line.LineKey, to.points, line.Points))
	}
}

// An orderKey says where an allocation belongs in the order of the detail, but for its number.
type orderKey struct {
	line        int32
	occurredAt  settlement.Instant
	transaction string
}

func compareOrderKeys(a, b orderKey) int {
	if a.line != b.line {
		return cmp.Compare(a.line, b.line)
	}
	if a.occurredAt != b.occurredAt {
		return cmp.Compare(a.occurredAt, b.occurredAt)
	}
	return strings.Compare(a.transaction, b.transaction)
}

// samplesPerPart is how many allocations are looked at for each part that a partition is divided into: the more there are, the
// more alike the parts.
const samplesPerPart = 32

// mostParts is how many parts there are at most, which then are larger: each takes a piece of memory while it is written.
const mostParts = 512

// divide spreads the allocations of a partition over parts, of which each can be sorted, and all of one come before all of the next. What is
// of the same line, moment and transaction stays together.
func (d *spooledDetail) divide(r *run, partition int) (divided *spool.Spool, parts int, err error) {
	bytes := r.allocations.Bytes(partition)
	wanted := min(2*bytes/d.mostSorted_bytes+1, mostParts)
	var samples []orderKey
	var passed, next int64
	err = d.eachOrderKey(r, partition, func(key orderKey, record []byte) error {
		if passed >= next {
			key.transaction = strings.Clone(key.transaction)
			samples = append(samples, key)
			next += max(bytes/(wanted*samplesPerPart), 1)
		}
		passed += int64(len(record))
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	slices.SortFunc(samples, compareOrderKeys)
	var firsts []orderKey // of all parts but the first one
	for i := samplesPerPart; i < len(samples); i += samplesPerPart {
		firsts = append(firsts, samples[i])
	}
	firsts = slices.CompactFunc(firsts, func(a, b orderKey) bool { return compareOrderKeys(a, b) == 0 })
	parts = len(firsts) + 1
	divided = r.Pool.NewSpool(parts)
	writer := divided.NewWriter()
	err = d.eachOrderKey(r, partition, func(key orderKey, record []byte) error {
		part, first := slices.BinarySearchFunc(firsts, key, compareOrderKeys)
		if first {
			part++
		}
		return writer.Append(part, record)
	})
	if err == nil {
		err = writer.Flush()
	}
	r.allocations.Release(partition)
	return divided, parts, err
}

// eachOrderKey visits the allocations of a partition as they are on their way. What it lends lives until visit returns.
func (d *spooledDetail) eachOrderKey(r *run, partition int, visit func(key orderKey, record []byte) error) error {
	var texts textArena
	return r.allocations.Each(partition, func(records []byte) error {
		for len(records) > 0 {
			reference, start := binary.Uvarint(records)
			end := start + lengthBytes + int(binary.LittleEndian.Uint16(records[start:]))
			from := byteReader{records, start + lengthBytes}
			texts.reset()
			key := orderKey{line: r.detailLine(reference), occurredAt: d.codec.occurredAt(&from), transaction: from.packed(&texts)}
			if err := visit(key, records[:end]); err != nil {
				return err
			}
			records = records[end:]
		}
		return nil
	})
}

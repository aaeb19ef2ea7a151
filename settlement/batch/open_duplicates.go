package batch

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"alliance/settlement"
	"alliance/settlement/clearing"
)

// A duplicateLot is a row whose lot has the key of an earlier row.
type duplicateLot struct{ row, first int64 }

// A keySearch finds keys that are there twice, for one worker.
type keySearch struct {
	// slots are a hash table, a power of two of them: the number of a key, from 1.
	slots []int32
}

// findDuplicates compares all keys, and notes the first rows whose lot another row has already.
func (o *openingLots) findDuplicates(ctx context.Context) error {
	hands := o.handsFor(o.spooledKeys, o.keyPartitions, o.keyPartitions)
	searches := make([]keySearch, len(hands))
	return each(ctx, len(hands), o.keyPartitions, func(_ context.Context, worker, partition int) error {
		hand := &hands[worker]
		if err := hand.load(o.spooledKeys, []int{partition}); err != nil {
			return err
		}
		if searches[worker].repeats(hand.content) {
			o.addDuplicates(sortedDuplicates(hand.content))
		}
		o.spooledKeys.Release(partition)
		o.advance(stageDeduplicate, 1)
		return nil
	})
}

// repeats reports whether a key is there twice.
func (s *keySearch) repeats(keys []byte) bool {
	count := len(keys) / keyBytes
	size := 1 << 10
	for size < 2*count {
		size *= 2
	}
	if size > len(s.slots) {
		s.slots = make([]int32, size)
	}
	slots := s.slots[:size]
	clear(slots)
	mask := uint64(size - 1)
	for i := range count {
		digest := keys[i*keyBytes : i*keyBytes+16]
		// The partition is the digest's first bytes.
		slot := binary.LittleEndian.Uint64(digest[8:]) & mask
		for ; slots[slot] != 0; slot = (slot + 1) & mask {
			if known := int(slots[slot]-1) * keyBytes; bytes.Equal(keys[known:known+16], digest) {
				return true
			}
		}
		slots[slot] = int32(i + 1)
	}
	return false
}

// sortedDuplicates returns every row but the first of each key, in no order.
func sortedDuplicates(keys []byte) (duplicates []duplicateLot) {
	type key struct {
		digest settlement.Digest
		row    int64
	}
	all := make([]key, 0, len(keys)/keyBytes)
	for ; len(keys) > 0; keys = keys[keyBytes:] {
		all = append(all, key{settlement.Digest(keys[:16]), int64(binary.LittleEndian.Uint64(keys[16:]))})
	}
	slices.SortFunc(all, func(a, b key) int {
		if order := compareDigests(a.digest, b.digest); order != 0 {
			return order
		}
		return int(a.row - b.row)
	})
	first := 0
	for i := range all {
		if all[i].digest != all[first].digest {
			first = i
		} else if i > first {
			duplicates = append(duplicates, duplicateLot{all[i].row, all[first].row})
		}
	}
	return duplicates
}

// addDuplicates counts duplicates and keeps those that are told of. Rows that were not to be looked
// at do not count.
func (o *openingLots) addDuplicates(found []duplicateLot) {
	found = slices.DeleteFunc(found, func(one duplicateLot) bool { return one.row > o.lastRow })
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.duplicateCount += int64(len(found))
	o.duplicates = append(o.duplicates, found...)
	slices.SortFunc(o.duplicates, func(a, b duplicateLot) int { return int(a.row - b.row) })
	o.duplicates = o.duplicates[:min(len(o.duplicates), mostLotFaults)]
}

// duplicateFaults looks up the lots of the duplicates and says what is wrong with them.
func (o *openingLots) duplicateFaults(ctx context.Context) (faults []LotFault, err error) {
	if len(o.duplicates) == 0 {
		return nil, nil
	}
	firstOf := make(map[int64]int64)
	for _, one := range o.duplicates {
		firstOf[one.row] = one.first
	}
	hands := o.handsFor(o.spooledLots, o.lotPartitions, o.lotPartitions)
	err = each(ctx, len(hands), o.lotPartitions, func(_ context.Context, worker, partition int) error {
		hand := &hands[worker]
		if err := hand.load(o.spooledLots, []int{partition}); err != nil {
			return err
		}
		var lot settlement.Lot
		for at := 0; at < len(hand.content); at = lotEnd(hand.content, at) {
			line := readLot(hand.content, at, o.job.Name, &lot)
			first, duplicate := firstOf[lot.Source.Row]
			if !duplicate {
				continue
			}
			fault := o.duplicateFault(&lot, line, first)
			o.mutex.Lock()
			faults = append(faults, fault)
			o.mutex.Unlock()
		}
		return nil
	})
	return faults, err
}

func (o *openingLots) duplicateFault(lot *settlement.Lot, line int, first int64) LotFault {
	return LotFault{
		Row: lot.Source.Row, Line: line, Column: clearing.OpeningColumnNames[clearing.OpeningLot], Value: strings.Clone(lot.Key.TransactionID),
		Message: fmt.Sprintf("is the lot of row %d already: issuer %s and business date %s are the same; give one of them another lot_id",
			first, o.job.Rulebook.Parties.ID(lot.Issuer), lot.Key.BusinessDate),
	}
}

package batch

import (
	"encoding/binary"

	"alliance/settlement"

	"github.com/zeebo/xxh3"
)

// An allocationCodec writes the allocations of a night as bytes and reads them.
//
// An allocation on its way says which line it belongs to by a reference: a line of a worker's tally,
// or a party's own allocations. In the detail, where the allocations of a line stand together, it does not.
type allocationCodec struct{ date settlement.Date }

// lineReference refers to a line of a worker's tally, ownReference to a party's own allocations.
func lineReference(worker int, place int32) uint64 {
	return (uint64(worker)<<32 | uint64(place)) << 1
}
func ownReference(party settlement.Party) uint64 { return uint64(party)<<1 | 1 }

// line returns the place among the night's lines, or -1 and the party of own allocations.
func (r *run) line(reference uint64) (line int32, own settlement.Party) {
	if reference&1 != 0 {
		return -1, settlement.Party(reference >> 1)
	}
	return r.workers[reference>>33].lines[uint32(reference>>1)], settlement.NoParty
}

// homeOf returns the partition in which all allocations of an allocation's line meet.
func homeOf(a *settlement.Allocation, partitions int) int32 {
	var key [24]byte
	binary.LittleEndian.PutUint32(key[:], uint32(a.Issuer))
	binary.LittleEndian.PutUint32(key[4:], uint32(a.Redeemer))
	if !a.OnUs() {
		key[8] = byte(a.Activity)
		binary.LittleEndian.PutUint32(key[12:], uint32(a.BusinessDate))
		binary.LittleEndian.PutUint64(key[16:], uint64(a.Price.Amount))
	}
	return int32(xxh3.Hash(key[:]) % uint64(partitions))
}

const (
	hasLot = 1 << iota
	lotImported
	isOwn
	isReversal
)

// append writes an allocation on its way: its reference, its length, and what appears in the detail too: when it
// occurred comes first.
func (c allocationCodec) append(buffer []byte, reference uint64, a *settlement.Allocation) []byte {
	buffer = binary.AppendUvarint(buffer, reference)
	lengthAt := len(buffer)
	buffer = append(buffer, 0, 0)
	since, seconds := sinceMidnight(c.date, a.OccurredAt)
	since *= 2
	if !seconds {
		since++
	}
	buffer = binary.AppendVarint(buffer, since)
	buffer = appendPacked(buffer, a.TransactionID)
	buffer = binary.AppendUvarint(buffer, uint64(a.Number))
	buffer = binary.AppendVarint(buffer, a.Points)
	flagsAt := len(buffer)
	flags := byte(0)
	buffer = append(buffer, 0)
	if a.OnUs() {
		flags |= isOwn
		if a.Activity == settlement.RedemptionReversalActivity {
			flags |= isReversal
		}
		buffer = binary.AppendVarint(buffer, int64(a.BusinessDate)-int64(c.date))
	}
	if a.HasLot {
		flags |= hasLot
		if a.Lot.Imported {
			flags |= lotImported
		}
		buffer = binary.AppendUvarint(buffer, uint64(a.Lot.Merchant))
		buffer = binary.AppendVarint(buffer, int64(a.Lot.BusinessDate)-int64(c.date))
		buffer = appendPacked(buffer, a.Lot.TransactionID)
	}
	buffer[flagsAt] = flags
	binary.LittleEndian.PutUint16(buffer[lengthAt:], uint16(len(buffer)-lengthAt-2))
	return buffer
}

// lengthBytes come before an allocation and say its length.
const lengthBytes = 2

// occurredAt reads when an allocation occurred, which comes first after its length.
func (c allocationCodec) occurredAt(from *byteReader) settlement.Instant {
	since := from.signed()
	return afterMidnight(c.date, since>>1, since&1 == 0)
}

// peek reads only what an allocation that begins at a place of the content is named by, and its points.
func (c allocationCodec) peek(content []byte, at int, texts *textArena) (transaction string, number int32, points int64) {
	from := byteReader{content, at + lengthBytes}
	from.unsigned() // when it occurred
	return from.packed(texts), int32(from.unsigned()), from.signed()
}

// read reads an allocation of the detail, from after its reference, into one that has what all of its
// line have in common. If it is named, its id comes first. Its texts live until the arena is reset, which has to be before content
// changes. ok is false if content ends within the allocation.
func (c allocationCodec) read(content []byte, named bool, a *settlement.Allocation, texts *textArena) (rest []byte, ok bool) {
	start := lengthBytes
	if named {
		start += len(a.ID)
	}
	if len(content) < start {
		return content, false
	}
	end := start + int(binary.LittleEndian.Uint16(content[start-lengthBytes:]))
	if len(content) < end {
		return content, false
	}
	if named {
		a.ID = settlement.Digest(content)
	}
	from := byteReader{content[:end], start}
	a.OccurredAt = c.occurredAt(&from)
	a.TransactionID = from.packed(texts)
	a.Number = int32(from.unsigned())
	a.Points = from.signed()
	flags := from.bytes(1)[0]
	if flags&isOwn != 0 {
		a.Activity = settlement.RedemptionActivity
		if flags&isReversal != 0 {
			a.Activity = settlement.RedemptionReversalActivity
		}
		a.BusinessDate = c.date + settlement.Date(from.signed())
	}
	a.HasLot, a.Lot = flags&hasLot != 0, settlement.LotKey{}
	if a.HasLot {
		a.Lot.Imported = flags&lotImported != 0
		a.Lot.Merchant = settlement.Party(from.unsigned())
		a.Lot.BusinessDate = c.date + settlement.Date(from.signed())
		a.Lot.TransactionID = from.packed(texts)
	}
	return content[end:], true
}

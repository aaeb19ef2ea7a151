package batch

import (
	"encoding/binary"
	"math/bits"

	"alliance/settlement/spool"

	"github.com/zeebo/xxh3"
)

// A memberTable groups the lots of a piece of content by member.
type memberTable struct {
	// slots are a hash table, a power of two of them: the number of a member, from 1.
	slots   []int32
	members []tableMember
	lots    []tableLot
}

type tableMember struct {
	hash uint64
	// prefix is the member's first 8 bytes, so that most are compared without a look at the text.
	prefix uint64
	member string
	// last is the number of the member's lot that was met last, from 1.
	last int32
}

// A tableLot is a lot: where it begins, and the one of its member that was met before it.
type tableLot struct {
	at     int
	before int32
}

// reset gives the table another content, and reads it. The members' names are parts of content.
func (t *memberTable) reset(content []byte) {
	t.members, t.lots = t.members[:0], t.lots[:0]
	if t.slots == nil {
		t.slots = make([]int32, 1<<10)
	}
	clear(t.slots)
	for at := 0; at < len(content); at = lotEnd(content, at) {
		member := &t.members[t.find(memberAt(content, at))]
		t.lots = append(t.lots, tableLot{at, member.last})
		member.last = int32(len(t.lots))
	}
}

// find returns the place of a member, which it makes if there is none.
func (t *memberTable) find(member string) int32 {
	hash := xxh3.HashString(member)
	mask := uint64(len(t.slots) - 1)
	// The partition is the hash's lowest bits.
	slot := bits.RotateLeft64(hash, 32) & mask
	for ; t.slots[slot] != 0; slot = (slot + 1) & mask {
		if known := &t.members[t.slots[slot]-1]; known.hash == hash && known.member == member {
			return t.slots[slot] - 1
		}
	}
	t.members = append(t.members, tableMember{hash: hash, prefix: prefixOf(member), member: member})
	t.slots[slot] = int32(len(t.members))
	if 2*len(t.members) > len(t.slots) {
		t.grow()
	}
	return int32(len(t.members) - 1)
}

func (t *memberTable) grow() {
	t.slots = make([]int32, 2*len(t.slots))
	mask := uint64(len(t.slots) - 1)
	for i := range t.members {
		slot := bits.RotateLeft64(t.members[i].hash, 32) & mask
		for t.slots[slot] != 0 {
			slot = (slot + 1) & mask
		}
		t.slots[slot] = int32(i + 1)
	}
}

func prefixOf(text string) uint64 {
	var prefix [8]byte
	copy(prefix[:], text)
	return binary.BigEndian.Uint64(prefix[:])
}

// A spoolHand is the memory in which one worker has partitions of opening lots.
type spoolHand struct {
	content []byte
	members memberTable
}

// load reads partitions of a spool into the hand.
func (h *spoolHand) load(from *spool.Spool, partitions []int) (err error) {
	size := int64(0)
	for _, partition := range partitions {
		size += from.Bytes(partition)
	}
	if int64(cap(h.content)) < size {
		h.content = make([]byte, 0, size+size/8)
	}
	h.content = h.content[:0]
	for _, partition := range partitions {
		if h.content, err = from.Load(partition, h.content); err != nil {
			return err
		}
	}
	return nil
}

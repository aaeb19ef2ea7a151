package batch

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/zeebo/xxh3"
)

// memberGroups says where the rows of each member lie among the bytes of many rows. Rows stay bytes until their
// member's turn comes: as values that are kept for all members they would take thrice the memory, and be
// in no cache when they are needed.
type memberGroups struct {
	// names are the members, by partition of the state, and in byte order within each.
	names []string
	// places holds where rows begin, those of names[i] from starts[i] to starts[i+1].
	starts, places []int
	// ends is, by partition from the first of the unit on, where its names end.
	ends []int

	// found are the members in order of appearance, memberOf and placeOf the rows.
	found    []foundMember
	memberOf []int32
	placeOf  []int
	// slots is an open-addressed hash table of places in found, plus 1.
	slots  []int32
	sorted []sortedMember
}

// A foundMember is a member with rows.
type foundMember struct {
	name string
	hash uint64
	rows int
}

// A sortedMember is a member on its way to its place: partition and first bytes decide nearly always.
type sortedMember struct {
	partition   int32
	member      int32
	first, then uint64
}

const fewestMemberSlots = 1 << 10

// reset forgets all members.
func (g *memberGroups) reset() {
	if g.slots == nil {
		g.slots = make([]int32, fewestMemberSlots)
	}
	clear(g.slots)
	g.found, g.memberOf, g.placeOf = g.found[:0], g.memberOf[:0], g.placeOf[:0]
}

// add notes a row of a member.
func (g *memberGroups) add(member string, place int) {
	hash := xxh3.HashString(member)
	at := g.slot(hash, member)
	if g.slots[at] == 0 {
		g.found = append(g.found, foundMember{name: member, hash: hash})
		g.slots[at] = int32(len(g.found))
		if 2*len(g.found) > len(g.slots) {
			g.grow()
		}
		at = g.slot(hash, member)
	}
	number := g.slots[at] - 1
	g.found[number].rows++
	g.memberOf = append(g.memberOf, number)
	g.placeOf = append(g.placeOf, place)
}

// slot returns where a member is, or could be. The low bits of the hash are the same for all members of a
// partition, so the high ones decide.
func (g *memberGroups) slot(hash uint64, member string) int {
	mask := len(g.slots) - 1
	at := int(hash>>32) & mask
	for ; g.slots[at] != 0; at = (at + 1) & mask {
		if known := &g.found[g.slots[at]-1]; known.hash == hash && known.name == member {
			break
		}
	}
	return at
}

func (g *memberGroups) grow() {
	g.slots = make([]int32, 2*len(g.slots))
	for i := range g.found {
		g.slots[g.slot(g.found[i].hash, g.found[i].name)] = int32(i + 1)
	}
}

// group puts members in order and their rows together. The members are those whose partition of so many leaves the remainder
// unit when divided by units.
func (g *memberGroups) group(unit, units, partitions int) {
	g.sorted = g.sorted[:0]
	for i := range g.found {
		member := &g.found[i]
		first, then := firstBytes16(member.name)
		g.sorted = append(g.sorted, sortedMember{int32(member.hash % uint64(partitions)), int32(i), first, then})
	}
	slices.SortFunc(g.sorted, func(a, b sortedMember) int {
		switch {
		case a.partition != b.partition:
			return cmp.Compare(a.partition, b.partition)
		case a.first != b.first:
			return cmp.Compare(a.first, b.first)
		case a.then != b.then:
			return cmp.Compare(a.then, b.then)
		default:
			return compareText(g.found[a.member].name, g.found[b.member].name)
		}
	})
	g.names, g.starts, g.ends = g.names[:0], append(g.starts[:0], 0), g.ends[:0]
	end := 0
	for _, sorted := range g.sorted {
		for unit+len(g.ends)*units < int(sorted.partition) {
			g.ends = append(g.ends, len(g.names))
		}
		member := &g.found[sorted.member]
		g.names = append(g.names, member.name)
		// From here on it is where the member's next row goes.
		member.rows, end = end, end+member.rows
		g.starts = append(g.starts, end)
	}
	for unit+len(g.ends)*units < partitions {
		g.ends = append(g.ends, len(g.names))
	}
	g.places = slices.Grow(g.places[:0], end)[:end]
	for row, number := range g.memberOf {
		next := &g.found[number].rows
		g.places[*next] = g.placeOf[row]
		*next++
	}
}

// of returns which of the names are those of the i-th partition of the unit.
func (g *memberGroups) of(i int) (from, to int) {
	if i > 0 {
		from = g.ends[i-1]
	}
	return from, g.ends[i]
}

// firstBytes16 returns the first 16 bytes of a text as numbers that compare like it.
func firstBytes16(text string) (first, then uint64) {
	var bytes [16]byte
	copy(bytes[:], text)
	return binary.BigEndian.Uint64(bytes[:8]), binary.BigEndian.Uint64(bytes[8:])
}

// readMember reads a member's rows, which are valid until it is called again, as their texts are until the next load.
func (a *attribution) readMember(member int) {
	start, end := a.groups.starts[member], a.groups.starts[member+1]
	a.touchPlaces(start, end)
	places := a.groups.places[start:end]
	a.rows = slices.Grow(a.rows[:0], len(places))[:len(places)]
	a.mine = a.mine[:0]
	for i, place := range places {
		row := &a.rows[i]
		a.run.codec.read(a.content[place:], row)
		row.Member = a.groups.names[member] // the very same text is compared at a glance
		a.mine = append(a.mine, row)
	}
}

// touchPlaces touches the rows that begin at the places from start to end, and those that come after them, unless that was
// done. They lie anywhere in the content: touching many of them first lets the processor fetch them together.
func (a *attribution) touchPlaces(start, end int) {
	if end <= a.touchedTo {
		return
	}
	a.touchedTo = min(max(end, start+touchedAtOnce), len(a.groups.places))
	for _, place := range a.groups.places[start:a.touchedTo] {
		a.touched += int(a.content[place]) + int(a.content[min(place+cacheLineBytes, len(a.content)-1)])
	}
}

const (
	cacheLineBytes = 64
	// touchedAtOnce is how many places are touched before the first of them is read.
	touchedAtOnce = 64
)

package batch

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"unsafe"

	"github.com/zeebo/xxh3"
)

// memberGroups says where the rows of each member lie among the bytes of many rows. Rows stay bytes until their
// member's turn comes: as values that are kept for all members they would take thrice the memory, and be
// in no cache when they are needed.
type memberGroups struct {
	// names are the members, by partition of the state, and in byte order within each. Their memory is texts.
	names []string
	texts textArena
	// places holds where rows begin, those of names[i] from starts[i] to starts[i+1].
	starts, places []int
	// ends is, by partition from the first of the unit on, where its names end.
	ends []int

	// found are the members in order of appearance, memberOf and placeOf the rows.
	found    []foundMember
	memberOf []int32
	placeOf  []int
	// slots is an open-addressed hash table.
	slots  []memberSlot
	sorted []sortedMember

	// next[:waiting] are rows whose members are not looked for yet. They are looked for together, as each look goes to places of
	// memory that probably are in no cache: a processor waits for many of them as long as for one.
	next    [touchedAtOnce]memberRow
	waiting int
	// touched is never read: without it the compiler would leave out the loads by which memory is touched ahead of its use.
	touched int
}

// A foundMember is a member with rows.
type foundMember struct {
	memberKey
	name string
	rows int
}

// A memberKey is a member's packed name, of which first and then have the first 16 bytes: mostly all of them, so that members are
// compared without a look at where the names are.
type memberKey struct {
	first, then uint64
	packed      string
}

func (k *memberKey) equals(other *memberKey) bool {
	return k.first == other.first && k.then == other.then && (len(k.packed) <= 16 || k.packed == other.packed)
}

// A memberSlot has the place of a member in found, plus 1, and a part of the hash of its key.
type memberSlot struct {
	hash   uint32
	number int32
}

// A memberRow is a row on its way to its member.
type memberRow struct {
	memberKey
	hash  uint64
	place int
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
		g.slots = make([]memberSlot, fewestMemberSlots)
	}
	clear(g.slots)
	g.found, g.memberOf, g.placeOf, g.waiting = g.found[:0], g.memberOf[:0], g.placeOf[:0], 0
	g.texts.reset()
}

// add notes a row of a member, whose name is packed.
func (g *memberGroups) add(packed string, place int) {
	row := &g.next[g.waiting]
	row.first, row.then = words16(packed)
	row.packed, row.hash, row.place = packed, xxh3.HashString(packed), place
	if g.waiting++; g.waiting == len(g.next) {
		g.find()
	}
}

// find finds the members of the rows that wait.
func (g *memberGroups) find() {
	some := g.next[:g.waiting]
	g.waiting = 0
	for i := range some {
		g.touched += int(g.slots[g.slotOf(some[i].hash)].number)
	}
	for i := range some {
		if number := g.slots[g.slotOf(some[i].hash)].number; number > 0 {
			g.touched += g.found[number-1].rows
		}
	}
	for i := range some {
		row := &some[i]
		at := g.slot(row)
		if g.slots[at].number == 0 {
			g.found = append(g.found, foundMember{memberKey: row.memberKey})
			g.slots[at] = memberSlot{uint32(row.hash), int32(len(g.found))}
			if 2*len(g.found) > len(g.slots) {
				g.grow()
				at = g.slot(row)
			}
		}
		number := g.slots[at].number - 1
		g.found[number].rows++
		g.memberOf = append(g.memberOf, number)
		g.placeOf = append(g.placeOf, row.place)
	}
}

// slotOf returns where the search for a key begins: by the half of its hash that slots do not have.
func (g *memberGroups) slotOf(hash uint64) int { return int(hash>>32) & (len(g.slots) - 1) }

// slot returns where a row's member is, or could be.
func (g *memberGroups) slot(row *memberRow) int {
	at := g.slotOf(row.hash)
	for ; g.slots[at].number != 0; at = (at + 1) & (len(g.slots) - 1) {
		if g.slots[at].hash == uint32(row.hash) && g.found[g.slots[at].number-1].equals(&row.memberKey) {
			break
		}
	}
	return at
}

// grow doubles the table. Members are all different, so each goes to the first slot that is free.
func (g *memberGroups) grow() {
	g.slots = make([]memberSlot, 2*len(g.slots))
	for i := range g.found {
		hash := xxh3.HashString(g.found[i].packed)
		at := g.slotOf(hash)
		for g.slots[at].number != 0 {
			at = (at + 1) & (len(g.slots) - 1)
		}
		g.slots[at] = memberSlot{uint32(hash), int32(i + 1)}
	}
}

// group puts members in order and their rows together. The members are those whose partition of so many leaves the remainder
// unit when divided by units.
func (g *memberGroups) group(unit, units, partitions int) {
	g.find()
	g.sorted = g.sorted[:0]
	for i := range g.found {
		member := &g.found[i]
		form := byteReader{unsafe.Slice(unsafe.StringData(member.packed), len(member.packed)), 0}
		member.name = form.packed(&g.texts)
		first, then := firstBytes16(member.name)
		g.sorted = append(g.sorted, sortedMember{int32(partitionOf(member.name, partitions)), int32(i), first, then})
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

// words16 returns the first 16 bytes of a text, and zeros behind its end.
func words16(text string) (first, then uint64) {
	bytes := unsafe.Slice(unsafe.StringData(text), len(text))
	switch {
	case len(bytes) >= 16:
		return binary.LittleEndian.Uint64(bytes), binary.LittleEndian.Uint64(bytes[8:])
	case len(bytes) >= 8:
		return binary.LittleEndian.Uint64(bytes), binary.LittleEndian.Uint64(bytes[len(bytes)-8:]) >> (8 * (16 - len(bytes)))
	case len(bytes) >= 4:
		return uint64(binary.LittleEndian.Uint32(bytes)) | uint64(binary.LittleEndian.Uint32(bytes[len(bytes)-4:]))<<(8*(len(bytes)-4)), 0
	}
	for i, one := range bytes {
		first |= uint64(one) << (8 * i)
	}
	return first, 0
}

// readMember reads a member's rows, which are valid until it is called again, as their texts are until [attribution.forgetTexts].
func (a *attribution) readMember(member int) {
	start, end := a.groups.starts[member], a.groups.starts[member+1]
	a.touchPlaces(start, end)
	places := a.groups.places[start:end]
	a.rows = slices.Grow(a.rows[:0], len(places))[:len(places)]
	a.mine = slices.Grow(a.mine[:0], len(places))
	for i, place := range places {
		row := &a.rows[i]
		a.run.codec.read(a.content[place:], row, &a.texts)
		row.Member = a.groups.names[member] // the very same text is compared at a glance
		a.mine = append(a.mine, row)
	}
}

const (
	// largeMember is how many rows of one member in a night the operator is told of.
	largeMember = 1_000_000
	// memberRow_bytes is about what each of them takes of memory while they are attributed: together, as the order of what is
	// issued and redeemed decides.
	memberRow_bytes = 800
)

// tellOfLargeMembers warns of members with so many rows that a run may end for want of memory, as whoever ends it does not say why. It
// does not tell who they are.
func (a *attribution) tellOfLargeMembers(rows int) {
	for member := range a.groups.names {
		start, end := a.groups.starts[member], a.groups.starts[member+1]
		if end-start < rows {
			continue
		}
		_, name, _ := a.run.codec.peek(a.content[a.groups.places[start]:])
		a.run.observe(Progress{Stage: stageAttribute, Warning: fmt.Sprintf("one member has %d rows tonight, such as row %d of %s; they are attributed together, which takes about %d MiB "+
			"besides what --memory says. If that member stands for all customers without a card, agree with the merchant that such rows are left out, or that each has an id of its own",
			end-start, name.row, a.run.files.key(name.file), (end-start)*memberRow_bytes>>20)})
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

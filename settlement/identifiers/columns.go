package identifiers

import (
	"encoding/binary"
	"slices"

	"alliance/settlement"
	"alliance/settlement/sections"
)

type datePair struct{ business, settled settlement.Date }

const (
	idBytes = len(settlement.Digest{})
	// headRoom is room before a block's ids for its list of pairs of dates, which is complete when all entries are
	// there. A night has few; a longer list finds room elsewhere.
	headRoom   = 256
	idsAt      = headRoom
	contentsAt = idsAt + blockEntries*idBytes
	placesAt   = contentsAt + blockEntries*idBytes
)

// Columns are the entries of one block, each of their values where it stands in a full block: what is added is not
// copied again.
type columns struct {
	count  int
	memory []byte
	places []uint16
	// list are the pairs of dates in order, pairs their places; pair is the last entry's, at place.
	list  []datePair
	pairs map[datePair]uint16
	pair  datePair
	place uint16
}

func newColumns() columns {
	return columns{memory: make([]byte, placesAt+2*blockEntries), places: make([]uint16, blockEntries), pairs: make(map[datePair]uint16)}
}

func (c *columns) reset() {
	c.count, c.list = 0, c.list[:0]
	clear(c.pairs)
}

// add adds an entry to a block that is not full.
func (c *columns) add(taken *settlement.TakenID) {
	copy(c.memory[idsAt+c.count*idBytes:], taken.ID[:])
	copy(c.memory[contentsAt+c.count*idBytes:], taken.Content[:])
	if pair := (datePair{taken.BusinessDate, taken.SettledOn}); pair != c.pair || c.count == 0 {
		c.pair, c.place = pair, c.placeOf(pair)
	}
	c.places[c.count] = c.place
	c.count++
}

func (c *columns) placeOf(pair datePair) uint16 {
	place, known := c.pairs[pair]
	if !known {
		place = uint16(len(c.list))
		c.pairs[pair] = place
		c.list = append(c.list, pair)
	}
	return place
}

// ids are the ids of the entries, one behind the other.
func (c *columns) ids() []byte { return c.memory[idsAt : idsAt+c.count*idBytes] }

// encode returns the block, in the columns' memory or a copy. They have to be reset then.
func (c *columns) encode() []byte {
	var room [headRoom]byte
	head := binary.AppendUvarint(room[:0], uint64(len(c.list)))
	for _, pair := range c.list {
		head = binary.AppendUvarint(head, sections.Zigzag(int64(pair.business)))
		head = binary.AppendUvarint(head, sections.Zigzag(int64(pair.settled)))
	}
	end := idsAt + c.count*idBytes
	end += copy(c.memory[end:], c.memory[contentsAt:contentsAt+c.count*idBytes])
	for _, place := range c.places[:c.count] {
		c.memory[end] = byte(place)
		end++
		if placeBytes(len(c.list)) == 2 {
			c.memory[end] = byte(place >> 8)
			end++
		}
	}
	if len(head) > headRoom {
		return slices.Concat(head, c.memory[idsAt:end])
	}
	return c.memory[idsAt-copy(c.memory[idsAt-len(head):], head) : end]
}

// placeBytes is how many bytes a place in a list of pairs takes.
func placeBytes(pairs int) int {
	if pairs > 1<<8 {
		return 2
	}
	return 1
}

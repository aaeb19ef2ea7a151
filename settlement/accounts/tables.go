package accounts

import (
	"encoding/binary"
	"strings"

	"alliance/settlement"
	"alliance/settlement/sections"

	"github.com/zeebo/xxh3"
)

// A textTable numbers the texts of a block from 1 in the order in which they come; "" is 0.
// It keeps copies, in the very form in which a block holds them.
type textTable struct {
	// encoded is each text behind its length.
	encoded []byte
	spans   []textSpan
	// slots is an open-addressed hash table of numbers; a slot counts only if its round is the table's.
	slots []textSlot
	round uint32
	// last holds the number that was given last for each use of texts: it often is the next one.
	last [textUses]uint32
}

// A textUse is what a text is.
type textUse int

const (
	fileName textUse = iota
	reason
	priceID
	textUses
)

type textSpan struct{ from, to uint32 }

type textSlot struct{ round, hash, number uint32 }

func (t *textTable) reset() {
	t.encoded, t.spans, t.last = t.encoded[:0], t.spans[:0], [textUses]uint32{}
	t.round++
	if t.slots == nil || t.round == 0 {
		t.slots, t.round = make([]textSlot, 256), 1
	}
}

func (t *textTable) text(number uint32) []byte {
	span := t.spans[number-1]
	return t.encoded[span.from:span.to]
}

// number returns the number of a text.
func (t *textTable) number(text string, use textUse) uint32 {
	if text == "" {
		return 0
	}
	if last := t.last[use]; last != 0 && string(t.text(last)) == text {
		return last
	}
	number := t.find(text)
	t.last[use] = number
	return number
}

func (t *textTable) find(text string) uint32 {
	hash := uint32(xxh3.HashString(text))
	mask := uint32(len(t.slots) - 1)
	at := hash & mask
	for ; t.slots[at].round == t.round; at = (at + 1) & mask {
		if t.slots[at].hash == hash && string(t.text(t.slots[at].number)) == text {
			return t.slots[at].number
		}
	}
	t.encoded = binary.AppendUvarint(t.encoded, uint64(len(text)))
	from := len(t.encoded)
	t.encoded = append(t.encoded, text...)
	t.spans = append(t.spans, textSpan{uint32(from), uint32(len(t.encoded))})
	number := uint32(len(t.spans))
	t.slots[at] = textSlot{t.round, hash, number}
	if 2*len(t.spans) > len(t.slots) {
		t.grow()
	}
	return number
}

func (t *textTable) grow() {
	old := t.slots
	t.slots = make([]textSlot, 2*len(old))
	mask := uint32(len(t.slots) - 1)
	for _, slot := range old {
		if slot.round != t.round {
			continue
		}
		at := slot.hash & mask
		for t.slots[at].round == t.round {
			at = (at + 1) & mask
		}
		t.slots[at] = slot
	}
}

// A priceTable numbers the prices of a block from 1; the zero Price is 0.
type priceTable struct {
	encoded []byte
	keys    []priceKey
	// slots is an open-addressed hash table of numbers, 0 where there is none.
	slots []uint32
	last  uint32
}

type priceKey struct {
	id                uint32 // number of the text
	amount, perPoints int64
}

func (t *priceTable) reset() {
	t.encoded, t.keys, t.last = t.encoded[:0], t.keys[:0], 0
	if t.slots == nil {
		t.slots = make([]uint32, 64)
	}
	clear(t.slots)
}

func (t *priceTable) number(price *settlement.Price, texts *textTable) uint32 {
	id := texts.number(price.ID, priceID)
	key := priceKey{id, price.Amount, price.PerPoints}
	if key == (priceKey{}) {
		return 0
	}
	if t.last != 0 && t.keys[t.last-1] == key {
		return t.last
	}
	at := t.slot(&key)
	if t.slots[at] == 0 {
		t.keys = append(t.keys, key)
		t.slots[at] = uint32(len(t.keys))
		t.encoded = binary.AppendUvarint(t.encoded, uint64(id))
		t.encoded = binary.AppendUvarint(t.encoded, sections.Zigzag(price.Amount))
		t.encoded = binary.AppendUvarint(t.encoded, sections.Zigzag(price.PerPoints))
		t.last = uint32(len(t.keys))
		if 2*len(t.keys) > len(t.slots) {
			t.grow()
		}
		return t.last
	}
	t.last = t.slots[at]
	return t.last
}

// slot returns where a price is, or could be.
func (t *priceTable) slot(key *priceKey) uint32 {
	hash := (uint64(key.id)<<32 ^ uint64(key.amount) ^ uint64(key.perPoints)<<48) * 0x9e3779b97f4a7c15
	mask := uint32(len(t.slots) - 1)
	at := uint32(hash>>32) & mask
	for t.slots[at] != 0 && t.keys[t.slots[at]-1] != *key {
		at = (at + 1) & mask
	}
	return at
}

func (t *priceTable) grow() {
	t.slots = make([]uint32, 2*len(t.slots))
	for i := range t.keys {
		t.slots[t.slot(&t.keys[i])] = uint32(i + 1)
	}
}

// A partyTable numbers the parties of a run from 1 in the order in which they come; NoParty is 0.
type partyTable struct {
	parties settlement.Parties
	// places holds the numbers of parties, 0 where there is none yet.
	places []uint32
	// named holds the parties by number-1.
	named []namedParty
	byID  map[string]uint32
}

// A namedParty is an entry of a run's list of parties.
type namedParty struct {
	id string
	// required says that an account names the party, not only the name of a file.
	required bool
	open     int64
}

func newPartyTable(parties settlement.Parties) partyTable {
	return partyTable{parties: parties, places: make([]uint32, parties.Len()), byID: make(map[string]uint32)}
}

func (t *partyTable) reset() {
	clear(t.places)
	clear(t.byID)
	t.named = t.named[:0]
}

// place returns the number of an id, of a party or not.
func (t *partyTable) place(id string) uint32 {
	number, found := t.byID[id]
	if !found {
		id = strings.Clone(id)
		t.named = append(t.named, namedParty{id: id})
		number = uint32(len(t.named))
		t.byID[id] = number
	}
	return number
}

// placeOf is place, faster if the id is that of a party.
func (t *partyTable) placeOf(id string, party settlement.Party) uint32 {
	if party >= 0 && t.places[party] != 0 && t.parties.ID(party) == id {
		return t.places[party]
	}
	return t.place(id)
}

// number returns the number of a party that an account names.
func (t *partyTable) number(party settlement.Party) uint64 {
	if party == settlement.NoParty {
		return 0
	}
	if number := t.places[party]; number != 0 {
		return uint64(number)
	}
	number := t.place(t.parties.ID(party))
	t.places[party] = number
	t.named[number-1].required = true
	return uint64(number)
}

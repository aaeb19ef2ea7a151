package settlement

import (
	"slices"
	"strings"
)

// A Party is a merchant or the alliance itself: its place in the order of ids of the
// register in force. Parties of one register compare as their ids do, byte by byte.
// A Party has no meaning under another register: what is kept is the id.
type Party int32

// NoParty stands for a party that was not given.
const NoParty Party = -1

// Parties is the list of ids behind [Party] numbers. The zero value has none.
type Parties struct {
	ids []string
}

// NewParties returns the parties of these ids, which must be distinct, in order of id.
func NewParties(ids []string) Parties {
	sorted := slices.Clone(ids)
	slices.Sort(sorted)
	return Parties{sorted}
}

// Len returns the number of parties; they are 0 … Len()-1.
func (p Parties) Len() int { return len(p.ids) }

// ID returns a party's id, "" for [NoParty].
func (p Parties) ID(party Party) string {
	if party == NoParty {
		return ""
	}
	return p.ids[party]
}

// Find returns the party of an id, or [NoParty].
func (p Parties) Find(id string) Party {
	at, found := slices.BinarySearch(p.ids, id)
	if !found {
		return NoParty
	}
	return Party(at)
}

// ValidMerchantID reports whether id has the form [A-Za-z0-9][A-Za-z0-9_-]{0,63}. Only such
// ids ever become part of a key.
func ValidMerchantID(id string) bool {
	if len(id) < 1 || len(id) > 64 || strings.ContainsAny(id[:1], "_-") {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

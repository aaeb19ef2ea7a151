package batch

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// Ids mostly end in digits, or in digits and hyphens. On its way a text is what comes before these, as it is, and half a byte for each of
// up to 15 of them. Compressing what goes to the disk would save about as much, and takes several times as long.
//
// The first byte has the number of digits, hyphens among them, in its low half and that of the bytes before them in its high half; 15
// there says that their number follows. Each text has one form, so forms are equal if their texts are.

const (
	mostDigits = 15
	longPrefix = 15
	shortCopy  = 4
	wordBytes  = 8
	twoWords   = 2 * wordBytes
	// packedHyphen is what a hyphen is among digits.
	packedHyphen = 10

	// everyByte times a byte is a word of that byte.
	everyByte = 0x0101010101010101
	topBits   = 0x80 * everyByte
	zeros     = '0' * everyByte
	// hyphens are what the exclusive or with zeros makes of hyphens, and toHyphens what makes that of packed ones.
	hyphens   = ('-' ^ '0') * everyByte
	toHyphens = '-' ^ '0' ^ packedHyphen
)

// appendPacked appends a text in this form.
func appendPacked(buffer []byte, text string) []byte {
	digits, count := trailingDigits(text)
	prefix := len(text) - count
	at := len(buffer) + 1
	if cap(buffer) < at+len(text)+2*wordBytes {
		buffer = append(buffer, make([]byte, 1+len(text)+2*wordBytes)...)
	}
	buffer = buffer[:at+len(text)+2*wordBytes]
	if prefix < longPrefix {
		buffer[at-1] = byte(prefix<<4 | count)
	} else {
		buffer[at-1] = byte(longPrefix<<4 | count)
		at += binary.PutUvarint(buffer[at:], uint64(prefix))
	}
	if prefix <= shortCopy {
		for i := range prefix { // these few are sooner copied than somebody is called for it
			buffer[at+i] = text[i]
		}
	} else {
		copy(buffer[at:], text[:prefix])
	}
	at += prefix
	binary.LittleEndian.PutUint64(buffer[at:], digits)
	return buffer[:at+(count+1)/2]
}

// trailingDigits returns the digits at the end of a text, up to mostDigits of them, the first one in the lowest half byte.
func trailingDigits(text string) (digits uint64, count int) {
	bytes := unsafe.Slice(unsafe.StringData(text), len(text))
	var last, before uint64 // the last two words, with zero bytes in front
	switch {
	case len(bytes) >= twoWords:
		last, before = binary.LittleEndian.Uint64(bytes[len(bytes)-wordBytes:]), binary.LittleEndian.Uint64(bytes[len(bytes)-twoWords:])
	case len(bytes) >= wordBytes:
		last = binary.LittleEndian.Uint64(bytes[len(bytes)-wordBytes:])
		before = binary.LittleEndian.Uint64(bytes) << (8 * (twoWords - len(bytes)))
	default:
		for i, one := range bytes {
			last |= uint64(one) << (8 * (wordBytes - len(bytes) + i))
		}
	}
	last, count = digitsAtEnd(last)
	if count < wordBytes {
		return halves(last, count), count
	}
	before, more := digitsAtEnd(before)
	more = min(more, mostDigits-wordBytes)
	return halves(before, more) | halves(last, wordBytes)<<(4*more), wordBytes + more
}

// digitsAtEnd returns how many of the last bytes of a word are digits or hyphens, and the word with what these are packed as.
func digitsAtEnd(word uint64) (packed uint64, count int) {
	word ^= zeros
	hyphen := ^(((word ^ hyphens) &^ uint64(topBits)) + 0x7f*everyByte | word ^ hyphens) & topBits // the top bit of each that is one
	others := (word&^uint64(topBits) + (0x80-10)*everyByte | word) & topBits &^ hyphen             // and of each other above 9
	return word ^ hyphen>>7*toHyphens, bits.LeadingZeros64(others) / 8
}

// halves puts the last bytes of a word, which are below 16, together as half bytes.
func halves(word uint64, count int) uint64 {
	word >>= 8 * (wordBytes - count) // all of it if there are none
	word = (word | word>>4) & 0x00ff00ff00ff00ff
	word = (word | word>>8) & 0x0000ffff0000ffff
	return (word | word>>16) & 0x00000000ffffffff
}

// wholes returns the texts of eight half bytes.
func wholes(word uint64) uint64 {
	word &= 0x00000000ffffffff
	word = (word | word<<16) & 0x0000ffff0000ffff
	word = (word | word<<8) & 0x00ff00ff00ff00ff
	word = (word | word<<4) & 0x0f0f0f0f0f0f0f0f
	hyphen := (word + (0x80-packedHyphen)*everyByte) & topBits
	return word ^ hyphen>>7*toHyphens ^ zeros
}

// skipPacked passes over a packed text and returns its form, as a text that lives as long as the content.
func (r *byteReader) skipPacked() string {
	start := r.at
	prefix, count := r.packedLengths()
	r.at += prefix + (count+1)/2
	part := r.content[start:r.at]
	return unsafe.String(unsafe.SliceData(part), len(part))
}

// packed returns a packed text as it was. If it has digits it lives until the arena is reset, else as long as the content.
func (r *byteReader) packed(arena *textArena) string {
	prefix, count := r.packedLengths()
	start := r.bytes(prefix)
	if count == 0 {
		return unsafe.String(unsafe.SliceData(start), len(start))
	}
	var digits uint64
	if len(r.content)-r.at >= wordBytes {
		digits = binary.LittleEndian.Uint64(r.content[r.at:])
		r.at += (count + 1) / 2
	} else {
		var word [wordBytes]byte
		copy(word[:], r.bytes((count+1)/2))
		digits = binary.LittleEndian.Uint64(word[:])
	}
	room := arena.room(prefix + twoWords)
	if prefix <= shortCopy {
		for i := range start {
			room[i] = start[i]
		}
	} else {
		copy(room, start)
	}
	binary.LittleEndian.PutUint64(room[prefix:], wholes(digits))
	binary.LittleEndian.PutUint64(room[prefix+wordBytes:], wholes(digits>>32))
	return arena.take(prefix + count)
}

func (r *byteReader) packedLengths() (prefix, digits int) {
	first := int(r.content[r.at])
	r.at++
	if prefix = first >> 4; prefix == longPrefix {
		prefix = int(r.unsigned())
	}
	return prefix, first & 15
}

// A textArena is memory for texts. They live until it is reset.
type textArena struct{ memory []byte }

// arenaBytes is the size of what is allocated at a time.
const arenaBytes = 16 << 10

func (a *textArena) reset() { a.memory = a.memory[:0] }

// room returns memory for so many bytes, which belong to nobody until they are taken.
func (a *textArena) room(length int) []byte {
	if cap(a.memory)-len(a.memory) < length {
		// Texts in the memory from before keep it.
		a.memory = make([]byte, 0, max(arenaBytes, length))
	}
	return a.memory[len(a.memory) : len(a.memory)+length]
}

// take returns the first bytes of the room as a text.
func (a *textArena) take(length int) string {
	start := len(a.memory)
	a.memory = a.memory[:start+length]
	return unsafe.String(unsafe.SliceData(a.memory[start:]), length)
}

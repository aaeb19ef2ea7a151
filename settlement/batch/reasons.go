package batch

import (
	"encoding/binary"
	"strings"
	"sync"
	"sync/atomic"
)

// Reasons are the words that the merchants use for why points are issued and redeemed. They are few, and on their way numbers: the first
// ones up to mostReasons; others are written out. It is safe for concurrent use.
type reasons struct {
	known atomic.Pointer[knownReasons]
	mutex sync.Mutex
}

// knownReasons are not changed any more.
type knownReasons struct {
	texts   []string
	numbers map[string]uint64
}

const mostReasons = 100

// append appends a reason: its number, or 0 and the text.
func (r *reasons) append(buffer []byte, reason string) []byte {
	if number := r.number(reason); number > 0 {
		return binary.AppendUvarint(buffer, number)
	}
	return appendText(append(buffer, 0), reason)
}

// number returns a reason's number, or 0 if it has none.
func (r *reasons) number(reason string) uint64 {
	known := r.known.Load()
	if known != nil {
		if number := known.numbers[reason]; number > 0 || len(known.texts) == mostReasons {
			return number
		}
	}
	return r.learn(reason)
}

// learn gives a reason a number if there is one left.
func (r *reasons) learn(reason string) uint64 {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	more := knownReasons{numbers: make(map[string]uint64)}
	if known := r.known.Load(); known != nil {
		if number := known.numbers[reason]; number > 0 || len(known.texts) == mostReasons {
			return number
		}
		more.texts = append(more.texts, known.texts...)
	}
	more.texts = append(more.texts, strings.Clone(reason))
	for i, text := range more.texts {
		more.numbers[text] = uint64(i) + 1
	}
	r.known.Store(&more)
	return uint64(len(more.texts))
}

// read reads a reason.
func (r *reasons) read(from *byteReader) string {
	if number := from.unsigned(); number > 0 {
		return r.known.Load().texts[number-1]
	}
	return from.text()
}

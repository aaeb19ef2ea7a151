package intake

import (
	"alliance/settlement"
	"alliance/settlement/storage"
)

// A History is what settled dates have done with the objects of the inbox. The zero value is
// not ready for use; see [NewHistory]. After the last [History.Add] it may be used by any
// number of goroutines.
type History struct {
	byKey     map[string]past
	byContent map[content][]past
}

type past struct {
	settled settlement.Date
	input   settlement.Input
}

type content struct {
	merchant settlement.Party
	sha256   string
}

// NewHistory returns a History in which nothing was delivered yet.
func NewHistory() *History {
	return &History{byKey: map[string]past{}, byContent: map[content][]past{}}
}

// Add puts on record what the run of a settlement date found. Add dates in order, only those
// before the date to be settled, and of each only what stands. Inputs that are not final (held,
// pending, missing) leave no trace.
func (h *History) Add(settled settlement.Date, input settlement.Input) {
	switch input.State {
	case settlement.Consumed:
		same := content{input.Merchant, input.SHA256}
		h.byContent[same] = append(h.byContent[same], past{settled, input})
	case settlement.DuplicateState:
	default:
		return
	}
	h.byKey[input.Key] = past{settled, input}
}

// An Action is what has to be done with an object before its verdict is known.
type Action uint8

const (
	// Skip an object that is on record and unchanged.
	Skip Action = iota
	// HashOnly is for objects whose rows cannot be wanted, whatever they are.
	HashOnly
	// ReadRows reads the object with its rows.
	ReadRows
)

// Action says whether an object has to be read, and how. An object with the key, size and
// version of one on record is unchanged, and its state final.
func (l *Listing) Action(history *History, object *Object) Action {
	_, consumed := history.consumedBefore(object.Key)
	switch {
	case object.Fault != "":
		return HashOnly // its key is not the one on record, and it is told every night
	case history.isFinal(&object.Object):
		return Skip
	case consumed:
		return HashOnly
	case !object.Format.Readable():
		return HashOnly
	default:
		if code, _, _ := l.controlVerdict(object); code != settlement.NoCode {
			return HashOnly
		}
		return ReadRows
	}
}

// isFinal reports whether an object is on record as it is: with its key, size and version.
func (h *History) isFinal(object *storage.Object) bool {
	before, onRecord := h.byKey[object.Key]
	return onRecord && before.input.Bytes == object.Size && before.input.Version == object.Version
}

// isOpen reports whether something is to be decided about an object.
func (h *History) isOpen(object Object) bool { return object.Fault != "" || !h.isFinal(&object.Object) }

// Unchanged reports whether the content of a key is on record.
func (h *History) Unchanged(key, sha256 string) bool {
	before, onRecord := h.byKey[key]
	return onRecord && before.input.SHA256 == sha256 && sha256 != ""
}

// consumedBefore returns what a settled date consumed under the object's key.
func (h *History) consumedBefore(key string) (past, bool) {
	before, onRecord := h.byKey[key]
	return before, onRecord && before.input.State == settlement.Consumed
}

// original returns the object on record that one of this content only repeats: consumed by a
// settled date of the window, with rows, none of them rejected or deferred that night.
func (h *History) original(merchant settlement.Party, sha256 string, window Window) (past, bool) {
	if sha256 == "" {
		return past{}, false
	}
	for _, before := range h.byContent[content{merchant, sha256}] {
		inWindow := window.First() <= before.settled && before.settled < window.Date
		if inWindow && before.input.Rows > 0 && before.input.Rejected == 0 && before.input.Deferred == 0 {
			return before, true
		}
	}
	return past{}, false
}

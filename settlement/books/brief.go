package books

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"alliance/settlement"
)

// An extent says how much is read of a record.
type extent int

const (
	// whole is everything.
	whole extent = iota
	// withInputs is what a [PassedDate] has of the record's dates.
	withInputs
	// inBrief is that without inputs but for missing merchants.
	inBrief
)

// decodeBrief reads of a record's text everything but its dates, and of these what later dates ask for. The text's seal tells that this program, or
// an earlier one, wrote it so; that every byte is as it would be written again is seen when a record is read whole.
func decodeBrief(seq int64, text []byte, extent extent) (found slot) {
	record, size, err := decodeShort(text, extent)
	if err == nil {
		found.sum, found.fault = record.checkSlot(seq, text)
	} else {
		// All of it has to be read to say what is wrong, if anything is.
		record, found.sum, found.fault = decodeRecord(seq, text)
	}
	if found.fault != nil {
		return found
	}
	found.kept_bytes = int64(size)
	found.passed = make([]PassedDate, len(record.Dates))
	for i := range record.Dates {
		found.passed[i] = *record.Dates[i].Passed()
		if extent == inBrief {
			found.passed[i].withoutInputs()
		}
	}
	record.Dates = nil
	found.record = record
	return found
}

// errOtherLayout says that a text is not laid out as this program writes records.
var errOtherLayout = errors.New("the layout is another one")

// decodeShort decodes what is wanted of a record's text. It also returns how many bytes of the text that is.
func decodeShort(text []byte, extent extent) (record *Record, size int, err error) {
	short, ok := shorten(text, extent)
	if !ok {
		return nil, 0, errOtherLayout
	}
	record = new(Record)
	decoder := json.NewDecoder(bytes.NewReader(short))
	decoder.DisallowUnknownFields()
	return record, len(short), decoder.Decode(record)
}

// The values of a date that are left out of a short text.
var leftOut = map[string]bool{"statements": true, "alliance": true, "acknowledgements": true}

// shorten returns the text of a record without what is not wanted of its dates; false if it is not laid out as this program writes records.
func shorten(text []byte, extent extent) (short []byte, ok bool) {
	s := shortening{text: text, out: make([]byte, 0, len(text)/8+1024), extent: extent}
	end := s.object(0, func(key string, from, to int) {
		if key == "dates" {
			s.list(from, s.date)
		} else {
			s.copy(from, to)
		}
	})
	return s.out, end == len(text)-1 && !s.failed
}

// A shortening copies parts of a JSON text. Its methods return where a value ends; what is no JSON fails it.
type shortening struct {
	text, out []byte
	extent    extent
	failed    bool
}

func (s *shortening) copy(from, to int) { s.out = append(s.out, s.text[from:to]...) }

// date copies what is wanted of a date.
func (s *shortening) date(from, to int) bool {
	s.object(from, func(key string, from, to int) {
		switch key {
		case "inputs":
			s.list(from, s.input)
		case "state":
			s.object(from, func(key string, from, to int) {
				if key == "objects" {
					s.list(from, s.stateObject)
				} else {
					s.copy(from, to)
				}
			})
		default:
			s.copy(from, to)
		}
	})
	return true
}

// missingState is how the state of a missing merchant is written. A quote within a text has a backslash before it, so no text has it.
var missingState = fmt.Appendf(nil, `"state":%q`, settlement.Missing)

// input copies an input that is wanted.
func (s *shortening) input(from, to int) bool {
	wanted := s.extent == withInputs || bytes.Contains(s.text[from:to], missingState)
	if wanted {
		s.copy(from, to)
	}
	return wanted
}

// idsHead and putAwayHead are how the objects of a state begin that later dates ask for.
var (
	idsHead     = fmt.Appendf(nil, `{"role":%q,`, IDs)
	putAwayHead = fmt.Appendf(nil, `{"role":%q,`, PutAway)
)

// stateObject copies an object of a state that later dates ask for.
func (s *shortening) stateObject(from, to int) bool {
	wanted := bytes.HasPrefix(s.text[from:to], idsHead) || bytes.HasPrefix(s.text[from:to], putAwayHead)
	if wanted {
		s.copy(from, to)
	}
	return wanted
}

// object copies an object, each value by copyValue but those that are left out, and returns where it ends.
func (s *shortening) object(at int, copyValue func(key string, from, to int)) int {
	s.out = append(s.out, '{')
	first := true
	end := s.each(at, '{', '}', func(at int) int {
		keyEnd := s.skipText(at)
		if keyEnd-at < 2 || keyEnd >= len(s.text) || s.text[keyEnd] != ':' {
			s.failed = true
			return len(s.text)
		}
		key, from := string(s.text[at+1:keyEnd-1]), keyEnd+1
		to := s.skip(from)
		if !leftOut[key] && !s.failed {
			if !first {
				s.out = append(s.out, ',')
			}
			first = false
			s.copy(at, from)
			copyValue(key, from, to)
		}
		return to
	})
	s.out = append(s.out, '}')
	return end
}

// list copies those elements of a list that copyElement copies, and returns where it ends.
func (s *shortening) list(at int, copyElement func(from, to int) bool) int {
	s.out = append(s.out, '[')
	any := false
	end := s.each(at, '[', ']', func(at int) int {
		before, to := len(s.out), s.skip(at)
		if s.failed {
			return to
		}
		if any {
			s.out = append(s.out, ',')
		}
		if copyElement(at, to) {
			any = true
		} else {
			s.out = s.out[:before]
		}
		return to
	})
	s.out = append(s.out, ']')
	return end
}

// each visits what stands between two brackets, with commas between; visit returns where that ends.
func (s *shortening) each(at int, opening, closing byte, visit func(at int) int) int {
	if s.byteAt(at) != opening {
		s.failed = true
		return len(s.text)
	}
	if at++; s.byteAt(at) == closing {
		return at + 1
	}
	for !s.failed {
		at = visit(at)
		switch s.byteAt(at) {
		case ',':
			at++
		case closing:
			return at + 1
		default:
			s.failed = true
		}
	}
	return len(s.text)
}

// byteAt returns a byte, 0 behind the end.
func (s *shortening) byteAt(at int) byte {
	if at < len(s.text) {
		return s.text[at]
	}
	return 0
}

// skip returns where a value ends.
func (s *shortening) skip(at int) int {
	switch s.byteAt(at) {
	case '"':
		return s.skipText(at)
	case '{', '[':
		return s.skipNested(at)
	}
	for at < len(s.text) && s.text[at] != ',' && s.text[at] != '}' && s.text[at] != ']' {
		at++
	}
	return at
}

// skipNested returns where an object or a list ends.
func (s *shortening) skipNested(at int) int {
	for depth := 0; at < len(s.text); {
		switch s.text[at] {
		case '"':
			at = s.skipText(at)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return at + 1
			}
		}
		at++
	}
	s.failed = true
	return len(s.text)
}

// skipText returns where a text ends.
func (s *shortening) skipText(at int) int {
	if s.byteAt(at) == '"' {
		for at++; at < len(s.text); {
			quote := bytes.IndexByte(s.text[at:], '"')
			if quote < 0 {
				break
			}
			escapes := 0
			for escapes < quote && s.text[at+quote-1-escapes] == '\\' {
				escapes++
			}
			at += quote + 1
			if escapes%2 == 0 {
				return at
			}
		}
	}
	s.failed = true
	return len(s.text)
}

package intake

import (
	"io"
	"strings"
	"unicode/utf8"

	"alliance/settlement/layout"
)

// csvScanner cuts a CSV text into records.
//
// encoding/csv cannot stand in for it. It cannot say that a record is short without giving up
// its count of fields for the whole file; it rewrites line ends inside quotes; it takes a
// carriage return in the middle of a field, and bytes that are not UTF-8; it has no limit of
// length; it skips empty lines but not blank ones; and it allocates for every record.
type csvScanner struct {
	source *chunks
	limits *limits
	// delimiter is what separates fields; unquoted says that quotes are characters like others.
	delimiter byte
	unquoted  bool
	// keep is how many fields of a record are kept; the others are only counted.
	keep int

	// fields are those of the last record, and count how many it has. They are without meaning
	// if fault, which says why the record is malformed, is not "".
	fields []string
	count  int
	fault  string
	// raw is the text of the last record with its line end, or the beginning of one that was
	// passed over.
	raw string
	// tooLong says that the last record is over the limit.
	tooLong bool

	// noQuoteBefore and noReturnBefore say up to where the piece at hand is known to have no
	// quote and no carriage return; they spare looking for them in every line.
	noQuoteBefore, noReturnBefore int
}

// newScanner returns a scanner of a text in a layout; nil stands for the common form.
func newScanner(source *chunks, limits *limits, l *layout.Layout) *csvScanner {
	scanner := &csvScanner{source: source, limits: limits, delimiter: ',', keep: limits.columns + 1}
	if l != nil {
		scanner.delimiter, scanner.unquoted = l.Delimiter, l.Unquoted
	}
	return scanner
}

const (
	faultUnclosed = "a quoted field is not closed, so that it runs to the end of the file"
	faultStray    = "a quote inside a field that does not begin with one; quote the field and double the quote"
	faultAfter    = "text after the closing quote of a field; double the quotes inside it"
	faultReturn   = "a carriage return that is not part of a line end; quote the field"
	notUTF8       = "not valid UTF-8; write it in UTF-8"
	faultUTF8     = notUTF8 + ", or have the encoding put into the merchant's profile"
)

// next finds the next record that is not blank. It returns io.EOF after the last one,
// errTooLong for a record over the limit, or what reading ended with.
func (s *csvScanner) next() error {
	for {
		text := s.source.rest()
		if text == "" && s.source.ended {
			return io.EOF
		}
		length, whole := s.cut(text)
		switch {
		case whole && s.tooLong:
			return errTooLong
		case whole:
			s.source.at += length
			s.raw = text[:length]
			if s.count > 0 || s.fault != "" {
				return nil
			}
			continue // a blank line
		case len(text) > s.limits.recordBytes+len("\r\n"):
			return s.skip()
		}
		if err := s.more(); err != nil {
			return err
		}
	}
}

func (s *csvScanner) more() error {
	s.noQuoteBefore, s.noReturnBefore = 0, 0
	return s.source.more()
}

// cut finds the record at the beginning of the text. length includes its line end; whole is
// false if that cannot be told from the text at hand. A blank line has no fields.
func (s *csvScanner) cut(text string) (length int, whole bool) {
	s.fault, s.tooLong, s.count, s.fields = "", false, 0, s.fields[:0]
	line, length := text, len(text)
	if end := strings.IndexByte(text, '\n'); end >= 0 {
		line, length = text[:end], end+1
	} else if !s.source.ended {
		return 0, false
	}
	if !s.unquoted && s.has('"', line, &s.noQuoteBefore) {
		return s.cutQuoted(text)
	}
	if s.has('\r', line, &s.noReturnBefore) {
		line = strings.TrimSuffix(line, "\r")
		if strings.IndexByte(line, '\r') >= 0 {
			s.fault = faultReturn
		}
	}
	s.tooLong = len(line) > s.limits.recordBytes
	if s.tooLong || s.fault != "" {
		return length, true
	}
	if blank(line) {
		return length, true
	}
	s.split(line)
	if !utf8.ValidString(line) {
		s.fault = faultUTF8
	}
	return length, true
}

// has reports whether a line that begins where the piece at hand is read next holds c.
func (s *csvScanner) has(c byte, line string, noneBefore *int) bool {
	at := s.source.at
	if at+len(line) <= *noneBefore {
		return false
	}
	from := max(*noneBefore-at, 0)
	next := strings.IndexByte(s.source.text[at+from:], c)
	if next < 0 {
		*noneBefore = len(s.source.text)
		return false
	}
	*noneBefore = at + from + next
	return from+next < len(line)
}

func blank(line string) bool {
	for i := range len(line) {
		if line[i] != ' ' && line[i] != '\t' {
			return false
		}
	}
	return true
}

func (s *csvScanner) split(line string) {
	start, delimiter := 0, s.delimiter
	for i := 0; i < len(line); i++ {
		if line[i] == delimiter {
			s.field(line[start:i])
			start = i + 1
		}
	}
	s.field(line[start:])
}

func (s *csvScanner) field(value string) {
	s.count++
	if s.count <= s.keep {
		s.fields = append(s.fields, value)
	}
}

// cutQuoted is cut for a record with a quote in its first line.
func (s *csvScanner) cutQuoted(text string) (length int, whole bool) {
	at := 0
	for {
		value, after, found := s.cutField(text, at)
		if !found {
			return 0, false
		}
		if s.fault != "" {
			return s.endFaulty(text, after)
		}
		s.field(value)
		switch {
		case after == len(text):
			if !s.source.ended {
				return 0, false
			}
			return s.end(text, after, after)
		case text[after] == s.delimiter:
			at = after + 1
		case text[after] == '\n':
			return s.end(text, after, after+1)
		default: // a carriage return before a line end, or at the end of the file
			return s.end(text, after, min(after+2, len(text)))
		}
	}
}

// cutField finds the field that begins at a place. after is where its comma or line end is, or,
// if s.fault is set, from where the record's line end is to be looked for. found is false if
// that cannot be told from the text at hand.
func (s *csvScanner) cutField(text string, at int) (value string, after int, found bool) {
	doubled := false
	if at < len(text) && text[at] == '"' {
		end := at + 1
		for {
			quote := strings.IndexByte(text[end:], '"')
			if quote < 0 {
				s.fault = faultUnclosed
				return "", len(text), s.source.ended
			}
			end += quote + 1
			if end == len(text) && !s.source.ended {
				return "", 0, false
			}
			if end == len(text) || text[end] != '"' {
				break
			}
			doubled = true
			end++
		}
		value = text[at+1 : end-1]
		if doubled {
			value = strings.ReplaceAll(value, `""`, `"`)
		}
		return value, end, s.checkEnd(text, end, faultAfter)
	}
	end := at
	for end < len(text) && text[end] != s.delimiter && text[end] != '\n' && text[end] != '"' && text[end] != '\r' {
		end++
	}
	return text[at:end], end, s.checkEnd(text, end, faultStray)
}

// checkEnd sets s.fault unless a field may end here. It returns false if that cannot be told.
func (s *csvScanner) checkEnd(text string, end int, fault string) bool {
	switch {
	case end == len(text):
		return s.source.ended
	case text[end] == s.delimiter || text[end] == '\n':
	case text[end] == '\r' && end+1 == len(text):
		return s.source.ended
	case text[end] == '\r' && text[end+1] == '\n':
	case text[end] == '\r':
		s.fault = faultReturn
	default:
		s.fault = fault
	}
	return true
}

func (s *csvScanner) end(text string, end, length int) (int, bool) {
	s.tooLong = end > s.limits.recordBytes
	if !utf8.ValidString(text[:end]) {
		s.fault = faultUTF8
	}
	return length, true
}

// endFaulty finds the end of a record with a fault: the next line end, whatever quotes there
// are before it. Only what is never closed runs to the end of the file.
func (s *csvScanner) endFaulty(text string, from int) (length int, whole bool) {
	end := strings.IndexByte(text[from:], '\n')
	switch {
	case end >= 0:
		end, length = from+end, from+end+1
	case s.source.ended:
		end, length = len(text), len(text)
	default:
		return 0, false
	}
	if s.fault != faultUnclosed {
		s.tooLong = len(strings.TrimSuffix(text[:end], "\r")) > s.limits.recordBytes
	}
	return length, true
}

// skip passes over a record that is over the limit without keeping it. If that is because of a
// quote that is never closed, the rest of the file is one malformed record, as it would be if it
// were short; else the record is too long.
func (s *csvScanner) skip() error {
	if s.unquoted {
		return errTooLong
	}
	state := fieldStart
	s.raw = s.source.rest()
	for {
		rest := s.source.rest()
		for i := range len(rest) {
			if state = state.step(rest[i], s.delimiter); state == recordEnd {
				return errTooLong
			}
		}
		s.source.at = len(s.source.text)
		if s.source.ended {
			break
		}
		if err := s.more(); err != nil {
			return err
		}
	}
	if state != quoted {
		return errTooLong
	}
	s.fault = faultUnclosed
	return nil
}

// skipState is where in a record a byte is met.
type skipState uint8

const (
	fieldStart skipState = iota
	unquoted
	quoted
	quoteInQuoted
	carriageReturn
	faulty
	recordEnd
)

func (s skipState) step(c, delimiter byte) skipState {
	switch {
	case s == quoted && c == '"':
		return quoteInQuoted
	case s == quoted:
		return quoted
	case c == '\n':
		return recordEnd
	case s == faulty || s == carriageReturn:
		return faulty
	case c == delimiter:
		return fieldStart
	case c == '\r':
		return carriageReturn
	case c == '"' && (s == fieldStart || s == quoteInQuoted):
		return quoted
	case c == '"' || s == quoteInQuoted:
		return faulty
	default:
		return unquoted
	}
}

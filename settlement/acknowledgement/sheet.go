package acknowledgement

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"alliance/settlement"
	"alliance/settlement/intake"
	"alliance/settlement/layout"
)

// ownColumns are those that a rejected row gets besides its own.
var ownColumns = []string{"file", "row", "code", "column", "message", "raw"}

// maxOtherColumns is how many columns without a meaning are given back.
const maxOtherColumns = 100

// A sheet is a file of rejected rows.
type sheet struct {
	files []*fileRows
	rows  int64
	// known are the names of the columns with a meaning that occur.
	known [layout.TimeOfDay + 1]string
	// others are those without one, in order of first appearance; leftOut holds what was too many.
	others  []string
	places  map[string]int // of others
	leftOut map[string]bool
	// layout is that of the merchant's files; known is by name in them what has a meaning, and own
	// the names of our columns.
	layout  *layout.Layout
	meaning map[string]settlement.Column
	own     []string
}

func newSheet(l *layout.Layout) *sheet {
	s := &sheet{layout: l, places: make(map[string]int), leftOut: make(map[string]bool)}
	if l == nil {
		l = &layout.Layout{}
	}
	s.meaning = l.Places()
	for _, name := range ownColumns {
		if _, taken := s.meaning[name]; taken {
			name = "settle_" + name
		}
		s.own = append(s.own, name)
		s.places[name] = -1
	}
	return s
}

// column returns the column that a name in the merchant's files stands for.
func (s *sheet) column(name string) (column settlement.Column, known bool) {
	column, known = s.meaning[name]
	return column, known && column != settlement.Columns
}

// add takes the rows of a file, and notes which columns they have.
func (s *sheet) add(file *fileRows) {
	s.files = append(s.files, file)
	s.rows += int64(len(file.rows))
	for i := range file.names {
		file.names[i] = s.tidyNames(file.names[i])
		s.note(file.names[i])
	}
}

func (s *sheet) note(names []string) {
	for _, name := range names {
		if column, known := s.column(name); known {
			if s.known[column] == "" {
				s.known[column] = name
			}
		} else if _, placed := s.places[name]; placed {
			continue
		} else if len(s.others) == maxOtherColumns {
			s.leftOut[name] = true
		} else {
			s.places[name] = len(s.others)
			s.others = append(s.others, name)
		}
	}
}

// encode returns the file, and how many columns were left out. It lets go of the rows on its way.
func (s *sheet) encode() (content []byte, leftOut int) {
	var text bytes.Buffer
	text.Grow(s.size())
	writer := s.writer(&text)
	var header []string
	places := make(map[string]int)
	place := func(name string) {
		places[name] = len(header)
		header = append(header, harmless(name))
	}
	for _, name := range s.order() {
		place(name)
	}
	for _, name := range s.others {
		if _, placed := places[name]; !placed {
			place(name)
		}
	}
	cells := rowCells{places: places, own: len(header)}
	write(writer, append(header, s.own...))
	for i, file := range s.files {
		cells.write(writer, file)
		s.files[i] = nil
	}
	writer.Flush()
	content = text.Bytes()
	if s.layout != nil {
		content = s.layout.Encode(content)
	}
	return content, len(s.leftOut)
}

// size is about how many bytes the file has: where there are many, to take memory for it once is half of what growing takes.
func (s *sheet) size() (size int) {
	for _, file := range s.files {
		size += file.size()
	}
	return size
}

// write writes a record to memory, which does not fail.
func write(writer recordWriter, cells []string) {
	if err := writer.Write(cells); err != nil {
		panic(fmt.Sprintf("write CSV to memory: %v", err))
	}
}

// rowCells makes rows cells, in memory that is used again: its own by the place of their columns, then why it was rejected.
type rowCells struct {
	places map[string]int
	// own is how many columns the rows have of their own.
	own           int
	cells, values []string
}

// write writes the rows of a file.
func (c *rowCells) write(writer recordWriter, file *fileRows) {
	places := make([][]int, len(file.names))
	for i, names := range file.names {
		places[i] = c.placesOf(names)
	}
	for i, row := range file.rows {
		if i > 0 && row.chunk > file.rows[i-1].chunk {
			file.chunks[row.chunk-1] = nil
		}
		write(writer, c.of(file, row, places[row.names], file.why[i]))
	}
}

// placesOf returns the place of each of some columns, -1 for one that was left out.
func (c *rowCells) placesOf(names []string) []int {
	places := make([]int, len(names))
	for i, name := range names {
		places[i] = -1
		if at, placed := c.places[name]; placed {
			places[i] = at
		}
	}
	return places
}

// of returns the cells of a row.
func (c *rowCells) of(file *fileRows, row fileRow, places []int, why *settlement.Exception) []string {
	c.cells = append(c.cells[:0], make([]string, c.own)...)
	values, raw := file.values(row, c.values)
	c.values = values
	for i, value := range values {
		if places[i] >= 0 {
			c.cells[places[i]] = harmless(value)
		}
	}
	message := why.Message
	if row.cut {
		message += fmt.Sprintf(" (the row is longer than the %d bytes in raw)", intake.MaxRawBytes)
	}
	c.cells = append(c.cells, harmless(why.File), strconv.FormatInt(why.Row, 10), why.Code.String(), harmless(why.Column), harmless(message), harmless(raw))
	return c.cells
}

// harmless returns a text that a spreadsheet does not take for a formula.
func harmless(text string) string {
	if text == "" || text[0] != '\'' && !isFormula(text[0]) {
		return text
	}
	bare := strings.TrimLeft(text, "'")
	if bare == "" || !isFormula(bare[0]) || isNumber(text) {
		return text
	}
	return "'" + text
}

// isFormula reports whether a spreadsheet takes a text that begins so for a formula.
func isFormula(first byte) bool { return strings.IndexByte("=+-@\t\r", first) >= 0 }

// isNumber reports whether text is a sign perhaps, digits, and perhaps a point and digits.
func isNumber(text string) bool {
	if text != "" && (text[0] == '-' || text[0] == '+') {
		text = text[1:]
	}
	whole, fraction, decimals := strings.Cut(text, ".")
	return isDigits(whole) && (!decimals || isDigits(fraction))
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

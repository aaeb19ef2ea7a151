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
	rows []sheetRow
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

type sheetRow struct {
	intake.Delivered
	why *settlement.Exception
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

func (s *sheet) add(row intake.Delivered, why *settlement.Exception) {
	row.Columns = s.tidyNames(row.Columns)
	s.rows = append(s.rows, sheetRow{row, why})
	for _, name := range row.Columns {
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

// encode returns the file, and how many columns were left out.
func (s *sheet) encode() (content []byte, leftOut int) {
	var text bytes.Buffer
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
	own := len(header)
	write(writer, append(header, s.own...))
	for i := range s.rows {
		write(writer, s.rows[i].cells(places, own))
	}
	writer.Flush()
	content = text.Bytes()
	if s.layout != nil {
		content = s.layout.Encode(content)
	}
	return content, len(s.leftOut)
}

// write writes a record to memory, which does not fail.
func write(writer recordWriter, cells []string) {
	if err := writer.Write(cells); err != nil {
		panic(fmt.Sprintf("write CSV to memory: %v", err))
	}
}

// cells returns a row's cells: its own by the place of their columns, then why it was rejected.
func (r *sheetRow) cells(places map[string]int, own int) []string {
	cells := make([]string, own, own+len(ownColumns))
	for i, name := range r.Columns {
		if at, placed := places[name]; placed {
			cells[at] = harmless(r.Values[i])
		}
	}
	message := r.why.Message
	if r.Cut {
		message += fmt.Sprintf(" (the row is longer than the %d bytes in raw)", intake.MaxRawBytes)
	}
	return append(cells, harmless(r.why.File), strconv.FormatInt(r.why.Row, 10), r.why.Code.String(), harmless(r.why.Column), harmless(message), harmless(r.Raw))
}

// harmless returns a text that a spreadsheet does not take for a formula.
func harmless(text string) string {
	bare := strings.TrimLeft(text, "'")
	if bare == "" || !strings.ContainsRune("=+-@\t\r", rune(bare[0])) || isNumber(text) {
		return text
	}
	return "'" + text
}

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

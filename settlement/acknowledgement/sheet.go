package acknowledgement

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"alliance/settlement"
	"alliance/settlement/intake"
)

// ownColumns are those that a rejected row gets besides its own.
var ownColumns = []string{"file", "row", "code", "column", "message", "raw"}

// maxOtherColumns is how many columns without a meaning are given back.
const maxOtherColumns = 100

// A sheet is a file of rejected rows.
type sheet struct {
	rows []sheetRow
	// known marks the columns with a meaning that occur.
	known [settlement.Columns]bool
	// others are those without one, in order of first appearance; leftOut holds what was too many.
	others  []string
	places  map[string]int // of others
	leftOut map[string]bool
}

type sheetRow struct {
	intake.Delivered
	why *settlement.Exception
}

func newSheet() *sheet {
	s := &sheet{places: make(map[string]int), leftOut: make(map[string]bool)}
	for _, name := range ownColumns {
		s.places[name] = -1
	}
	return s
}

func (s *sheet) add(row intake.Delivered, why *settlement.Exception) {
	s.rows = append(s.rows, sheetRow{row, why})
	for _, name := range row.Columns {
		if column, known := settlement.FindColumn(name); known {
			s.known[column] = true
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
	writer := csv.NewWriter(&text)
	var header []string
	places := make(map[string]int)
	place := func(name string) {
		places[name] = len(header)
		header = append(header, harmless(name))
	}
	for column, occurs := range s.known {
		if occurs {
			place(settlement.Column(column).String())
		}
	}
	for _, name := range s.others {
		place(name)
	}
	own := len(header)
	write(writer, append(header, ownColumns...))
	for i := range s.rows {
		write(writer, s.rows[i].cells(places, own))
	}
	writer.Flush()
	return text.Bytes(), len(s.leftOut)
}

// write writes a record to memory, which does not fail.
func write(writer *csv.Writer, cells []string) {
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

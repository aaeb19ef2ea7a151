package acknowledgement

import (
	"bytes"
	"encoding/csv"
	"io"
	"slices"
	"strings"

	"alliance/settlement"
	"alliance/settlement/layout"
)

// recordWriter writes records of CSV.
type recordWriter interface {
	Write(cells []string) error
	Flush()
}

// writer returns a writer of CSV as the merchant writes it.
func (s *sheet) writer(text *bytes.Buffer) recordWriter {
	if s.layout != nil && s.layout.Unquoted {
		return &bareWriter{text: text, delimiter: string(s.layout.Delimiter)}
	}
	writer := csv.NewWriter(text)
	if s.layout != nil {
		writer.Comma = rune(s.layout.Delimiter)
	}
	return writer
}

// bareWriter writes CSV that has no quotes: what would end a field or a line becomes a blank.
type bareWriter struct {
	text      *bytes.Buffer
	delimiter string
}

// Write writes one record.
func (w *bareWriter) Write(cells []string) error {
	harmless := strings.NewReplacer(w.delimiter, " ", "\r", " ", "\n", " ")
	for i, cell := range cells {
		if i > 0 {
			w.text.WriteString(w.delimiter)
		}
		w.text.WriteString(harmless.Replace(cell))
	}
	_, err := io.WriteString(w.text, "\n")
	return err
}

// Flush does nothing: nothing is kept back.
func (w *bareWriter) Flush() {}

// tidyNames strips the blanks around names, if the merchant's layout says so.
func (s *sheet) tidyNames(names []string) []string {
	if s.layout == nil || !s.layout.Trim {
		return names
	}
	names = slices.Clone(names)
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	return names
}

// order returns the names of the columns with a meaning that occur, in the order in which they are
// documented; of files without a header all columns in theirs.
func (s *sheet) order() []string {
	if s.layout != nil && s.layout.Fields != nil {
		return s.layout.Fields
	}
	var names []string
	for column := range settlement.Columns {
		names = append(names, s.known[column])
		if column == settlement.OccurredAt {
			names = append(names, s.known[layout.TimeOfDay])
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

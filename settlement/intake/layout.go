package intake

import (
	"io"
	"strings"

	"alliance/settlement"
	"alliance/settlement/layout"
)

// use makes the reader read a file in a layout; nil stands for the common form.
func (r *rowReader) use(l *layout.Layout) {
	if l == nil {
		return
	}
	r.mapper, r.places, r.numbers = layout.NewMapper(l), l.Places(), l.TakesNumbers()
}

// layout returns the file's layout, nil if it has the common form.
func (r *rowReader) layout() *layout.Layout {
	if r.mapper == nil {
		return nil
	}
	return r.mapper.Layout()
}

// decode returns the text of a file of lines in UTF-8.
func (r *rowReader) decode(source io.Reader) io.Reader {
	if l := r.layout(); l != nil && l.IsDecoded() {
		r.decoded = l.Encoding
		return l.Decode(source)
	}
	return source
}

// find returns the column that a name in the file stands for, or noColumn. known is false if the
// name has no meaning and nobody said so.
func (r *rowReader) find(name string) (column settlement.Column, known bool) {
	if r.mapper == nil {
		column, known = settlement.FindColumn(name)
	} else {
		column, known = r.places[r.tidyName(name)]
	}
	if !known {
		return noColumn, false
	}
	return column, true
}

// tidyName strips the blanks around a name, if the layout says so.
func (r *rowReader) tidyName(name string) string {
	if l := r.layout(); l != nil && l.Trim {
		return strings.TrimSpace(name)
	}
	return name
}

// put takes a text of the row at hand.
func (r *rowReader) put(column settlement.Column, text string) {
	switch {
	case column < settlement.Columns:
		r.record.Values[column] = text
	case column == layout.TimeOfDay && r.mapper != nil:
		r.mapper.SetTimeOfDay(text)
	}
}

// sources returns the names by which a column is found in the file.
func (r *rowReader) sources(column settlement.Column) []string {
	if l := r.layout(); l != nil {
		return l.Sources(column)
	}
	return []string{column.String()}
}

// replaced reports whether decoding met bytes that are no character.
func (r *rowReader) replaced(text string) bool {
	return r.decoded != "" && strings.Contains(text, "\uFFFD")
}

// faultEncoding says why a text cannot be read.
func (r *rowReader) faultEncoding() string {
	if r.decoded == "" {
		return faultUTF8
	}
	return "not valid " + r.decoded + ", the encoding of the merchant's profile"
}

// asEncoded names the encoding by which a text that makes no sense was read.
func (r *rowReader) asEncoded() string {
	if l := r.layout(); l != nil && l.Encoding != "" {
		return " (read as " + l.Encoding + ", the encoding of the merchant's profile)"
	}
	return ""
}

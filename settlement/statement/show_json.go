package statement

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// ShowJSON writes a merchant's statement as one JSON object, from the same files as [Show] and
// with the same errors: summary (an object), statement, exceptions and inputs (lists of
// objects), files (as in [ManifestFile]). Members are named and ordered as the columns are; whole
// numbers are numbers, decimals are strings with all their decimals, nulls are null.
func ShowJSON(w io.Writer, open func(name string) ([]byte, error)) error {
	read, err := readFolder(open)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	text.WriteString(`{"summary":`)
	cursors := read.summary.cursors()
	if err := appendObject(&text, read.summary, cursors); err != nil {
		return fmt.Errorf("showing the statement: %w", err)
	}
	for _, list := range []struct {
		name string
		rows *frame
	}{{"statement", read.lines}, {"exceptions", read.exceptionList}, {"inputs", read.objects}} {
		fmt.Fprintf(&text, `,%q:[`, list.name)
		cursors := list.rows.cursors()
		for row := range list.rows.rows {
			if row > 0 {
				text.WriteByte(',')
			}
			if err := appendObject(&text, list.rows, cursors); err != nil {
				return fmt.Errorf("showing the statement: %w", err)
			}
		}
		text.WriteByte(']')
	}
	files, err := json.Marshal(read.manifest.Files)
	if err != nil {
		return fmt.Errorf("showing the statement: %w", err)
	}
	fmt.Fprintf(&text, `,"files":%s}`, files)
	var indented bytes.Buffer
	if err := json.Indent(&indented, text.Bytes(), "", "  "); err != nil {
		return fmt.Errorf("showing the statement: %w", err)
	}
	indented.WriteByte('\n')
	if _, err := indented.WriteTo(w); err != nil {
		return fmt.Errorf("showing the statement: %w", err)
	}
	return nil
}

// appendObject appends the next row of the cursors as a JSON object.
func appendObject(text *bytes.Buffer, rows *frame, cursors []cursor) error {
	text.WriteByte('{')
	for i := range cursors {
		if i > 0 {
			text.WriteByte(',')
		}
		column := &rows.columns[i]
		fmt.Fprintf(text, "%q:", column.name)
		at := cursors[i].advance()
		if at < 0 {
			text.WriteString("null")
			continue
		}
		value := column.format(at)
		if column.meaning != meansNumber && column.meaning != meansFlag {
			quoted, err := json.Marshal(value)
			if err != nil {
				return err
			}
			value = string(quoted)
		}
		text.WriteString(value)
	}
	text.WriteByte('}')
	return nil
}

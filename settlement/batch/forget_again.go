package batch

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"alliance/settlement/acknowledgement"
	"alliance/settlement/books"
	"alliance/settlement/layout"
)

// withoutForgotten takes members that were forgotten since the date was settled out of rejected rows
// that a restatement has read from the inbox once more, as [ForgetMember] took them out before, and
// their digest out of the acknowledgement beside them. The ledger knows a member by a digest only: it
// is found where its id is a cell, or stands between separators in the text of a malformed row.
func withoutForgotten(encoded *acknowledgement.Encoded, l *layout.Layout, known []books.Pseudonym) error {
	if encoded.Rejected == nil || len(known) == 0 {
		return nil
	}
	texts, err := textsIn(encoded.Rejected, l)
	if err != nil {
		return fmt.Errorf("look for forgotten members in the rejected rows of %s: %w", encoded.Merchant, err)
	}
	content := encoded.Rejected
	for i := range known {
		for text := range texts {
			if _, found := known[i].Name(text); !found {
				continue
			}
			without, err := withoutMember(content, text)
			if err != nil {
				return err
			}
			if without != nil {
				content = without
			}
		}
	}
	encoded.Acknowledgement = bytes.ReplaceAll(encoded.Acknowledgement, []byte(sha256Hex(encoded.Rejected)), []byte(sha256Hex(content)))
	encoded.Rejected = content
	return nil
}

// separators end a field in the text of a row that could not be taken apart.
const separators = ",;|\t\"'\r\n{}[]:"

// textsIn returns every text in rejected rows that may be a member's id.
func textsIn(content []byte, l *layout.Layout) (map[string]bool, error) {
	ends := separators
	if l != nil {
		decoded, err := io.ReadAll(l.Decode(bytes.NewReader(content)))
		if err != nil {
			return nil, err
		}
		content, ends = decoded, ends+string(rune(l.Delimiter))
	}
	texts := make(map[string]bool)
	add := func(text string) {
		for _, one := range []string{text, strings.TrimSpace(text), strings.TrimPrefix(text, "'")} {
			if !texts[one] {
				texts[strings.Clone(one)] = true
			}
		}
	}
	return texts, eachCell(content, l, func(cell string) {
		add(cell)
		for part := range strings.FieldsFuncSeq(cell, func(r rune) bool { return strings.ContainsRune(ends, r) }) {
			add(part)
		}
	})
}

// eachCell calls visit for every cell of rejected rows.
func eachCell(content []byte, l *layout.Layout, visit func(string)) error {
	if l != nil && l.Unquoted {
		for line := range strings.Lines(string(content)) {
			for cell := range strings.SplitSeq(strings.TrimRight(line, "\r\n"), string(rune(l.Delimiter))) {
				visit(cell)
			}
		}
		return nil
	}
	rows := csv.NewReader(bytes.NewReader(content))
	rows.FieldsPerRecord, rows.ReuseRecord = -1, true
	if l != nil {
		rows.Comma = rune(l.Delimiter)
	}
	for {
		cells, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, cell := range cells {
			visit(cell)
		}
	}
}

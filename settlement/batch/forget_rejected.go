package batch

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"alliance/settlement"
	"alliance/settlement/acknowledgement"
	"alliance/settlement/books"
	"alliance/settlement/layout"
)

// A rewriting replaces an object of the ledger by another content.
type rewriting struct {
	file    books.FileRecord
	content []byte
}

// findRejected gathers the rejected rows on record that name the member, with the acknowledgements
// that state their digest: several may, as a restatement names rows again that did not change.
func (f *forgetting) findRejected(ctx context.Context) error {
	rewritten := make(map[string]*rewriting) // by object; nil: it stays as it is
	for _, record := range f.ledger.Records() {
		for i := range record.Dates {
			for _, one := range record.Dates[i].Acknowledgements {
				if err := f.findRejectedOf(ctx, one.Files, rewritten); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (f *forgetting) findRejectedOf(ctx context.Context, files []books.FileRecord, rewritten map[string]*rewriting) error {
	var rejected, letter books.FileRecord
	for _, file := range files {
		switch file.Name {
		case acknowledgement.RejectedName:
			rejected = f.ledger.Current(file)
		case acknowledgement.Name:
			letter = f.ledger.Current(file)
		}
	}
	if rejected.Object == "" {
		return nil
	}
	if _, seen := rewritten[rejected.Object]; !seen {
		content, err := f.ledger.Read(ctx, rejected)
		if err != nil {
			return err
		}
		without, err := withoutMember(content, f.job.Member)
		if err != nil {
			return fmt.Errorf("%s: %w", rejected.Object, err)
		}
		if rewritten[rejected.Object] = nil; without != nil {
			rewritten[rejected.Object] = &rewriting{rejected, without}
			f.rejected = append(f.rejected, rewriting{rejected, without})
		}
	}
	changed := rewritten[rejected.Object]
	if _, seen := rewritten[letter.Object]; seen || changed == nil {
		return nil
	}
	text, err := f.ledger.Read(ctx, letter)
	if err != nil {
		return err
	}
	text = bytes.ReplaceAll(text, []byte(rejected.SHA256), []byte(sha256Hex(changed.content)))
	rewritten[letter.Object] = &rewriting{letter, text}
	f.rejected = append(f.rejected, rewriting{letter, text})
	return nil
}

// withoutMember returns rejected rows without a member's id, nil if it is not in them. In the common
// layout it is taken out of the column of members, of columns without a meaning and of the raw text of
// malformed rows; out of a merchant's own layout wherever it stands by itself, as which column means
// what is not on record.
func withoutMember(content []byte, member string) ([]byte, error) {
	if rows := commonRows(content); rows != nil {
		return withoutMemberInColumns(rows, member)
	}
	without := content
	for _, spelling := range spellings(member) {
		without = withoutText(without, spelling)
	}
	if bytes.Equal(without, content) {
		return nil, nil
	}
	return without, nil
}

// commonRows returns the rows of a file in the common layout, nil for any other.
func commonRows(content []byte) [][]string {
	header, _, _ := strings.Cut(string(content), "\n")
	if !strings.HasSuffix(header, ",file,row,code,column,message,raw") || !utf8.Valid(content) {
		return nil
	}
	rows, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	if err != nil || !slices.Contains(rows[0], settlement.MemberID.String()) {
		return nil
	}
	return rows
}

func withoutMemberInColumns(rows [][]string, member string) ([]byte, error) {
	found := false
	own := len(rows[0]) - 6
	for _, row := range rows[1:] {
		for i := range row {
			column, known := settlement.FindColumn(rows[0][i])
			switch {
			case i == len(row)-1: // raw
				if !strings.Contains(row[i], member) {
					continue
				}
			case i >= own, known && column != settlement.MemberID:
				continue
			// A text that a spreadsheet takes for a formula has an apostrophe before it.
			case row[i] != member && row[i] != "'"+member:
				continue
			}
			row[i], found = "", true
		}
	}
	if !found {
		return nil, nil
	}
	var without bytes.Buffer
	err := csv.NewWriter(&without).WriteAll(rows)
	return without.Bytes(), err
}

// spellings returns an id in every encoding that a merchant's layout may have.
func spellings(member string) [][]byte {
	var little, big []byte
	for _, unit := range utf16.Encode([]rune(member)) {
		little, big = append(little, byte(unit), byte(unit>>8)), append(big, byte(unit>>8), byte(unit))
	}
	all := [][]byte{[]byte(member), little, big}
	for _, name := range layout.Encodings() {
		coded := &layout.Layout{Encoding: name}
		encoded := coded.Encode([]byte(member))
		back, err := io.ReadAll(coded.Decode(bytes.NewReader(encoded)))
		known := slices.ContainsFunc(all, func(one []byte) bool { return bytes.Equal(one, encoded) })
		if err == nil && string(back) == member && !known {
			all = append(all, encoded)
		}
	}
	return all
}

// withoutText takes a text out wherever no letter or digit of ASCII is beside it.
func withoutText(content, text []byte) []byte {
	inWord := func(b byte) bool { return '0' <= b && b <= '9' || 'A' <= b && b <= 'Z' || 'a' <= b && b <= 'z' }
	var without []byte
	kept := 0 // what of content is dealt with
	for at := 0; ; {
		found := bytes.Index(content[at:], text)
		if found < 0 {
			return append(without, content[kept:]...)
		}
		from := at + found
		to := from + len(text)
		if from > 0 && inWord(content[from-1]) || to < len(content) && inWord(content[to]) {
			at = from + 1
			continue
		}
		without = append(without, content[kept:from]...)
		kept, at = to, to
	}
}

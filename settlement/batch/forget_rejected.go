package batch

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"strings"

	"alliance/settlement"
	"alliance/settlement/acknowledgement"
	"alliance/settlement/books"
)

// A rewriting replaces an object of the ledger by another content.
type rewriting struct {
	file    books.FileRecord
	content []byte
}

// findRejected gathers the rejected rows on record that name the member, with the acknowledgements
// that state their digest.
func (f *forgetting) findRejected(ctx context.Context) error {
	seen := make(map[string]bool)
	for _, record := range f.ledger.Records() {
		for i := range record.Dates {
			for _, one := range record.Dates[i].Acknowledgements {
				if err := f.findRejectedOf(ctx, one.Files, seen); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (f *forgetting) findRejectedOf(ctx context.Context, files []books.FileRecord, seen map[string]bool) error {
	var rejected, letter books.FileRecord
	for _, file := range files {
		switch file.Name {
		case acknowledgement.RejectedName:
			rejected = f.ledger.Current(file)
		case acknowledgement.Name:
			letter = f.ledger.Current(file)
		}
	}
	if rejected.Object == "" || seen[rejected.Object] {
		return nil
	}
	seen[rejected.Object] = true
	content, err := f.ledger.Read(ctx, rejected)
	if err != nil {
		return err
	}
	without, err := withoutMember(content, f.job.Member)
	if err != nil {
		return fmt.Errorf("%s: %w", rejected.Object, err)
	}
	if without == nil {
		return nil
	}
	text, err := f.ledger.Read(ctx, letter)
	if err != nil {
		return err
	}
	text = bytes.ReplaceAll(text, []byte(rejected.SHA256), []byte(sha256Hex(without)))
	f.rejected = append(f.rejected, rewriting{rejected, without}, rewriting{letter, text})
	return nil
}

// withoutMember returns rejected rows without a member's id, nil if it is not in them. It may be
// in the column of members, in a column without a meaning, or in the raw text of a malformed row.
func withoutMember(content []byte, member string) ([]byte, error) {
	rows, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	if err != nil {
		return nil, err
	}
	found := false
	for at, row := range rows {
		for i := range row {
			name := rows[0][i]
			column, known := settlement.FindColumn(name)
			raw := name == "raw" && strings.Contains(row[i], member)
			own := name == "row" || name == "code" || name == "column" || name == "file" || name == "message"
			// A text that a spreadsheet takes for a formula has an apostrophe before it.
			is := row[i] == member || row[i] == "'"+member
			if at > 0 && !own && (raw || is && (!known || column == settlement.MemberID)) {
				row[i], found = "", true
			}
		}
	}
	if !found {
		return nil, nil
	}
	var without bytes.Buffer
	writer := csv.NewWriter(&without)
	err = writer.WriteAll(rows)
	return without.Bytes(), err
}

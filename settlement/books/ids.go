package books

import (
	"fmt"
	"io"

	"alliance/settlement"

	"github.com/apache/arrow/go/v17/arrow"
)

// idsPerBatch bounds the memory that writing takes.
const idsPerBatch = 1 << 18

const idsTable = "ids 1"

// WriteIDs writes taken ids as an Arrow IPC file, in the order given.
func WriteIDs(w io.Writer, ids []settlement.TakenID) error {
	next := func() arrow.Record {
		batch := ids[:min(len(ids), idsPerBatch)]
		ids = ids[len(batch):]
		if len(batch) == 0 {
			return nil
		}
		return idsRecord(batch)
	}
	if err := writeRecords(w, idsRecord(nil), next); err != nil {
		return fmt.Errorf("write taken ids: %w", err)
	}
	return nil
}

func idsRecord(ids []settlement.TakenID) arrow.Record {
	id, content := make([]byte, 0, 16*len(ids)), make([]byte, 0, 16*len(ids))
	business, settled := make([]int32, len(ids)), make([]int32, len(ids))
	for i := range ids {
		id = append(id, ids[i].ID[:]...)
		content = append(content, ids[i].Content[:]...)
		business[i], settled[i] = int32(ids[i].BusinessDate), int32(ids[i].SettledOn)
	}
	return newRecord(idsTable, len(ids), []column{digests("id", id), digests("content", content),
		dates("business_date", business), dates("settled_on", settled)})
}

// ReadIDs reads what [WriteIDs] wrote. Bytes that are no such file are an error.
func ReadIDs(r io.Reader) ([]settlement.TakenID, error) {
	var ids []settlement.TakenID
	err := readRecords(r, idsRecord(nil), func(record arrow.Record) error {
		fields := ofRecord(record)
		id, content, business, settled := fields.digests(), fields.digests(), fields.dates(), fields.dates()
		for i := range id.Len() {
			ids = append(ids, settlement.TakenID{ID: settlement.Digest(id.Value(i)), Content: settlement.Digest(content.Value(i)),
				BusinessDate: settlement.Date(business[i]), SettledOn: settlement.Date(settled[i])})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read taken ids: %w", err)
	}
	return ids, nil
}

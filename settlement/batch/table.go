package batch

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"alliance/settlement/books"
	"alliance/settlement/statement"
)

// readTable calls visit with the cells of every row of a published table, in order: one file, or
// the parts of a large detail. The cells are valid during the call only. A table that the folder
// does not have has no rows.
func readTable(ctx context.Context, ledger *books.Ledger, files []books.FileRecord, table string, columns []string, visit func(cells []string) error) error {
	for _, file := range files {
		if file.Name != table+".parquet" && !(strings.HasPrefix(file.Name, table+"-") && strings.HasSuffix(file.Name, ".parquet")) {
			continue
		}
		content, err := ledger.Read(ctx, file)
		if err != nil {
			return err
		}
		if err := readCells(content, columns, visit); err != nil {
			return fmt.Errorf("%s: %w", file.Place(), err)
		}
	}
	return nil
}

// readCells calls visit with the cells of every row of a Parquet file.
func readCells(content []byte, columns []string, visit func(cells []string) error) error {
	reading, writing := io.Pipe()
	go func() { writing.CloseWithError(statement.Dump(writing, content, columns)) }()
	rows := csv.NewReader(reading)
	rows.ReuseRecord = true
	_, err := rows.Read() // the header
	for err == nil {
		var cells []string
		if cells, err = rows.Read(); err == nil {
			err = visit(cells)
		}
	}
	reading.CloseWithError(err)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

package command

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strings"

	"alliance/settlement"
	"alliance/settlement/statement"

	"github.com/spf13/cobra"
)

// showAlliance prints the operator's tables of a date.
func showAlliance(command *cobra.Command, files *folder, date settlement.Date, asJSON bool) error {
	var names []string
	tables := make(map[string][][]string)
	for _, file := range files.manifest.Files {
		name, isTable := strings.CutSuffix(file.Name, ".parquet")
		if !isTable {
			continue
		}
		rows, err := readTable(files.content[file.Name])
		if err != nil {
			return fmt.Errorf("%s: %w", file.Name, err)
		}
		names = append(names, name)
		tables[name] = rows
	}
	if asJSON {
		return printJSON(command, allianceObject(files, date, tables))
	}
	var text strings.Builder
	fmt.Fprintf(&text, "Alliance's tables of %s, version %d\n", date, files.manifest.Version)
	for _, name := range names {
		rows := tables[name]
		fmt.Fprintf(&text, "\n%s: %s\n", name, count(int64(len(rows)-1), "row"))
		if len(rows) == 1 {
			continue
		}
		shown := newTable(&text)
		for _, row := range rows {
			cells := []any{" "}
			for _, cell := range row {
				cells = append(cells, cell)
			}
			shown.row(cells...)
		}
		shown.end()
	}
	return printText(command, &text)
}

// readTable returns the rows of a published table as text, its header first.
func readTable(content []byte) ([][]string, error) {
	var text bytes.Buffer
	if err := statement.Dump(&text, content, nil); err != nil {
		return nil, err
	}
	return csv.NewReader(&text).ReadAll()
}

// allianceObject returns the tables as JSON shows them: a list of objects for each, all values
// as text, an empty text for null.
func allianceObject(files *folder, date settlement.Date, tables map[string][][]string) map[string]any {
	object := map[string]any{"date": date, "version": files.manifest.Version, "files": files.manifest.Files}
	for name, rows := range tables {
		list := make([]map[string]string, 0, len(rows)-1)
		for _, row := range rows[1:] {
			one := make(map[string]string, len(row))
			for i, column := range rows[0] {
				one[column] = row[i]
			}
			list = append(list, one)
		}
		object[name] = list
	}
	return object
}

package command

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"alliance/settlement/batch"
)

// Every allocation, exception and line that the sample week publishes can be explained, and
// computing it again comes to the same.
func TestEverythingOfTheSampleWeekCanBeExplained(t *testing.T) {
	w := newWorld(t)
	if err := os.CopyFS(filepath.Join(w.root, "inbox"), os.DirFS("../../../fixtures/sample/inbox")); err != nil {
		t.Fatal(err)
	}
	w.rules = "../../../rules/sample.yaml"
	w.settleTo("2026-06-07")
	folders, err := filepath.Glob(filepath.Join(w.root, "statements", "merchant=*", "date=*"))
	if err != nil || len(folders) != 35 {
		t.Fatalf("%d folders, %v", len(folders), err)
	}
	explained := 0
	for _, folder := range folders {
		date := filepath.Base(folder)[len("date="):]
		merchant := filepath.Base(filepath.Dir(folder))[len("merchant="):]
		for _, line := range w.rowsOf(folder, "statement.parquet") {
			var x batch.LineExplanation
			w.json(&x, "explain", "--merchant", merchant, "--date", date, "--line", line["line_no"])
			if fmt.Sprint(x.Points) != line["points"] || x.Value+"00" != line["value"] || x.Adjustment == nil && len(x.Allocations) == 0 || len(x.Notes) > 0 {
				t.Errorf("%s %s line %s: %+v", merchant, date, line["line_no"], x)
			}
			explained++
		}
		for _, row := range w.rowsOf(folder, "detail.parquet") {
			if row["transaction_id"] == "" || row["role"] == "issuer" {
				continue
			}
			var x batch.Explanation
			w.json(&x, "explain", "--allocation", row["allocation_id"], "--date", date)
			if !x.Recomputed || x.Merchant != merchant || x.TransactionID != row["transaction_id"] || len(x.Allocations) != 1 || fmt.Sprint(x.Allocations[0].Points) != row["points"] ||
				x.Allocations[0].Lot == nil || x.Allocations[0].Lot.Source.SHA256 == "" || len(x.Notes) > 0 {
				t.Errorf("%s %s: %+v", date, row["allocation_id"], x)
			}
			explained++
		}
		for _, row := range w.rowsOf(folder, "exceptions.parquet") {
			if row["transaction_id"] == "" {
				continue
			}
			var x batch.Explanation
			w.json(&x, "explain", "--merchant", merchant, "--transaction", row["transaction_id"], "--date", date)
			if len(x.Exceptions) == 0 {
				t.Errorf("%s %s: %+v", date, row["transaction_id"], x)
			}
			explained++
		}
	}
	if explained < 80 {
		t.Errorf("only %d were explained", explained)
	}
}

// rowsOf reads a published table by the names of its columns.
func (w *world) rowsOf(folder, name string) []map[string]string {
	w.t.Helper()
	content, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		w.t.Fatal(err)
	}
	rows, err := readTable(content)
	if err != nil {
		w.t.Fatal(err)
	}
	var list []map[string]string
	for _, row := range rows[1:] {
		one := make(map[string]string)
		for i, column := range rows[0] {
			one[column] = row[i]
		}
		list = append(list, one)
	}
	return list
}

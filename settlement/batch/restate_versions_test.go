package batch_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/statement"
	"alliance/settlement/storage"
)

// dateOfFolder returns a published folder's date; standing is false for a superseded version.
func dateOfFolder(folder string) (date settlement.Date, standing bool) {
	_, text, found := strings.Cut(folder, "/date=")
	if !found || strings.Contains(folder, "/versions/") {
		return settlement.NoDate, false
	}
	date, err := settlement.ParseDate(text)
	return date, err == nil
}

// expectEmptied expects that a statement which is there although a straight ledger has none says nothing.
func (r *restatedHistory) expectEmptied(folder, key, content string) {
	rows := dumped(r.t, content)
	if strings.HasSuffix(key, "summary.parquet") {
		r.counts.Emptied++
		for i, name := range rows[0] {
			if slices.Contains([]string{"receivable", "payable", "due", "cycle_receivable", "points_closing", "rows_accepted", "points_redeemed_here"}, name) &&
				strings.Trim(rows[1][i], "0.") != "" {
				r.t.Errorf("seed %d: %s has no reason to be, and %s is %s", r.seed, folder, name, rows[1][i])
			}
		}
	} else if len(rows) > 1 {
		r.t.Errorf("seed %d: %s has no reason to be, and has %d rows", r.seed, key, len(rows)-1)
	}
}

func dumped(t *testing.T, content string) [][]string {
	var text bytes.Buffer
	if err := statement.Dump(&text, []byte(content), nil); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&text).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// versionless returns a table without the columns in which versions of the same may differ.
func versionless(t *testing.T, content string) string {
	rows := dumped(t, content)
	var kept []int
	for i, name := range rows[0] {
		if !slices.Contains([]string{"version", "supersedes", "statement_no", "rulebook_digest", "computation_id"}, name) {
			kept = append(kept, i)
		}
	}
	var text strings.Builder
	for _, row := range rows {
		for _, i := range kept {
			fmt.Fprintf(&text, "%q,", row[i])
		}
		text.WriteByte('\n')
	}
	return text.String()
}

// checkVersions checks that the versions of every statement are 1 to N, each where it belongs, and
// that the first one's lines and all changes come to the last one's.
func (r *restatedHistory) checkVersions() {
	ledger, err := books.Open(context.Background(), r.stores.ledger)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := ledger.Verify(context.Background(), func(fault error) { r.t.Errorf("seed %d: %v", r.seed, fault) }); err != nil {
		r.t.Fatal(err)
	}
	last, _ := ledger.LastSettled()
	for date := r.first; date <= last; date++ {
		settled, _ := ledger.Settled(date)
		for i := range settled.Statements {
			r.checkStatement(ledger.Versions(settled.Statements[i].Merchant, date), date)
		}
	}
}

func (r *restatedHistory) checkStatement(versions []*books.StatementRecord, date settlement.Date) {
	sums := make(map[string][3]int64)
	for i, version := range versions {
		if version.Version != i+1 || version.Supersedes != i {
			r.t.Errorf("seed %d: statement %d of %s for %s is version %d and supersedes %d", r.seed, i+1, version.Merchant, date, version.Version, version.Supersedes)
		}
		folder := books.VersionFolder(version.Merchant, date, version.Version)
		if i == len(versions)-1 {
			folder = books.StatementFolder(version.Merchant, date)
		}
		files := storage.Under(r.stores.statements, folder)
		contents := contentsOf(r.t, files)
		if len(contents) != len(version.Files) {
			r.t.Errorf("seed %d: %s has %d files, on record are %d", r.seed, folder, len(contents), len(version.Files))
		}
		now := linesOf(r.t, contents["statement.parquet"], "transactions", "points", "value")
		if i == 0 {
			sums = now
			continue
		}
		for line, change := range linesOf(r.t, contents[statement.ChangesFile], "transactions_difference", "points_difference", "value_difference") {
			was := sums[line]
			sums[line] = [3]int64{was[0] + change[0], was[1] + change[1], was[2] + change[2]}
			if sums[line] == [3]int64{} && now[line] == [3]int64{} {
				delete(sums, line)
			}
		}
		if !maps.Equal(sums, now) {
			r.t.Errorf("seed %d: %s: the lines of version 1 and all changes are\n%v\nthe lines are\n%v", r.seed, folder, sums, now)
		}
	}
	r.counts.Versions = max(r.counts.Versions, len(versions))
}

// linesOf returns three numbers of every line, in their smallest units, by the line's key.
func linesOf(t *testing.T, content string, numbers ...string) map[string][3]int64 {
	rows := dumped(t, content)
	lines := make(map[string][3]int64)
	for _, row := range rows[1:] {
		var key []string
		var values [3]int64
		for i, name := range rows[0] {
			if slices.Contains([]string{"role", "counterparty_id", "activity", "business_date", "price_id", "price", "per_points", "currency"}, name) {
				key = append(key, row[i])
			}
			if at := slices.Index(numbers, name); at >= 0 {
				value, err := strconv.ParseInt(strings.Replace(row[i], ".", "", 1), 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				values[at] = value
			}
		}
		lines[strings.Join(key, "|")] = values
	}
	return lines
}

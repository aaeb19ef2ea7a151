package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test's binary be its own child, as the program is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "_") {
		main()
		return
	}
	os.Exit(m.Run())
}

// Whoever needs room may remove any part of the cache.
func TestWhatWasRemovedOfTheCacheIsMadeAnew(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("SETTLE_BENCH_CACHE", cache)
	o, err := parseOptions([]string{"-rows", "300", "-members", "20", "-merchants", "3"})
	if err != nil {
		t.Fatal(err)
	}
	for _, removed := range []string{"nothing", "lots", "nights", "lots/*/ledgers", "lots/*/lots.csv"} {
		folders, err := filepath.Glob(filepath.Join(cache, removed))
		if err != nil {
			t.Fatal(err)
		}
		for _, folder := range folders {
			if err := os.RemoveAll(folder); err != nil {
				t.Fatal(err)
			}
		}
		p, _, err := prepareBoth(t.Context(), o, t.Output())
		if err != nil {
			t.Fatalf("without %s: %v", removed, err)
		}
		for _, path := range []string{p.rulebook, p.inbox, filepath.Join(p.opening, lotsName), p.ledger} {
			if _, err := os.Stat(path); err != nil {
				t.Errorf("without %s: %v", removed, err)
			}
		}
	}
}

// Settle and DuckDB agree on a small night, and whatever is changed in what one of them published is found.
func TestDisagreementIsAnError(t *testing.T) {
	t.Setenv("SETTLE_BENCH_CACHE", t.TempDir())
	ctx := t.Context()
	o, err := parseOptions([]string{"-rows", "3000", "-members", "200", "-merchants", "7"})
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := prepareBoth(ctx, o, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := filepath.Join(p.work, "settle"), filepath.Join(p.work, "duckdb")
	if err := p.linkLedger(ours); err != nil {
		t.Fatal(err)
	}
	spent, stages, err := p.runSettle(ctx, o, ours)
	if err != nil {
		t.Fatal(err)
	}
	if spent.wall <= 0 || spent.processor() <= 0 || spent.peak < 1<<20 || len(stages) == 0 {
		t.Errorf("settle took %s in %d stages", spent, len(stages))
	}
	if _, _, err := p.runDuckDB(ctx, o, theirs, time.Millisecond); err == nil || !strings.Contains(err.Error(), "stopped after") {
		t.Errorf("DuckDB had a millisecond: %v", err)
	}
	if _, _, err := p.runDuckDB(ctx, o, theirs, 0); err != nil {
		t.Fatal(err)
	}
	var night measured
	if err := night.measureBare(ctx, o, p, ours, io.Discard); err != nil {
		t.Fatal(err)
	}
	if err := p.keepCompared(ctx, ours); err != nil {
		t.Fatal(err)
	}
	if left := files(t, ours); slices.ContainsFunc(left, func(path string) bool { return !strings.HasPrefix(path, "compared/") }) {
		t.Errorf("DuckDB's turn would find on the disk %v", left)
	}
	if left := files(t, theirs); slices.ContainsFunc(left, func(path string) bool { return strings.HasPrefix(path, "spill") }) {
		t.Errorf("the comparison would find on the disk %v", left)
	}
	if err := night.compare(ctx, ours, theirs); err != nil {
		t.Fatal(err)
	}
	if night.bare[0].LotsEncoded != night.published.Lots || night.published.Lots == 0 {
		t.Errorf("%d new lots were encoded, %d were compared", night.bare[0].LotsEncoded, night.published.Lots)
	}
	// Each allocation is published once or twice, so there are at least half as many as rows of detail.
	if 2*night.bare[0].Allocations < night.published.Allocations || night.bare[0].Encode.Wall <= 0 {
		t.Errorf("the bare cost is of %d allocations, %d rows of detail were published", night.bare[0].Allocations, night.published.Allocations)
	}
	for _, change := range []struct{ about, file, columns string }{
		{"lines", "lines.parquet", "* REPLACE (CASE WHEN row_number() OVER () = 3 THEN points + 1 ELSE points END AS points)"},
		{"lines", "lines.parquet", "* REPLACE (CASE WHEN row_number() OVER () = 3 THEN 'base' ELSE price_id END AS price_id)"},
		{"detail", "detail/merchant=M1/data_0.parquet", "* REPLACE (CASE WHEN row_number() OVER () = 3 THEN left(allocation_id, 31) || '-' ELSE allocation_id END AS allocation_id)"},
		{"detail", "detail/merchant=M1/data_0.parquet", "* REPLACE (CASE WHEN row_number() OVER () = 3 THEN line_no + 1 ELSE line_no END AS line_no)"},
		{"new lots", "lots.parquet", "* REPLACE (CASE WHEN row_number() OVER () = 3 THEN open + 1 ELSE open END AS open)"},
		{"new lots", "lots.parquet", "* REPLACE (CASE WHEN row_number() OVER () = 3 THEN 'M1' ELSE 'M2' END AS issuer_id)"},
	} {
		restore := replace(t, filepath.Join(theirs, change.file), change.columns)
		if err := night.compare(ctx, ours, theirs); err == nil || !strings.Contains(err.Error(), "disagree about "+change.about) {
			t.Errorf("%s of %s: the comparison says %v", change.columns, change.file, err)
		}
		restore()
	}
	if err := night.compare(ctx, ours, theirs); err != nil {
		t.Errorf("restored: %v", err)
	}
}

// files returns the paths of all files in a folder.
func files(t *testing.T, folder string) (paths []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(folder), ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// replace rewrites a Parquet file by a query.
func replace(t *testing.T, path, columns string) (restore func()) {
	t.Helper()
	connection, err := openDuckDB(context.Background(), 1, "", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	original := path + ".original"
	if err := os.Rename(path, original); err != nil {
		t.Fatal(err)
	}
	if _, err := connection.ExecContext(context.Background(), fmt.Sprintf("COPY (SELECT %s FROM read_parquet('%s', hive_partitioning = false)) TO '%s' (FORMAT parquet)", columns, original, path)); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Rename(original, path); err != nil {
			t.Fatal(err)
		}
	}
}

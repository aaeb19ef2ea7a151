package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
)

// sizes say how much both sides published.
type sizes struct {
	Lines       int64 `json:"lines"`
	Allocations int64 `json:"allocations"`
	Lots        int64 `json:"open_lots"`
}

// compareChild compares what settle and DuckDB published, and fails if they do not agree to the point.
func compareChild(ctx context.Context, arguments []string) error {
	set := flag.NewFlagSet("_compare", flag.ContinueOnError)
	ours := set.String("ours", "", "")
	ourLots := set.String("our-lots", "", "")
	theirs := set.String("theirs", "", "")
	if err := set.Parse(arguments); err != nil {
		return err
	}
	connection, err := openDuckDB(ctx, 2, "", *theirs)
	if err != nil {
		return err
	}
	var disagreements []string
	values := map[string]string{"ours": *ours, "our_lots": *ourLots, "theirs": *theirs, "date": date}
	for _, step := range steps(compareSQL, values) {
		rows, err := connection.QueryContext(ctx, step.sql)
		if err != nil {
			return fmt.Errorf("compare %s: %w", step.name, err)
		}
		found, err := firstRows(rows)
		if err != nil {
			return fmt.Errorf("compare %s: %w", step.name, err)
		}
		if found != "" {
			disagreements = append(disagreements, fmt.Sprintf("settle and DuckDB disagree about %s:\n%s", step.name, found))
		}
	}
	if len(disagreements) > 0 {
		return fmt.Errorf("%s", strings.Join(disagreements, "\n"))
	}
	var counted sizes
	for _, count := range []struct {
		to   *int64
		from string
	}{{&counted.Lines, "lines.parquet"}, {&counted.Allocations, "detail/*/*.parquet"}, {&counted.Lots, "lots.parquet"}} {
		if err := connection.QueryRowContext(ctx, fmt.Sprintf("SELECT count(*) FROM read_parquet('%s/%s')", *theirs, count.from)).Scan(count.to); err != nil {
			return err
		}
	}
	if counted.Lines == 0 || counted.Allocations == 0 || counted.Lots == 0 {
		return fmt.Errorf("nothing was compared: %+v", counted)
	}
	return json.NewEncoder(os.Stdout).Encode(counted)
}

// firstRows returns the first rows of a result as text, "" if it has none.
func firstRows(rows *sql.Rows) (string, error) {
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	values := make([]any, len(columns))
	for i := range values {
		values[i] = new(any)
	}
	var text strings.Builder
	for shown := 0; rows.Next() && shown < 10; shown++ {
		if err := rows.Scan(values...); err != nil {
			return "", err
		}
		for i, column := range columns {
			fmt.Fprintf(&text, "%s=%v ", column, *values[i].(*any))
		}
		text.WriteByte('\n')
	}
	return text.String(), rows.Err()
}

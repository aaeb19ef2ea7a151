package main

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"alliance/rules"

	_ "github.com/duckdb/duckdb-go/v2" // the driver
)

//go:embed night.sql
var nightSQL string

//go:embed compare.sql
var compareSQL string

// openDuckDB opens a database in memory that spills to a folder.
func openDuckDB(ctx context.Context, threads int, memory, spill string) (*sql.Conn, error) {
	database, err := sql.Open("duckdb", "")
	if err != nil {
		return nil, err
	}
	connection, err := database.Conn(ctx)
	if err != nil {
		return nil, err
	}
	settings := []string{
		fmt.Sprintf("SET threads = %d", threads),
		"SET TimeZone = 'UTC'",
		// Nobody asks for the order in which rows were read, and DuckDB is faster without.
		"SET preserve_insertion_order = false",
		// More merchants than that would have their files closed and begun again.
		"SET partitioned_write_max_open_files = 20000",
	}
	if memory != "" {
		settings = append(settings, fmt.Sprintf("SET memory_limit = '%s'", memory))
	}
	if spill != "" {
		settings = append(settings, fmt.Sprintf("SET temp_directory = '%s'", spill))
	}
	for _, setting := range settings {
		if _, err := connection.ExecContext(ctx, setting); err != nil {
			return nil, fmt.Errorf("%s: %w", setting, err)
		}
	}
	return connection, nil
}

// A step is a statement with its name.
type step struct{ name, sql string }

// steps takes a script apart at its "-- name:" lines and fills in what is in braces.
func steps(script string, values map[string]string) []step {
	for name, value := range values {
		script = strings.ReplaceAll(script, "{"+name+"}", value)
	}
	var all []step
	for _, part := range strings.Split(script, "-- name: ")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		all = append(all, step{name, text})
	}
	return all
}

// A stepTime is how long a statement took.
type stepTime struct {
	Name       string `json:"name"`
	Elapsed_ms int64  `json:"elapsed_ms"`
}

// duckDBChild settles the night in DuckDB and prints how long each statement took.
func duckDBChild(ctx context.Context, arguments []string) error {
	set := flag.NewFlagSet("_duckdb", flag.ContinueOnError)
	inbox := set.String("inbox", "", "")
	lots := set.String("lots", "", "")
	rulebook := set.String("rules", "", "")
	out := set.String("out", "", "")
	spill := set.String("spill", "", "")
	memory := set.String("memory", "", "")
	threads := set.Int("threads", 2, "")
	if err := set.Parse(arguments); err != nil {
		return err
	}
	merchants, err := merchantValues(*rulebook)
	if err != nil {
		return err
	}
	connection, err := openDuckDB(ctx, *threads, *memory, *spill)
	if err != nil {
		return err
	}
	var times []stepTime
	for _, step := range steps(nightSQL, map[string]string{"inbox": *inbox, "lots": *lots, "out": *out, "date": date, "compact_date": compactDate,
		"expires_on": expiresOn, "alliance": alliance, "merchants": merchants}) {
		began := time.Now()
		if _, err := connection.ExecContext(ctx, step.sql); err != nil {
			return fmt.Errorf("DuckDB: %s: %w", step.name, err)
		}
		times = append(times, stepTime{step.name, time.Since(began).Milliseconds()})
	}
	return json.NewEncoder(os.Stdout).Encode(times)
}

// merchantValues returns the register as rows of SQL. Ids and categories are of the generator and need no quoting.
func merchantValues(path string) (string, error) {
	rulebook, err := readRulebook(path)
	if err != nil {
		return "", err
	}
	var rows []string
	for i := range rulebook.Merchants {
		merchant := &rulebook.Merchants[i]
		rows = append(rows, fmt.Sprintf("('%s', '%s')", rulebook.Parties.ID(merchant.Party), merchant.Category))
	}
	return strings.Join(rows, ", "), nil
}

func readRulebook(path string) (*rules.Rulebook, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return rules.Parse(path, text)
}

// convertChild turns the CSV of opening lots into the Parquet that DuckDB keeps its lots in.
func convertChild(ctx context.Context, arguments []string) error {
	if len(arguments) != 2 {
		return errors.New("_convert LOTS.csv LOTS.parquet")
	}
	connection, err := openDuckDB(ctx, 2, "", filepath.Dir(arguments[1]))
	if err != nil {
		return err
	}
	_, err = connection.ExecContext(ctx, fmt.Sprintf(`COPY (
  SELECT member_id, issuer_id AS merchant_id, left(issued_at, 10)::DATE AS business_date, lot_id, issuer_id,
    issued_at::TIMESTAMPTZ AS issued_at, expires_on, points AS issued, points AS open
  FROM read_csv('%s', header = true, columns = {member_id: 'VARCHAR', issuer_id: 'VARCHAR', lot_id: 'VARCHAR', issued_at: 'VARCHAR',
    expires_on: 'DATE', points: 'BIGINT'})
) TO '%s' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)`, arguments[0], arguments[1]))
	return err
}

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"alliance/cmd/settle/command"
	"alliance/settlement"
	"alliance/settlement/statement"

	"github.com/shopspring/decimal"
)

// readers pull statements, as merchants' finance does, until they are told to stop.
type readers struct {
	t    *testing.T
	root string
	stop chan struct{}
	done sync.WaitGroup

	mutex sync.Mutex
	// settled is the last date of which everything is published; of it and dates before, standing
	// holds how many versions each statement has at least.
	settled  settlement.Date
	standing map[settlement.Date]int
	// Whole counts folders that were pulled and looked at, Early those that were not there yet,
	// and Violations what was wrong.
	whole, early, violations int
}

// startReaders starts readers that are processes, and as many that run the program in this process,
// which get at a folder more often while it changes.
func startReaders(t *testing.T, root string, count int) *readers {
	r := &readers{t: t, root: root, stop: make(chan struct{}), settled: firstNight, standing: map[settlement.Date]int{firstNight: 1}}
	for number := range 2 * count {
		folder := t.TempDir()
		r.done.Go(func() {
			for turn := 0; ; turn++ {
				select {
				case <-r.stop:
					return
				default:
				}
				read := r.read
				if number >= count {
					read = r.readChanging
				}
				if err := read(filepath.Join(folder, fmt.Sprint(turn))); err != nil {
					t.Errorf("reader %d: %v", number, err)
					r.count(&r.violations)
				}
			}
		})
	}
	return r
}

// end stops the readers and waits for them.
func (r *readers) end() {
	close(r.stop)
	r.done.Wait()
}

func (r *readers) count(what *int) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	*what++
}

// published tells the readers what is there from now on.
func (r *readers) published(date settlement.Date, versions int) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.settled, r.standing[date] = max(r.settled, date), versions
}

// read pulls one folder, of a date at which somebody may be working just now, most likely.
func (r *readers) read(to string) error {
	r.mutex.Lock()
	date := r.settled + 1 - settlement.Date(min(rand.IntN(4), int(r.settled-firstNight)+1))
	standing := r.standing[date]
	r.mutex.Unlock()
	merchant, version := nightMerchants[rand.IntN(len(nightMerchants))], rand.IntN(standing+2)
	arguments := []string{"pull", "--root", r.root, "--date", date.String(), "--to", to}
	if rand.IntN(4) == 0 {
		merchant, version = "", 0
		arguments = append(arguments, "--alliance")
	} else {
		arguments = append(arguments, "--merchant", merchant)
	}
	if version > 0 {
		arguments = append(arguments, "--version", strconv.Itoa(version))
	}
	process, output := program(arguments...)
	start := time.Now()
	switch code := exitCode(r.t, process.Run()); {
	case code == 0:
	case code == 2 && max(version, 1) > standing:
		r.count(&r.early)
		return nil
	default:
		return fmt.Errorf("settle %v: exit code %d after %s: %s", arguments, code, time.Since(start), output)
	}
	if err := checkPulled(to, merchant, date, version); err != nil {
		return fmt.Errorf("settle %v: %w", arguments, err)
	}
	r.count(&r.whole)
	return os.RemoveAll(to)
}

// readChanging pulls, in this process, what stands of the date that is restated just now.
func (r *readers) readChanging(to string) error {
	r.mutex.Lock()
	date := r.settled
	r.mutex.Unlock()
	merchant := nightMerchants[rand.IntN(len(nightMerchants))]
	arguments := []string{"pull", "--root", r.root, "--date", date.String(), "--to", to, "--merchant", merchant}
	var output bytes.Buffer
	if code := command.Main(r.t.Context(), arguments, strings.NewReader(""), &output, &output); code != 0 {
		return fmt.Errorf("settle %v: exit code %d: %s", arguments, code, &output)
	}
	if err := checkPulled(to, merchant, date, 0); err != nil {
		return fmt.Errorf("settle %v: %w", arguments, err)
	}
	r.count(&r.whole)
	return os.RemoveAll(to)
}

// checkPulled checks that a directory holds one version of one folder: every file named by
// _statement.json with its hash, nothing else, all of one version, and sums that agree.
func checkPulled(folder, merchant string, date settlement.Date, version int) error {
	text, err := os.ReadFile(filepath.Join(folder, statement.ManifestFile))
	if err != nil {
		return err
	}
	var manifest statement.Manifest
	if err := json.Unmarshal(text, &manifest); err != nil {
		return err
	}
	names := []string{statement.ManifestFile}
	tables := make(map[string][]map[string]string)
	for _, file := range manifest.Files {
		content, err := os.ReadFile(filepath.Join(folder, file.Name))
		if err != nil {
			return err
		}
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != file.SHA256 {
			return fmt.Errorf("%s is not the file that _statement.json of version %d names", file.Name, manifest.Version)
		}
		if tables[file.Name], err = tableRows(content); err != nil {
			return fmt.Errorf("%s: %w", file.Name, err)
		}
		if rows := int64(len(tables[file.Name])); rows != file.Rows {
			return fmt.Errorf("%s has %d rows, _statement.json says %d", file.Name, rows, file.Rows)
		}
		names = append(names, file.Name)
	}
	found, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	slices.Sort(names)
	if !slices.EqualFunc(found, names, func(entry os.DirEntry, name string) bool { return entry.Name() == name }) {
		return fmt.Errorf("it holds %v, _statement.json names %v", found, names)
	}
	if merchant == "" {
		return addsToZero(tables["positions.parquet"])
	}
	if version > 0 && manifest.Version != version {
		return fmt.Errorf("it is version %d", manifest.Version)
	}
	if no := settlement.StatementNo(merchant, date, manifest.Version); manifest.StatementNo != no {
		return fmt.Errorf("it is %s instead of %s", manifest.StatementNo, no)
	}
	return checkStatementTables(tables, &manifest)
}

// checkStatementTables checks that all tables of a statement say the same of it.
func checkStatementTables(tables map[string][]map[string]string, manifest *statement.Manifest) error {
	for name, rows := range tables {
		for _, row := range rows {
			no, has := row["statement_no"]
			if has && no != manifest.StatementNo {
				return fmt.Errorf("%s is of %s, _statement.json of %s", name, no, manifest.StatementNo)
			}
			if text, has := row["version"]; has && name != "inputs.parquet" && text != strconv.Itoa(manifest.Version) {
				return fmt.Errorf("%s is of version %s, _statement.json of %d", name, text, manifest.Version)
			}
		}
	}
	if _, changed := tables["changes.parquet"]; changed != (manifest.Version > 1) || len(tables["summary.parquet"]) != 1 {
		return fmt.Errorf("version %d has tables %d, %d of changes", manifest.Version, len(tables), len(tables["changes.parquet"]))
	}
	summary := tables["summary.parquet"][0]
	receivable, payable := decimal.Zero, decimal.Zero
	open := make(map[string]decimal.Decimal) // what of a line's value no detail has yet
	for _, line := range tables["statement.parquet"] {
		value := decimal.RequireFromString(line["value"])
		open[line["line_no"]] = value
		if value.IsPositive() {
			receivable = receivable.Add(value)
		} else {
			payable = payable.Sub(value)
		}
	}
	if !receivable.Equal(decimal.RequireFromString(summary["receivable"])) || !payable.Equal(decimal.RequireFromString(summary["payable"])) {
		return fmt.Errorf("its lines come to %s and %s, its summary says %s and %s", receivable, payable, summary["receivable"], summary["payable"])
	}
	for _, allocation := range tables["detail.parquet"] {
		if number := allocation["line_no"]; number != "" {
			open[number] = open[number].Sub(decimal.RequireFromString(allocation["amount"]))
		}
	}
	for number, rest := range open {
		if !rest.IsZero() {
			return fmt.Errorf("the detail of line %s leaves %s", number, rest)
		}
	}
	return nil
}

func addsToZero(positions []map[string]string) error {
	sum := decimal.Zero
	for _, position := range positions {
		sum = sum.Add(decimal.RequireFromString(position["due"]))
	}
	if len(positions) != len(nightMerchants)+1 || !sum.IsZero() {
		return fmt.Errorf("%d positions come to %s", len(positions), sum)
	}
	return nil
}

// tableRows returns the rows of a published table.
func tableRows(content []byte) ([]map[string]string, error) {
	var text bytes.Buffer
	if err := statement.Dump(&text, content, nil); err != nil {
		return nil, err
	}
	records, err := csv.NewReader(strings.NewReader(text.String())).ReadAll()
	if err != nil {
		return nil, err
	}
	rows := make([]map[string]string, 0, len(records)-1)
	for _, record := range records[1:] {
		row := make(map[string]string, len(record))
		for i, name := range records[0] {
			row[name] = record[i]
		}
		rows = append(rows, row)
	}
	return rows, nil
}

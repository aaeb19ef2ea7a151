package command

import (
	"fmt"
	"strings"

	"alliance/settlement"
	"alliance/settlement/batch"
	"alliance/settlement/books"

	"github.com/spf13/cobra"
)

// logFlags are the flags of settle log.
type logFlags struct {
	stores
	last   int
	asJSON bool
}

func newLog() *cobra.Command {
	var flags logFlags
	command := &cobra.Command{
		Use:   "log",
		Short: "Say who ran what, when, why, with which inputs and rules",
		Long: `log prints the records of the log, the oldest first: number, time, operator and kind; the reason and who
approved; for each date the versions of its statements and how many inputs it had; the digest of the
rulebook, the program, the attempt and the record's own SHA-256. The whole chain is verified first.`,
		Example: `  settle log --root alliance
  settle log --root alliance --last 10 --json`,
		Args: exactly(0, "no arguments"),
		RunE: func(command *cobra.Command, _ []string) error { return flags.run(command) },
	}
	flags.stores.ledgerFlags(command)
	set := command.Flags()
	set.IntVar(&flags.last, "last", 0, "print the last so many records only")
	set.BoolVar(&flags.asJSON, "json", false, "print the records as JSON")
	return command
}

// A logEntry is what settle log says of a record.
type logEntry struct {
	Record   int64  `json:"record"`
	Kind     string `json:"kind"`
	Time     string `json:"time,omitempty"`
	Operator string `json:"operator,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Approval string `json:"approved_by,omitempty"`
	Through  string `json:"through,omitempty"`
	// Restated says that a date of the record was settled before.
	Restated bool      `json:"restated,omitempty"`
	Dates    []logDate `json:"dates,omitempty"`
	// Pseudonym is that of a forgotten member, StateObjects how many objects it was in.
	Pseudonym    string `json:"pseudonym,omitempty"`
	StateObjects int    `json:"state_objects,omitempty"`
	Rulebook     string `json:"rulebook_digest,omitempty"`
	Program      string `json:"program,omitempty"`
	Attempt      string `json:"attempt"`
	SHA256       string `json:"sha256"`
	Previous     string `json:"previous_sha256,omitempty"`
}

// A logDate is what a record did to a date.
type logDate struct {
	Date          settlement.Date `json:"date"`
	ComputationID string          `json:"computation_id"`
	// Statements counts those of the date, New those to which this record gave a version; Version
	// is the highest among these.
	Statements int `json:"statements"`
	New        int `json:"new_statements"`
	Version    int `json:"highest_version"`
	// Inputs counts the objects of the inbox by state.
	Inputs       map[string]int `json:"inputs"`
	RowsAccepted int64          `json:"rows_accepted"`
	RowsDeferred int64          `json:"rows_deferred"`
	RowsRejected int64          `json:"rows_rejected"`
	Complete     bool           `json:"complete"`
	CycleClosed  bool           `json:"cycle_closed"`
}

func (f *logFlags) run(command *cobra.Command) error {
	if f.last < 0 {
		return usage("--last %d: a number of records is not negative", f.last)
	}
	bucket, err := f.ledgerToRead(command.Context())
	if err != nil {
		return err
	}
	ledger, err := books.Open(command.Context(), bucket)
	if err != nil {
		return err
	}
	entries := logEntries(ledger)
	if f.last > 0 && f.last < len(entries) {
		entries = entries[len(entries)-f.last:]
	}
	if f.asJSON {
		return printJSON(command, entries)
	}
	var text strings.Builder
	for i := range entries {
		entries[i].describe(&text)
	}
	var head batch.HeadReport
	head.Sequence, head.SHA256 = ledger.Head()
	describeHead(&text, head)
	return printText(command, &text)
}

func logEntries(ledger *books.Ledger) []logEntry {
	entries := []logEntry{}
	type statement struct {
		merchant string
		date     settlement.Date
	}
	versions := make(map[statement]int)
	settledBefore := make(map[settlement.Date]bool)
	_, hash := ledger.Head()
	records := ledger.Records()
	for i := range records {
		record := &records[i]
		entry := logEntry{Record: record.Seq, Kind: string(record.Kind), Time: record.Time, Operator: record.Operator, Reason: record.Reason,
			Approval: record.Approval, Through: record.Through, Rulebook: record.RulebookDigest, Program: record.Program,
			Attempt: record.Attempt, SHA256: hash, Previous: record.Previous}
		if i+1 < len(records) {
			entry.SHA256 = records[i+1].Previous
		}
		if record.Forgotten != nil {
			entry.Pseudonym, entry.StateObjects = strings.TrimPrefix(record.Forgotten.Pseudonym, "\x01"), len(record.Forgotten.Substitutes)
		}
		for j := range record.Dates {
			date := &record.Dates[j]
			entry.Restated = entry.Restated || settledBefore[date.Date]
			settledBefore[date.Date] = true
			settled := logDate{Date: date.Date, ComputationID: date.ComputationID, Statements: len(date.Statements), Inputs: make(map[string]int),
				RowsAccepted: date.Totals.RowsAccepted, RowsDeferred: date.Totals.RowsDeferred, RowsRejected: date.Totals.RowsRejected,
				Complete: date.Complete, CycleClosed: date.CycleClosed}
			for _, input := range date.Inputs {
				settled.Inputs[input.State.String()]++
			}
			for _, one := range date.Statements {
				key := statement{one.Merchant, date.Date}
				if versions[key] != one.Version {
					versions[key] = one.Version
					settled.New++
					settled.Version = max(settled.Version, one.Version)
				}
			}
			entry.Dates = append(entry.Dates, settled)
		}
		entries = append(entries, entry)
	}
	return entries
}

func (e *logEntry) describe(out *strings.Builder) {
	kind := e.Kind
	if e.Restated {
		kind += ", restated"
	}
	fmt.Fprintf(out, "record %d  %s  %s by %s\n", e.Record, orDash(e.Time), kind, orDash(printable(e.Operator)))
	for _, line := range []struct{ name, value string }{
		{"reason", e.Reason}, {"approved by", e.Approval}, {"through", e.Through}, {"pseudonym", e.Pseudonym},
	} {
		if line.value != "" {
			fmt.Fprintf(out, "  %-12s %s\n", line.name, printable(line.value))
		}
	}
	for i := range e.Dates {
		e.Dates[i].describe(out)
	}
	for _, line := range []struct{ name, value string }{{"rulebook", e.Rulebook}, {"program", e.Program}, {"attempt", e.Attempt}, {"sha256", e.SHA256}} {
		if line.value != "" {
			fmt.Fprintf(out, "  %-12s %s\n", line.name, printable(line.value))
		}
	}
}

func (d *logDate) describe(out *strings.Builder) {
	var inputs []string
	for _, state := range []settlement.State{settlement.Consumed, settlement.DuplicateState, settlement.Held, settlement.Missing} {
		if n := d.Inputs[state.String()]; n > 0 {
			inputs = append(inputs, fmt.Sprintf("%d %s", n, state))
		}
	}
	if len(inputs) == 0 {
		inputs = []string{"none"}
	}
	versions := count(int64(d.New), "statement")
	switch {
	case d.New == 0:
		versions = "no statement changed"
	case d.Version > 1 || d.New < d.Statements:
		versions = fmt.Sprintf("%d of %s, up to version %d", d.New, count(int64(d.Statements), "statement"), d.Version)
	}
	fmt.Fprintf(out, "  %s   %s; inputs: %s; rows: %d accepted, %d deferred, %d rejected\n", d.Date, versions, strings.Join(inputs, ", "),
		d.RowsAccepted, d.RowsDeferred, d.RowsRejected)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

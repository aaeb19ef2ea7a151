package command

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"alliance/settlement/batch"
)

// An unfinishedReport is what a run did before it failed.
type unfinishedReport struct {
	batch.Report
	// Error is what it ended with, ExitCode how the process ends.
	Error    string `json:"error"`
	ExitCode int    `json:"exit_code"`
}

// printReport prints what a run did, for a person. failed is what it ended with, nil if it came to its
// end or that is said elsewhere.
func printReport(out io.Writer, report batch.Report, failed error) error {
	var text strings.Builder
	for i := range report.Dates {
		switch date := &report.Dates[i]; {
		case date.Already:
			describeAlready(&text, date)
		case report.Restated:
			describeRestated(&text, date, report.DryRun)
		default:
			describeDate(&text, date, report.DryRun)
		}
	}
	if report.Same {
		text.WriteString("everything comes to what is on record; nothing was written\n")
	}
	if failed != nil {
		fmt.Fprintf(&text, "ended with exit code %d: %v\n", exitCode(failed), failed)
	}
	if report.DryRun {
		text.WriteString("dry run: nothing was written\n")
	} else {
		fmt.Fprintf(&text, "log: record %d, SHA-256 %s\n", report.Head.Sequence, report.Head.SHA256)
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func describeAlready(out *strings.Builder, date *batch.DateReport) {
	fmt.Fprintf(out, "%s is settled already, by record %d of the log; nothing was done\n", date.Date, date.Record)
	if len(date.Changed) == 0 {
		out.WriteString("  nothing has changed since\n")
	}
	for _, change := range date.Changed {
		fmt.Fprintf(out, "  changed since: %s\n", change)
	}
	switch {
	case len(date.Changed) == 0:
	case date.Final:
		out.WriteString("  the date is closed and cannot be restated: deliver what is still due under a new name, or book an adjustment under a later date\n")
	default:
		out.WriteString("  --restate --reason TEXT would settle the date anew; with --dry-run it shows what would change\n")
	}
}

// describeRestated prints what a restatement changed on a date.
func describeRestated(out *strings.Builder, date *batch.DateReport, dryRun bool) {
	verb := "restated"
	if dryRun {
		verb = "would be restated"
	}
	change := date.Restatement
	fmt.Fprintf(out, "%s %s: %s changed, %d unchanged", date.Date, verb, count(int64(len(change.Changes)), "statement"), change.Unchanged)
	if change.Alliance {
		out.WriteString("; the alliance's tables changed")
	}
	out.WriteString("\n")
	if len(change.Changes) == 0 {
		return
	}
	rows := newTable(out)
	rows.row("  merchant", "version", "lines changed", "amount", "was", "is", "difference")
	for i := range change.Changes {
		one := &change.Changes[i]
		rows.row("  "+one.Merchant, one.Version, one.Lines, "receivable", one.Receivable.Was, one.Receivable.Is, one.Receivable.Difference)
		rows.row("  ", "", "", "payable", one.Payable.Was, one.Payable.Is, one.Payable.Difference)
		rows.row("  ", "", "", "due", one.Due.Was, one.Due.Is, one.Due.Difference)
	}
	rows.end()
}

func describeDate(out *strings.Builder, date *batch.DateReport, dryRun bool) {
	verb := "settled"
	if dryRun {
		verb = "would be settled"
	}
	t := &date.Totals
	fmt.Fprintf(out, "%s %s: %s, %s\n", date.Date, verb, count(t.Statements, "statement"), count(t.Lines, "line"))
	fmt.Fprintf(out, "  files     %d, %d held\n", t.Files, t.FilesHeld)
	fmt.Fprintf(out, "  rows      %d read: %d accepted, %d deferred, %d rejected\n", t.RowsRead, t.RowsAccepted, t.RowsDeferred, t.RowsRejected)
	if len(t.Codes) > 0 {
		var codes []string
		for _, code := range slices.Sorted(maps.Keys(t.Codes)) {
			codes = append(codes, fmt.Sprintf("%s %d", code, t.Codes[code]))
		}
		fmt.Fprintf(out, "  exceptions  %s\n", strings.Join(codes, ", "))
	}
	if len(t.Missing) > 0 {
		fmt.Fprintf(out, "  missing   %s\n", strings.Join(t.Missing, ", "))
	}
	fmt.Fprintf(out, "  points    %d redeemed across merchants\n", t.PointsAcross)
	fmt.Fprintf(out, "  value     %s %s\n", t.Value, t.Currency)
	if t.CycleClosed {
		fmt.Fprintf(out, "  cycle closed: fees %s, tax %s, due %s in %s (provisional until the date is closed)\n",
			t.Fees, t.Tax, t.Due, count(t.Payments, "payment"))
	}
	out.WriteString("  seconds  ")
	for _, stage := range date.Stages {
		fmt.Fprintf(out, " %s %d.%03d", stage.Stage, stage.Elapsed_ms/1000, stage.Elapsed_ms%1000)
	}
	out.WriteString("\n")
}

func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

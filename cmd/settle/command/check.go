package command

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"alliance/settlement"
	"alliance/settlement/batch"

	"github.com/spf13/cobra"
)

// checkFlags are the flags of settle check.
type checkFlags struct {
	rules, merchant, date string
	all, asJSON           bool
}

// rowsPerCode is how many rows are shown of each code unless all are asked for.
const rowsPerCode = 20

func newCheck() *cobra.Command {
	var flags checkFlags
	command := &cobra.Command{
		Use:   "check FILE...",
		Short: "Check a merchant's files before they are delivered",
		Long: `check reads files of one merchant with the code that a run reads them with, and says what the run would
make of them: files that would be held, rows that would be rejected, where, why, and what to do. A file
_control.json beside them is checked too. Nothing is written, and nothing but the files and the rulebook
is needed. Memory grows with the number of rows, by less than a kilobyte each.

What takes the alliance's ledger cannot be checked: ids and originals of earlier nights, and whether
members have the points that they redeem.

The settlement date is the business date of the newest row that does not lie in the future, unless --date
names one. The exit code is 0 if nothing would be held or rejected, else 3. Of each code the first 20 rows
are printed; --all prints all of them.`,
		Example: `  settle check --rules rulebook.yaml --merchant CEDAR sales.csv
  settle check --rules rulebook.yaml --merchant CEDAR --date 2026-06-01 --json out/*.jsonl.gz`,
		Args: func(command *cobra.Command, arguments []string) error {
			if len(arguments) == 0 {
				return usage("%s takes files to check; for example: %s", command.CommandPath(), strings.TrimSpace(command.Example))
			}
			return nil
		},
		RunE: func(command *cobra.Command, arguments []string) error { return flags.run(command, arguments) },
	}
	set := command.Flags()
	set.StringVar(&flags.rules, "rules", "", "the rulebook, YAML or JSON")
	set.StringVar(&flags.merchant, "merchant", "", "the id of the merchant that will deliver the files")
	set.StringVar(&flags.date, "date", "", "the settlement date, YYYY-MM-DD (default: the business date of the newest row up to today)")
	set.BoolVar(&flags.all, "all", false, "print every row, not the first 20 of each code")
	set.BoolVar(&flags.asJSON, "json", false, "print the verdicts as JSON")
	return command
}

func (f *checkFlags) run(command *cobra.Command, files []string) error {
	if err := required(command, "rules", "merchant"); err != nil {
		return err
	}
	rulebook, err := readRulebook(f.rules)
	if err != nil {
		return err
	}
	job := batch.CheckJob{Rulebook: rulebook, Merchant: f.merchant, Date: settlement.NoDate, Files: files,
		Today: rulebook.Calendar.BusinessDate(settlement.Instant(time.Now().UnixMicro()))}
	if f.date != "" {
		if job.Date, err = parseDate("date", f.date); err != nil {
			return err
		}
	}
	report, err := batch.Check(command.Context(), job)
	var wrong *batch.CheckError
	if errors.As(err, &wrong) {
		return usage("%w", wrong)
	}
	if err != nil {
		return err
	}
	if err := f.print(command, &report); err != nil {
		return err
	}
	return refusal(&report)
}

// refusal is the error that ends a check which found something; nil if it found nothing.
func refusal(report *batch.CheckReport) error {
	if report.Good() {
		return nil
	}
	var held, rejected int64
	for i := range report.Files {
		rejected += report.Files[i].Rejected
		if report.Files[i].State == settlement.Held {
			held++
		}
	}
	return &batch.RefusedError{Reason: fmt.Sprintf("%s would be held, %s would be rejected", count(held, "file"), count(rejected, "row"))}
}

func (f *checkFlags) print(command *cobra.Command, report *batch.CheckReport) error {
	shown, left := report.Rows, map[string]int64{}
	if !f.all {
		shown, left = firstOfEachCode(report.Rows)
	}
	if f.asJSON {
		limited := struct {
			batch.CheckReport
			Good bool `json:"is_good"`
			// RowsLeftOut is how many rows of each code are not in the list.
			RowsLeftOut map[string]int64 `json:"rows_left_out,omitempty"`
		}{*report, report.Good(), left}
		limited.Rows = shown
		return printJSON(command, limited)
	}
	var text strings.Builder
	printVerdicts(&text, report)
	printRows(&text, shown, left)
	if report.Good() {
		text.WriteString("\nnothing would be held or rejected\n")
	}
	text.WriteString("\nnot checked: what takes the ledger, that is ids and originals of earlier nights, and whether members have the points\n")
	return printText(command, &text)
}

// firstOfEachCode cuts the rows to the first of each code, and counts the others.
func firstOfEachCode(rows []batch.CheckedRow) (shown []batch.CheckedRow, left map[string]int64) {
	shown, left = []batch.CheckedRow{}, make(map[string]int64)
	seen := make(map[string]int)
	for _, row := range rows {
		if seen[row.Code]++; seen[row.Code] <= rowsPerCode {
			shown = append(shown, row)
		} else {
			left[row.Code]++
		}
	}
	return shown, left
}

func printVerdicts(text *strings.Builder, report *batch.CheckReport) {
	fmt.Fprintf(text, "checked for merchant %s and settlement date %s", report.Merchant, report.Date)
	if report.Newest != nil {
		fmt.Fprintf(text, ", the business date of the newest row (%s, row %d)", printable(report.Newest.File), report.Newest.Row)
	}
	text.WriteString("\n")
	for i := range report.Files {
		file := &report.Files[i]
		verdict := "would be read"
		if file.State == settlement.Held {
			verdict = "would be held"
		}
		fmt.Fprintf(text, "\n%s: %s\n", printable(file.File), verdict)
		for _, finding := range file.Findings {
			fmt.Fprintf(text, "  %s\n", printable(strings.TrimPrefix(finding.Code+": "+finding.Message, ": ")))
		}
		if file.Rows > 0 {
			fmt.Fprintf(text, "  %s: %d good, %d dated ahead, %d rejected; %d points issued, %d redeemed\n",
				count(file.Rows, "row"), file.Good, file.Deferred, file.Rejected, file.IssuedPoints, file.RedeemedPoints)
		}
		if file.SHA256 != "" {
			fmt.Fprintf(text, "  SHA-256 %s\n", file.SHA256)
		}
	}
}

// printRows prints the rows code by code, in the order in which the codes first occur.
func printRows(text *strings.Builder, rows []batch.CheckedRow, left map[string]int64) {
	var codes []string
	for _, row := range rows {
		if !slices.Contains(codes, row.Code) {
			codes = append(codes, row.Code)
		}
	}
	for _, code := range codes {
		fmt.Fprintf(text, "\n%s\n", code)
		for _, row := range rows {
			if row.Code != code {
				continue
			}
			fmt.Fprintf(text, "  %s, row %d", printable(row.File), row.Row)
			if row.Column != "" {
				fmt.Fprintf(text, ", %s", row.Column)
			}
			if row.Value != "" {
				fmt.Fprintf(text, " %q", row.Value)
			}
			fmt.Fprintf(text, ": %s\n", printable(row.Message))
		}
		if left[code] > 0 {
			fmt.Fprintf(text, "  and %s more; --all prints them\n", count(left[code], "row"))
		}
	}
}

package command

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"alliance/settlement"
	"alliance/settlement/batch"

	"github.com/spf13/cobra"
)

// diffFlags are the flags of settle diff.
type diffFlags struct {
	stores
	merchant, date, against, versions string
	asJSON                            bool
}

func newDiff() *cobra.Command {
	var flags diffFlags
	command := &cobra.Command{
		Use:   "diff",
		Short: "Say what is different between two versions of a statement, or two dates",
		Long: `diff compares two versions of a merchant's statement, the last two unless --versions names others: the
numbers of the summary, the lines, the allocations behind them by allocation_id, the files that only
one of the computations had or had with another content, and whether the rulebook or the program
was another. With --against it compares the numbers and lines of two dates instead, both as they stand.
It reads the ledger and writes nothing.`,
		Example: `  settle diff --root alliance --merchant CEDAR --date 2026-06-03
  settle diff --root alliance --merchant CEDAR --date 2026-06-03 --versions 1,3 --json
  settle diff --root alliance --merchant CEDAR --date 2026-06-03 --against 2026-06-10`,
		Args: exactly(0, "no arguments"),
		RunE: func(command *cobra.Command, _ []string) error { return flags.run(command) },
	}
	flags.stores.ledgerFlags(command)
	set := command.Flags()
	set.StringVar(&flags.merchant, "merchant", "", "whose statement")
	set.StringVar(&flags.date, "date", "", "the settlement date, YYYY-MM-DD")
	set.StringVar(&flags.versions, "versions", "", "the two versions to compare, for example 1,2 (default: the last two)")
	set.StringVar(&flags.against, "against", "", "another settlement date to compare with, instead of another version")
	set.BoolVar(&flags.asJSON, "json", false, "print the differences as JSON")
	return command
}

func (f *diffFlags) run(command *cobra.Command) error {
	job, err := f.job(command)
	if err != nil {
		return err
	}
	if job.Ledger, err = f.openLedger(command.Context(), false); err != nil {
		return err
	}
	diff, err := batch.Difference(command.Context(), job)
	if err != nil {
		return err
	}
	if f.asJSON {
		return printJSON(command, diff)
	}
	var text strings.Builder
	describeDiff(&text, diff)
	return printText(command, &text)
}

func (f *diffFlags) job(command *cobra.Command) (job batch.DiffJob, err error) {
	if err := required(command, "merchant", "date"); err != nil {
		return job, err
	}
	if !settlement.ValidMerchantID(f.merchant) {
		return job, usage("--merchant %q is no merchant id: letters, digits, - and _, at most 64", f.merchant)
	}
	job.Merchant, job.Against = f.merchant, settlement.NoDate
	if job.Date, err = parseDate("date", f.date); err != nil {
		return job, err
	}
	switch {
	case f.against != "" && f.versions != "":
		return job, usage("--versions and --against exclude each other: two versions of one date, or two dates as they stand")
	case f.against != "":
		job.Against, err = parseDate("against", f.against)
	case f.versions != "":
		was, is, _ := strings.Cut(f.versions, ",")
		var wrong error
		job.Was, err = strconv.Atoi(was)
		job.Is, wrong = strconv.Atoi(is)
		if err != nil || wrong != nil || job.Was < 1 || job.Is < 1 || job.Was == job.Is {
			return job, usage("--versions %q is not two versions; for example: --versions 1,2", f.versions)
		}
	}
	return job, err
}

func describeDiff(out *strings.Builder, diff *batch.Diff) {
	for _, side := range []struct {
		name string
		*batch.DiffSide
	}{{"was", &diff.Was}, {"is ", &diff.Is}} {
		fmt.Fprintf(out, "%s  %s, record %d%s\n", side.name, side.StatementNo, side.Record, background(side.DiffSide))
	}
	section := func(title string, rows int, header ...any) table {
		fmt.Fprintf(out, "\n%s: %d\n", title, rows)
		shown := newTable(out)
		if rows > 0 {
			shown.row(header...)
		}
		return shown
	}
	shown := section("numbers that differ", len(diff.Numbers), "  column", "was", "is", "difference")
	for _, number := range diff.Numbers {
		shown.row("  "+number.Column, number.Was, number.Is, number.Difference)
	}
	shown.end()
	shown = section("lines that differ", len(diff.Lines), "  role", "counterparty", "activity", "business date", "price", "points were", "are", "difference", "value was", "is", "difference")
	for _, line := range diff.Lines {
		price := line.PriceID
		if line.Price != "" {
			price = fmt.Sprintf("%s: %s per %d", line.PriceID, line.Price, line.PerPoints)
		}
		shown.row("  "+line.Role, line.Counterparty, line.Activity, line.Date, price,
			line.Points.Was, line.Points.Is, line.Points.Difference, line.Value.Was, line.Value.Is, line.Value.Difference)
	}
	shown.end()
	if diff.Was.Date == diff.Is.Date {
		describeBehind(out, diff)
	}
	out.WriteString("\n")
	for _, changed := range []struct {
		what    string
		is      bool
		was, by string
	}{{"rulebook", diff.RulebookChanged, diff.Was.RulebookDigest, diff.Is.RulebookDigest}, {"program", diff.ProgramChanged, diff.Was.Program, diff.Is.Program}} {
		if changed.is {
			fmt.Fprintf(out, "%s: was %s, is %s\n", changed.what, changed.was, changed.by)
		} else {
			fmt.Fprintf(out, "%s: the same\n", changed.what)
		}
	}
	for _, rule := range diff.Rules {
		fmt.Fprintf(out, "  %s %s: was %s, is %s\n", rule.Kind, rule.ID, usedAs(rule.Was), usedAs(rule.Is))
	}
}

func usedAs(content string) string {
	if content == "" {
		return "not used"
	}
	return content
}

// background says who published a version, when and why.
func background(side *batch.DiffSide) string {
	var text string
	for _, part := range []struct{ name, value string }{{"at ", side.Time}, {"by ", side.Operator}, {"approved by ", side.Approval}, {"because: ", side.Reason}} {
		if part.value != "" {
			text += ", " + part.name + printable(part.value)
		}
	}
	return text
}

// shownAllocations is how many allocations are printed one by one.
const shownAllocations = 50

// describeBehind prints the allocations and inputs behind the numbers.
func describeBehind(out *strings.Builder, diff *batch.Diff) {
	fmt.Fprintf(out, "\nallocations that differ: %d\n", len(diff.Allocations))
	for i, allocation := range diff.Allocations {
		if i == shownAllocations {
			fmt.Fprintf(out, "  and %d more; --json has them all\n", len(diff.Allocations)-i)
			break
		}
		fmt.Fprintf(out, "  %s %s\n", allocation.ID, allocation.What)
		for _, side := range []struct {
			name  string
			cells map[string]string
		}{{"was", allocation.Was}, {"is", allocation.Is}} {
			if len(side.cells) > 0 {
				fmt.Fprintf(out, "    %-3s  %s\n", side.name, cellsOf(side.cells))
			}
		}
	}
	fmt.Fprintf(out, "\nfiles that differ: %d\n", len(diff.Inputs))
	shown := newTable(out)
	for _, input := range diff.Inputs {
		name := input.Key
		if name == "" {
			name = input.Merchant + " (no delivery)"
		}
		shown.row("  "+name, "on "+input.Date.String(), "was "+inputOf(input.WasState, input.WasSHA256), "is "+inputOf(input.IsState, input.IsSHA256))
	}
	shown.end()
}

func cellsOf(cells map[string]string) string {
	var parts []string
	for _, column := range slices.Sorted(maps.Keys(cells)) {
		parts = append(parts, column+" "+printable(cells[column]))
	}
	return strings.Join(parts, ", ")
}

func inputOf(state, sum string) string {
	if state == "" {
		return "not looked at"
	}
	if sum == "" {
		return state
	}
	return state + " " + sum[:12]
}

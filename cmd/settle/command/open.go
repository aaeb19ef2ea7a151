package command

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"alliance/settlement/batch"

	"github.com/spf13/cobra"
)

// openFlags are the flags of settle open.
type openFlags struct {
	stores
	memoryFlags
	rules, lots, operator, logFormat string
	asJSON                           bool
}

func newOpen() *cobra.Command {
	var flags openFlags
	command := &cobra.Command{
		Use:   "open",
		Short: "Put lots on record that members bring along, before the first date",
		Long: `open reads a CSV file of lots from before the ledger's first date and puts it on record; the first
run starts from it. Its columns, in any order, all of them:

  member_id   the member, as in the merchants' files
  issuer_id   who funds the points: a merchant of the rulebook, or the alliance
  lot_id      names the lot; once per issuer and business date of issued_at
  issued_at   when the points were issued, with its offset: 2026-05-31T18:30:00+08:00
  expires_on  the last business date of use; empty: by the rulebook's expiry
  points      how many are open

No reversal ever finds these lots as its original. Either every row is good and all of them go on
record, or nothing does. It can be done once, and only before a date is settled; a ledger with
` + "`lots: untracked`" + ` has no lots to open.

The file is read once and may be larger than the memory: what is more than --memory goes to
--spill-directory, about 70 bytes a lot. On a terminal open shows its progress, else it logs a line
per stage. The head of the log is the last word.`,
		Example: "  settle open --root alliance --rules rulebook.yaml --lots lots.csv",
		Args:    exactly(0, "no arguments"),
		RunE:    func(command *cobra.Command, _ []string) error { return flags.run(command) },
	}
	flags.stores.ledgerFlags(command)
	set := command.Flags()
	set.StringVar(&flags.rules, "rules", "", "the rulebook, YAML or JSON")
	set.StringVar(&flags.lots, "lots", "", "the CSV file of lots")
	set.StringVar(&flags.operator, "operator", "", "who runs this, for the log (default: the user of the system)")
	set.BoolVar(&flags.asJSON, "json", false, "print what was put on record as JSON")
	flags.memoryFlags.flags(set)
	set.StringVar(&flags.logFormat, "log-format", logFormats[0], "text or json")
	return command
}

func (f *openFlags) run(command *cobra.Command) error {
	if err := required(command, "rules", "lots"); err != nil {
		return err
	}
	rulebook, err := readRulebook(f.rules)
	if err != nil {
		return err
	}
	if !slices.Contains(logFormats, f.logFormat) {
		return usage("--log-format is %s", strings.Join(logFormats, " or "))
	}
	job := batch.OpeningJob{Rulebook: rulebook, Name: filepath.Base(f.lots), Operator: operator(f.operator), Now: time.Now, SpillDirectory: f.spill}
	if job.Memory, err = f.bound(); err != nil {
		return err
	}
	lots, err := os.Open(f.lots)
	if err != nil {
		return usage("--lots: %w", err)
	}
	defer lots.Close()
	job.Lots = lots
	if info, err := lots.Stat(); err == nil && info.Mode().IsRegular() {
		job.Bytes = info.Size()
	}
	if job.Ledger, err = f.openLedger(command.Context(), true); err != nil {
		return err
	}
	if err := f.checkOutside(command.Context(), "spill-directory", f.spill); err != nil {
		return err
	}
	progress := newProgress(command.ErrOrStderr(), f.logFormat)
	job.Observe = progress.observe
	report, err := batch.OpenLots(command.Context(), job)
	progress.end()
	if err != nil {
		return err
	}
	if f.asJSON {
		return printJSON(command, report)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "opened %s of %s\n", count(report.Lots, "lot"), count(report.Members, "member"))
	for _, points := range report.Points {
		fmt.Fprintf(&text, "  %s  %d points in %s\n", points.Issuer, points.Points, count(points.Lots, "lot"))
	}
	fmt.Fprintf(&text, "log: record %d, SHA-256 %s\n", report.Head.Sequence, report.Head.SHA256)
	return printText(command, &text)
}

package command

import (
	"context"
	"fmt"
	"strings"

	"alliance/settlement"
	"alliance/settlement/batch"
	"alliance/settlement/storage"

	"github.com/spf13/cobra"
)

// statusFlags are the flags of settle status.
type statusFlags struct {
	stores
	rules       string
	all, asJSON bool
}

func newStatus() *cobra.Command {
	var flags statusFlags
	command := &cobra.Command{
		Use:   "status",
		Short: "Say what is settled, what comes next and what waits",
		Long: `status reads the log, the newest state and the listing of the inbox, and says which dates are settled,
by which record and whom, and whether they are complete; which date is next; what lies in the inbox
that no settled date has looked at; which files were settled and written again since; which files are
held, and until when they are looked at; who did not deliver; and how many open claims and deferred
rows wait. It writes nothing.

Without --all the last 31 settled dates are shown; --json always has all of them.`,
		Example: `  settle status --root alliance --rules rulebook.yaml
  settle status --root alliance --rules rulebook.yaml --json`,
		Args: exactly(0, "no arguments"),
		RunE: func(command *cobra.Command, _ []string) error { return flags.run(command) },
	}
	flags.stores.inboxFlags(command)
	set := command.Flags()
	set.StringVar(&flags.rules, "rules", "", "the rulebook, YAML or JSON")
	set.BoolVar(&flags.all, "all", false, "show every settled date")
	set.BoolVar(&flags.asJSON, "json", false, "print the status as JSON")
	return command
}

func (f *statusFlags) run(command *cobra.Command) error {
	if err := required(command, "rules"); err != nil {
		return err
	}
	rulebook, err := readRulebook(f.rules)
	if err != nil {
		return err
	}
	ctx := command.Context()
	inbox, err := f.openInbox(ctx)
	if err != nil {
		return err
	}
	ledger, err := f.ledgerToRead(ctx)
	if err != nil {
		return err
	}
	status, err := batch.ReadStatus(ctx, inbox, ledger, rulebook)
	if err != nil {
		return err
	}
	if f.asJSON {
		return printJSON(command, status)
	}
	var text strings.Builder
	shown := lastDates
	if f.all {
		shown = len(status.Settled)
	}
	describeStatus(&text, status, shown)
	return printText(command, &text)
}

// ledgerToRead opens the ledger. One that is not there yet, below a root that is, is empty: the
// first run makes it.
func (s *stores) ledgerToRead(ctx context.Context) (storage.Bucket, error) {
	return s.openLedger(ctx, s.ledger == "")
}

// lastDates is how many settled dates are shown unless all are asked for.
const lastDates = 31

func describeStatus(out *strings.Builder, status *batch.Status, shown int) {
	describeSettled(out, status.Settled, shown)
	if status.OpeningRecord > 0 {
		fmt.Fprintf(out, "opening lots: record %d\n", status.OpeningRecord)
	}
	fmt.Fprintf(out, "next date to settle: %s\n", dateOr(status.Next, "none, the inbox holds no file"))
	fmt.Fprintf(out, "closed through: %s\n", dateOr(status.ClosedThrough, "nothing is closed"))
	fmt.Fprintf(out, "missing on the last settled date: %s\n", listOr(status.Missing, "nobody"))
	describeObjects(out, "pending", "not looked at yet", status.Pending)
	if len(status.TooLate) > 0 {
		describeObjects(out, "too late", "no run will look at them; deliver them under a later date", status.TooLate)
	}
	describeReplaced(out, status.Replaced)
	describeHeld(out, status.Held)
	fmt.Fprintf(out, "open claims: %d%s\n", status.OpenClaims.Count, waiting(status.OpenClaims.Oldest, fmt.Sprintf(", %d points", status.OpenClaims.Points), "settled"))
	fmt.Fprintf(out, "deferred rows: %d%s\n", status.Deferred.Count, waiting(status.Deferred.Oldest, fmt.Sprintf(", %d of them for a later date", status.Deferred.Future), "read"))
	if status.Head.Sequence == 0 {
		out.WriteString("log: empty\n")
		return
	}
	fmt.Fprintf(out, "log: record %d, SHA-256 %s\n", status.Head.Sequence, status.Head.SHA256)
}

func describeSettled(out *strings.Builder, settled []batch.SettledStatus, shown int) {
	fmt.Fprintf(out, "settled: %s\n", count(int64(len(settled)), "date"))
	if len(settled) == 0 {
		return
	}
	if more := len(settled) - shown; more > 0 {
		fmt.Fprintf(out, "  %d earlier ones, from %s, are not shown; --all shows them\n", more, settled[0].Date)
		settled = settled[more:]
	}
	rows := newTable(out)
	rows.row("  date", "record", "version", "deliveries", "cycle", "settled at", "by")
	for i := range settled {
		one := &settled[i]
		cycle := "running"
		if one.CycleClosed {
			cycle = "closed"
		}
		rows.row("  "+one.Date.String(), one.Record, one.Version, deliveries(one), cycle+final(one), one.Time, one.Operator)
	}
	rows.end()
}

func deliveries(one *batch.SettledStatus) string {
	if one.Complete {
		return "complete"
	}
	var why []string
	if len(one.Missing) > 0 {
		why = append(why, "missing "+strings.Join(one.Missing, " "))
	}
	if one.Held > 0 {
		why = append(why, fmt.Sprintf("%d held", one.Held))
	}
	return "incomplete: " + strings.Join(why, ", ")
}

func final(one *batch.SettledStatus) string {
	if one.Final {
		return ", final"
	}
	return ""
}

func describeObjects(out *strings.Builder, title, meaning string, objects []batch.ObjectStatus) {
	if len(objects) == 0 {
		fmt.Fprintf(out, "%s: no files\n", title)
		return
	}
	fmt.Fprintf(out, "%s: %s, %s\n", title, count(int64(len(objects)), "file"), meaning)
	for _, object := range objects {
		fmt.Fprintf(out, "  %s  %d bytes\n", printable(object.Key), object.Bytes)
	}
}

func describeReplaced(out *strings.Builder, replaced []batch.ReplacedStatus) {
	var other, same []batch.ReplacedStatus
	for _, file := range replaced {
		if file.SameSize {
			same = append(same, file)
		} else {
			other = append(other, file)
		}
	}
	if len(other) > 0 {
		fmt.Fprintf(out, "replaced: %s, written again after being settled; other content is held and never settled\n", count(int64(len(other)), "file"))
		describeWrittenAgain(out, other, "")
	}
	if len(same) > 0 {
		fmt.Fprintf(out, "written again: %s, in the size that was settled and maybe with the same content; the next run compares what it still reads, and holds what differs\n", count(int64(len(same)), "file"))
		describeWrittenAgain(out, same, "if the content is another, ")
	}
}

// describeWrittenAgain says of each file what to do, and on which condition.
func describeWrittenAgain(out *strings.Builder, files []batch.ReplacedStatus, condition string) {
	for _, file := range files {
		advice := "restate that date"
		if file.Final {
			advice = "deliver the rest under a new name, as that date is closed"
		}
		fmt.Fprintf(out, "  %s  settled on %s; %s%s\n", printable(file.Key), file.SettledOn, condition, advice)
	}
}

func describeHeld(out *strings.Builder, held []batch.HeldStatus) {
	if len(held) == 0 {
		out.WriteString("held: no files\n")
		return
	}
	fmt.Fprintf(out, "held: %s\n", count(int64(len(held)), "file"))
	for _, file := range held {
		until := "looked at until " + file.Until.String()
		if file.LastLook {
			until = "not looked at any more since " + file.Until.String()
		}
		fmt.Fprintf(out, "  %s  %s, %s\n", printable(file.Key), file.Code, until)
	}
}

func waiting(oldest *settlement.Date, points, verb string) string {
	if oldest == nil {
		return ""
	}
	return fmt.Sprintf("%s, the oldest %s on %s", points, verb, oldest)
}

func dateOr(date *settlement.Date, none string) string {
	if date == nil {
		return none
	}
	return date.String()
}

func listOr(list []string, none string) string {
	if len(list) == 0 {
		return none
	}
	return strings.Join(list, ", ")
}

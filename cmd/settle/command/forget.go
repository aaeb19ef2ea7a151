package command

import (
	"fmt"
	"strings"
	"time"

	"alliance/settlement/batch"

	"github.com/spf13/cobra"
)

// forgetFlags are the flags of settle forget.
type forgetFlags struct {
	stores
	member, reason, operator string
	asJSON                   bool
}

func newForget() *cobra.Command {
	var flags forgetFlags
	command := &cobra.Command{
		Use:   "forget",
		Short: "Remove a member's id from everything that the ledger holds",
		Long: `forget replaces a member's id by a pseudonym in every state on record, of whatever date, and deletes
what held the id. Lots, claims and waiting rows stay under the pseudonym, so that every sum stays as it
was published, and settled dates can still be verified and restated. Rows that later dates read under
the old id open a new account: it has none of the old points, and reversals of old rows find no original.

The log keeps a salted digest of the id, no more. Statements never name a member; rejected rows that the
ledger keeps lose it, also those of a date settled by now that is restated later. Not touched are the
inbox and the acknowledgements there: those files are the merchants', who have to forget by themselves;
settle repair brings the acknowledgements to what the ledger has.

Run it again if it fails: it finishes what is left to delete.`,
		Example: `  settle forget --root alliance --member 4711-0815 --reason "request 2026-118"`,
		Args:    exactly(0, "no arguments"),
		RunE:    func(command *cobra.Command, _ []string) error { return flags.run(command) },
	}
	flags.stores.ledgerFlags(command)
	set := command.Flags()
	set.StringVar(&flags.member, "member", "", "the member's id, as in the merchants' files")
	set.StringVar(&flags.reason, "reason", "", "why, for the log; without the id")
	set.StringVar(&flags.operator, "operator", "", "who runs this, for the log (default: the user of the system)")
	set.BoolVar(&flags.asJSON, "json", false, "print what was done as JSON")
	return command
}

func (f *forgetFlags) run(command *cobra.Command) error {
	if err := required(command, "member", "reason"); err != nil {
		return err
	}
	if strings.TrimSpace(f.reason) == "" {
		return usage("--reason is blank, and goes on record; name the request, for example")
	}
	ledger, err := f.ledgerToRead(command.Context())
	if err != nil {
		return err
	}
	report, err := batch.ForgetMember(command.Context(), batch.ForgetJob{
		Ledger: ledger, Member: f.member, Operator: operator(f.operator), Reason: f.reason, Now: time.Now,
	})
	if err != nil {
		return err
	}
	if f.asJSON {
		return printJSON(command, report)
	}
	var text strings.Builder
	switch {
	case report.Found:
		fmt.Fprintf(&text, "the member is %s from now on: %s replaced\n", report.Pseudonym, count(report.Objects, "object"))
	case report.Before > 0:
		fmt.Fprintf(&text, "the member was forgotten already, by record %d, and is %s; nothing on record holds it\n", report.Before, report.Pseudonym)
	default:
		text.WriteString("nothing on record holds this member; nothing was done\n")
	}
	if report.Deleted+report.Attempts > 0 {
		fmt.Fprintf(&text, "deleted: %s, %s\n", count(report.Deleted, "replaced object"), count(report.Attempts, "abandoned attempt"))
	}
	text.WriteString("not touched: the merchants' files in the inbox and their acknowledgements, which may hold the id\n")
	describeHead(&text, report.Head)
	return printText(command, &text)
}

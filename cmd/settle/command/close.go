package command

import (
	"fmt"
	"strings"
	"time"

	"alliance/settlement/batch"

	"github.com/spf13/cobra"
)

// closeFlags are the flags of settle close.
type closeFlags struct {
	stores
	through, approval, reason, operator string
	asJSON                              bool
}

func newClose() *cobra.Command {
	var flags closeFlags
	command := &cobra.Command{
		Use:   "close",
		Short: "Make dates final, so that their payments may be executed",
		Long: `close makes every date up to --through final: restating one of them is refused from then on, and its
payments may be executed. Corrections are late rows or adjustments of a later date. What was published
stays as it is. close prints the payments of the dates that became final.

A date that is not settled cannot be closed (exit code 3); one that is closed already is left alone. Who
did not see the answer asks again: then close prints the payments that the same command made final
before, apart from those to execute. A payment has the same id every time.`,
		Example: `  settle close --root alliance --through 2026-06-07 --approved-by "J. Doe"
  settle close --root alliance --through 2026-06-30 --reason "June, as reviewed" --json`,
		Args: exactly(0, "no arguments"),
		RunE: func(command *cobra.Command, _ []string) error { return flags.run(command) },
	}
	flags.stores.ledgerFlags(command)
	set := command.Flags()
	set.StringVar(&flags.through, "through", "", "the last date to close, YYYY-MM-DD")
	set.StringVar(&flags.approval, "approved-by", "", "who agreed, for the log")
	set.StringVar(&flags.reason, "reason", "", "why, for the log")
	set.StringVar(&flags.operator, "operator", "", "who runs this, for the log (default: the user of the system)")
	set.BoolVar(&flags.asJSON, "json", false, "print the dates and payments as JSON")
	return command
}

func (f *closeFlags) run(command *cobra.Command) error {
	if err := required(command, "through"); err != nil {
		return err
	}
	through, err := parseDate("through", f.through)
	if err != nil {
		return err
	}
	ledger, err := f.ledgerToRead(command.Context())
	if err != nil {
		return err
	}
	report, err := batch.CloseDates(command.Context(), batch.CloseJob{
		Ledger: ledger, Through: through, Operator: operator(f.operator), Approval: f.approval, Reason: f.reason, Now: time.Now,
	})
	if err != nil {
		return err
	}
	if f.asJSON {
		return printJSON(command, report)
	}
	var text strings.Builder
	describeClose(&text, &report)
	return printText(command, &text)
}

func describeClose(out *strings.Builder, report *batch.CloseReport) {
	if report.Already {
		fmt.Fprintf(out, "closed through %s already, by record %d; nothing was done\n", report.Through, report.Record)
		if len(report.Before) > 0 {
			describePayments(out, "payments that are final since then", report.Before, report)
		}
	} else {
		fmt.Fprintf(out, "closed through %s: %s final\n", report.Through, count(int64(len(report.Dates)), "date"))
		if len(report.Payments) == 0 {
			out.WriteString("payments to execute: none\n")
		} else {
			describePayments(out, "payments to execute", report.Payments, report)
		}
	}
	describeHead(out, report.Head)
}

func describePayments(out *strings.Builder, what string, payments []batch.PaymentFacts, report *batch.CloseReport) {
	fmt.Fprintf(out, "%s: %d, in all %s %s\n", what, len(payments), report.Sum, report.Currency)
	rows := newTable(out)
	rows.row("  date", "payment", "payer", "payee", "amount", "statement")
	for _, payment := range payments {
		rows.row("  "+payment.Date.String(), payment.ID, payment.Payer, payment.Payee, payment.Amount+" "+payment.Currency, payment.StatementNo)
	}
	rows.end()
}

// describeHead prints the newest record of the log: the last word of every command that writes.
func describeHead(out *strings.Builder, head batch.HeadReport) {
	if head.Sequence == 0 {
		out.WriteString("log: empty\n")
		return
	}
	fmt.Fprintf(out, "log: record %d, SHA-256 %s\n", head.Sequence, head.SHA256)
}

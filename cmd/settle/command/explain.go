package command

import (
	"errors"
	"strings"

	"alliance/settlement"
	"alliance/settlement/batch"

	"github.com/spf13/cobra"
)

// explainFlags are the flags of settle explain.
type explainFlags struct {
	stores
	rules, merchant, transaction, date, allocation string
	line                                           int
	showMember, asJSON                             bool
}

func newExplain() *cobra.Command {
	var flags explainFlags
	command := &cobra.Command{
		Use:   "explain",
		Short: "Explain a transaction, an allocation or a line, down to file and row",
		Long: `explain tells the chain from a statement's line to its allocations, to the lots that were charged, to the
files and rows that they come from. Ask for

  --merchant M --transaction ID [--date D]  a merchant's transaction: what was decided about it, which lots were
                                            candidates in which order, what was taken, at which price and why,
                                            and its share of the line; without --date on the date that settled it
  --allocation ID --date D                  one allocation, by its id in detail.parquet
  --merchant M --date D --line N            a line of M's statement of D: all its allocations and the rounding

For a transaction or an allocation the member's night is computed again, with the rulebook given, from the
state before the date and the files that the date read (their SHA-256 is compared with the record), and the
outcome is compared with what was published; explain says so when a file is gone or the rulebook is another.

The output names other merchants' transactions and lots of the same member: mind where you send it. It
names the member only with --show-member.`,
		Example: `  settle explain --root alliance --rules rulebook.yaml --merchant CEDAR --transaction C202
  settle explain --root alliance --rules rulebook.yaml --allocation 5f0c… --date 2026-06-02
  settle explain --root alliance --rules rulebook.yaml --merchant CEDAR --date 2026-06-02 --line 1 --json`,
		Args: exactly(0, "no arguments"),
		RunE: func(command *cobra.Command, _ []string) error { return flags.run(command) },
	}
	flags.stores.inboxFlags(command)
	set := command.Flags()
	set.StringVar(&flags.rules, "rules", "", "the rulebook that settled the date, YAML or JSON")
	set.StringVar(&flags.merchant, "merchant", "", "whose transaction, or whose statement")
	set.StringVar(&flags.transaction, "transaction", "", "the transaction's id")
	set.StringVar(&flags.date, "date", "", "the settlement date, YYYY-MM-DD")
	set.StringVar(&flags.allocation, "allocation", "", "the allocation's id")
	set.IntVar(&flags.line, "line", 0, "the line's number on the statement, from 1")
	set.BoolVar(&flags.showMember, "show-member", false, "name the member")
	set.BoolVar(&flags.asJSON, "json", false, "print the explanation as JSON")
	return command
}

func (f *explainFlags) run(command *cobra.Command) error {
	if err := required(command, "rules"); err != nil {
		return err
	}
	if err := f.check(command); err != nil {
		return err
	}
	job, err := f.job(command)
	if err != nil {
		return err
	}
	var text strings.Builder
	var explained any
	if f.line != 0 {
		line, err := batch.ExplainLine(command.Context(), job)
		if err != nil {
			return wrongReference(err)
		}
		explained = line
		describeLine(&text, line)
	} else {
		explanation, err := batch.Explain(command.Context(), job)
		if err != nil {
			return wrongReference(err)
		}
		explained = explanation
		describeExplanation(&text, explanation)
	}
	if f.asJSON {
		return printJSON(command, explained)
	}
	return printText(command, &text)
}

// check refuses combinations of flags that ask for nothing, or for more than one thing.
func (f *explainFlags) check(command *cobra.Command) error {
	var asked []string
	for _, one := range []struct {
		name  string
		given bool
	}{{"--transaction", f.transaction != ""}, {"--allocation", f.allocation != ""}, {"--line", command.Flags().Changed("line")}} {
		if one.given {
			asked = append(asked, one.name)
		}
	}
	switch {
	case len(asked) == 0:
		return usage("say what to explain: --merchant with --transaction, --allocation with --date, or --merchant with --date and --line; see settle explain --help")
	case len(asked) > 1:
		return usage("%s exclude each other", strings.Join(asked, " and "))
	case f.allocation != "" && f.merchant != "":
		return usage("--allocation names one allocation of all merchants; leave --merchant out")
	case f.allocation == "" && f.merchant == "":
		return usage("%s needs --merchant", asked[0])
	case f.transaction == "" && f.date == "":
		return usage("%s needs --date", asked[0])
	case command.Flags().Changed("line") && f.line < 1:
		return usage("--line %d: lines count from 1", f.line)
	}
	return nil
}

func (f *explainFlags) job(command *cobra.Command) (job batch.ExplainJob, err error) {
	job = batch.ExplainJob{
		Merchant: f.merchant, Transaction: f.transaction, Allocation: f.allocation, Line: f.line,
		Date: settlement.NoDate, ShowMember: f.showMember,
	}
	if f.date != "" {
		if job.Date, err = parseDate("date", f.date); err != nil {
			return job, err
		}
	}
	if job.Rulebook, err = readRulebook(f.rules); err != nil {
		return job, err
	}
	if job.Inbox, err = f.openInbox(command.Context()); err != nil {
		return job, err
	}
	job.Ledger, err = f.openLedger(command.Context(), false)
	return job, err
}

// wrongReference makes a reference to nothing a mistake of the caller.
func wrongReference(err error) error {
	var nothing *batch.NotOnRecordError
	if errors.As(err, &nothing) {
		return usageError{err}
	}
	return err
}

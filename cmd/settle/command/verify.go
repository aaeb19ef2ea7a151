package command

import (
	"errors"
	"fmt"
	"strings"

	"alliance/settlement"
	"alliance/settlement/batch"
	"alliance/settlement/books"

	"github.com/spf13/cobra"
)

// verifyFlags are the flags of settle verify.
type verifyFlags struct {
	stores
	rules               []string
	date                string
	deep, asJSON        bool
	workers, partitions int
}

func newVerify() *cobra.Command {
	var flags verifyFlags
	command := &cobra.Command{
		Use:   "verify",
		Short: "Check the ledger and everything that was published",
		Long: `verify checks that the records of the log are a chain, that every object on record has its SHA-256, that
the versions of every statement are 1 to N, that positions sum to zero and payments follow from them,
that the detail adds up to its lines and the alliance's lines are the statements' lines on both sides,
that points roll forward from date to date and are the open lots of the state, that every file of the
inbox was settled once, and that the statements are what is on record. So it does with what merchants were
told about their deliveries, where --root, --inbox or --acks says where that lies. It writes nothing. It
ends with exit code 1 if anything is wrong, and names all of it. Where a run puts a date on record or
publishes it while verify looks, nothing can be said of that date: if nothing else is wrong it ends with
exit code 4, verify again then.

With --deep it computes the dates again from the files in the inbox and the rulebooks given, and
compares every byte. It says so where a file is gone or the rulebook is another one: that counts as
wrong. --rules may be repeated, for dates that were settled with different rulebooks.`,
		Example: `  settle verify --root alliance
  settle verify --root alliance --date 2026-06-07 --deep --rules rulebook.yaml`,
		Args: exactly(0, "no arguments"),
		RunE: func(command *cobra.Command, _ []string) error { return flags.run(command) },
	}
	flags.stores.flags(command)
	set := command.Flags()
	set.StringArrayVar(&flags.rules, "rules", nil, "a rulebook for --deep; may be repeated")
	set.StringVar(&flags.date, "date", "", "the only settlement date to look at, YYYY-MM-DD")
	set.BoolVar(&flags.deep, "deep", false, "compute the dates again and compare every byte")
	set.BoolVar(&flags.asJSON, "json", false, "print the report as JSON")
	set.IntVar(&flags.workers, "workers", 0, "with --deep: how many processors to use (default: those of the machine); changes no result")
	set.IntVar(&flags.partitions, "partitions", 0, "with --deep: into how many parts the work is split (default: by the size of the files); changes no result")
	return command
}

// errUnsound ends a verification that found something: what it found is printed already.
var errUnsound = errors.New("the ledger or the statements are not sound")

func (f *verifyFlags) run(command *cobra.Command) error {
	job, err := f.job(command)
	if err != nil {
		return err
	}
	report, err := batch.Verify(command.Context(), job)
	if err != nil {
		return err
	}
	if len(report.Faults) == 0 && report.Head.Sequence == 0 {
		return &batch.RefusedError{Reason: "nothing is on record in this ledger, so there is nothing to verify; is it the right one?"}
	}
	if f.asJSON {
		err = printJSON(command, report)
	} else {
		var text strings.Builder
		describeVerification(&text, report)
		if job.Acknowledgements == nil {
			text.WriteString("the acknowledgements were not looked at: --acks or --inbox says where they lie\n")
		}
		err = printText(command, &text)
	}
	return errors.Join(err, outcome(report))
}

// outcome returns an error that says why a ledger was not found to be sound.
func outcome(report *batch.VerifyReport) error {
	switch {
	case len(report.Faults) > 0:
		return fmt.Errorf("%w: %s", errUnsound, count(int64(len(report.Faults)), "fault"))
	case len(report.Meanwhile) > 0:
		return fmt.Errorf("%w while this looked, so not everything could be compared; verify again", books.ErrLost)
	}
	return nil
}

func (f *verifyFlags) job(command *cobra.Command) (job batch.VerifyJob, err error) {
	ctx := command.Context()
	job.Date, job.Deep, job.Workers, job.Partitions = settlement.NoDate, f.deep, f.workers, f.partitions
	if f.date != "" {
		if job.Date, err = parseDate("date", f.date); err != nil {
			return job, err
		}
	}
	if f.deep && len(f.rules) == 0 {
		return job, usage("--deep needs --rules: the rulebook with which the dates were settled; for example: %s", strings.TrimSpace(command.Example))
	}
	if err := checkParts(f.workers, f.partitions); err != nil {
		return job, err
	}
	for _, name := range []string{"workers", "partitions"} {
		if !f.deep && onCommandLine(command.Flags(), name) {
			return job, usage("--%s belongs to --deep: without it nothing is computed", name)
		}
	}
	for _, path := range f.rules {
		rulebook, err := readRulebook(path)
		if err != nil {
			return job, err
		}
		job.Rulebooks = append(job.Rulebooks, rulebook)
	}
	if f.deep {
		if job.Inbox, err = f.openInbox(ctx); err != nil {
			return job, err
		}
	}
	if job.Ledger, err = f.ledgerToRead(ctx); err != nil {
		return job, err
	}
	if job.Statements, err = f.openStatements(ctx, true); err != nil {
		return job, err
	}
	job.Acknowledgements, err = f.acknowledgementsIfNamed(ctx)
	return job, err
}

func describeVerification(out *strings.Builder, report *batch.VerifyReport) {
	for _, fault := range report.Faults {
		fmt.Fprintf(out, "%s\n", printable(fault.String()))
	}
	for _, one := range report.Meanwhile {
		fmt.Fprintf(out, "%s\n", printable(one.String()))
	}
	fmt.Fprintf(out, "verified %s, %s", count(int64(len(report.Dates)), "date"), count(report.Objects, "object"))
	if len(report.Recomputed) > 0 {
		fmt.Fprintf(out, "; computed again with the same bytes: %s", count(int64(len(report.Recomputed)), "date"))
	}
	switch {
	case len(report.Faults) == 0 && len(report.Meanwhile) == 0:
		out.WriteString(": sound\n")
	case len(report.Faults) == 0:
		out.WriteString(": no fault, but not everything could be compared while another process was at work; verify again\n")
	default:
		fmt.Fprintf(out, ": %s\n", count(int64(len(report.Faults)), "fault"))
	}
	if report.Head == nil {
		out.WriteString("log: it cannot be read, so nothing else was looked at\n")
		return
	}
	describeHead(out, *report.Head)
}

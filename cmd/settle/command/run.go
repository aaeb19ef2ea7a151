package command

import (
	"context"
	"errors"
	"os/user"
	"slices"
	"strings"
	"time"

	"alliance/settlement"
	"alliance/settlement/batch"

	"github.com/spf13/cobra"
)

// mostParts bounds workers and partitions: beyond it more of them only cost time.
const mostParts = 1024

// runFlags are the flags of settle run.
type runFlags struct {
	stores
	rules, date, operator  string
	reason, approvedBy     string
	catchUp, allowMissing  bool
	strict, dryRun, asJSON bool
	restate                bool
	workers, partitions    int
	memoryFlags
	logFormat string

	at                        string
	delay, wait, pollInterval time.Duration

	watchFlags
	clock
}

func newRun() *cobra.Command { return newRunBy(clock{time.Now, sleep}) }

// newRunBy returns settle run that goes by a clock.
func newRunBy(clock clock) *cobra.Command {
	flags := runFlags{clock: clock}
	command := &cobra.Command{
		Use:   "run",
		Short: "Settle a date and publish its statements",
		Long: `run reads what the merchants delivered and no earlier date consumed, settles the date and publishes a
statement for every merchant. The date before must be settled, unless it is the ledger's first;
--catch-up settles every date up to the one given (on an empty ledger, from the first date in the
inbox). A date that is settled already is left alone: run says what stands and what has changed since.

--restate, with a --reason, recomputes a settled date and every later one, with the inbox and the
rulebook as they are now, and publishes in one step what has changed: a statement that says something
else gets its next version and a table of what was and what is, the others stay. With --dry-run it
only shows what would change.

--date last is the newest date that is over: the alliance's clock has passed day_starts_at of the next
one, and --delay besides. It goes by the instant that the run is made for, which is not now if the run
is late or a second try: --at says it. --at job:NAME takes it from the name of a Kubernetes Job, which
ends in the minute that its CronJob made it for (a pod has it in the label batch.kubernetes.io/job-name);
the name of a Job made by hand says nothing, and then, as without --at, the clock does.

--wait-for-merchants looks at the inbox every --poll-interval until nobody is missing who is expected
to deliver for --date, or the time is over; then the run settles, and does what the rulebook says of
those that are missing. The time counts from the instant that the run is made for, so that a second
try waits no longer than the first would have. Earlier dates that --catch-up settles had their time.

--metrics-file and --pushgateway tell Prometheus how the run went, also if it failed, and how far the
ledger is; --termination-message has the summary or the error for whoever started the run. If that
fails there is a warning and nothing else. A dry run tells Prometheus nothing.

On a terminal run shows its progress, else it logs a line per stage. Its last word is a summary and
the number and hash of the newest record of the log. If --catch-up stops midway, the dates before stay
settled and published: the summary has them, and the error.`,
		Example: `  settle run --root alliance --rules rulebook.yaml --date 2026-06-01
  settle run --root alliance --rules rulebook.yaml --date 2026-06-07 --catch-up --json
  settle run --root alliance --rules rulebook.yaml --date last --catch-up --wait-for-merchants 2h
  settle run --root alliance --rules rulebook.yaml --date 2026-06-03 --restate --reason "CEDAR sent a wrong file" --dry-run`,
		Args: exactly(0, "no arguments"),
		RunE: func(command *cobra.Command, _ []string) error { return flags.run(command) },
	}
	flags.stores.flags(command)
	set := command.Flags()
	set.StringVar(&flags.rules, "rules", "", "the rulebook, YAML or JSON")
	set.StringVar(&flags.date, "date", "", "the settlement date, YYYY-MM-DD, or last: the newest that is over")
	set.BoolVar(&flags.catchUp, "catch-up", false, "settle every unsettled date up to --date")
	set.BoolVar(&flags.allowMissing, "allow-missing", false, "settle although merchants are missing that the rulebook requires")
	set.BoolVar(&flags.strict, "strict", false, "refuse the date if there is any exception")
	set.BoolVar(&flags.dryRun, "dry-run", false, "compute and check everything, write nothing")
	set.BoolVar(&flags.restate, "restate", false, "recompute --date and every later settled date; needs --reason")
	set.StringVar(&flags.reason, "reason", "", "why the dates are restated, for the log")
	set.StringVar(&flags.approvedBy, "approved-by", "", "who agreed to the restatement, for the log")
	set.BoolVar(&flags.asJSON, "json", false, "print the summary as JSON")
	set.StringVar(&flags.operator, "operator", "", "who runs this, for the log (default: the user of the system)")
	set.IntVar(&flags.workers, "workers", 0, "how many processors to use (default: those of the machine); changes no result")
	set.IntVar(&flags.partitions, "partitions", 0, "into how many parts the work is split (default: by the size of the files); changes no result")
	flags.memoryFlags.flags(set)
	set.DurationVar(&flags.delay, "delay", 0, "with --date last: a date is over that much after its cut-off, such as 90m")
	set.StringVar(&flags.at, "at", "", "the instant that the run is made for, such as 2026-06-08T04:30:00+08:00, or job:NAME of a Kubernetes Job")
	set.DurationVar(&flags.wait, "wait-for-merchants", 0, "how long to wait until every expected merchant has delivered, such as 2h")
	set.DurationVar(&flags.pollInterval, "poll-interval", time.Minute, "how often to look at the inbox while waiting")
	flags.watchFlags.flags(command)
	set.StringVar(&flags.logFormat, "log-format", logFormats[0], "text or json")
	return command
}

// run settles, and tells those who watch how that went.
func (f *runFlags) run(command *cobra.Command) error {
	progress := newProgress(command.ErrOrStderr(), f.logFormat)
	watch := newWatch(f.watchFlags, f.clock, progress)
	watch.alliance, watch.dryRun = f.allianceOnRecord, f.dryRun
	err := guarded(func() error { return f.settle(command, watch) })
	watch.end(command.Context(), err)
	return err
}

// allianceOnRecord returns the id of the alliance that the ledger belongs to.
func (f *runFlags) allianceOnRecord(ctx context.Context) (string, error) {
	ledger, err := f.ledgerToRead(ctx)
	if err != nil {
		return "", err
	}
	return batch.ReadAlliance(ctx, ledger)
}

func (f *runFlags) settle(command *cobra.Command, watch *watch) error {
	if err := required(command, "rules", "date"); err != nil {
		return err
	}
	if !slices.Contains(logFormats, f.logFormat) {
		return usage("--log-format is %s", strings.Join(logFormats, " or "))
	}
	made, err := f.moment(f.now(), watch.tell)
	if err != nil {
		return err
	}
	watch.job, err = f.job(command.Context(), made, watch.tell)
	if err != nil {
		return err
	}
	watch.job.Observe = watch.observe
	watch.run.Waited, err = f.waitForMerchants(command.Context(), watch.job, made, watch.tell)
	if err != nil {
		return err
	}
	watch.run.Report, err = batch.Run(command.Context(), watch.job)
	watch.tell.end()
	if err != nil {
		return errors.Join(err, f.printUnfinished(command, watch.run.Report, err))
	}
	if f.asJSON {
		return printJSON(command, watch.run.Report)
	}
	return printReport(command.OutOrStdout(), watch.run.Report, nil)
}

// printUnfinished prints which dates are on record although the run failed, if there are any.
func (f *runFlags) printUnfinished(command *cobra.Command, report batch.Report, failed error) error {
	if len(report.Dates) == 0 {
		return nil
	}
	failed = interrupted(command.Context(), failed)
	if f.asJSON {
		return printJSON(command, unfinishedReport{report, failed.Error(), exitCode(failed)})
	}
	return printReport(command.OutOrStdout(), report, failed)
}

// waitForMerchants waits for those that are expected to deliver for the job's date, if that is
// wanted and can change anything, and returns how long it waited.
func (f *runFlags) waitForMerchants(ctx context.Context, job batch.Job, made moment, progress *progress) (waited time.Duration, err error) {
	if f.wait == 0 || f.restate {
		return 0, nil
	}
	settled, err := batch.Preflight(ctx, job)
	if settled || err != nil {
		return 0, err
	}
	started := f.now()
	waiting := wait{
		date: job.Date, until: made.at.Add(f.wait), interval: f.pollInterval, clock: f.clock, tell: progress,
		missing: func(ctx context.Context) ([]batch.MissingMerchant, error) {
			return batch.ReadMissing(ctx, job.Inbox, job.Rulebook, job.Date)
		},
	}
	err = waiting.wait(ctx)
	return f.now().Sub(started), err
}

func (f *runFlags) job(ctx context.Context, made moment, progress *progress) (job batch.Job, err error) {
	if err := f.checkDate(); err != nil {
		return job, err
	}
	if err := checkParts(f.workers, f.partitions); err != nil {
		return job, err
	}
	if err := f.checkRestate(); err != nil {
		return job, err
	}
	if job.Rulebook, err = readRulebook(f.rules); err != nil {
		return job, err
	}
	if job.Date, err = f.settlementDate(job.Rulebook.Calendar, made); err != nil {
		return job, err
	}
	if f.date == lastDate {
		progress.info("the newest date that is over", "date", job.Date.String(), "at", utc(made.at), "by", made.source)
	}
	if err := f.checkFuture(job, progress); err != nil {
		return job, err
	}
	if job.Inbox, err = f.openInbox(ctx); err != nil {
		return job, err
	}
	if job.Acknowledgements, err = f.openAcknowledgements(ctx, job.Inbox); err != nil {
		return job, err
	}
	if job.Ledger, err = f.openLedger(ctx, true); err != nil {
		return job, err
	}
	if job.Statements, err = f.openStatements(ctx, true); err != nil {
		return job, err
	}
	if err := f.checkOutside(ctx, "spill-directory", f.spill); err != nil {
		return job, err
	}
	job.CatchUp, job.AllowMissing, job.Strict, job.DryRun = f.catchUp, f.allowMissing, f.strict, f.dryRun
	job.Restate, job.Reason, job.Approval = f.restate, f.reason, f.approvedBy
	job.Workers, job.Partitions = f.workers, f.partitions
	if job.Memory, err = f.bound(); err != nil {
		return job, err
	}
	job.SpillDirectory = f.spill
	job.Operator = operator(f.operator)
	job.Now = f.now
	return job, nil
}

// checkParts checks --workers and --partitions.
func checkParts(workers, partitions int) error {
	if workers < 0 || workers > mostParts || partitions < 0 || partitions > mostParts {
		return usage("--workers and --partitions are numbers from 1 to %d, or 0 for the default", mostParts)
	}
	return nil
}

// checkRestate sees to it that a restatement, and nothing else, has a reason.
func (f *runFlags) checkRestate() error {
	switch {
	case f.restate && strings.TrimSpace(f.reason) == "":
		return usage("--restate needs a --reason, which goes on record; for example: --reason \"the file of the 3rd was sent twice\"")
	case f.restate && f.date == lastDate:
		return usage("--restate needs the --date that is to be recomputed, not the word %q", lastDate)
	case f.restate && f.catchUp:
		return usage("--restate recomputes settled dates, --catch-up settles open ones: run one after the other")
	case !f.restate && (f.reason != "" || f.approvedBy != ""):
		return usage("--reason and --approved-by belong to --restate")
	}
	return nil
}

// checkFuture guards against a mistyped date. One that is not over by this machine's clock is
// settled, with a warning; catching up beyond tomorrow would settle nights for ever.
func (f *runFlags) checkFuture(job batch.Job, progress *progress) error {
	today := job.Rulebook.Calendar.BusinessDate(settlement.Instant(f.now().UnixMicro()))
	if job.Date < today {
		return nil
	}
	if f.catchUp && job.Date > today+1 {
		return usage("--date %s lies %d days ahead of this machine's clock (%s): catching up would settle every day until then; name a date until %s",
			job.Date, job.Date-today, today, today)
	}
	progress.warn("the date is not over by this machine's clock: rows delivered later will be late", "date", job.Date.String(), "today", today.String())
	return nil
}

// operator returns who runs the program, as claimed.
func operator(claimed string) string {
	if claimed != "" {
		return claimed
	}
	if current, err := user.Current(); err == nil {
		return current.Username
	}
	return "unknown"
}

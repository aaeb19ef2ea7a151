package command

import (
	"fmt"
	"strings"

	"alliance/settlement/batch"
	"alliance/settlement/books"

	"github.com/spf13/cobra"
)

// gcFlags are the flags of settle gc.
type gcFlags struct {
	stores
	dryRun, asJSON bool
}

func newGC() *cobra.Command {
	var flags gcFlags
	command := &cobra.Command{
		Use:   "gc",
		Short: "Remove what runs that failed left in the ledger",
		Long: `gc removes the objects of attempts that can never become a record: no record names them, and another
record is in the place that they wanted. It asks no clock, so a slow run that may still succeed keeps
its objects. It also removes the temporary files of processes that were killed; one whose writer lives
is locked and stays. Last, it deletes objects that a forgotten member was in, if settle forget was cut short.`,
		Example: `  settle gc --root alliance --dry-run
  settle gc --root alliance`,
		Args: exactly(0, "no arguments"),
		RunE: func(command *cobra.Command, _ []string) error { return flags.run(command) },
	}
	flags.stores.ledgerFlags(command)
	set := command.Flags()
	set.BoolVar(&flags.dryRun, "dry-run", false, "say what would be removed, remove nothing")
	set.BoolVar(&flags.asJSON, "json", false, "print what was removed as JSON")
	return command
}

// A cleaned report says what settle gc removed, or would.
type cleaned struct {
	DryRun   bool             `json:"dry_run,omitempty"`
	Attempts []cleanedAttempt `json:"attempts"`
	// Temporary is how many temporary files were removed, which a dry run does not count.
	Temporary int64            `json:"temporary_files"`
	Replaced  []string         `json:"replaced_objects,omitempty"`
	Head      batch.HeadReport `json:"head"`
}

type cleanedAttempt struct {
	ID      string `json:"attempt"`
	Objects int64  `json:"objects"`
	Bytes   int64  `json:"bytes"`
}

func (f *gcFlags) run(command *cobra.Command) error {
	ctx := command.Context()
	bucket, err := f.ledgerToRead(ctx)
	if err != nil {
		return err
	}
	ledger, err := books.Open(ctx, bucket)
	if err != nil {
		return err
	}
	waste, err := ledger.Waste(ctx)
	if err != nil {
		return err
	}
	report := cleaned{DryRun: f.dryRun, Attempts: []cleanedAttempt{}, Replaced: waste.Replaced}
	for _, attempt := range waste.Attempts {
		report.Attempts = append(report.Attempts, cleanedAttempt{attempt.ID, attempt.Objects, attempt.Bytes})
	}
	report.Head.Sequence, report.Head.SHA256 = ledger.Head()
	if !f.dryRun {
		removed, err := ledger.CleanUp(ctx)
		if err != nil {
			return err
		}
		if report.Temporary, err = ledger.Sweep(ctx, removed); err != nil {
			return err
		}
		if _, err := ledger.RemoveReplaced(ctx); err != nil {
			return err
		}
	}
	if f.asJSON {
		return printJSON(command, report)
	}
	var text strings.Builder
	report.describe(&text)
	return printText(command, &text)
}

func (c *cleaned) describe(out *strings.Builder) {
	verb := "removed"
	if c.DryRun {
		verb = "would be removed"
	}
	for _, attempt := range c.Attempts {
		fmt.Fprintf(out, "attempt %s: %s, %d bytes, %s\n", attempt.ID, count(attempt.Objects, "object"), attempt.Bytes, verb)
	}
	for _, key := range c.Replaced {
		fmt.Fprintf(out, "%s, which held a forgotten member: %s\n", key, verb)
	}
	if c.Temporary > 0 {
		fmt.Fprintf(out, "%s removed\n", count(c.Temporary, "temporary file"))
	}
	if len(c.Attempts)+len(c.Replaced) == 0 && c.Temporary == 0 {
		out.WriteString("nothing to remove\n")
	}
	describeHead(out, c.Head)
}

package command

import (
	"strings"

	"alliance/settlement/batch"
	"alliance/settlement/books"

	"github.com/spf13/cobra"
)

// repairFlags are the flags of settle repair.
type repairFlags struct{ stores }

func newRepair() *cobra.Command {
	var flags repairFlags
	command := &cobra.Command{
		Use:   "repair",
		Short: "Make the statements and the acknowledgements what is on record",
		Long: `repair compares every file of the statements with the record and writes those that are missing or
differ: after a crash that a later run has not mended yet, or if somebody changed them. Then it does the
same with what merchants are told about their deliveries, where --root, --inbox or --acks says where
that lies. Files that were never on record are left alone; settle verify names them in the statements.`,
		Example: `  settle repair --root alliance
  settle repair --ledger s3://alliance-ledger --statements s3://finance/statements --acks s3://deliveries/inbox/ack`,
		Args: exactly(0, "no arguments"),
		RunE: func(command *cobra.Command, _ []string) error { return flags.run(command) },
	}
	flags.stores.flags(command)
	return command
}

func (f *repairFlags) run(command *cobra.Command) error {
	ctx := command.Context()
	bucket, err := f.ledgerToRead(ctx)
	if err != nil {
		return err
	}
	statements, err := f.openStatements(ctx, true)
	if err != nil {
		return err
	}
	acknowledgements, err := f.acknowledgementsIfNamed(ctx)
	if err != nil {
		return err
	}
	ledger, err := books.Open(ctx, bucket)
	if err != nil {
		return err
	}
	var head batch.HeadReport
	if head.Sequence, head.SHA256 = ledger.Head(); head.Sequence == 0 {
		return &batch.RefusedError{Reason: "nothing is on record in this ledger, so there is nothing to repair; is it the right one?"}
	}
	if err := ledger.Rebuild(ctx, statements); err != nil {
		return err
	}
	var text strings.Builder
	text.WriteString("the statements are what is on record\n")
	if acknowledgements == nil {
		text.WriteString("the acknowledgements were not looked at: --acks or --inbox says where they lie\n")
	} else {
		if err := ledger.RebuildAcknowledgements(ctx, acknowledgements); err != nil {
			return err
		}
		text.WriteString("the acknowledgements are what is on record\n")
	}
	head.Sequence, head.SHA256 = ledger.Head()
	describeHead(&text, head)
	return printText(command, &text)
}

package command

import (
	"errors"
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
that lies. Files that were never on record are left alone; settle verify names them in the statements.
Where something that is no file lies in the place of one, such as a directory, it goes on with the rest,
names all of it in the end, and ends with exit code 1.`,
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
	var text strings.Builder
	left := ledger.Rebuild(ctx, statements)
	switch {
	case left == nil:
		text.WriteString("the statements are what is on record\n")
	case !errors.Is(left, books.ErrLeft):
		return left
	}
	if acknowledgements == nil {
		text.WriteString("the acknowledgements were not looked at: --acks or --inbox says where they lie\n")
	} else {
		if err := ledger.RebuildAcknowledgements(ctx, acknowledgements); err != nil {
			return errors.Join(left, err)
		}
		text.WriteString("the acknowledgements are what is on record\n")
	}
	head.Sequence, head.SHA256 = ledger.Head()
	describeHead(&text, head)
	return errors.Join(printText(command, &text), left)
}

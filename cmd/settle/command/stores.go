package command

import (
	"context"
	"fmt"
	"os"
	"strings"

	"alliance/rules"
	"alliance/settlement/storage"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// stores are the flags that say where inbox, ledger and statements lie.
type stores struct {
	root, inbox, ledger, statements, acknowledgements string
	// set has those of these flags that the command takes, among others.
	set *pflag.FlagSet
}

func (s *stores) flags(command *cobra.Command) {
	flags := command.Flags()
	s.set = flags
	flags.StringVar(&s.root, "root", "", "directory or s3://bucket/prefix under which inbox, ledger and statements lie")
	flags.StringVar(&s.inbox, "inbox", "", "where the merchants deliver, if not ROOT/inbox")
	flags.StringVar(&s.ledger, "ledger", "", "the private ledger, if not ROOT/ledger")
	flags.StringVar(&s.statements, "statements", "", "where finance reads, if not ROOT/statements")
	flags.StringVar(&s.acknowledgements, "acks", "", "where merchants find what became of their deliveries, if not below ack/ in the inbox")
}

// ledgerFlags are the flags of commands that need the ledger alone.
func (s *stores) ledgerFlags(command *cobra.Command) {
	flags := command.Flags()
	s.set = flags
	flags.StringVar(&s.root, "root", "", "directory or s3://bucket/prefix under which the ledger lies")
	flags.StringVar(&s.ledger, "ledger", "", "the private ledger, if not ROOT/ledger")
}

// inboxFlags are the flags of commands that read the inbox and the ledger.
func (s *stores) inboxFlags(command *cobra.Command) {
	flags := command.Flags()
	s.set = flags
	flags.StringVar(&s.root, "root", "", "directory or s3://bucket/prefix under which inbox and ledger lie")
	flags.StringVar(&s.inbox, "inbox", "", "where the merchants deliver, if not ROOT/inbox")
	flags.StringVar(&s.ledger, "ledger", "", "the private ledger, if not ROOT/ledger")
}

// statementFlags are the flags of commands that need the statements alone.
func (s *stores) statementFlags(command *cobra.Command) {
	flags := command.Flags()
	s.set = flags
	flags.StringVar(&s.root, "root", "", "directory or s3://bucket/prefix under which the statements lie")
	flags.StringVar(&s.statements, "statements", "", "where finance reads, if not ROOT/statements")
}

// place returns the location of one of the three stores.
func (s *stores) place(own, name string) (string, error) {
	switch {
	case own != "":
		return own, nil
	case s.root == "":
		return "", usage("--root is needed (or SETTLE_ROOT in the environment), or --%s", name)
	default:
		return storage.Below(s.root, name), nil
	}
}

func (s *stores) openInbox(ctx context.Context) (storage.Bucket, error) {
	return s.open(ctx, s.inbox, "inbox", false)
}

// openLedger opens the ledger, which a run may create.
func (s *stores) openLedger(ctx context.Context, create bool) (storage.Bucket, error) {
	return s.open(ctx, s.ledger, "ledger", create)
}

func (s *stores) openStatements(ctx context.Context, create bool) (storage.Bucket, error) {
	return s.open(ctx, s.statements, "statements", create)
}

// openAcknowledgements opens the place of the acknowledgements: its own, or the inbox's prefix ack/.
func (s *stores) openAcknowledgements(ctx context.Context, inbox storage.Bucket) (storage.Bucket, error) {
	if s.acknowledgements == "" {
		return storage.Under(inbox, "ack"), nil
	}
	return s.open(ctx, s.acknowledgements, "acks", true)
}

// acknowledgementsIfNamed opens the place of the acknowledgements; nil if no flag says where it is. An
// inbox that only --root points at need not be there yet.
func (s *stores) acknowledgementsIfNamed(ctx context.Context) (storage.Bucket, error) {
	if s.root == "" && s.inbox == "" && s.acknowledgements == "" {
		return nil, nil
	}
	if s.acknowledgements != "" {
		return s.openAcknowledgements(ctx, nil)
	}
	inbox, err := s.open(ctx, s.inbox, "inbox", s.inbox == "")
	if err != nil {
		return nil, err
	}
	return s.openAcknowledgements(ctx, inbox)
}

func (s *stores) open(ctx context.Context, own, name string, create bool) (storage.Bucket, error) {
	location, err := s.place(own, name)
	if err != nil {
		return nil, err
	}
	if err := s.checkApart(ctx); err != nil {
		return nil, err
	}
	bucket, err := openBucket(ctx, location, create)
	switch {
	case err == nil:
		return bucket, nil
	case strings.HasPrefix(location, "s3://"):
		// The location may be right and the store out of reach.
		return nil, fmt.Errorf("--%s: %w", name, err)
	default:
		return nil, usage("--%s %s: %w", name, location, err)
	}
}

// openBucket opens a location. A directory that is to be created is so when something is first
// written there: a run that is refused leaves nothing behind.
func openBucket(ctx context.Context, location string, create bool) (storage.Bucket, error) {
	path, isDirectory, err := storage.DirectoryPath(location)
	if err != nil {
		return nil, err
	}
	if create && isDirectory {
		return storage.CreateDirectory(path)
	}
	return storage.OpenURL(ctx, location)
}

// readRulebook reads and checks the rulebook of a file.
func readRulebook(path string) (*rules.Rulebook, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usage("--rules: %w", err)
	}
	return rules.Parse(path, text)
}

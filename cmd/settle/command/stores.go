package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"alliance/rules"
	"alliance/settlement/storage"

	"github.com/spf13/cobra"
)

// stores are the flags that say where inbox, ledger and statements lie.
type stores struct {
	root, inbox, ledger, statements string
}

func (s *stores) flags(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&s.root, "root", "", "directory or file:// URL under which inbox, ledger and statements lie")
	flags.StringVar(&s.inbox, "inbox", "", "where the merchants deliver, if not ROOT/inbox")
	flags.StringVar(&s.ledger, "ledger", "", "the private ledger, if not ROOT/ledger")
	flags.StringVar(&s.statements, "statements", "", "where finance reads, if not ROOT/statements")
}

// ledgerFlags are the flags of commands that need the ledger alone.
func (s *stores) ledgerFlags(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&s.root, "root", "", "directory or file:// URL under which the ledger lies")
	flags.StringVar(&s.ledger, "ledger", "", "the private ledger, if not ROOT/ledger")
}

// inboxFlags are the flags of commands that read the inbox and the ledger.
func (s *stores) inboxFlags(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&s.root, "root", "", "directory or file:// URL under which inbox and ledger lie")
	flags.StringVar(&s.inbox, "inbox", "", "where the merchants deliver, if not ROOT/inbox")
	flags.StringVar(&s.ledger, "ledger", "", "the private ledger, if not ROOT/ledger")
}

// statementFlags are the flags of commands that need the statements alone.
func (s *stores) statementFlags(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&s.root, "root", "", "directory or file:// URL under which the statements lie")
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
		return strings.TrimRight(s.root, "/") + "/" + name, nil
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

func (s *stores) open(ctx context.Context, own, name string, create bool) (storage.Bucket, error) {
	location, err := s.place(own, name)
	if err != nil {
		return nil, err
	}
	if create {
		if err := createDirectory(location); err != nil {
			return nil, err
		}
	}
	bucket, err := storage.OpenURL(ctx, location)
	if err != nil {
		return nil, usage("--%s %s: %w", name, location, err)
	}
	return bucket, nil
}

// createDirectory makes a store's directory if its parent exists: a mistyped root is an error,
// not a new ledger.
func createDirectory(location string) error {
	path := strings.TrimPrefix(location, "file://")
	if strings.Contains(path, "://") {
		return nil
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return usage("%s: its parent must exist: %w", location, err)
	}
	if err := os.Mkdir(path, 0o755); err != nil && !os.IsExist(err) {
		return fmt.Errorf("create %s: %w", location, err)
	}
	return nil
}

// readRulebook reads and checks the rulebook of a file.
func readRulebook(path string) (*rules.Rulebook, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usage("--rules: %w", err)
	}
	return rules.Parse(path, text)
}

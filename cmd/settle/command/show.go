package command

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/statement"
	"alliance/settlement/storage"

	"github.com/spf13/cobra"
)

// showFlags are the flags of settle show.
type showFlags struct {
	stores
	merchant, date   string
	alliance, asJSON bool
}

func newShow() *cobra.Command {
	var flags showFlags
	command := &cobra.Command{
		Use:   "show",
		Short: "Show a merchant's statement of a date, or the alliance's tables",
		Long: `show prints a statement from the files that finance pulls, and from nothing else: lines, the cycle, the
points, exceptions and inputs. Every file of the folder is compared with the SHA-256 in its
_statement.json first; a folder that is caught in the middle of a change is read again for a while and
then refused.

With --alliance it prints the operator's tables of the date.`,
		Example: `  settle show --root alliance --merchant CEDAR --date 2026-06-07
  settle show --root alliance --merchant CEDAR --date 2026-06-07 --json
  settle show --root alliance --alliance --date 2026-06-07`,
		Args: exactly(0, "no arguments"),
		RunE: func(command *cobra.Command, _ []string) error { return flags.run(command) },
	}
	flags.stores.statementFlags(command)
	set := command.Flags()
	set.StringVar(&flags.merchant, "merchant", "", "whose statement")
	set.StringVar(&flags.date, "date", "", "the settlement date, YYYY-MM-DD")
	set.BoolVar(&flags.alliance, "alliance", false, "show the operator's tables instead of a merchant's statement")
	set.BoolVar(&flags.asJSON, "json", false, "print the statement as JSON")
	return command
}

func (f *showFlags) run(command *cobra.Command) error {
	if err := required(command, "date"); err != nil {
		return err
	}
	date, err := parseDate("date", f.date)
	if err != nil {
		return err
	}
	switch {
	case f.alliance && f.merchant != "":
		return usage("--merchant %s and --alliance exclude each other: a merchant's statement or the operator's tables", f.merchant)
	case !f.alliance && f.merchant == "":
		return usage("--merchant is needed (or SETTLE_MERCHANT in the environment), or --alliance; for example: %s", strings.TrimSpace(command.Example))
	case f.merchant != "" && !settlement.ValidMerchantID(f.merchant):
		return usage("--merchant %q is no merchant id: letters, digits, - and _, at most 64", f.merchant)
	}
	statements, err := f.openStatements(command.Context(), false)
	if err != nil {
		return err
	}
	folder := books.StatementFolder(f.merchant, date)
	if f.alliance {
		folder = books.AllianceFolder(date)
	}
	files, err := readFolder(command.Context(), storage.Under(statements, folder))
	if errors.Is(err, storage.ErrNotFound) {
		return usage("%s is not published in the statements: either the date is not settled, settle status tells, or there is nothing for it", folder)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", folder, err)
	}
	if f.alliance {
		return showAlliance(command, files, date, f.asJSON)
	}
	show := statement.Show
	if f.asJSON {
		show = statement.ShowJSON
	}
	return show(command.OutOrStdout(), files.open)
}

// A folder is the files of one published folder, all of one version, in the manifest's order.
type folder struct {
	manifest statement.Manifest
	content  map[string][]byte
}

func (f *folder) open(name string) ([]byte, error) {
	content, found := f.content[name]
	if !found {
		return nil, fmt.Errorf("%s does not name %s", statement.ManifestFile, name)
	}
	return content, nil
}

// readsOfFolder is how often a folder that does not agree with itself is read before it is
// refused, and waitForFolder how long to wait in between.
const (
	readsOfFolder = 5
	waitForFolder = 200 * time.Millisecond
)

// readFolder reads a folder whose files are those that its manifest names.
func readFolder(ctx context.Context, bucket storage.Bucket) (*folder, error) {
	for try := 1; ; try++ {
		files, torn, err := tryFolder(ctx, bucket)
		if err != nil {
			return nil, err
		}
		if torn == "" {
			return files, nil
		}
		if try == readsOfFolder {
			return nil, fmt.Errorf("%s; the folder is in the middle of a change or damaged: wait for the run that publishes it; if it stays so, settle repair mends it", torn)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(waitForFolder):
		}
	}
}

// tryFolder reads a folder once. torn says how it disagrees with itself.
func tryFolder(ctx context.Context, bucket storage.Bucket) (files *folder, torn string, err error) {
	files = &folder{content: make(map[string][]byte)}
	text, err := readObject(ctx, bucket, statement.ManifestFile)
	if err != nil {
		return nil, "", err
	}
	if err := json.Unmarshal(text, &files.manifest); err != nil {
		return nil, fmt.Sprintf("%s cannot be read: %v", statement.ManifestFile, err), nil
	}
	files.content[statement.ManifestFile] = text
	for _, file := range files.manifest.Files {
		content, err := readObject(ctx, bucket, file.Name)
		switch {
		case errors.Is(err, storage.ErrNotFound):
			return nil, fmt.Sprintf("%s names %s, which is not there", statement.ManifestFile, file.Name), nil
		case errors.Is(err, storage.ErrChanged):
			return nil, fmt.Sprintf("%s changed while it was read", file.Name), nil
		case err != nil:
			return nil, "", err
		}
		sum := sha256.Sum256(content)
		if found := hex.EncodeToString(sum[:]); found != file.SHA256 {
			return nil, fmt.Sprintf("%s has SHA-256 %s, but %s says %s", file.Name, found, statement.ManifestFile, file.SHA256), nil
		}
		files.content[file.Name] = content
	}
	return files, "", nil
}

func readObject(ctx context.Context, bucket storage.Bucket, name string) ([]byte, error) {
	reader, _, err := bucket.Open(ctx, name, "")
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	content, err := io.ReadAll(reader)
	if err := errors.Join(err, reader.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return content, nil
}

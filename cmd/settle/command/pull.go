package command

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/statement"
	"alliance/settlement/storage"

	"github.com/spf13/cobra"
)

// pullFlags are the flags of settle pull.
type pullFlags struct {
	stores
	merchant, date, to        string
	version                   int
	alliance, replace, asJSON bool
	wait                      time.Duration
}

func newPull() *cobra.Command {
	var flags pullFlags
	command := &cobra.Command{
		Use:   "pull",
		Short: "Copy a statement to a directory, whole or not at all",
		Long: `pull copies the files of one merchant's statement of a date into the directory --to, and compares every
one with the SHA-256 in _statement.json. It needs the statements alone, no right to the ledger. While a
run changes the folder pull waits and reads again. The directory appears under its name when everything
is there and written to disk: never half, never a mixture of two versions.

A directory that holds the same files already is left alone; with other content it is refused (exit
code 3) unless --replace is given, which moves the old one out of the way first, if pull has made it and
nothing else lies in it. --version pulls an earlier version; --alliance the operator's tables.`,
		Example: `  settle pull --statements alliance/statements --merchant CEDAR --date 2026-06-07 --to cedar-2026-06-07
  settle pull --root alliance --merchant CEDAR --date 2026-06-07 --version 1 --to cedar-first
  settle pull --root alliance --alliance --date 2026-06-07 --to operator`,
		Args: exactly(0, "no arguments"),
		RunE: func(command *cobra.Command, _ []string) error { return flags.run(command) },
	}
	flags.stores.statementFlags(command)
	set := command.Flags()
	set.StringVar(&flags.merchant, "merchant", "", "whose statement")
	set.StringVar(&flags.date, "date", "", "the settlement date, YYYY-MM-DD")
	set.StringVar(&flags.to, "to", "", "the directory to make")
	set.IntVar(&flags.version, "version", 0, "the version of the statement (default: the one in force)")
	set.BoolVar(&flags.alliance, "alliance", false, "pull the operator's tables instead of a merchant's statement")
	set.BoolVar(&flags.replace, "replace", false, "replace a directory of other content")
	set.DurationVar(&flags.wait, "wait", time.Minute, "how long to wait for a folder that is being changed")
	set.BoolVar(&flags.asJSON, "json", false, "print what was pulled as JSON")
	return command
}

// A pulled folder is what settle pull says it copied.
type pulled struct {
	Folder      string `json:"folder"`
	StatementNo string `json:"statement_no,omitempty"`
	Version     int    `json:"version"`
	Files       int    `json:"files"`
	To          string `json:"to"`
	// Already says that the directory held the same files before.
	Already bool `json:"already,omitempty"`
}

func (f *pullFlags) run(command *cobra.Command) error {
	if err := required(command, "date", "to"); err != nil {
		return err
	}
	date, err := parseDate("date", f.date)
	if err != nil {
		return err
	}
	switch {
	case f.alliance == (f.merchant != ""):
		return usage("either --merchant or --alliance is needed: a merchant's statement or the operator's tables")
	case f.merchant != "" && !settlement.ValidMerchantID(f.merchant):
		return usage("--merchant %q is no merchant id: letters, digits, - and _, at most 64", f.merchant)
	case f.version < 0 || f.version > 0 && f.alliance:
		return usage("--version %d: versions of statements count from 1, and the operator's tables are kept in one version only", f.version)
	}
	if f.wait < 0 {
		return usage("--wait %s: write a duration such as 90s, or 0s to wait for nothing", f.wait)
	}
	pull := &pull{flags: f, date: date}
	if err := pull.open(command.Context()); err != nil {
		return err
	}
	report, err := pull.run(command.Context())
	if err != nil {
		return err
	}
	if f.asJSON {
		return printJSON(command, report)
	}
	var text strings.Builder
	what := report.StatementNo
	if what == "" {
		what = fmt.Sprintf("%s, version %d", report.Folder, report.Version)
	}
	if report.Already {
		fmt.Fprintf(&text, "%s: %s, in %s already\n", what, count(int64(report.Files), "file"), report.To)
	} else {
		fmt.Fprintf(&text, "%s: %s in %s\n", what, count(int64(report.Files), "file"), report.To)
	}
	return printText(command, &text)
}

// A pull is under way.
type pull struct {
	flags  *pullFlags
	bucket storage.Bucket
	// below is what the bucket's keys do not begin with any more.
	below string
	date  settlement.Date
}

// open opens the statements. Of an object store only the folder of whose statement it is, because a
// merchant may have rights to nothing beside it.
func (p *pull) open(ctx context.Context) error {
	location, err := p.flags.place(p.flags.statements, "statements")
	if err != nil {
		return err
	}
	if err := p.flags.checkOutside(ctx, "to", p.flags.to); err != nil {
		return err
	}
	if strings.HasPrefix(location, "s3://") {
		folder, _, _ := strings.Cut(p.folder(), "/")
		p.flags.statements, p.below = storage.Below(location, folder), folder+"/"
	}
	p.bucket, err = p.flags.openStatements(ctx, false)
	return err
}

// folder is the one of the version in force.
func (p *pull) folder() string {
	if p.flags.alliance {
		return books.AllianceFolder(p.date)
	}
	return books.StatementFolder(p.flags.merchant, p.date)
}

// inBucket returns the key by which the bucket that was opened knows a key of the statements.
func (p *pull) inBucket(key string) string {
	return strings.TrimPrefix(key, p.below)
}

// unlessAbsent returns why an object could not be opened. AWS refuses what is absent to those who may
// list parts of the bucket only, as merchants may; what they may list tells.
func (p *pull) unlessAbsent(ctx context.Context, key string, err error) error {
	if err == nil || errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrChanged) {
		return err
	}
	there, listed := p.bucket.List(ctx, p.inBucket(key))
	if listed != nil || slices.ContainsFunc(there, func(object storage.Object) bool { return object.Key == p.inBucket(key) }) {
		return err
	}
	return fmt.Errorf("%s: %w", key, storage.ErrNotFound)
}

// A tornError says how a folder disagrees with its manifest: read it again.
type tornError struct{ reason string }

func (e *tornError) Error() string { return e.reason }

func torn(format string, arguments ...any) error {
	return &tornError{fmt.Sprintf(format, arguments...)}
}

// run copies the folder into a new directory beside the one to be made, as often as it takes.
func (p *pull) run(ctx context.Context) (report pulled, err error) {
	to := filepath.Clean(p.flags.to)
	parent := filepath.Dir(to)
	if info, err := os.Stat(parent); err != nil || !info.IsDir() {
		return report, usage("--to %s: %s is no directory", p.flags.to, parent)
	}
	if _, err := os.Lstat(to); err == nil {
		if info, err := os.Stat(to); err != nil || !info.IsDir() {
			return report, usage("--to %s is there and is no directory; name another directory", p.flags.to)
		}
	}
	fresh, err := os.MkdirTemp(parent, "."+filepath.Base(to)+".pull-")
	if err != nil {
		return report, fmt.Errorf("make a directory beside %s: %w", to, err)
	}
	defer os.RemoveAll(fresh)
	deadline := time.Now().Add(p.flags.wait)
	for {
		report, err = p.copy(ctx, fresh)
		var change *tornError
		if !errors.As(err, &change) {
			break
		}
		if time.Now().After(deadline) {
			return report, fmt.Errorf("%w; the folder is in the middle of a change or damaged: wait for the run that publishes it, or have the operator run settle repair", err)
		}
		select {
		case <-ctx.Done():
			return report, ctx.Err()
		case <-time.After(waitForFolder):
		}
	}
	if err != nil {
		return report, err
	}
	report.To = to
	report.Already, err = p.place(fresh, to)
	return report, err
}

// copy copies the folder once.
func (p *pull) copy(ctx context.Context, fresh string) (report pulled, err error) {
	if err := empty(fresh); err != nil {
		return report, err
	}
	folder, manifest, text, err := p.find(ctx)
	if err != nil {
		return report, err
	}
	report = pulled{Folder: folder, StatementNo: manifest.StatementNo, Version: manifest.Version, Files: len(manifest.Files) + 1}
	seen := map[string]bool{statement.ManifestFile: true}
	for _, file := range manifest.Files {
		if err := storage.CheckKey(file.Name); err != nil || strings.Contains(file.Name, "/") || seen[file.Name] {
			return report, torn("%s/%s names %q, which is no file name or there twice", folder, statement.ManifestFile, file.Name)
		}
		seen[file.Name] = true
		if err := p.copyFile(ctx, folder+"/"+file.Name, filepath.Join(fresh, file.Name), file.SHA256); err != nil {
			return report, err
		}
	}
	if err := writeFile(filepath.Join(fresh, statement.ManifestFile), strings.NewReader(string(text))); err != nil {
		return report, err
	}
	return report, syncDirectory(fresh)
}

// find returns the folder of the version asked for, and its manifest.
func (p *pull) find(ctx context.Context) (folder string, manifest statement.Manifest, text []byte, err error) {
	folder = p.folder()
	manifest, text, err = p.manifest(ctx, folder)
	if err == nil && p.flags.version > 0 && manifest.Version != p.flags.version {
		if p.flags.version > manifest.Version {
			return folder, manifest, nil, usage("--version %d: %s is the newest version of %s", p.flags.version, manifest.StatementNo, folder)
		}
		folder = books.VersionFolder(p.flags.merchant, p.date, p.flags.version)
		manifest, text, err = p.manifest(ctx, folder)
		if err == nil && manifest.Version != p.flags.version {
			err = torn("%s/%s says version %d", folder, statement.ManifestFile, manifest.Version)
		}
	}
	if errors.Is(err, storage.ErrNotFound) {
		return folder, manifest, nil, usage("%s is not published in the statements", folder)
	}
	return folder, manifest, text, err
}

func (p *pull) manifest(ctx context.Context, folder string) (manifest statement.Manifest, text []byte, err error) {
	key := folder + "/" + statement.ManifestFile
	text, err = readObject(ctx, p.bucket, p.inBucket(key))
	err = p.unlessAbsent(ctx, key, err)
	if errors.Is(err, storage.ErrChanged) {
		return manifest, nil, torn("%v", err)
	}
	if err != nil {
		return manifest, nil, err
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		return manifest, nil, torn("%s/%s cannot be read: %v", folder, statement.ManifestFile, err)
	}
	// Nothing vouches for the manifest itself, so what it says has to fit.
	no := ""
	if !p.flags.alliance {
		no = settlement.StatementNo(p.flags.merchant, p.date, manifest.Version)
	}
	if manifest.Version < 1 || manifest.StatementNo != no || len(manifest.Files) == 0 {
		return manifest, nil, torn("%s/%s says version %d, statement %q, %d files, which does not fit", folder, statement.ManifestFile, manifest.Version, manifest.StatementNo, len(manifest.Files))
	}
	return manifest, text, nil
}

// copyFile copies an object to a file, which must have a SHA-256.
func (p *pull) copyFile(ctx context.Context, key, path, sha string) error {
	reader, _, err := p.bucket.Open(ctx, p.inBucket(key), "")
	err = p.unlessAbsent(ctx, key, err)
	if errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrChanged) {
		return torn("%s: %v", key, err)
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", key, err)
	}
	hash := sha256.New()
	err = writeFile(path, io.TeeReader(reader, hash))
	err = errors.Join(err, reader.Close())
	if errors.Is(err, storage.ErrChanged) {
		return torn("%s: %v", key, err)
	}
	if err != nil {
		return fmt.Errorf("copy %s: %w", key, err)
	}
	if found := hex.EncodeToString(hash.Sum(nil)); found != sha {
		return torn("%s has SHA-256 %s, but %s says %s", key, found, statement.ManifestFile, sha)
	}
	return nil
}

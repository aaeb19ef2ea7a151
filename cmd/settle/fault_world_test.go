package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"alliance/cmd/settle/command"
	"alliance/settlement/books"
	"alliance/settlement/storage"
	"alliance/settlement/storage/s3test"
)

const rulebookPath = "../../rules/sample.yaml"

// A world is an alliance with stores of its own, in a directory or on an S3 server.
type world struct {
	// root is the value of --root, directory its path; "" on an S3 server.
	root, directory           string
	inbox, ledger, statements storage.Bucket
}

// directoryWorld returns a world below a directory, which is made.
func directoryWorld(directory string) (*world, error) {
	w := &world{root: directory, directory: directory}
	for name, bucket := range map[string]*storage.Bucket{"inbox": &w.inbox, "ledger": &w.ledger, "statements": &w.statements} {
		path := filepath.Join(directory, name)
		if err := os.MkdirAll(path, 0o755); err != nil {
			return nil, err
		}
		opened, err := storage.OpenDirectory(path)
		if err != nil {
			return nil, err
		}
		*bucket = opened
	}
	return w, nil
}

// serverWorld returns a world below a prefix of a bucket.
func serverWorld(server *s3test.Server, bucket, prefix string) (*world, error) {
	w := &world{root: server.URL(bucket, prefix, s3test.Root)}
	whole, err := storage.OpenURL(context.Background(), w.root)
	if err != nil {
		return nil, err
	}
	w.inbox, w.ledger, w.statements = storage.Under(whole, "inbox"), storage.Under(whole, "ledger"), storage.Under(whole, "statements")
	return w, nil
}

// deliver puts files into the inbox. In a directory an object's version is the time at which it was
// written, which goes on record: it is the same in every world.
func (w *world) deliver(files map[string]string) error {
	for key, content := range files {
		if w.directory == "" {
			if err := w.inbox.Replace(context.Background(), key, strings.NewReader(content)); err != nil {
				return err
			}
			continue
		}
		path := filepath.Join(w.directory, "inbox", key)
		err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644), os.Chtimes(path, time.Time{}, time.Unix(1780000000, 0)))
		if err != nil {
			return err
		}
	}
	return nil
}

// sampleInbox returns what the sample alliance's merchants deliver on its first days.
func sampleInbox(dates ...string) (map[string]string, error) {
	files := make(map[string]string)
	inbox := os.DirFS("../../fixtures/sample/inbox")
	err := fs.WalkDir(inbox, ".", func(path string, entry fs.DirEntry, err error) error {
		wanted := func(date string) bool { return strings.Contains(path, "/date="+date+"/") }
		if err != nil || entry.IsDir() || !slices.ContainsFunc(dates, wanted) {
			return err
		}
		content, err := fs.ReadFile(inbox, path)
		files[path] = string(content)
		return err
	})
	if err == nil && len(files) < 4*len(dates) {
		err = fmt.Errorf("the sample has %d files", len(files))
	}
	return files, err
}

// settle runs the program in this process.
func settle(arguments ...string) (code int, output string) {
	var said bytes.Buffer
	code = command.Main(context.Background(), arguments, strings.NewReader(""), &said, &said)
	return code, said.String()
}

// mustSettle returns an error unless the program ends with 0.
func mustSettle(arguments ...string) error {
	if code, output := settle(arguments...); code != 0 {
		return fmt.Errorf("settle %s: exit code %d: %s", arguments[0], code, strings.TrimSpace(output))
	}
	return nil
}

// codeOf returns the exit code of a process that has ended, -1 if a signal ended it.
func codeOf(err error) int {
	var exited *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exited):
		return exited.ExitCode()
	default:
		return -2
	}
}

// contents returns every object of a bucket.
func contents(bucket storage.Bucket) (map[string]string, error) {
	objects, err := bucket.List(context.Background(), "")
	if err != nil {
		return nil, err
	}
	all := make(map[string]string)
	for _, object := range objects {
		reader, _, err := bucket.Open(context.Background(), object.Key, "")
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(reader)
		if err := errors.Join(err, reader.Close()); err != nil {
			return nil, err
		}
		all[object.Key] = string(content)
	}
	return all, nil
}

// published returns what finance and merchants read, without the marks, which count records.
func (w *world) published() (map[string]string, error) {
	statements, err := contents(w.statements)
	if err != nil {
		return nil, err
	}
	told, err := contents(storage.Under(w.inbox, "ack"))
	for key, content := range told {
		statements["ack/"+key] = content
	}
	maps.DeleteFunc(statements, func(key, _ string) bool { return strings.HasSuffix(key, "_projected.json") })
	return statements, err
}

// records returns the log.
func (w *world) records() ([]books.Record, error) {
	ledger, err := books.Open(context.Background(), w.ledger)
	if err != nil {
		return nil, err
	}
	return ledger.Records(), nil
}

// publications returns the records that settled dates.
func (w *world) publications() (found []books.Record, err error) {
	records, err := w.records()
	for _, record := range records {
		if record.Kind == books.Publish {
			found = append(found, record)
		}
	}
	return found, err
}

// compare says how what was published differs from what is wanted.
func compare(found, wanted map[string]string) (violations []string) {
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		if content, there := found[key]; !there {
			violations = append(violations, key+" is missing")
		} else if content != wanted[key] {
			violations = append(violations, key+" differs")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(found)) {
		if _, there := wanted[key]; !there {
			violations = append(violations, key+" is too much")
		}
	}
	return violations
}

// announced says which folders hold their last file as it is wanted and another file not.
func announced(found, wanted map[string]string) (violations []string) {
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		folder := key[:strings.LastIndexByte(key, '/')+1]
		last := folder + "_statement.json"
		if strings.HasPrefix(key, "ack/") {
			last = folder + books.AcknowledgementName
		}
		if content, there := found[last]; there && content == wanted[last] && found[key] != wanted[key] {
			violations = append(violations, last+" is there, but "+key+" is not what it announces")
		}
	}
	return violations
}

// left names the temporary files in a directory's stores.
func (w *world) left() (violations []string) {
	if w.directory == "" {
		return nil
	}
	_ = filepath.WalkDir(w.directory, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.Contains(path, ".settle-temporary-") {
			violations = append(violations, "left "+path)
		}
		return nil
	})
	return violations
}

// judge finishes what a run left by running again: what is published must be what is wanted, the
// ledger sound, and what was left over gone.
func (w *world) judge(wanted map[string]string, again []string) (violations []string) {
	found, err := w.published()
	if err != nil {
		return []string{err.Error()}
	}
	violations = announced(found, wanted)
	for _, arguments := range [][]string{again, {"gc", "--root", w.root}, {"verify", "--root", w.root}} {
		if err := mustSettle(arguments...); err != nil {
			violations = append(violations, err.Error())
		}
	}
	if found, err = w.published(); err != nil {
		return append(violations, err.Error())
	}
	violations = append(violations, compare(found, wanted)...)
	return append(violations, w.left()...)
}

// report writes what was violated, and counts the trials in which anything was.
func report(t *testing.T, trial string, violations []string) (count int) {
	t.Helper()
	if len(violations) == 0 {
		return 0
	}
	t.Errorf("%s:\n\t%s", trial, strings.Join(violations[:min(5, len(violations))], "\n\t"))
	return 1
}

// stores returns the world's buckets by name.
func (w *world) stores() map[string]storage.Bucket {
	return map[string]storage.Bucket{"inbox": w.inbox, "ledger": w.ledger, "statements": w.statements}
}

func sortedKeys[V any](from map[string]V) []string { return slices.Sorted(maps.Keys(from)) }

package command

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"alliance/settlement/statement"
	"alliance/settlement/storage"
)

func TestPull(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	w.settleTo("2026-01-06")
	to := filepath.Join(w.root, "pulled")
	pull := func(code int, arguments ...string) string {
		t.Helper()
		return w.ask(code, append([]string{"pull", "--date", "2026-01-05", "--to", to}, arguments...)...)
	}
	contains(t, pull(exitDone, "--merchant", "B"), "ST-B-20260105-1: 6 files in "+to)
	checkFolder(t, to)
	contains(t, pull(exitDone, "--merchant", "B"), "already")
	contains(t, pull(exitRefused, "--merchant", "A"), "holds other files")
	contains(t, pull(exitDone, "--merchant", "A", "--replace"), "ST-A-20260105-1")
	checkFolder(t, to)
	contains(t, pull(exitDone, "--alliance", "--replace"), "alliance/date=2026-01-05, version 1: 8 files")
	contains(t, pull(exitUsage, "--merchant", "B", "--version", "2"), "ST-B-20260105-1 is the newest version")
	contains(t, pull(exitUsage, "--merchant", "X"), "not published")
	contains(t, pull(exitUsage), "either --merchant or --alliance")
	contains(t, pull(exitUsage, "--merchant", "../A"), "no merchant id")
	contains(t, pull(exitUsage, "--alliance", "--version", "1"), "one version only")
	contains(t, w.ask(exitUsage, "pull", "--date", "2026-01-05", "--merchant", "A", "--to", filepath.Join(w.root, "no/where")), "is no directory")
	w.write("file", "mine")
	if err := os.Symlink("nowhere", filepath.Join(w.root, "dangling")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"file", "dangling", "file/below"} {
		contains(t, w.ask(exitUsage, "pull", "--date", "2026-01-05", "--merchant", "A", "--to", filepath.Join(w.root, name)), "--to", "is no directory")
	}

	// An empty directory is filled.
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(to, 0o755); err != nil {
		t.Fatal(err)
	}
	pull(exitDone, "--merchant", "B")

	// A damaged folder is never copied, and nothing is left beside.
	w.write("statements/merchant=B/date=2026-01-05/detail.parquet", "half")
	contains(t, pull(exitFailed, "--merchant", "B", "--replace", "--wait", "1ms"), "detail.parquet", "settle repair")
	checkFolder(t, to)
	for _, text := range []string{
		`{"version":1,"files":[{"name":"../../../../secret","sha256":"","rows":0}]}`,
		`{"version":1,"files":[{"name":"_statement.json","sha256":"","rows":0}]}`,
		`{`,
	} {
		w.write("statements/merchant=B/date=2026-01-05/_statement.json", text)
		pull(exitFailed, "--merchant", "B", "--replace", "--wait", "1ms")
	}
	entries, err := os.ReadDir(w.root)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if strings.Contains(entry.Name(), ".pull-") {
			t.Errorf("%s was left", entry.Name())
		}
	}
}

// TestPullReplacesNothingElse has --replace meet directories that are no pulled statement.
func TestPullReplacesNothingElse(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	w.settleTo("2026-01-05")
	pull := func(code int, to, merchant string) string {
		t.Helper()
		return w.ask(code, "pull", "--date", "2026-01-05", "--to", filepath.Join(w.root, to), "--merchant", merchant, "--replace")
	}
	contains(t, pull(exitUsage, "ledger", "A"), "lies in the ledger")
	contains(t, pull(exitRefused, ".", "A"), "is no statement that was pulled")
	w.write("notes/todo.txt", "mine")
	contains(t, pull(exitRefused, "notes", "A"), "is no statement that was pulled", "_statement.json")
	pull(exitDone, "pulled", "A")
	w.write("pulled/todo.txt", "mine")
	contains(t, pull(exitRefused, "pulled", "B"), "is no statement that was pulled", "todo.txt")
	if err := os.Remove(filepath.Join(w.root, "pulled/todo.txt")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(w.root, "pulled/summary.parquet")); err != nil {
		t.Fatal(err)
	}
	w.write("pulled/detail.parquet", "damaged")
	pull(exitDone, "pulled", "B")
	checkFolder(t, filepath.Join(w.root, "pulled"))
	w.ask(exitDone, "verify")
}

// checkFolder checks that a directory holds what its manifest says, and nothing else.
func checkFolder(t *testing.T, path string) (version int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path, statement.ManifestFile))
	if err != nil {
		t.Fatal(err)
	}
	var manifest statement.Manifest
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(path)
	if err != nil || len(entries) != len(manifest.Files)+1 {
		t.Fatalf("%d files, %v", len(entries), err)
	}
	for _, file := range manifest.Files {
		content, err := os.ReadFile(filepath.Join(path, file.Name))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != file.SHA256 {
			t.Fatalf("%s is not what %s says", file.Name, statement.ManifestFile)
		}
	}
	return manifest.Version
}

// TestPullWhileTheFolderChanges has versions published over each other, file by file and the manifest
// last, while others pull.
func TestPullWhileTheFolderChanges(t *testing.T) {
	root := t.TempDir()
	bucket, err := storage.CreateDirectory(filepath.Join(root, "statements"))
	if err != nil {
		t.Fatal(err)
	}
	publish := func(version int) {
		manifest := statement.Manifest{Version: version, StatementNo: fmt.Sprintf("ST-A-20260105-%d", version)}
		for _, name := range []string{"summary.parquet", "statement.parquet", "detail.parquet"} {
			content := fmt.Sprintf("%s of version %d", name, version)
			sum := sha256.Sum256([]byte(content))
			manifest.Files = append(manifest.Files, statement.ManifestEntry{Name: name, SHA256: hex.EncodeToString(sum[:])})
			if err := bucket.Replace(t.Context(), "merchant=A/date=2026-01-05/"+name, strings.NewReader(content)); err != nil {
				t.Error(err)
			}
			time.Sleep(2 * time.Millisecond)
		}
		text, err := json.Marshal(manifest)
		if err != nil {
			t.Error(err)
		}
		if err := bucket.Replace(t.Context(), "merchant=A/date=2026-01-05/"+statement.ManifestFile, strings.NewReader(string(text))); err != nil {
			t.Error(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	publish(1)
	var publishing sync.WaitGroup
	publishing.Go(func() {
		for version := 2; version <= 60; version++ {
			publish(version)
		}
	})
	last := 0
	for i := range 15 {
		to := filepath.Join(root, fmt.Sprint("pulled-", i))
		code, stdout, stderr := settle("pull", "--root", root, "--merchant", "A", "--date", "2026-01-05", "--to", to)
		if code != exitDone {
			t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
		}
		version := checkFolder(t, to)
		if version < last {
			t.Errorf("version %d after %d", version, last)
		}
		last = version
	}
	publishing.Wait()
}

//go:build unix

package intake

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"alliance/settlement"
	"alliance/settlement/storage"
)

// TestHostileDirectory shows that what a merchant puts into a directory besides files is held, and
// that the merchant beside it is read.
func TestHostileDirectory(t *testing.T) {
	root := t.TempDir()
	folder := filepath.Join(root, "merchant=A", "date=2026-03-10")
	beside := filepath.Join(root, "merchant=B", "date=2026-03-10")
	for _, directory := range []string{folder, beside} {
		if err := os.MkdirAll(directory, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	secret := filepath.Join(root, "secret.csv")
	for _, err := range []error{
		os.WriteFile(secret, []byte(goodFile), 0o600),
		os.Symlink(secret, filepath.Join(folder, "link.csv")),
		syscall.Mkfifo(filepath.Join(folder, "pipe.csv"), 0o600),
		os.Symlink(secret, filepath.Join(beside, "_control.json")),
		os.WriteFile(filepath.Join(beside, "a.csv"), []byte(goodFile), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	inbox, err := storage.OpenDirectory(root)
	if err != nil {
		t.Fatal(err)
	}
	listing := discover(t, inbox)
	if len(listing.Objects) != 3 {
		t.Errorf("%d objects", len(listing.Objects))
	}
	for i := range listing.Objects {
		object := &listing.Objects[i]
		facts, err := Read(context.Background(), inbox, object, func(*settlement.Record) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		verdict := listing.Decide(NewHistory(), object, &facts, noRejects())
		want := settlement.UnreadableFile
		if object.Merchant == partyB {
			want = settlement.BadControl
		}
		if verdict.Code != want {
			t.Errorf("%q: %s %q", object.Key, verdict.Code, facts.Message)
		}
	}
	if fault := listing.Controls[0].Fault; !strings.Contains(fault, "regular file") {
		t.Error(fault)
	}
}

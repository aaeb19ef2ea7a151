//go:build unix

package intake

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

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

// TestOddEntriesOfADirectory shows that no name, link or device among the deliveries is an error, and
// that each one that a merchant of the register has is told.
func TestOddEntriesOfADirectory(t *testing.T) {
	const folder = "merchant=A/date=2026-03-10/"
	file := func(name string) func(string) error {
		return func(root string) error {
			path := filepath.Join(root, name)
			return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(goodFile), 0o644))
		}
	}
	link := func(name string) func(string) error {
		return func(root string) error {
			path := filepath.Join(root, name)
			return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink("/tmp", path))
		}
	}
	pipe := func(name string) func(string) error {
		return func(root string) error {
			path := filepath.Join(root, name)
			return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), syscall.Mkfifo(path, 0o644))
		}
	}
	const held, folderCode, merchantCode = "unreadable_file", "unknown_folder", "unknown_merchant"
	for _, test := range []struct {
		name string
		put  func(root string) error
		want string
	}{
		{"a file's name is not UTF-8", file(folder + "x\xff.csv"), held + " " + folder + "x\uFFFD.csv"},
		{"two names that look alike", func(root string) error {
			return errors.Join(file(folder+"x\xff.csv")(root), file(folder+"x\xfe.csv")(root), file(folder+"x\uFFFD.csv")(root))
		}, "consumed " + folder + "x\uFFFD.csv|" + held + " " + folder + "x\uFFFD.csv~|" + held + " " + folder + "x\uFFFD.csv~~"},
		{"no data", file(folder + "_x\xff.csv"), ""},
		{"a folder inside", file(folder + "sub/\xff.csv"), folderCode + " " + folder + "sub/"},
		{"a folder inside is not UTF-8", file(folder + "\xff/a.csv"), folderCode + " " + folder + "\uFFFD/"},
		{"a date is not UTF-8", file("merchant=A/date=\xff/a.csv"), folderCode + " merchant=A/date=\uFFFD/"},
		{"a date is a link", link("merchant=A/date=2026-03-10"), folderCode + " " + folder},
		{"a date out of the window is a link", link("merchant=A/date=2026-03-01"), ""},
		{"a date is a pipe", pipe("merchant=A/date=2026-03-10"), folderCode + " " + folder},
		{"a link beside the dates", link("merchant=A/readme"), folderCode + " merchant=A/readme/"},
		{"a merchant is a link", link("merchant=A"), folderCode + " merchant=A/"},
		{"a merchant is a pipe", pipe("merchant=A"), folderCode + " merchant=A/"},
		{"a merchant that is not registered", file("merchant=\xff/date=2026-03-10/a.csv"), merchantCode + " merchant=\uFFFD/"},
		{"a merchant that is not registered is a link", link("merchant=QQ"), merchantCode + " merchant=QQ/"},
		{"another link", link("readme"), folderCode + " readme/"},
		{"another folder", file("lost\xff/x"), folderCode + " lost\uFFFD/"},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			if err := errors.Join(file("merchant=C/date=2026-03-10/ok.csv")(root), test.put(root)); err != nil {
				t.Fatal(err)
			}
			inbox, err := storage.OpenDirectory(root)
			if err != nil {
				t.Fatal(err)
			}
			want := test.want + "|consumed merchant=C/date=2026-03-10/ok.csv"
			if got := told(t, inbox); got != strings.TrimPrefix(want, "|") {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

// told says what a listing notices, and what becomes of each file.
func told(t *testing.T, inbox storage.Bucket) string {
	t.Helper()
	listing := discover(t, inbox)
	var lines []string
	for _, exception := range listing.Exceptions {
		if !utf8.ValidString(exception.File+exception.Value) || exception.Message == "" {
			t.Errorf("%+v", exception)
		}
		lines = append(lines, exception.Code.String()+" "+exception.File)
	}
	for i := range listing.Objects {
		object := &listing.Objects[i]
		facts, err := Read(context.Background(), inbox, object, func(*settlement.Record) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		verdict := listing.Decide(NewHistory(), object, &facts, noRejects())
		what := verdict.Code.String()
		if verdict.State == settlement.Consumed {
			what = "consumed"
		}
		lines = append(lines, what+" "+object.Key)
	}
	return strings.Join(lines, "|")
}

// TestIrregularAdjustments shows that what the alliance put there by mistake refuses the run: it is
// no error of the store.
func TestIrregularAdjustments(t *testing.T) {
	const folder = "alliance/adjustments/date=2026-03-10"
	for name, put := range map[string]func(path string) error{
		"a pipe": func(path string) error {
			return errors.Join(os.MkdirAll(path, 0o755), syscall.Mkfifo(path+"/a.csv", 0o644))
		},
		"a link": func(path string) error {
			return errors.Join(os.MkdirAll(path, 0o755), os.Symlink("/tmp", path+"/a.csv"))
		},
		"not UTF-8": func(path string) error {
			return errors.Join(os.MkdirAll(path, 0o755), os.WriteFile(path+"/\xff.csv", nil, 0o644))
		},
		"a link as a folder": func(path string) error {
			return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink("/tmp", path))
		},
	} {
		root := t.TempDir()
		if err := put(filepath.Join(root, folder)); err != nil {
			t.Fatal(err)
		}
		inbox, err := storage.OpenDirectory(root)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ReadAdjustments(context.Background(), inbox, parties, settlement.Money{}, day, nil)
		var refused *AdjustmentError
		if !errors.As(err, &refused) || !utf8.ValidString(err.Error()) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

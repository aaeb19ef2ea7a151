//go:build unix

package storage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// content returns what lies under a key.
func content(t *testing.T, bucket Bucket, key string) string {
	t.Helper()
	reader, _, err := bucket.Open(t.Context(), key, "")
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	text, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestReplaceAll replaces several objects of a folder in every bucket that has a way of its own.
func TestReplaceAll(t *testing.T) {
	path := t.TempDir()
	lazy, err := CreateDirectory(filepath.Join(path, "lazy"))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := OpenDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, bucket := range map[string]Bucket{"memory": NewMemory(), "directory": plain, "lazy": lazy, "under": Under(plain, "below")} {
		t.Run(name, func(t *testing.T) {
			for version := range 2 {
				var objects []Named
				for i := range 20 {
					objects = append(objects, Named{fmt.Sprint(i), strings.NewReader(fmt.Sprint(version, i))})
				}
				if err := ReplaceAll(t.Context(), bucket, "a/b", objects); err != nil {
					t.Fatal(err)
				}
				for i := range objects {
					if got := content(t, bucket, fmt.Sprintf("a/b/%d", i)); got != fmt.Sprint(version, i) {
						t.Errorf("version %d of %d is %q", version, i, got)
					}
				}
			}
			for _, name := range []string{"", "..", "c//d"} {
				err := ReplaceAll(t.Context(), bucket, "a/b", []Named{{"fine", strings.NewReader("x")}, {name, strings.NewReader("x")}})
				if !errors.Is(err, ErrInvalidKey) {
					t.Errorf("name %q: %v", name, err)
				}
			}
			if err := ReplaceAll(t.Context(), bucket, "../a", []Named{{"x", strings.NewReader("x")}, {"y", strings.NewReader("y")}}); !errors.Is(err, ErrInvalidKey) {
				t.Errorf("folder ../a: %v", err)
			}
		})
	}
}

// TestReplaceAllOrNothingNew gives none of the objects a new content, and leaves nothing behind, if one of the
// bodies cannot be read.
func TestReplaceAllOrNothingNew(t *testing.T) {
	path := t.TempDir()
	bucket, err := OpenDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := bucket.Replace(t.Context(), "a/first", strings.NewReader("old")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err = ReplaceAll(t.Context(), bucket, "a", []Named{{"first", strings.NewReader("new")}, {"second", brokenBody{strings.NewReader("body"), broken}}})
	if !errors.Is(err, broken) || content(t, bucket, "a/first") != "old" {
		t.Errorf("first is %q after %v", content(t, bucket, "a/first"), err)
	}
	if left, err := os.ReadDir(filepath.Join(path, temporaryFolder)); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

type brokenBody struct {
	io.ReadSeeker
	err error
}

func (b brokenBody) Read([]byte) (int, error) { return 0, b.err }

// TestOneMakesAFolderForAll lets many writers want the same new folder at once: one makes it, the others find
// it, and none of them leaves it open.
func TestOneMakesAFolderForAll(t *testing.T) {
	bucket, err := OpenDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d := bucket.(*directory)
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			if err := d.Create(t.Context(), fmt.Sprintf("a/b/c/%d", i), strings.NewReader("x")); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if objects, err := d.List(t.Context(), ""); err != nil || len(objects) != 50 {
		t.Errorf("%d objects, %v", len(objects), err)
	}
	if o := d.folders; o.users != 0 || len(o.held) > 0 || len(o.idle) > 0 || len(o.opening) > 0 {
		t.Errorf("%d users, %d held, %d idle, %d being opened", o.users, len(o.held), len(o.idle), len(o.opening))
	}
}

// TestWithoutRenameThatDoesNotReplace creates by links, as where a file system has no such rename.
func TestWithoutRenameThatDoesNotReplace(t *testing.T) {
	path := t.TempDir()
	bucket, err := OpenDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	d := bucket.(*directory)
	if err := d.put(t.Context(), "a/once", strings.NewReader("once"), link); err != nil {
		t.Fatal(err)
	}
	for _, place := range []placement{link, placeOnce} {
		if err := d.put(t.Context(), "a/once", strings.NewReader("twice"), place); !errors.Is(err, ErrExists) {
			t.Errorf("created twice: %v", err)
		}
		if err := d.put(t.Context(), "a", strings.NewReader("x"), place); err == nil || errors.Is(err, ErrExists) {
			t.Errorf("created over a folder: %v", err)
		}
	}
	if got := content(t, bucket, "a/once"); got != "once" {
		t.Errorf("it holds %q", got)
	}
	if left, err := os.ReadDir(filepath.Join(path, temporaryFolder)); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestOpenDirectlyOpensNoLink opens by one call only what no link leads to.
func TestOpenDirectlyOpensNoLink(t *testing.T) {
	path := t.TempDir()
	bucket, err := OpenDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	d := bucket.(*directory)
	if err := d.Create(t.Context(), "a/b/c", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"within": "a", "a/link": "b/c", "away": filepath.Dir(outside), "a/secret": outside} {
		if err := os.Symlink(target, filepath.Join(path, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"within/b/c", "a/link", "away/secret", "a/secret", "absent", "a/b/c/d"} {
		if file := d.openDirectly(key, 0); file != nil {
			t.Errorf("%s was opened", key)
		}
		if _, _, err := d.Open(t.Context(), key, ""); !errors.Is(err, ErrIrregular) && !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", key, err)
		}
	}
	for range 2 {
		if file, _, err := d.openFile("a/b/c"); err != nil || file.Close() != nil {
			t.Error(err)
		}
		if file, _, err := d.openStepwise("a/b/c"); err != nil || file.Close() != nil {
			t.Error(err)
		}
	}
}

package storage

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnforcedNames lets the disk refuse to confirm a name: the object is there then, and nobody may rely on it before the store has
// refused to create it again.
func TestUnforcedNames(t *testing.T) {
	bucket, err := OpenDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d := bucket.(*directory)
	if err := d.Create(t.Context(), "log/0", strings.NewReader("zero")); err != nil {
		t.Fatal(err) // the folder's own name is on the disk
	}
	broken := errors.New("input/output error")
	create := func() error { return d.Create(t.Context(), "log/1", strings.NewReader("one")) }
	d.forceFolder = func(*os.File) error { return broken }
	for range 2 {
		if err := create(); !errors.Is(err, ErrUnforced) || !errors.Is(err, broken) || errors.Is(err, ErrExists) {
			t.Errorf("the disk did not confirm it: %v", err)
		}
	}
	if err := d.Replace(t.Context(), "log/0", strings.NewReader("0")); !errors.Is(err, ErrUnforced) {
		t.Errorf("the disk did not confirm what replaces another: %v", err)
	}
	forced := 0
	d.forceFolder = func(*os.File) error { forced++; return nil }
	if err := create(); !errors.Is(err, ErrExists) || errors.Is(err, ErrUnforced) || forced != 1 {
		t.Errorf("the disk confirmed %d times: %v", forced, err)
	}
	expectNothingLeft(t, d)
}

// TestADirectoryThatIsMadeStays sees to it that a directory's own name is on the disk before anything is in it.
func TestADirectoryThatIsMadeStays(t *testing.T) {
	parent := t.TempDir()
	bucket, err := CreateDirectory(filepath.Join(parent, "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	var forced []string
	bucket.(*lazyDirectory).force = func(folder *os.File) error {
		if inside, err := os.ReadDir(filepath.Join(parent, "ledger")); err != nil || len(inside) > 0 {
			t.Errorf("%d in the directory when its name was forced to disk, %v", len(inside), err)
		}
		forced = append(forced, folder.Name())
		return nil
	}
	for _, key := range []string{"a", "b"} {
		if err := bucket.Create(t.Context(), key, strings.NewReader(key)); err != nil {
			t.Fatal(err)
		}
	}
	if len(forced) != 1 || forced[0] != parent {
		t.Errorf("forced %q, want %s once", forced, parent)
	}
}

package storage

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSweep(t *testing.T) {
	path := t.TempDir()
	bucket, err := OpenDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"runs/a/intent.json", "runs/a/state/1", "runs/b/intent.json", "log/1"} {
		if err := bucket.Create(t.Context(), key, strings.NewReader(key)); err != nil {
			t.Fatal(err)
		}
	}
	left := []string{"runs/a/" + temporaryPrefix + "x", "runs/a/state/" + temporaryPrefix + "y", "runs/a/empty/deep/" + temporaryPrefix + "z"}
	kept := []string{"runs/b/" + temporaryPrefix + "x", "log/" + temporaryPrefix + "x"}
	for _, name := range append(left, kept...) {
		name = filepath.Join(path, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if removed, err := Sweep(t.Context(), Under(bucket, "runs"), "a/"); err != nil || removed != 3 {
		t.Errorf("removed %d, %v", removed, err)
	}
	for _, name := range append(left, "runs/a/empty") {
		if _, err := os.Lstat(filepath.Join(path, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
	for _, name := range append(kept, "runs/a/intent.json", "runs/a/state/1") {
		if _, err := os.Lstat(filepath.Join(path, name)); err != nil {
			t.Error(err)
		}
	}
	if removed, err := Sweep(t.Context(), bucket, "runs/none/"); err != nil || removed != 0 {
		t.Errorf("nothing there: %d, %v", removed, err)
	}
	if removed, err := Sweep(t.Context(), NewMemory(), "runs/"); err != nil || removed != 0 {
		t.Errorf("in memory: %d, %v", removed, err)
	}
	for _, prefix := range []string{"", "runs", "../", "/"} {
		if _, err := Sweep(t.Context(), bucket, prefix); err == nil {
			t.Errorf("%q was swept", prefix)
		}
	}
}

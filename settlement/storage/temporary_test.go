//go:build unix

package storage_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"alliance/settlement/storage"
)

// temporaries returns the names of the temporary files at the top of a directory.
func temporaries(t *testing.T, path string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(path, ".settle-temporary-files"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// A slowBody stops in the middle until it is told to go on.
type slowBody struct {
	*bytes.Reader
	begun, on chan struct{}
}

func (b *slowBody) Read(buffer []byte) (int, error) {
	if b.begun != nil {
		close(b.begun)
		b.begun = nil
		<-b.on
	}
	return b.Reader.Read(buffer)
}

// TestDirectoryClearsUpAfterTheKilled leaves what a killed process leaves, beside a file that is
// being written: the next one that writes removes the one and not the other.
func TestDirectoryClearsUpAfterTheKilled(t *testing.T) {
	path := t.TempDir()
	begun, on, done := make(chan struct{}), make(chan struct{}), make(chan error)
	slow := &slowBody{bytes.NewReader([]byte("slow")), begun, on}
	writer := directoryAt(t, path)
	go func() { done <- writer.Create(t.Context(), "runs/slow", slow) }()
	<-begun
	if living := temporaries(t, path); len(living) != 1 {
		t.Fatalf("being written: %q", living)
	}
	write(t, path, ".settle-temporary-files/.settle-temporary-KILLED", ".settle-temporary-files/.settle-temporary-LINKED", ".settle-temporary-files/somebody's")
	if err := os.Link(filepath.Join(path, ".settle-temporary-files/.settle-temporary-LINKED"), filepath.Join(path, "placed")); err != nil {
		t.Fatal(err)
	}
	next := directoryAt(t, path)
	if _, err := next.List(t.Context(), ""); err != nil || len(temporaries(t, path)) != 4 {
		t.Errorf("after a look: %q, %v", temporaries(t, path), err)
	}
	if err := next.Create(t.Context(), "runs/next", strings.NewReader("next")); err != nil {
		t.Fatal(err)
	}
	if left := temporaries(t, path); len(left) != 2 || left[1] != "somebody's" {
		t.Errorf("after a write: %q", left)
	}
	close(on)
	if err := <-done; err != nil {
		t.Error("the slow writer:", err)
	}
	if left := temporaries(t, path); len(left) != 1 {
		t.Errorf("after the slow writer: %q", left)
	}
	for key, want := range map[string]string{"runs/slow": "slow", "runs/next": "next", "placed": "x"} {
		if got, err := get(t, next, key, ""); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v", key, got, err)
		}
	}
}

// TestDirectorySweepsTheTemporaryFolder sweeps while a file is being written.
func TestDirectorySweepsTheTemporaryFolder(t *testing.T) {
	path := t.TempDir()
	bucket := directoryAt(t, path)
	slow := &slowBody{bytes.NewReader([]byte("slow")), make(chan struct{}), make(chan struct{})}
	done := make(chan error)
	begun, on := slow.begun, slow.on
	go func() { done <- bucket.Replace(t.Context(), "log/slow", slow) }()
	<-begun
	write(t, path, ".settle-temporary-files/.settle-temporary-KILLED")
	if removed, err := storage.Sweep(t.Context(), bucket, "runs/none/"); err != nil || removed != 1 {
		t.Errorf("swept %d, %v", removed, err)
	}
	close(on)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got, err := get(t, bucket, "log/slow", ""); err != nil || string(got) != "slow" || len(temporaries(t, path)) != 0 {
		t.Errorf("%q, %v; left %q", got, err, temporaries(t, path))
	}
}

// TestDirectoryWritesBesideWhatIsClosed writes as somebody who may write to a folder below, and
// not at the top.
func TestDirectoryWritesBesideWhatIsClosed(t *testing.T) {
	path, err := os.MkdirTemp("", "settle-closed-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(path, 0o755); _ = os.RemoveAll(path) })
	write(t, path, "merchant=A/sales.csv", "ack/old")
	for name, mode := range map[string]fs.FileMode{"ack": 0o777, "": 0o555} {
		if err := os.Chmod(filepath.Join(path, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv(strangerEnvironment+"_CREATES", "ack/merchant=A/new")
	want := "create <nil>\nfolders [\"merchant=A\"] ok\n\"ack/merchant=A/new\" ok\n\"ack/old\" ok\n"
	if got := asStranger(t, path, "ack/"); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	expectNoTemporary(t, path)
	t.Setenv(strangerEnvironment+"_CREATES", "merchant=A/new/x")
	if os.Getuid() == 0 { // whose the folder is may write to it
		if got := asStranger(t, path, "merchant=A/"); !strings.Contains(got, "permission denied") {
			t.Errorf("wrote where it may not: %s", got)
		}
	}
}

// TestDirectoryOnTwoFileSystems has the folder of temporary files on another file system than the
// objects: a mount of its own below the directory. Only root can make one.
func TestDirectoryOnTwoFileSystems(t *testing.T) {
	path := t.TempDir()
	below := filepath.Join(path, "ack")
	if err := os.Mkdir(below, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := mountSmall(below, 1<<20); err != nil {
		t.Logf("not tried: no file system can be mounted here: %v", err)
		return
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(below, 0); err != nil {
			t.Error(err)
		}
	})
	bucket := directoryAt(t, path)
	for range 2 {
		if err := bucket.Replace(t.Context(), "ack/merchant=A/ack.json", strings.NewReader("told")); err != nil {
			t.Fatal(err)
		}
	}
	// Several folders at once are left to be replaced one by one.
	able, err := storage.ReplaceFolders(t.Context(), bucket, []storage.Folder{{Key: "ack/merchant=B", Objects: []storage.Named{{Name: "ack.json", Body: strings.NewReader("told")}}}})
	if able || err != nil {
		t.Errorf("folders at once: %t, %v", able, err)
	}
	if err := bucket.Create(t.Context(), "ack/once", strings.NewReader("once")); err != nil {
		t.Fatal(err)
	}
	if err := bucket.Create(t.Context(), "ack/once", strings.NewReader("twice")); !errors.Is(err, storage.ErrExists) {
		t.Errorf("created twice: %v", err)
	}
	reader, _, err := bucket.Open(t.Context(), "ack/once", "")
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if got, err := io.ReadAll(reader); err != nil || string(got) != "once" {
		t.Errorf("%q, %v", got, err)
	}
	expectNoTemporary(t, path)
}

// TestDirectoryMovedFolder moves a folder away while somebody writes to it: what is written next under
// its name lies under that name.
func TestDirectoryMovedFolder(t *testing.T) {
	path := t.TempDir()
	bucket := directoryAt(t, path)
	slow := &slowBody{bytes.NewReader([]byte("slow")), make(chan struct{}), make(chan struct{})}
	done := make(chan error)
	begun, on := slow.begun, slow.on
	go func() { done <- bucket.Create(t.Context(), "a/b/slow", slow) }()
	<-begun
	if err := os.Rename(filepath.Join(path, "a"), filepath.Join(path, "moved")); err != nil {
		t.Fatal(err)
	}
	if err := bucket.Create(t.Context(), "a/b/next", strings.NewReader("next")); err != nil {
		t.Fatal(err)
	}
	if got, err := get(t, bucket, "a/b/next", ""); err != nil || string(got) != "next" {
		t.Errorf("a/b/next holds %q, %v", got, err)
	}
	if err := os.Rename(filepath.Join(path, "a"), filepath.Join(path, "moved/too")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("moved", filepath.Join(path, "a")); err != nil {
		t.Fatal(err)
	}
	if err := bucket.Create(t.Context(), "a/b/through", strings.NewReader("x")); !errors.Is(err, storage.ErrIrregular) {
		t.Errorf("created through a link: %v", err)
	}
	close(on)
	<-done
	if objects, err := bucket.List(t.Context(), "moved/b/"); err != nil || len(objects) > 1 {
		t.Errorf("under the other name: %v, %v", objects, err)
	}
	expectNoTemporary(t, path)
}

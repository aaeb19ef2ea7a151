//go:build unix

package storage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"alliance/settlement/storage"
)

// describe says what a bucket holds, and what opening it gives.
func describe(bucket storage.Bucket, prefix string) string {
	var text strings.Builder
	folders, err := bucket.Folders(context.Background(), prefix)
	fmt.Fprintf(&text, "folders %q %s\n", folders, kind(err))
	objects, err := bucket.List(context.Background(), prefix)
	if err != nil {
		fmt.Fprintf(&text, "list %s\n", kind(err))
	}
	for _, object := range objects {
		reader, _, err := bucket.Open(context.Background(), object.Key, "")
		if err == nil {
			reader.Close()
		}
		fmt.Fprintf(&text, "%q %s\n", object.Key, kind(err))
	}
	return text.String()
}

// kind names the errors of the package that an error is.
func kind(err error) string {
	if err == nil {
		return "ok"
	}
	var kinds []string
	for name, target := range map[string]error{"irregular": storage.ErrIrregular, "absent": storage.ErrNotFound} {
		if errors.Is(err, target) {
			kinds = append(kinds, name)
		}
	}
	if errors.Is(err, storage.ErrInvalidKey) {
		kinds = append(kinds, "invalid")
	}
	if errors.Is(err, fs.ErrPermission) {
		kinds = append(kinds, "forbidden")
	}
	return strings.Join(kinds, " ")
}

func write(t *testing.T, root string, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("x"), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDirectoryNamesThatAreNotText(t *testing.T) {
	path := t.TempDir()
	write(t, path, "f/a", "f/b\xff.csv", "f/c\xff/z", "f/d/\xff/z", "g\xff/z")
	bucket := directoryAt(t, path)
	want := `folders ["c\xff" "d"] ok
"f/a" ok
"f/b\xff.csv" irregular invalid
"f/c\xff/" irregular invalid
"f/d/\xff/" irregular invalid
`
	if got := describe(bucket, "f/"); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	want = "folders [\"f\" \"g\\xff\"] ok\n"
	if got := describe(bucket, ""); !strings.HasPrefix(got, want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestDirectoryDeep makes folders whose names together are longer than a key may be.
func TestDirectoryDeep(t *testing.T) {
	path := t.TempDir()
	write(t, path, strings.Repeat("0123456789/", 100)+"z")
	objects, err := directoryAt(t, path).List(t.Context(), "0123456789/")
	if want := strings.Repeat("0123456789/", 94); err != nil || len(objects) != 1 || objects[0].Key != want {
		t.Errorf("%v, %v", objects, err)
	}
}

const strangerEnvironment = "SETTLE_TEST_STRANGER_DIRECTORY"

// lookAsStranger is what the process of TestDirectoryWithoutPermission does.
func lookAsStranger(path string) {
	bucket, err := storage.OpenDirectory(path)
	if err != nil {
		fmt.Println("open", kind(err))
		return
	}
	if key := os.Getenv(strangerEnvironment + "_CREATES"); key != "" {
		fmt.Println("create", bucket.Create(context.Background(), key, strings.NewReader("mine")))
	}
	for _, prefix := range strings.Split(os.Getenv(strangerEnvironment+"_PREFIXES"), ",") {
		fmt.Print(describe(bucket, prefix))
	}
}

// asStranger describes a directory as a process without any right of its own sees it.
func asStranger(t *testing.T, path string, prefixes string) string {
	t.Helper()
	command := exec.Command("/proc/self/exe")
	if _, err := os.Stat(command.Path); err != nil {
		command.Path = os.Args[0]
	}
	command.Env = append(os.Environ(), strangerEnvironment+"="+path, strangerEnvironment+"_PREFIXES="+prefixes)
	command.Dir = "/"
	if os.Getuid() == 0 {
		const nobody = 65534
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	if err := command.Run(); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	return out.String()
}

func TestDirectoryWithoutPermission(t *testing.T) {
	path, err := os.MkdirTemp("", "settle-closed-")
	if err != nil {
		t.Fatal(err)
	}
	open := func() {
		_ = filepath.WalkDir(path, func(name string, _ fs.DirEntry, _ error) error {
			_ = os.Chmod(name, 0o755)
			return nil
		})
	}
	t.Cleanup(func() {
		open()
		if err := os.RemoveAll(path); err != nil {
			t.Error(err)
		}
	})
	write(t, path, "f/a", "f/mine", "f/sub/z", "listed/a", "shut/z", "walked/a")
	for name, mode := range map[string]fs.FileMode{"": 0o755, "f": 0o755, "f/mine": 0, "f/sub": 0, "listed": 0o444, "shut": 0, "walked": 0o111} {
		if err := os.Chmod(filepath.Join(path, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	const want = `folders ["f" "listed" "shut" "walked"] ok
"f/a" ok
"f/mine" irregular forbidden
"f/sub/" irregular invalid
"listed/" irregular invalid
"shut/" irregular invalid
"walked/" irregular invalid
folders ["sub"] ok
"f/a" ok
"f/mine" irregular forbidden
"f/sub/" irregular invalid
folders [] irregular forbidden
list irregular forbidden
folders [] irregular forbidden
list irregular forbidden
folders [] irregular forbidden
list irregular forbidden
`
	if got := asStranger(t, path, ",f/,shut/,shut/sub/,listed/"); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	// That nothing can be read at all is no matter of a single object.
	for _, mode := range []fs.FileMode{0, 0o444, 0o111} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		got := asStranger(t, path, "")
		if !strings.Contains(got, "forbidden") || strings.Contains(got, "irregular") || strings.Contains(got, "ok") {
			t.Errorf("a directory of mode %o:\n%s", mode, got)
		}
	}
}

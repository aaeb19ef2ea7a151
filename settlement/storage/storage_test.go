package storage_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"alliance/settlement/storage"
	"alliance/settlement/storage/storagetest"
)

func openDirectory(t *testing.T) storage.Bucket { return directoryAt(t, t.TempDir()) }

func directoryAt(t *testing.T, path string) storage.Bucket {
	t.Helper()
	bucket, err := storage.OpenDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	return bucket
}

func TestMemory(t *testing.T) {
	storagetest.Test(t, func(*testing.T) storage.Bucket { return storage.NewMemory() })
}

func TestDirectory(t *testing.T) { storagetest.Test(t, openDirectory) }

func TestDirectoryToBeCreated(t *testing.T) {
	storagetest.Test(t, func(t *testing.T) storage.Bucket {
		bucket, err := storage.CreateDirectory(filepath.Join(t.TempDir(), "made later"))
		if err != nil {
			t.Fatal(err)
		}
		return bucket
	})
	path := filepath.Join(t.TempDir(), "never written")
	bucket, err := storage.CreateDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bucket.List(t.Context(), ""); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a directory that nothing was written to was made:", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for parent, want := range map[string]string{
		filepath.Join(path, "no"): "nor does " + filepath.Join(path, "no") + ", where it would lie: create ",
		file:                      "not a directory",
		filepath.Join(file, "no"): "not a directory",
	} {
		_, err := storage.CreateDirectory(filepath.Join(parent, "ledger"))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "cannot be created") {
			t.Errorf("a directory in %s, which is none: %v", parent, err)
		}
	}
}

func TestUnder(t *testing.T) {
	storagetest.Test(t, func(*testing.T) storage.Bucket { return storage.Under(storage.NewMemory(), "some/prefix") })
}

const raceEnvironment = "SETTLE_TEST_RACE_DIRECTORY"

func TestMain(m *testing.M) {
	if path := os.Getenv(raceEnvironment); path != "" {
		race(path)
		return
	}
	if path := os.Getenv(strangerEnvironment); path != "" {
		lookAsStranger(path)
		return
	}
	os.Exit(m.Run())
}

const raceKeys = 200

func raceKey(i int) string { return fmt.Sprintf("log/%02d/%04d.json", i%7, i) }

// race is what the processes of TestDirectoryAcrossProcesses do: wait for the start, create
// every key, say which ones were won.
func race(path string) {
	bucket, err := storage.OpenDirectory(path)
	if err != nil {
		panic(err)
	}
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n')
	for i := range raceKeys {
		body := strings.NewReader(fmt.Sprint(os.Getpid()))
		err := bucket.Create(nilContext{}, raceKey(i), body)
		if err == nil {
			fmt.Println("won", i)
		} else if !errors.Is(err, storage.ErrExists) {
			panic(err)
		}
	}
}

// nilContext is a context that never ends.
type nilContext struct{}

func (nilContext) Deadline() (deadline time.Time, ok bool) { return }
func (nilContext) Done() <-chan struct{}                   { return nil }
func (nilContext) Err() error                              { return nil }
func (nilContext) Value(any) any                           { return nil }

func TestDirectoryAcrossProcesses(t *testing.T) {
	path := t.TempDir()
	type process struct {
		*exec.Cmd
		out *bufio.Scanner
		in  io.WriteCloser
	}
	var processes []process
	for range 6 {
		command := exec.Command(os.Args[0])
		command.Env = append(os.Environ(), raceEnvironment+"="+path)
		command.Stderr = os.Stderr
		in, err := command.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		processes = append(processes, process{command, bufio.NewScanner(out), in})
	}
	for _, p := range processes {
		if !p.out.Scan() || p.out.Text() != "ready" {
			t.Fatalf("a process said %q", p.out.Text())
		}
	}
	for _, p := range processes {
		io.WriteString(p.in, "go\n")
	}
	winners := make(map[int]int)
	for _, p := range processes {
		for p.out.Scan() {
			var key int
			if _, err := fmt.Sscanf(p.out.Text(), "won %d", &key); err != nil {
				t.Fatal(err)
			}
			if other, taken := winners[key]; taken {
				t.Errorf("key %d was won by process %d and by %d", key, other, p.Process.Pid)
			}
			winners[key] = p.Process.Pid
		}
		if err := p.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	bucket := directoryAt(t, path)
	for i := range raceKeys {
		reader, _, err := bucket.Open(t.Context(), raceKey(i), "")
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		reader.Close()
		if err != nil || string(content) != fmt.Sprint(winners[i]) {
			t.Fatalf("key %d holds %q, %v; won by %d", i, content, err, winners[i])
		}
	}
	expectNoTemporary(t, path)
}

// expectNoTemporary checks that only objects lie in the directory, and the folder of those that are written.
func expectNoTemporary(t *testing.T, path string) {
	t.Helper()
	filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		if !entry.IsDir() && strings.Contains(name, "temporary") {
			t.Errorf("left %s", name)
		}
		return err
	})
}

func TestDirectoryIrregular(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	path := t.TempDir()
	for _, err := range []error{
		os.WriteFile(outside, []byte("secret"), 0o600),
		os.Mkdir(filepath.Join(path, "f"), 0o755),
		os.WriteFile(filepath.Join(path, "f/regular"), []byte("x"), 0o600),
		syscall.Mkfifo(filepath.Join(path, "f/pipe"), 0o600),
		os.Symlink(outside, filepath.Join(path, "f/out")),
		os.Symlink("regular", filepath.Join(path, "f/in")),
		os.Symlink("nowhere", filepath.Join(path, "f/dangling")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	bucket := directoryAt(t, path)
	objects, err := bucket.List(t.Context(), "f/")
	if err != nil || len(objects) != 5 {
		t.Fatalf("list: %v, %v", objects, err)
	}
	for _, key := range []string{"f/pipe", "f/out", "f/in", "f/dangling"} {
		_, _, err := bucket.Open(t.Context(), key, "")
		if !errors.Is(err, storage.ErrIrregular) || !strings.Contains(err.Error(), key) {
			t.Errorf("open %s: %v", key, err)
		}
	}
	if err := os.Symlink("f", filepath.Join(path, "link")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := bucket.Open(t.Context(), "link/regular", ""); !errors.Is(err, storage.ErrIrregular) {
		t.Errorf("open through a link: %v", err)
	}
	if err := bucket.Create(t.Context(), "link/new", strings.NewReader("x")); !errors.Is(err, storage.ErrIrregular) {
		t.Errorf("create through a link: %v", err)
	}
	if folders, err := bucket.Folders(t.Context(), ""); err != nil || !slices.Equal(folders, []string{"f", "link"}) {
		t.Errorf("folders beside a link: %q, %v", folders, err)
	}
	if folders, err := bucket.Folders(t.Context(), "f/"); err != nil || !slices.Equal(folders, []string{"dangling", "in", "out", "pipe"}) {
		t.Errorf("what is no regular file: %q, %v", folders, err)
	}
	for _, prefix := range []string{"link/", "link/f/", "f/pipe/"} {
		if _, err := bucket.List(t.Context(), prefix); !errors.Is(err, storage.ErrIrregular) {
			t.Errorf("list %s: %v", prefix, err)
		}
		if _, err := bucket.Folders(t.Context(), prefix); !errors.Is(err, storage.ErrIrregular) {
			t.Errorf("folders of %s: %v", prefix, err)
		}
	}
}

func TestDirectoryChangedInPlace(t *testing.T) {
	for _, change := range []struct {
		name  string
		apply func(path string) error
	}{
		{"longer", func(path string) error { return appendTo(path, "more") }},
		{"shorter", func(path string) error { return os.Truncate(path, 500_000) }},
		{"same length", func(path string) error { return os.WriteFile(path, make([]byte, 1_000_000), 0o600) }},
	} {
		t.Run(change.name, func(t *testing.T) {
			path := t.TempDir()
			bucket := directoryAt(t, path)
			name := filepath.Join(path, "k")
			if err := os.WriteFile(name, []byte(strings.Repeat("x", 1_000_000)), 0o600); err != nil {
				t.Fatal(err)
			}
			exact, object, err := bucket.Open(t.Context(), "k", "")
			if err != nil {
				t.Fatal(err)
			}
			whole, _, err := bucket.Open(t.Context(), "k", object.Version)
			if err != nil {
				t.Fatal(err)
			}
			io.ReadFull(whole, make([]byte, 10))
			time.Sleep(20 * time.Millisecond)
			if err := change.apply(name); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(whole); !errors.Is(err, storage.ErrChanged) {
				t.Errorf("read to the end: %v", err)
			}
			whole.Close()
			_, err = io.ReadFull(exact, make([]byte, object.Size))
			if err := errors.Join(err, exact.Close()); !errors.Is(err, storage.ErrChanged) {
				t.Errorf("read exactly the size and close: %v", err)
			}
			if _, _, err := bucket.Open(t.Context(), "k", object.Version); !errors.Is(err, storage.ErrChanged) {
				t.Errorf("open the version again: %v", err)
			}
		})
	}
}

func appendTo(path, text string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}

func TestDirectoryClashes(t *testing.T) {
	path := t.TempDir()
	bucket := directoryAt(t, path)
	if err := bucket.Create(t.Context(), "a/b", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "a/b/c"} {
		for what, err := range map[string]error{
			"create":  bucket.Create(t.Context(), key, strings.NewReader("x")),
			"replace": bucket.Replace(t.Context(), key, strings.NewReader("x")),
		} {
			if err == nil || errors.Is(err, storage.ErrExists) {
				t.Errorf("%s %s beside a/b: %v", what, key, err)
			}
		}
	}
	expectNoTemporary(t, path)
	// A folder that somebody removed is made again.
	if err := os.RemoveAll(filepath.Join(path, "a")); err != nil {
		t.Fatal(err)
	}
	if err := bucket.Create(t.Context(), "a/b", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
}

func TestDirectoryIgnoresTemporaryFiles(t *testing.T) {
	path := t.TempDir()
	for _, name := range []string{"merchant=a/.settle-temporary-ABC", ".settle-temporary-DEF"} {
		os.MkdirAll(filepath.Dir(filepath.Join(path, name)), 0o755)
		if err := os.WriteFile(filepath.Join(path, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bucket := directoryAt(t, path)
	if objects, err := bucket.List(t.Context(), ""); err != nil || len(objects) > 0 {
		t.Errorf("list: %v, %v", objects, err)
	}
	if folders, err := bucket.Folders(t.Context(), ""); err != nil || len(folders) > 0 {
		t.Errorf("folders: %v, %v", folders, err)
	}
}

func TestOpenURL(t *testing.T) {
	path := t.TempDir()
	for _, location := range []string{path, path + "/", "file://" + path} {
		bucket, err := storage.OpenURL(t.Context(), location)
		if err != nil {
			t.Fatalf("%s: %v", location, err)
		}
		key := fmt.Sprint("k", len(location))
		if err := bucket.Create(t.Context(), key, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	objects, _ := directoryAt(t, path).List(t.Context(), "")
	if len(objects) == 0 {
		t.Error("nothing was stored in the directory")
	}
	for location, want := range map[string]string{
		"":                     "no storage location",
		"s3://b?x=1":           "no bucket",
		"gs://bucket":          "gs:// is not supported",
		"file://host/x":        "absolute path",
		"file://relative":      "absolute path",
		path + "/nowhere":      "does not exist",
		"file:///no/such/path": "does not exist",
	} {
		_, err := storage.OpenURL(t.Context(), location)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", location, err, want)
		}
	}
}

func TestOddKeysAreInOrder(t *testing.T) {
	if !slices.IsSorted(storagetest.OddKeys) {
		t.Error("the suite's keys are not in byte order")
	}
}

//go:build linux

package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// able opens a directory whose file system can be forced to disk as a whole, or says that here there is none.
func able(t *testing.T) *directory {
	t.Helper()
	bucket, err := OpenDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return bucket.(*directory)
}

// folders returns three folders with two objects each; text makes their contents differ.
func folders(text string) []Folder {
	var all []Folder
	for i := range 3 {
		all = append(all, Folder{fmt.Sprintf("merchant=%d/date=1", i), []Named{
			{"a", strings.NewReader(fmt.Sprint(text, " a ", i))}, {"b", strings.NewReader(fmt.Sprint(text, " b ", i))}}})
	}
	return all
}

func expectFolders(t *testing.T, bucket Bucket, text string) {
	t.Helper()
	for i := range 3 {
		for _, name := range []string{"a", "b"} {
			if got := content(t, bucket, fmt.Sprintf("merchant=%d/date=1/%s", i, name)); got != fmt.Sprint(text, " ", name, " ", i) {
				t.Errorf("%s of %d is %q", name, i, got)
			}
		}
	}
}

// replaceTogetherIn replaces folders as ReplaceFolders does where it is able to, whatever file system the tests run on.
func replaceTogetherIn(t *testing.T, d *directory, all []Folder) (bool, error) {
	t.Helper()
	top, err := d.root.Open(".")
	if err != nil {
		t.Fatal(err)
	}
	defer top.Close()
	return d.replaceTogether(t.Context(), top, all)
}

// TestReplaceFolders replaces objects of several folders in every bucket. Where it is not able to, nothing is there.
func TestReplaceFolders(t *testing.T) {
	lazy, err := CreateDirectory(filepath.Join(t.TempDir(), "lazy"))
	if err != nil {
		t.Fatal(err)
	}
	plain := able(t)
	top, err := plain.root.Open(".")
	if err != nil {
		t.Fatal(err)
	}
	defer top.Close()
	for name, bucket := range map[string]Bucket{"memory": NewMemory(), "directory": plain, "lazy": lazy, "under": Under(able(t), "below")} {
		t.Run(name, func(t *testing.T) {
			for _, text := range []string{"first", "second"} {
				able, err := ReplaceFolders(t.Context(), bucket, folders(text))
				if err != nil || able != (name != "memory" && forcesAll(top)) {
					t.Fatalf("%t, %v", able, err)
				}
				if able {
					expectFolders(t, bucket, text)
				} else if objects, err := bucket.List(t.Context(), ""); err != nil || len(objects) > 0 {
					t.Errorf("%v, %v", objects, err)
				}
			}
			for _, wrong := range []Folder{{"../a", []Named{{"x", strings.NewReader("x")}}}, {"a", []Named{{"../x", strings.NewReader("x")}}}} {
				able, err := ReplaceFolders(t.Context(), bucket, []Folder{wrong})
				if able && !errors.Is(err, ErrInvalidKey) {
					t.Errorf("%v: %v", wrong, err)
				}
			}
		})
	}
}

// TestReplaceFoldersForcesToDisk sees to it that no content gets a name before it is on the disk, nor is reported before the name is.
func TestReplaceFoldersForcesToDisk(t *testing.T) {
	d := able(t)
	var seen []int
	d.forceAll = func(top *os.File) error {
		objects, err := d.List(t.Context(), "")
		seen = append(seen, len(objects))
		return errors.Join(err, forceAll(top))
	}
	if able, err := replaceTogetherIn(t, d, folders("first")); !able || err != nil {
		t.Fatal(able, err)
	}
	expectFolders(t, d, "first")
	if fmt.Sprint(seen) != "[0 3 6]" {
		t.Errorf("when everything was forced to disk, %v of 6 objects were there, want none, the first of each folder, all", seen)
	}
	// Folders of one object have nothing before their last.
	seen = nil
	single := folders("first")
	for i := range single {
		single[i].Objects = single[i].Objects[:1]
	}
	if able, err := replaceTogetherIn(t, d, single); !able || err != nil || len(seen) != 2 {
		t.Fatal(able, err, seen)
	}
	// What cannot be forced to disk gets no name.
	full := errors.New("no space left")
	d.forceAll = func(*os.File) error { return full }
	if able, err := replaceTogetherIn(t, d, folders("second")); !able || !errors.Is(err, full) {
		t.Fatal(able, err)
	}
	expectFolders(t, d, "first")
	expectNothingLeft(t, d)
}

// TestReplaceFoldersWithLargeFiles replaces files of which some are so large that the disk begins with them at once.
func TestReplaceFoldersWithLargeFiles(t *testing.T) {
	d := able(t)
	for _, text := range []string{"first", "second"} {
		large := strings.Repeat(text, largeFile/len(text)+1)
		var all []Folder
		for i := range 3 {
			all = append(all, Folder{fmt.Sprintf("merchant=%d/date=1", i), []Named{
				{"large", strings.NewReader(large)}, {"short", strings.NewReader(large[:largeFile-1])}, {"small", strings.NewReader(text)}}})
		}
		if able, err := replaceTogetherIn(t, d, all); !able || err != nil {
			t.Fatal(able, err)
		}
		for i := range 3 {
			for name, want := range map[string]string{"large": large, "short": large[:largeFile-1], "small": text} {
				if got := content(t, d, fmt.Sprintf("merchant=%d/date=1/%s", i, name)); got != want {
					t.Errorf("%s of %d has %d bytes, want %d", name, i, len(got), len(want))
				}
			}
		}
		expectNothingLeft(t, d)
	}
}

func expectNothingLeft(t *testing.T, d *directory) {
	t.Helper()
	if left, err := os.ReadDir(filepath.Join(d.path, temporaryFolder)); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if o := d.folders; o.users != 0 || len(o.held) > 0 || len(o.idle) > 0 {
		t.Errorf("%d users, %d held, %d idle", o.users, len(o.held), len(o.idle))
	}
}

// TestReplaceFoldersOrNothingNew gives none of the objects a new content if one of the bodies cannot be read.
func TestReplaceFoldersOrNothingNew(t *testing.T) {
	d := able(t)
	if able, err := replaceTogetherIn(t, d, folders("first")); !able || err != nil {
		t.Fatal(able, err)
	}
	broken := errors.New("broken")
	again := folders("second")
	again[2].Objects[1].Body = brokenBody{strings.NewReader("body"), broken}
	if able, err := replaceTogetherIn(t, d, again); !able || !errors.Is(err, broken) {
		t.Fatal(able, err)
	}
	expectFolders(t, d, "first")
	expectNothingLeft(t, d)
}

// TestReplaceFoldersFollowsNoLink writes nothing where a link leads.
func TestReplaceFoldersFollowsNoLink(t *testing.T) {
	d, outside := able(t), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(d.path, "merchant=1")); err != nil {
		t.Fatal(err)
	}
	if _, err := replaceTogetherIn(t, d, folders("first")); !errors.Is(err, ErrIrregular) {
		t.Errorf("got %v", err)
	}
	if found, err := os.ReadDir(outside); err != nil || len(found) > 0 {
		t.Errorf("%v, %v", found, err)
	}
	expectNothingLeft(t, d)
}

// TestReplaceFoldersWithFewFiles is not able to where the process may not have so many files open.
func TestReplaceFoldersWithFewFiles(t *testing.T) {
	d := able(t)
	top, err := d.root.Open(".")
	if err != nil {
		t.Fatal(err)
	}
	defer top.Close()
	d.makeTidy(t.Context())
	var limit, low syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	low = syscall.Rlimit{Cur: 3, Max: limit.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	able, failed := d.replaceTogether(t.Context(), top, folders("first"))
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if able || failed != nil {
		t.Errorf("%t, %v", able, failed)
	}
	if able, err := replaceTogetherIn(t, d, folders("second")); !able || err != nil {
		t.Fatal(able, err)
	}
	expectFolders(t, d, "second")
	expectNothingLeft(t, d)
}

func TestTellsOfFailedWrites(t *testing.T) {
	for release, want := range map[string]bool{"5.8": true, "5.8.0-rc1": true, "5.10.0-28-amd64": true, "6.18.44": true, "6.1+": true, "10.0": true,
		"5.7.19": false, "4.18.0-553.el8_10.x86_64": false, "5": false, "": false, "x.9": false} {
		if got := tellsOfFailedWrites(release); got != want {
			t.Errorf("%q: %t", release, got)
		}
	}
}

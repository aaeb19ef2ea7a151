package books

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"alliance/settlement/storage"
)

// settleMany publishes a date with a statement for each of many merchants, whose small files lie in packs. Odd versions have a
// file that even ones have not; one merchant has a file that is large.
func settleMany(t *testing.T, ledger *Ledger, merchants int, version int) {
	t.Helper()
	attempt := begin(t, ledger)
	record, err := prepare(t.Context(), ledger, attempt, firstDate, fmt.Sprint("version ", version))
	if err != nil {
		t.Fatal(err)
	}
	record.Dates[0].Statements = nil
	for i := range merchants {
		names := []string{"summary.parquet", statementName}
		if version%2 == 1 {
			names = append(names, "detail-00002.parquet")
		}
		var bodies []Packed
		for _, name := range names {
			bodies = append(bodies, Packed{name, fmt.Appendf(nil, "%s of %d in version %d", name, i, version)})
		}
		files, err := attempt.CreatePack(t.Context(), fmt.Sprint("pack-", i), bodies)
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			large, err := attempt.Create(t.Context(), "large", strings.NewReader(strings.Repeat(fmt.Sprint(version), largeBytes+1)))
			if err != nil {
				t.Fatal(err)
			}
			large.Name = "detail.parquet"
			files = append(files, large)
		}
		record.Dates[0].Statements = append(record.Dates[0].Statements, StatementRecord{
			Merchant: fmt.Sprintf("M%03d", i), Version: version, Supersedes: version - 1, Files: files})
	}
	if err := attempt.Commit(t.Context(), record); err != nil {
		t.Fatal(err)
	}
}

// manyLedger opens a ledger whose projection looks at all folders at once.
func manyLedger(t *testing.T, bucket storage.Bucket) *Ledger {
	ledger := open(t, bucket)
	ledger.foldersPerLook = foldersPerLook
	return ledger
}

// directory opens a directory, in memory if there is a file system of that kind: that one is forced to disk in no time, whatever else is
// written on the machine.
func directory(t *testing.T) storage.Bucket {
	t.Helper()
	path, err := os.MkdirTemp("/dev/shm", "settle-books-")
	if err != nil {
		path = t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(path) })
	bucket, err := storage.OpenDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	return bucket
}

// TestInGroups says by its name, size and number of files what is in a folder, and which are written together.
func TestInGroups(t *testing.T) {
	many := func(name string, count int, bytes int64, files int) (all []folder) {
		for i := range count {
			one := folder{key: fmt.Sprint(name, i)}
			for range files {
				one.files = append(one.files, FileRecord{Name: "a", Bytes: bytes / int64(files)})
			}
			all = append(all, one)
		}
		return all
	}
	gone := many("gone", 1, 1, 1)
	gone[0].earlier = []FileRecord{{Name: "b"}}
	for _, test := range []struct {
		name    string
		folders []folder
		groups  []int
		alone   int
	}{
		{"none", nil, nil, 0},
		{"too few", many("few", foldersTogether-1, 100, 1), nil, foldersTogether - 1},
		{"as many as are worth it", many("few", foldersTogether, 100, 1), []int{foldersTogether}, 0},
		{"as large as may be", many("large", foldersTogether, mostBytes, 1), []int{foldersTogether}, 0},
		{"a byte larger", many("large", foldersTogether, mostBytes+1, 1), nil, foldersTogether},
		{"larger by several files", many("large", foldersTogether, mostBytes+2, 2), nil, foldersTogether},
		{"one with a file too much", append(many("small", foldersTogether, 100, 1), gone...), []int{foldersTogether}, 1},
		{"many bytes", many("large", 2*bytesTogether/mostBytes+1, mostBytes, 1), []int{bytesTogether / mostBytes, bytesTogether / mostBytes}, 1},
		{"many files", many("small", filesTogether/4+foldersTogether, 8, 4), []int{filesTogether / 4, foldersTogether}, 0},
	} {
		groups, alone := inGroups(test.folders)
		var sizes []int
		for _, group := range groups {
			sizes = append(sizes, len(group))
		}
		if !slices.Equal(sizes, test.groups) || len(alone) != test.alone {
			t.Errorf("%s: groups of %v and %d alone, want %v and %d", test.name, sizes, len(alone), test.groups, test.alone)
		}
	}
}

// TestProjectManyFolders publishes versions of more folders than are written at a time to a directory, from memory and from
// the packs.
func TestProjectManyFolders(t *testing.T) {
	bucket, statements := storage.NewMemory(), directory(t)
	for version := range 3 {
		writer := manyLedger(t, bucket)
		settleMany(t, writer, filesTogether/2+10, version+1)
		if version == 1 {
			writer = manyLedger(t, bucket)
		}
		project(t, writer, statements)
		expectProjected(t, writer, statements)
	}
	fresh := directory(t)
	project(t, manyLedger(t, bucket), fresh)
	expectProjected(t, manyLedger(t, bucket), fresh)
}

// TestProjectManyFoldersIsFinishedByTheNextRun stops a projection at every look at the ledger's packs and log, and lets the next one finish.
func TestProjectManyFoldersIsFinishedByTheNextRun(t *testing.T) {
	bucket := storage.NewMemory()
	settleMany(t, manyLedger(t, bucket), 10, 1)
	settleMany(t, manyLedger(t, bucket), 10, 2)
	for stop := 1; ; stop++ {
		ctx, cancel := context.WithCancel(t.Context())
		calls := 0
		ledger := manyLedger(t, bucket)
		ledger.bucket = faulty(bucket, func(operation, key string, run func() error) error {
			if calls++; calls == stop {
				cancel()
				return errTimeout
			}
			return run()
		})
		statements := directory(t)
		err := ledger.ProjectAll(ctx, statements)
		cancel()
		if err == nil {
			if stop < 20 {
				t.Errorf("the ledger was asked %d times", stop-1)
			}
			return
		}
		finished := 0
		for key := range contents(t, statements) {
			if strings.HasSuffix(key, statementName) {
				finished++
			}
		}
		project(t, manyLedger(t, bucket), statements)
		expectProjected(t, manyLedger(t, bucket), statements)
		if t.Failed() {
			t.Fatalf("stopped at call %d, %d folders were finished: %v", stop, finished, err)
		}
	}
}

// TestProjectManyFoldersRefusesDamage finishes no folder of which a file is damaged.
func TestProjectManyFoldersRefusesDamage(t *testing.T) {
	bucket, statements := storage.NewMemory(), directory(t)
	settleMany(t, manyLedger(t, bucket), 20, 1)
	ledger := manyLedger(t, bucket)
	settled, _ := ledger.Settled(firstDate)
	files := settled.Statements[7].Files
	at := slices.IndexFunc(files, func(file FileRecord) bool { return file.Name == "summary.parquet" })
	content := contents(t, bucket)[files[at].Object]
	content = content[:files[at].Offset] + "X" + content[files[at].Offset+1:]
	if err := bucket.Replace(t.Context(), files[at].Object, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	if err := ledger.ProjectAll(t.Context(), statements); !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), files[at].Place()) {
		t.Errorf("got %v", err)
	}
	published := contents(t, statements)
	for _, name := range []string{statementName, "summary.parquet"} {
		if _, found := published[StatementFolder("M007", firstDate)+"/"+name]; found {
			t.Errorf("%s was published", name)
		}
	}
}

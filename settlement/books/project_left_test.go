package books

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"alliance/settlement"
	"alliance/settlement/storage"
)

// TestRebuildGoesOnPastObstacles puts folders, files and links in the way of some of what is to be published, and damages files besides: these are
// mended, and the error names all that could not be. A run stops at what it meets first, with the same advice.
func TestRebuildGoesOnPastObstacles(t *testing.T) {
	for name, looks := range map[string]int{"one by one": 1, "together": foldersPerLook} {
		t.Run(name, func(t *testing.T) {
			ledger := open(t, storage.NewMemory())
			threeVersions(t, ledger, func() {})
			for date := firstDate + 3; date < firstDate+8; date++ {
				settle(t, ledger, date, "more")
			}
			ledger.foldersPerLook = looks
			root, outside := t.TempDir(), t.TempDir()
			statements, err := storage.OpenDirectory(root)
			if err != nil {
				t.Fatal(err)
			}
			project(t, ledger, statements)
			path := func(parts ...string) string { return filepath.Join(append([]string{root}, parts...)...) }
			aFolder := path(StatementFolder("bakery", firstDate), "summary.parquet")
			theLast := path(StatementFolder("bakery", firstDate+3), statementName)
			aFile := path(AllianceFolder(firstDate + 1))
			aLink := path("merchant=bakery", "versions", "date="+firstDate.String())
			replacedLink := path(StatementFolder("bakery", firstDate+5), statementName)
			damaged := path(StatementFolder("bakery", firstDate+7), "summary.parquet")
			for _, err := range []error{
				os.Remove(aFolder), os.Mkdir(aFolder, 0o755), os.Remove(theLast), os.Mkdir(theLast, 0o755),
				os.RemoveAll(aFile), os.WriteFile(aFile, nil, 0o644), os.RemoveAll(aLink), os.Symlink(outside, aLink),
				os.Remove(replacedLink), os.Symlink("summary.parquet", replacedLink), os.WriteFile(damaged, []byte("edited"), 0o644),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			err = ledger.Rebuild(t.Context(), statements)
			if !errors.Is(err, ErrLeft) || strings.Count(err.Error(), "remove it and run settle repair") != 5 {
				t.Errorf("got %v", err)
			}
			for _, key := range []string{aFolder, theLast, aFile, aLink} {
				if relative, _ := filepath.Rel(root, key); err == nil || !strings.Contains(err.Error(), relative) {
					t.Errorf("%s is not named in %v", relative, err)
				}
			}
			if content, err := os.ReadFile(damaged); err != nil || string(content) != "summary more" {
				t.Errorf("a damaged file holds %q, %v", content, err)
			}
			if err := os.Remove(path(markKey)); err != nil {
				t.Fatal(err)
			}
			if err := ledger.ProjectAll(t.Context(), statements); errors.Is(err, ErrLeft) || err == nil || !strings.HasSuffix(err.Error(), ": remove it and run settle repair") {
				t.Errorf("a run says %v", err)
			}
			for _, obstacle := range []string{aFolder, theLast, aFile, aLink} {
				if err := os.Remove(obstacle); err != nil {
					t.Fatal(err)
				}
			}
			if err := ledger.Rebuild(t.Context(), statements); err != nil {
				t.Fatal(err)
			}
			expectProjected(t, ledger, statements)
			if found, err := os.ReadDir(outside); err != nil || len(found) > 0 {
				t.Errorf("%v, %v", found, err)
			}
		})
	}
}

// TestRebuildGoesOnPastDamagedObjects mends what is next to a statement that the ledger has no more, and does not advise to remove that.
func TestRebuildGoesOnPastDamagedObjects(t *testing.T) {
	bucket, statements := storage.NewMemory(), storage.NewMemory()
	ledger := open(t, bucket)
	for date := firstDate; date < firstDate+30; date++ {
		settle(t, ledger, date, "one")
	}
	ledger = open(t, bucket)
	project(t, ledger, statements)
	want := contents(t, statements)
	damage := func(dates ...settlement.Date) {
		for _, date := range dates {
			if err := statements.Delete(t.Context(), StatementFolder("bakery", date)+"/summary.parquet"); err != nil {
				t.Fatal(err)
			}
			delete(want, StatementFolder("bakery", date)+"/summary.parquet")
		}
	}
	damage(firstDate, firstDate+29)
	settled, _ := ledger.Settled(firstDate)
	if err := bucket.Delete(t.Context(), settled.Statements[0].Files[1].Object); err != nil {
		t.Fatal(err)
	}
	err := ledger.Rebuild(t.Context(), statements)
	if !errors.Is(err, ErrLeft) || !errors.Is(err, ErrBroken) || strings.Contains(err.Error(), "remove") || strings.Count(err.Error(), "on record and missing") != 1 {
		t.Errorf("got %v", err)
	}
	want[StatementFolder("bakery", firstDate+29)+"/summary.parquet"] = "summary one"
	if got := contents(t, statements); !maps.Equal(got, want) {
		t.Errorf("there are %q", slices.Sorted(maps.Keys(got)))
	}

	for date := firstDate; date < firstDate+25; date++ {
		damage(date)
		settled, _ := ledger.Settled(date)
		if err := bucket.Delete(t.Context(), settled.Statements[0].Files[1].Object); err != nil {
			t.Fatal(err)
		}
	}
	if err := ledger.Rebuild(t.Context(), statements); err == nil || strings.Count(err.Error(), "on record and missing") != mostLeft || !strings.HasSuffix(err.Error(), "and 5 more") {
		t.Errorf("got %v", err)
	}
}

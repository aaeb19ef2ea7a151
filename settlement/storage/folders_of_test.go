package storage_test

import (
	"fmt"
	"strings"
	"testing"

	"alliance/settlement/storage"
)

// TestFoldersOfLooksIntoNoOthers has a year of folders, of which two days are asked for. To look into a folder takes memory, too.
func TestFoldersOfLooksIntoNoOthers(t *testing.T) {
	const days = 365
	bucket, err := storage.OpenDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for day := range days {
		if err := bucket.Create(t.Context(), fmt.Sprintf("day=%03d/sales.csv", day), strings.NewReader("")); err != nil {
			t.Fatal(err)
		}
	}
	allocations := func(asked func(day string) bool, want int) float64 {
		return testing.AllocsPerRun(3, func() {
			if found, err := storage.FoldersOf(t.Context(), bucket, "day=", asked); err != nil || len(found) != want {
				t.Fatalf("%d folders, %v; want %d", len(found), err, want)
			}
		})
	}
	none := allocations(func(string) bool { return false }, 0)
	two := allocations(func(day string) bool { return day >= "363" }, 2) - none
	all := allocations(func(string) bool { return true }, days) - none
	if two > all/days*4 {
		t.Errorf("to look into two of %d folders takes %.0f allocations, into all of them %.0f", days, two, all)
	}
}

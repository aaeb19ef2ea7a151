//go:build unix

package batch_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"alliance/settlement"
	"alliance/settlement/faults"
	"alliance/settlement/storage"
)

// bombMemory bounds the memory of a process that settles a night with a bomb in it. Every bomb
// is a file of less than 70 MiB, most are much smaller.
const bombMemory = 512 << 20

// bombNight and bombName tell the test's own program, run again, what to settle.
const (
	bombNight = "SETTLE_HOSTILE_NIGHT"
	bombName  = "SETTLE_HOSTILE_NAME"
)

// A bombReport is what that program says.
type bombReport struct {
	State          settlement.State
	Code           settlement.Code
	Rows, Rejected int64
	// MemoryBytes is the most that it ever had.
	MemoryBytes uint64
	Took        time.Duration
}

// TestHostileBombs settles a good night with each of some files in it that are made to cost more
// than they look, in a process that may not have more than bombMemory.
func TestHostileBombs(t *testing.T) {
	if folder := os.Getenv(bombNight); folder != "" {
		settleBomb(t, folder, os.Getenv(bombName))
		return
	}
	all := os.Getenv("SETTLE_HOSTILE") == "all"
	tried, violations := 0, 0
	for _, what := range slices.Sorted(maps.Keys(bombs)) {
		bomb := bombs[what]
		if bomb.large && !all {
			continue
		}
		folder := t.TempDir()
		size := writeBombNight(t, folder, &bomb)
		report, err := runBomb(folder, bomb.name)
		tried++
		switch {
		case err != nil:
			violations++
			t.Errorf("%s: %v", what, err)
		case report.Code.String() != bomb.code || (report.State == settlement.Held) != (bomb.code != ""):
			violations++
			t.Errorf("%s: %s %q want %q", what, report.State, report.Code, bomb.code)
		}
		t.Logf("%-42s %10d bytes  %6s  %4d MiB  %s %s, %d rows, %d rejected", what, size, report.Took.Round(time.Millisecond), report.MemoryBytes>>20,
			report.State, report.Code, report.Rows, report.Rejected)
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	}
	faults.Record(t, "H", "bombs: files that cost more than they look", tried, violations, fmt.Sprintf(
		"each in a process that may have %d MiB; the night is settled, nobody else's statement changes", bombMemory>>20))
}

// writeBombNight writes two inboxes: good, and one with a bomb beside. Versions are the same.
func writeBombNight(t *testing.T, folder string, bomb *bomb) (size int64) {
	t.Helper()
	at := time.Unix(1_780_000_000, 0)
	for _, inbox := range []string{"good", "bad"} {
		for key, content := range goodFiles() {
			path := filepath.Join(folder, inbox, filepath.FromSlash(key))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, at, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	path := filepath.Join(folder, "bad", "merchant=Mill", "date="+hostileDateText, bomb.name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := bomb.write(file); err != nil {
		t.Fatal(err)
	}
	if info, err := file.Stat(); err == nil {
		size = info.Size()
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return size
}

// runBomb runs this test's program again to settle one night.
func runBomb(folder, name string) (report bombReport, err error) {
	child := exec.Command(os.Args[0], "-test.run=^TestHostileBombs$")
	child.Env = append(os.Environ(), bombNight+"="+folder, bombName+"="+name, "GOTRACEBACK=single")
	said, err := child.CombinedOutput()
	if err != nil {
		return report, fmt.Errorf("the process did not live: %w\n%.3000s", err, said)
	}
	content, err := os.ReadFile(filepath.Join(folder, "report.json"))
	if err != nil {
		return report, err
	}
	return report, json.Unmarshal(content, &report)
}

// settleBomb settles the good night, and the one with the bomb.
func settleBomb(t *testing.T, folder, name string) {
	limit := syscall.Rlimit{Cur: bombMemory, Max: bombMemory}
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &limit); err != nil {
		t.Fatal(err)
	}
	open := func(name string) storage.Bucket {
		bucket, err := storage.OpenDirectory(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		return bucket
	}
	n := goodNight(t, nil, open("good"))
	began := time.Now()
	verdict, err := n.examine(&hostileFile{merchant: "Mill", name: name}, open("bad"), true)
	if err != nil {
		t.Fatal(err)
	}
	report := bombReport{State: verdict.State, Code: verdict.Code, Rows: verdict.Rows, Rejected: verdict.Rejected, Took: time.Since(began)}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	report.MemoryBytes = stats.Sys
	content, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "report.json"), content, 0o644); err != nil {
		t.Fatal(err)
	}
}

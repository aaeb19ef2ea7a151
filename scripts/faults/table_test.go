package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "table.jsonl")
	began := time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"row":"A","fault":"kill | first","trials":7,"violations":0,"detail":"all\nof it","test":"TestFaultA","time":"2026-06-01T08:00:02Z"}
{"row":"A","fault":"kill again","trials":3,"violations":2,"detail":"","test":"TestFaultA","time":"2026-06-01T08:00:02.5Z"}
`)
	lines, violations, err := readLines(path, "A", "abc", map[string]time.Time{"TestFaultA": began})
	if err != nil || violations != 2 || len(lines) != 2 {
		t.Fatalf("%q, %d violations, %v", lines, violations, err)
	}
	want := "| A | kill \\| first | 7 | 0 | 2.0 | all of it | abc |\n| A | kill again | 3 | 2 | 0.5 |  | abc |\n"
	if got := strings.Join(lines, ""); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for _, text := range []string{`{"row":"B"}`, `half a lin`} {
		write(text)
		if _, _, err := readLines(path, "A", "abc", nil); err == nil {
			t.Errorf("%q was taken for a result of row A", text)
		}
	}
	if lines, _, err := readLines(path+"none", "A", "abc", nil); err != nil || lines != nil {
		t.Errorf("no results: %q, %v", lines, err)
	}
}

// TestStandingRows keeps the lines of rows that are not run again.
func TestStandingRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "table.md")
	lines := map[string][]string{"A": {"| A | one |\n", "| A | two |\n"}, "M": {"| M | three |\n"}}
	if err := os.WriteFile(path, []byte(table(lines)), 0o644); err != nil {
		t.Fatal(err)
	}
	again, err := readTable(path)
	if err != nil || table(again) != table(lines) || !strings.Contains(table(again), "| A | two |\n| M | three |\n") {
		t.Errorf("%q, %v", again, err)
	}
}

func TestFollow(t *testing.T) {
	var said strings.Builder
	output := `{"Time":"2026-06-01T08:00:00Z","Action":"run","Test":"TestFaultA"}
{"Action":"output","Test":"TestFaultA","Output":"it gave way\n"}
a build that failed
{"Action":"output","Test":"TestFaultB","Output":"all is well\n"}
{"Action":"pass","Test":"TestFaultB"}
{"Action":"fail","Test":"TestFaultA"}
`
	started := follow(strings.NewReader(output), &said)
	if len(started) != 1 || started["TestFaultA"].Hour() != 8 {
		t.Errorf("started %v", started)
	}
	if said.String() != "a build that failed\nit gave way\n" {
		t.Errorf("said %q", &said)
	}
}

func TestRowsAreNamed(t *testing.T) {
	if err := run([]string{"Z"}); err == nil || !strings.Contains(err.Error(), `no row "Z"`) {
		t.Error(err)
	}
}

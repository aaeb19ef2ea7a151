package faults

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A silent T is a test whose failure is looked at.
type silent struct {
	testing.TB
	failed bool
}

func (s *silent) Errorf(string, ...any) { s.failed = true }

func TestRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "table.jsonl")
	t.Setenv("SETTLE_FAULTS_TABLE", path)
	Record(t, "A", "kill", 3, 0, "all points")
	for _, violations := range []int{0, 2} {
		judged := &silent{TB: t}
		Record(judged, "B", "fails", violations, violations, "")
		if !judged.failed {
			t.Errorf("%d trials with %d violations passed", violations, violations)
		}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	var first Line
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil || len(lines) != 3 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	if first.Row != "A" || first.Fault != "kill" || first.Trials != 3 || first.Test != "TestRecord" || first.Time.IsZero() {
		t.Errorf("wrote %+v", first)
	}
}

func TestCount(t *testing.T) {
	t.Setenv("SETTLE_FAULTS", "")
	if Count(2, 90) != 2 {
		t.Error("the fast lane is not fast")
	}
	t.Setenv("SETTLE_FAULTS", "all")
	if Count(2, 90) != 90 {
		t.Error("all is not all")
	}
}

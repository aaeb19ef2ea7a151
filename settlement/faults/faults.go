// Package faults is what the tests of the fault campaign share: how much of it to run, and the
// table of what was done to the system and how often it gave way.
//
// The campaign has rows, each a letter:
//
//	A  kill -9 at every named crash point
//	B  the k-th call of a store fails, for every k
//	C  the answer of the commit is lost or lies
//	D  several processes settle one date
//	E  signals, full disks, too little memory
//	F  a store that lies
//	G  every byte flipped, every truncation
//	H  hostile files of one merchant in a good night
//	I  random histories against the second model
//	J  zones, daylight saving, leap days, year ends
//	K  shuffled listings, any number of workers
//	M  our own rules switched off one at a time
//
// # How a row is made
//
// A test of a row is named TestFault, the row's letter, and words: TestFaultA_KillAtEveryCrashPoint.
// It may lie in any package; make faults finds it by its name. (Rows H and I are TestHostile… and
// TestEngineEqualsModel of settlement/batch.) In make test it takes the fast lane, a sample that needs a
// few seconds; with SETTLE_FAULTS=all it does everything. [Count] chooses:
//
//	rounds := faults.Count(3, 200)
//
// The test reports each violation with t.Errorf and, at its end, one line or more of the table
// with [Record]. A trial is one fault that was injected and judged; a violation is a promise that was
// broken, not a fault that was survived by saying so. A row whose tests write no line counts as
// missing, and then the campaign fails, as it does with a violation.
//
//	SETTLE_FAULTS_TABLE=table.jsonl SETTLE_FAULTS=all go test -run '^TestFaultA' ./...
//
// [Injector] lets the calls of buckets go wrong; [Wrap] hands them to a function.
package faults

import (
	"encoding/json"
	"os"
	"testing"
	"time"
)

// A Line is one line of the table.
type Line struct {
	Row   string `json:"row"`
	Fault string `json:"fault"`
	// Trials is how many faults were injected and judged, Violations how often a promise was broken.
	Trials     int    `json:"trials"`
	Violations int    `json:"violations"`
	Detail     string `json:"detail"`
	// Test is the test that wrote the line, and Time when it did.
	Test string    `json:"test"`
	Time time.Time `json:"time"`
}

// All reports whether the whole campaign is wanted and not its fast lane.
func All() bool { return os.Getenv("SETTLE_FAULTS") == "all" }

// Count returns how often to do something: fast in the fast lane, all in the whole campaign.
func Count(fast, all int) int {
	if All() {
		return all
	}
	return fast
}

// Record adds a line to the table, if SETTLE_FAULTS_TABLE names a file for it, and logs it. Detail
// says what was done and seen, in a few words; it may be "". A line with violations fails the test,
// and so does one without trials.
func Record(t testing.TB, row, fault string, trials, violations int, detail string) {
	t.Helper()
	t.Logf("row %s, %s: %d trials, %d violations %s", row, fault, trials, violations, detail)
	if trials == 0 {
		t.Errorf("row %s, %s: nothing was tried", row, fault)
	}
	if violations > 0 {
		t.Errorf("row %s, %s: %d violations", row, fault, violations)
	}
	path := os.Getenv("SETTLE_FAULTS_TABLE")
	if path == "" {
		return
	}
	text, err := json.Marshal(Line{row, fault, trials, violations, detail, t.Name(), time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(append(text, '\n')); err != nil {
		t.Error(err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
}

package batch_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"alliance/settlement/faults"
)

// A mutation switches one of our rules off. Nothing in the program can do that: its source is
// changed on the way to the compiler.
type mutation struct {
	// rule is what the program does no more.
	rule string
	// place is the package of the test that must notice, by its folder below settlement/, and test
	// its name.
	place, test string
	edits       []edit
}

// An edit replaces a piece of a file, by its path below settlement/, that is there once.
type edit struct{ file, was, is string }

var ruleFlag = flag.String("rule", "", "switch off only the rules whose words contain this")

// TestFaultM_RulesSwitchedOff switches our own rules off one at a time. A test that exists for
// another reason must notice each of them; it passes with all rules on.
func TestFaultM_RulesSwitchedOff(t *testing.T) {
	source, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	chosen := mutations
	switch {
	case *ruleFlag != "":
		chosen = slices.DeleteFunc(slices.Clone(mutations), func(m mutation) bool { return !strings.Contains(m.rule, *ruleFlag) })
	case !faults.All():
		// All are made, so that none is about a program that is no more; some are tried.
		for i := range mutations {
			mutations[i].overlay(t, source)
			mutations[i].expectTest(t, source)
		}
		chosen = slices.DeleteFunc(slices.Clone(mutations), func(m mutation) bool { return m.test != "TestAddPointsNeverWraps" })
	}
	expectPass(t, chosen, source)
	survived, killed := 0, []string{}
	for i := range chosen {
		m := &chosen[i]
		began := time.Now()
		if err := m.killed(t, source); err != nil {
			survived++
			t.Errorf("%s is switched off, and %s in %s does not notice: %v", m.rule, m.test, m.place, err)
			continue
		}
		killed = append(killed, m.rule+": "+m.test)
		t.Logf("%-60s %s/%s, %s", m.rule, m.place, m.test, time.Since(began).Round(100*time.Millisecond))
	}
	detail := "each rule, and the test that notices that it is off: " + strings.Join(killed, "; ")
	faults.Record(t, "M", "a rule of our own is switched off", len(chosen), survived, detail)
}

// overlay writes the mutated source and the file that leads the go command to it.
func (m *mutation) overlay(t *testing.T, source string) string {
	t.Helper()
	folder := t.TempDir()
	texts := make(map[string]string)
	for _, edit := range m.edits {
		path := filepath.Join(source, filepath.FromSlash(edit.file))
		text, begun := texts[path]
		if !begun {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			text = string(content)
		}
		if found := strings.Count(text, edit.was); found != 1 {
			t.Fatalf("%s: %s has %d times what is to be replaced; the program has changed, so change the mutation:\n%s", m.rule, edit.file, found, edit.was)
		}
		texts[path] = strings.Replace(text, edit.was, edit.is, 1)
	}
	replace := make(map[string]string)
	for path, text := range texts {
		replace[path] = filepath.Join(folder, fmt.Sprintf("%d.go", len(replace)))
		if err := os.WriteFile(replace[path], []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	content, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(folder, "overlay.json")
	if err := os.WriteFile(overlay, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return overlay
}

// expectTest checks that there is a test of that name.
func (m *mutation) expectTest(t *testing.T, source string) {
	t.Helper()
	if !testsContain(t, filepath.Join(source, m.place), "\nfunc "+m.test+"(t *testing.T)") {
		t.Fatalf("%s: there is no %s in %s", m.rule, m.test, m.place)
	}
}

// killed returns an error if the test passes with the rule switched off, or fails for another
// reason than that it noticed.
func (m *mutation) killed(t *testing.T, source string) error {
	said, err := goTest(t, source, m.place, m.test, "-overlay="+m.overlay(t, source))
	if err == nil {
		return fmt.Errorf("it passes")
	}
	if !strings.Contains(said, "--- FAIL: "+m.test+" ") {
		return fmt.Errorf("it could not be run: %w\n%.3000s", err, said)
	}
	return nil
}

// expectPass runs the tests with all rules on: whoever fails then would kill anything.
func expectPass(t *testing.T, chosen []mutation, source string) {
	t.Helper()
	tests := make(map[string][]string)
	for _, m := range chosen {
		tests[m.place] = append(tests[m.place], m.test)
	}
	for place, names := range tests {
		slices.Sort(names)
		names = slices.Compact(names)
		if said, err := goTest(t, source, place, "("+strings.Join(names, "|")+")", "-v"); err != nil {
			t.Fatalf("with all rules on: %v\n%.3000s", err, said)
		} else if ran := len(regexp.MustCompile(`(?m)^--- PASS: `).FindAllString(said, -1)); ran != len(names) {
			t.Fatalf("of %q in %s there are %d", names, place, ran)
		}
	}
}

// goTest runs a test of a package.
func goTest(t *testing.T, source, place, test string, more ...string) (said string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	arguments := append([]string{"test", "-count=1", "-vet=off", "-timeout=5m", "-run=^" + test + "$"}, more...)
	arguments = append(arguments, "./"+place)
	if testsContain(t, filepath.Join(source, place), "\"pgregory.net/rapid\"") {
		// Failures that are wanted are not to be kept among the sources.
		arguments = append(arguments, "-rapid.nofailfile")
	}
	command := exec.CommandContext(ctx, "go", arguments...)
	command.Dir = source
	// The tests are what they always are.
	command.Env = slices.DeleteFunc(os.Environ(), func(setting string) bool { return strings.HasPrefix(setting, "SETTLE_") })
	output, err := command.CombinedOutput()
	return string(output), err
}

// testsContain reports whether a text stands in a file of a package's tests.
func testsContain(t *testing.T, folder, text string) bool {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(paths, func(path string) bool {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(content), text)
	})
}

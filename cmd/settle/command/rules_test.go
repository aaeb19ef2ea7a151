package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"alliance/rules"
)

func withoutCedar() string {
	at := strings.Index(rulebook, "  - {id: C,")
	return rulebook[:at]
}

func TestRulesCheckPrintsWhatWasUnderstood(t *testing.T) {
	w := newWorld(t)
	code, stdout, stderr := settle("rules", "check", w.rules)
	if code != exitDone || stderr != "" {
		t.Fatal(code, stderr)
	}
	contains(t, stdout, "Hub (HUB)", "currency", "EUR", "Register: 3 merchants", "Prices", `reason == "gift"`, "Netting")
	code, stdout, _ = settle("rules", "check", w.rules, "--json")
	var described map[string]any
	if err := json.Unmarshal([]byte(stdout), &described); code != exitDone || err != nil || described["alliance_id"] != "HUB" {
		t.Errorf("exit code %d, %v: %s", code, err, stdout)
	}
}

func TestRulesCheckPrintsAllErrors(t *testing.T) {
	w := newWorld(t)
	wrong := strings.Replace(strings.Replace(rulebook, "attribution: fifo", "attribution: lifo", 1), "joined: 2026-01-01}", "joined: 2026-13-01}", 1)
	w.write("wrong.yaml", wrong)
	path := filepath.Join(w.root, "wrong.yaml")
	code, stdout, stderr := settle("rules", "check", path)
	if code != exitUsage || stdout != "" {
		t.Error(code, stdout)
	}
	contains(t, stderr, path+":3: ", "lifo", path+":9: ", "2026-13-01", "2 errors")

	code, stdout, stderr = settle("rules", "check", path, "--json")
	var faults struct {
		File   string
		Errors []ruleFault
	}
	if err := json.Unmarshal([]byte(stdout), &faults); err != nil || code != exitUsage || len(faults.Errors) != 2 || faults.Errors[0].Line != 3 || faults.File != path {
		t.Errorf("exit code %d, %v: %s", code, err, stdout)
	}
	contains(t, stderr, "2 errors")

	code, _, stderr = settle("rules", "check", filepath.Join(w.root, "none.yaml"))
	if code != exitUsage {
		t.Error(code)
	}
	contains(t, stderr, "read the rulebook", "none.yaml")
}

func TestRulesSchemaIsTheOneShipped(t *testing.T) {
	code, stdout, _ := settle("rules", "schema")
	if code != exitDone || stdout != string(rules.Schema()) || !json.Valid([]byte(stdout)) {
		t.Error(code, stdout)
	}
	if text, err := os.ReadFile("../../../rules/rulebook.schema.json"); err != nil || string(text) != stdout {
		t.Error("the schema is not that of rules/rulebook.schema.json", err)
	}
}

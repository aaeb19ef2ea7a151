package main

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// allowed says which packages of the module each package may import, besides itself.
var allowed = map[string][]string{
	"alliance/settlement":                     {},
	"alliance/settlement/layout":              {"alliance/settlement"},
	"alliance/rules":                          {"alliance/settlement", "alliance/settlement/layout"},
	"alliance/settlement/clearing":            {"alliance/settlement", "alliance/rules"},
	"alliance/settlement/crash":               {}, // a leaf without code in a production build: every layer that writes may name it
	"alliance/settlement/storage":             {"alliance/settlement/crash"},
	"alliance/settlement/storage/storagetest": {"alliance/settlement/storage"},
	"alliance/settlement/storage/s3test":      {"alliance/settlement/storage"},
	"alliance/settlement/faults":              {"alliance/settlement/storage"},
	"alliance/scripts/faults":                 {"alliance/settlement/faults"},
	"alliance/settlement/intake":              {"alliance/settlement", "alliance/settlement/layout", "alliance/settlement/storage"},
	"alliance/settlement/sections":            {},
	"alliance/settlement/accounts":            {"alliance/settlement", "alliance/settlement/sections"},
	"alliance/settlement/identifiers":         {"alliance/settlement", "alliance/settlement/sections"},
	"alliance/settlement/spool":               {},
	"alliance/settlement/books":               {"alliance/settlement", "alliance/settlement/crash", "alliance/settlement/storage"},
	"alliance/settlement/statement":           {"alliance/settlement", "alliance/settlement/storage"},
	"alliance/settlement/access":              {"alliance/settlement"},
	"alliance/settlement/acknowledgement":     {"alliance/settlement", "alliance/settlement/layout", "alliance/settlement/storage", "alliance/settlement/intake"},
	"alliance/settlement/batch": {"alliance/settlement", "alliance/rules", "alliance/settlement/layout", "alliance/settlement/clearing", "alliance/settlement/crash", "alliance/settlement/storage",
		"alliance/settlement/spool", "alliance/settlement/sections", "alliance/settlement/accounts", "alliance/settlement/identifiers", "alliance/settlement/intake", "alliance/settlement/books", "alliance/settlement/statement", "alliance/settlement/acknowledgement"},
	"alliance/settlement/metrics": {"alliance/settlement", "alliance/settlement/batch"},
	"alliance/cmd/settle/command": {"alliance/settlement", "alliance/rules", "alliance/settlement/clearing", "alliance/settlement/storage",
		"alliance/settlement/intake", "alliance/settlement/books", "alliance/settlement/statement", "alliance/settlement/batch", "alliance/settlement/metrics",
		"alliance/settlement/access", "alliance/fixtures/generate", "alliance/scripts/kubernetes"},
	"alliance/cmd/settle":         {"alliance/cmd/settle/command"},
	"alliance/fixtures":           {},
	"alliance/fixtures/generate":  {"alliance/settlement"},
	"alliance/scripts/kubernetes": {},
}

// forbidden says what a package must not import, and why.
var forbidden = []struct {
	packages []string
	imports  []string
	why      string
}{
	{
		[]string{"alliance/settlement", "alliance/settlement/layout", "alliance/rules", "alliance/settlement/clearing", "alliance/settlement/access"},
		[]string{"os", "net", "net/http", "sync", "sync/atomic", "context", "io/fs", "math/rand", "math/rand/v2", "github.com/apache/arrow/", "github.com/aws/", "github.com/xitongsys/"},
		"the core is pure: values in, values out; no clock, no goroutine, no store",
	},
	{
		[]string{"alliance/settlement", "alliance/rules", "alliance/settlement/clearing", "alliance/settlement/intake", "alliance/settlement/books",
			"alliance/settlement/statement", "alliance/settlement/batch", "alliance/cmd/settle/command", "alliance/cmd/settle"},
		[]string{"github.com/aws/"},
		"only storage speaks to an object store",
	},
}

func TestImportsGoOneWay(t *testing.T) {
	for path, imports := range listPackages(t) {
		may, known := allowed[path]
		if !known {
			t.Errorf("package %s is not in the table of imports: say what it may import", path)
			continue
		}
		for _, imported := range imports {
			if strings.HasPrefix(imported, "alliance/") && !slices.Contains(may, imported) {
				t.Errorf("%s imports %s: imports go one way, see the table in this test", path, imported)
			}
		}
		for _, rule := range forbidden {
			if !slices.Contains(rule.packages, path) {
				continue
			}
			for _, imported := range imports {
				if slices.ContainsFunc(rule.imports, func(no string) bool {
					return imported == no || strings.HasSuffix(no, "/") && strings.HasPrefix(imported, no)
				}) {
					t.Errorf("%s imports %s: %s", path, imported, rule.why)
				}
			}
		}
	}
}

func listPackages(t *testing.T) map[string][]string {
	output, err := exec.Command("go", "list", "-json=ImportPath,Imports", "alliance/...").Output()
	if err != nil {
		t.Fatal("go list:", err)
	}
	packages := make(map[string][]string)
	decoder := json.NewDecoder(strings.NewReader(string(output)))
	for decoder.More() {
		var listed struct {
			ImportPath string
			Imports    []string
		}
		if err := decoder.Decode(&listed); err != nil {
			t.Fatal(err)
		}
		packages[listed.ImportPath] = listed.Imports
	}
	if len(packages) < 9 {
		t.Fatalf("go list found %d packages", len(packages))
	}
	return packages
}

// Command faults runs the fault campaign, or the rows that it is given, one row after the other; it
// prints the table as Markdown and writes it to scripts/faults/table.md. There the lines of rows that
// were not run stay as they were. How a row is made: go doc ./settlement/faults. Run it from the root
// of the module (make faults).
//
// Exit code 1: a promise was broken, a test failed, or a row has no result.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

const tablePath = "scripts/faults/table.md"

// A row says how the tests of a row of the campaign are run.
type row struct {
	letter string
	// pattern and folder are where the tests are not named TestFault and the letter.
	pattern, folder string
	environment     []string
	arguments       []string
}

var campaign = []row{
	{letter: "A"}, {letter: "B"}, {letter: "C"}, {letter: "D"}, {letter: "E"}, {letter: "F"}, {letter: "G"},
	{letter: "H", pattern: "^TestHostile", folder: "./settlement/batch", environment: []string{"SETTLE_HOSTILE=all"}},
	{letter: "I", pattern: "^TestEngineEqualsModel$", folder: "./settlement/batch", arguments: []string{"-args", "-histories", "10000", "-seed", "1"}},
	{letter: "J"}, {letter: "K"}, {letter: "M"},
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
}

func run(letters []string) error {
	for _, letter := range letters {
		if !slices.ContainsFunc(campaign, func(r row) bool { return r.letter == letter }) {
			return fmt.Errorf("there is no row %q: name some of A to K and M, or nothing for all", letter)
		}
	}
	standing, err := readTable(tablePath)
	if err != nil {
		return err
	}
	var faults []string
	for _, row := range campaign {
		if len(letters) > 0 && !slices.Contains(letters, row.letter) {
			continue
		}
		lines, err := row.run()
		if err != nil {
			faults = append(faults, err.Error())
		}
		if lines == nil {
			continue
		}
		// At once, so that what took long is not lost with the rows after it.
		standing[row.letter] = lines
		if err := os.WriteFile(tablePath, []byte(table(standing)), 0o644); err != nil {
			return err
		}
	}
	fmt.Print(table(standing))
	if len(faults) > 0 {
		return fmt.Errorf("the campaign failed:\n%s", strings.Join(faults, "\n"))
	}
	return nil
}

// run runs the tests of a row and returns its lines of the table as Markdown.
func (r row) run() ([]string, error) {
	pattern, folders := r.pattern, []string{r.folder}
	if pattern == "" {
		pattern = "^TestFault" + r.letter
		var err error
		if folders, err = packagesOf(r.letter); err != nil {
			return nil, err
		}
		if len(folders) == 0 {
			return nil, fmt.Errorf("row %s: no test is named TestFault%s…", r.letter, r.letter)
		}
	}
	scratch, err := os.MkdirTemp("", "settle-faults-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	path := filepath.Join(scratch, "table.jsonl")
	arguments := append([]string{"test", "-json", "-p", "1", "-count=1", "-timeout", "180m", "-run", pattern}, folders...)
	command := exec.Command("go", append(arguments, r.arguments...)...)
	command.Env = append(append(os.Environ(), "SETTLE_FAULTS=all", "SETTLE_FAULTS_TABLE="+path), r.environment...)
	command.Stderr = os.Stderr
	tested := commit()
	fmt.Fprintf(os.Stderr, "row %s: go %s\n", r.letter, strings.Join(command.Args[1:], " "))
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	started := follow(output, os.Stderr)
	failed := command.Wait()
	lines, violations, err := readLines(path, r.letter, tested, started)
	switch {
	case err != nil:
	case violations > 0:
		err = fmt.Errorf("row %s: %d violations", r.letter, violations)
	case failed != nil:
		err = fmt.Errorf("row %s: its tests failed, see above: %w", r.letter, failed)
	case len(lines) == 0:
		err = fmt.Errorf("row %s: its tests wrote no result", r.letter)
	}
	return lines, err
}

// packagesOf returns the packages that have a test of a row, as the go command calls them.
func packagesOf(letter string) ([]string, error) {
	var folders []string
	err := filepath.WalkDir(".", func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && path != "." && (strings.HasPrefix(name, ".") || name == "testdata") {
			return filepath.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(text), "\nfunc TestFault"+letter) {
			folders = append(folders, "./"+filepath.ToSlash(filepath.Dir(path)))
		}
		return err
	})
	slices.Sort(folders)
	return slices.Compact(folders), err
}

// commit names the version of the program that was tested.
func commit() string {
	hash, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	changes, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no").Output()
	if err != nil || len(changes) > 0 {
		return strings.TrimSpace(string(hash)) + ", changed"
	}
	return strings.TrimSpace(string(hash))
}

func processors() int { return runtime.NumCPU() }

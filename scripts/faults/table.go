package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"alliance/settlement/faults"
)

const heading = `| row | fault | trials | violations | seconds | what was done | commit |
|---|---|---|---|---|---|---|
`

// An event is what the go command says of a test.
type event struct {
	Time   time.Time
	Action string
	Test   string
	Output string
}

// follow repeats what tests say about their failures, and returns when each of them began.
func follow(output io.Reader, repeat io.Writer) map[string]time.Time {
	started := make(map[string]time.Time)
	said := make(map[string][]string)
	lines := bufio.NewReader(output)
	for {
		line, err := lines.ReadBytes('\n')
		var one event
		if json.Unmarshal(line, &one) == nil {
			switch one.Action {
			case "run":
				started[one.Test] = one.Time
			case "output":
				said[one.Test] = append(said[one.Test], one.Output)
			case "pass":
				delete(said, one.Test)
			case "fail":
				fmt.Fprint(repeat, strings.Join(said[one.Test], ""))
				delete(said, one.Test)
				if one.Test == "" { // a package; what its tests said that did not end is all that is left
					for _, test := range slices.Sorted(maps.Keys(said)) {
						fmt.Fprint(repeat, strings.Join(said[test], ""))
					}
					clear(said)
				}
			}
		} else if len(line) > 0 {
			repeat.Write(line) // a build that failed
		}
		if err != nil {
			return started
		}
	}
}

// readLines returns the lines of the table that a row's tests wrote, as Markdown. The seconds of a
// line are those since its test began or wrote the line before.
func readLines(path, letter, tested string, started map[string]time.Time) (lines []string, violations int, err error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	for text := range strings.Lines(string(content)) {
		var line faults.Line
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			return nil, 0, fmt.Errorf("row %s: a result cannot be read: %w", letter, err)
		}
		if line.Row != letter {
			return nil, 0, fmt.Errorf("row %s: %s wrote a result of row %q", letter, line.Test, line.Row)
		}
		seconds := "?"
		if began, known := started[line.Test]; known {
			seconds = fmt.Sprintf("%.1f", line.Time.Sub(began).Seconds())
		}
		started[line.Test] = line.Time
		violations += line.Violations
		lines = append(lines, fmt.Sprintf("| %s | %s | %d | %d | %s | %s | %s |\n", letter, cell(line.Fault), line.Trials, line.Violations, seconds, cell(line.Detail), tested))
	}
	return lines, violations, nil
}

func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}

// readTable returns the lines of a table that was written before, by row.
func readTable(path string) (map[string][]string, error) {
	lines := make(map[string][]string)
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return lines, nil
	}
	for text := range strings.Lines(string(content)) {
		for _, row := range campaign {
			if strings.HasPrefix(text, "| "+row.letter+" |") {
				lines[row.letter] = append(lines[row.letter], text)
			}
		}
	}
	return lines, err
}

// table puts the rows together.
func table(lines map[string][]string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "Written by `make faults`, on %d cores.\n\n%s", processors(), heading)
	for _, row := range campaign {
		for _, line := range lines[row.letter] {
			text.WriteString(line)
		}
	}
	return text.String()
}

package batch

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// csvRow is a row as encoding/csv has it, or the error at which it stops.
func csvRows(content string) (rows []string) {
	reader := csv.NewReader(strings.NewReader(content))
	reader.FieldsPerRecord = -1
	for {
		fields, err := reader.Read()
		var parse *csv.ParseError
		switch {
		case err == io.EOF:
			return rows
		case errors.As(err, &parse):
			return append(rows, fmt.Sprintf("line %d: %v", parse.StartLine, parse.Err))
		}
		line, _ := reader.FieldPos(0)
		rows = append(rows, fmt.Sprintf("line %d: %q", line, fields))
	}
}

// blockRows reads rows by blocks, and checks their numbers.
func blockRows(t *testing.T, content string, blockBytes int) (rows []string) {
	t.Helper()
	file := newBlockReader(strings.NewReader(content), blockBytes)
	for {
		block, err := file.next()
		if err == io.EOF {
			return rows
		} else if err != nil {
			t.Fatal(err)
		}
		if block.row != int64(len(rows)) {
			t.Fatalf("a block of %q begins with row %d, after %d", content, block.row, len(rows))
		}
		for reader := newRowReader(block); ; {
			fields, line, err := reader.next()
			if err == io.EOF {
				break
			}
			var parse *csv.ParseError
			switch {
			case errors.As(err, &parse):
				return append(rows, fmt.Sprintf("line %d: %v", line, parse.Err))
			case err != nil:
				return append(rows, fmt.Sprintf("line %d: %v", line, err))
			}
			rows = append(rows, fmt.Sprintf("line %d: %q", line, fields))
		}
	}
}

// Every text of up to 7 of the characters that mean something is read as encoding/csv reads it.
func TestBlocksAreReadAsCSV(t *testing.T) {
	const alphabet = "a,\"\r\n"
	texts := []string{""}
	for range 7 {
		var longer []string
		for _, text := range texts {
			for _, c := range alphabet {
				one := text + string(c)
				longer = append(longer, one)
				if want, found := csvRows(one), blockRows(t, one, 1<<10); !slices.Equal(found, want) {
					t.Fatalf("%q is read as %v, by encoding/csv as %v", one, found, want)
				}
			}
		}
		texts = longer
	}
}

// Files that go into several blocks are read as encoding/csv reads them, up to a row that is longer than a block may be.
func TestBlocksOfLongFilesAreReadAsCSV(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	parts := []string{"a", "b,c", ",", "\n", "\r\n", `"x"`, `"x,""y"`, "\"x\ny\"", "\"\r\n\"", "\n", "\n"}
	wrong := []string{`"`, `a"`, "\r"}
	long := 0
	for range 20_000 {
		var text strings.Builder
		for range random.IntN(120) {
			if random.IntN(60) == 0 {
				text.WriteString(wrong[random.IntN(len(wrong))])
			}
			part := parts[random.IntN(len(parts))]
			if strings.HasPrefix(part, `"`) {
				part = "\n" + part + ","
			}
			text.WriteString(part)
		}
		want, found := csvRows(text.String()), blockRows(t, text.String(), 64)
		if last := len(found) - 1; last >= 0 && strings.Contains(found[last], "longer") {
			long++
			found, want = found[:last], want[:min(last, len(want))]
		}
		if !slices.Equal(found, want) {
			t.Fatalf("%q is read as\n%s\nby encoding/csv as\n%s", text.String(), strings.Join(found, "\n"), strings.Join(want, "\n"))
		}
	}
	if long > 4000 {
		t.Errorf("%d of 20000 files were not read to the end", long)
	}
}

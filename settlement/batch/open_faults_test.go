package batch

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"alliance/rules"
)

// faultsOf opens a file in blocks of a size and returns what is wrong with it.
func faultsOf(t *testing.T, rulebook *rules.Rulebook, content string, blockBytes, workers int) *LotsError {
	t.Helper()
	job := OpeningJob{Rulebook: rulebook, Name: "lots.csv", Lots: strings.NewReader(content), Memory: 1, Workers: workers, SpillDirectory: t.TempDir()}
	lots := newOpeningLots(&job)
	lots.blockBytes = blockBytes
	defer lots.pool.Close()
	_, _, err := lots.check(t.Context())
	var faults *LotsError
	if err != nil && !errors.As(err, &faults) {
		t.Fatal(err)
	}
	if faults == nil {
		return &LotsError{}
	}
	return faults
}

// Whatever is wrong with a file, and wherever, is told as the model tells it: the first twenty faults in order of
// row, the number of others, and nothing of what comes after a row that is no CSV.
func TestOpeningFaultsAreThoseOfTheModel(t *testing.T) {
	rulebook := openingRulebook(t)
	broken, duplicates, many := 0, 0, 0
	for seed := range uint64(150) {
		file := newLotsFile(1000 + seed)
		rows := 1 + file.random.IntN(400)
		spoil := []int{0, 2, 10, 100}[file.random.IntN(4)] // of 200
		for range rows {
			switch chance := file.random.IntN(200); {
			case chance >= spoil:
				file.row(nil)
			case chance%5 < 2:
				file.row(map[string]string{"issuer_id": file.one("A", "B"), "lot_id": file.one("again", "again and again"), "issued_at": file.one("2025-03-01T10:00:00Z", "2025-03-02T10:00:00Z")})
			case chance%5 == 2:
				file.row(map[string]string{file.columns[file.random.IntN(6)]: file.one("", "wrong", "a\nb", "\r\n\n")})
			case chance%5 == 3:
				file.text.WriteString("too,few\n")
			case file.random.IntN(40) == 0:
				file.text.WriteString(file.one(`a"b,c`, `"a"b,c`, `"a`, "\"a\n\n,") + "\n")
			}
		}
		content := file.text.String()
		model := readModelOpening(t, rulebook, "lots.csv", content)
		want := LotsError{File: "lots.csv", Faults: model.faults.Faults, More: model.faults.More}
		if text := want.text(); strings.Contains(text, "is no CSV") {
			broken++
		} else if strings.Contains(text, "already") {
			duplicates++
		}
		if want.More > 0 {
			many++
		}
		for _, blockBytes := range []int{2 << 10, longestRow} {
			found := faultsOf(t, rulebook, content, blockBytes, 1+int(seed%4))
			if len(found.Faults) > 0 && slices.ContainsFunc(found.Faults, func(fault LotFault) bool { return strings.Contains(fault.Message, "longer than") }) && blockBytes != longestRow {
				continue // an open quote ran over a small block
			}
			if !slices.Equal(found.Faults, want.Faults) || found.More != want.More {
				t.Fatalf("seed %d, blocks of %d bytes:\n%s\nbut of the model\n%s\nof\n%s", seed, blockBytes, found.text(), want.text(), content)
			}
		}
	}
	if broken < 5 || duplicates < 20 || many < 10 {
		t.Errorf("only %d files were broken, %d had duplicates, %d more faults than are told", broken, duplicates, many)
	}
}

// text is what the error says, whether there are faults or not.
func (e LotsError) text() string {
	if e.refusal() == nil {
		return "no fault"
	}
	return e.Reason
}

// Lots that are far apart in the file, of different members, are found to be one; a row that is no CSV hides those after it.
func TestOpeningDuplicatesFarApart(t *testing.T) {
	rulebook := openingRulebook(t)
	again := map[string]string{"issuer_id": "B", "lot_id": "again", "issued_at": "2025-03-01T10:00:00Z"}
	file := newLotsFile(3)
	for row := 1; row <= 60_000; row++ {
		if row == 17 || row == 30_000 || row == 59_999 {
			file.row(again)
		} else {
			file.row(nil)
		}
	}
	found := faultsOf(t, rulebook, file.text.String(), longestRow, 2)
	if len(found.Faults) != 2 || found.Faults[0].Row != 30_000 || found.Faults[1].Row != 59_999 || found.More != 0 ||
		found.Faults[0].Value != "again" || found.Faults[0].Message != "is the lot of row 17 already: issuer B and business date 2025-03-01 are the same; give one of them another lot_id" {
		t.Errorf("%s", found.text())
	}
	text := file.text.String()
	cut := strings.LastIndex(text[:len(text)*3/4], "\n") + 1
	found = faultsOf(t, rulebook, text[:cut]+"a\"b\n"+text[cut:], longestRow, 2)
	if len(found.Faults) != 2 || found.Faults[0].Row != 30_000 || !strings.HasPrefix(found.Faults[1].Message, "is no CSV: ") || found.More != 0 {
		t.Errorf("%s", found.text())
	}
}

// A quote that is not closed does not bring the rest of a large file into memory.
func TestOpeningRowThatNeverEnds(t *testing.T) {
	rulebook := openingRulebook(t)
	for name, one := range map[string]struct{ row, want string }{
		"open quote":     {"\"m1," + strings.Repeat("x,y\n", longestRow), "row 2 (line 3): is longer than the 1 MiB that a row may have; perhaps a quote is not closed; the rows after it were not looked at"},
		"no newline":     {strings.Repeat("x", 2*longestRow), "row 2 (line 3): is longer than the 1 MiB"},
		"bare quote":     {"m1,A\"\n" + strings.Repeat("x,y\n", longestRow), "row 2 (line 3): is no CSV: bare \" in non-quoted-field"},
		"longest header": {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			file := newLotsFile(4)
			file.random = rand.New(rand.NewPCG(4, 4))
			file.text.WriteString("m1,A\n")
			content := file.text.String() + one.row
			if name == "longest header" {
				content, one.want = "\""+strings.Repeat("member_id\n", longestRow/8), "header: is longer than the 1 MiB"
			}
			if text := faultsOf(t, rulebook, content, longestRow, 2).text(); !strings.Contains(text, one.want) {
				t.Errorf("%s", text[:min(len(text), 1000)])
			}
		})
	}
}

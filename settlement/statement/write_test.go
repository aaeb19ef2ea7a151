package statement

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"alliance/settlement"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s differs; run the test with -update and look at the difference. Now:\n%s", path, text)
	}
}

func TestSmallNightAsPublished(t *testing.T) {
	p := publish(t, smallNight(), Options{})
	var text strings.Builder
	for _, path := range p.order {
		fmt.Fprintf(&text, "-- %s --\n", path)
		if strings.HasSuffix(path, ".json") {
			text.WriteString(masked(t, p.files[path]))
			continue
		}
		text.WriteString(p.dump(t, path))
	}
	golden(t, "small_night.txt", text.String())
}

// masked returns a manifest with its hashes, which a newer library may change, shortened away.
func masked(t *testing.T, body []byte) string {
	t.Helper()
	var content Manifest
	if err := json.Unmarshal(body, &content); err != nil {
		t.Fatal(err)
	}
	text := string(body)
	for _, entry := range content.Files {
		if len(entry.SHA256) != 64 {
			t.Errorf("%s: %q is no SHA-256", entry.Name, entry.SHA256)
		}
		text = strings.Replace(text, entry.SHA256, "…", 1)
	}
	return text
}

func TestFoldersDescribeWhatTheSinkGot(t *testing.T) {
	p := publish(t, smallNight(), Options{})
	var paths []string
	for _, folder := range p.folders {
		for _, file := range folder.Files {
			path := folder.Path + "/" + file.Name
			paths = append(paths, path)
			if got := describe(file.Name, p.files[path], file.Rows); got != file {
				t.Errorf("%s is described as %+v, it is %+v", path, file, got)
			}
			if strings.HasSuffix(path, ".parquet") {
				read, err := readFrame(p.files[path])
				if err != nil || read.rows != file.Rows {
					t.Errorf("%s: %d rows, described as %d (%v)", path, read.rows, file.Rows, err)
				}
			}
		}
		if last := folder.Files[len(folder.Files)-1].Name; last != ManifestFile {
			t.Errorf("%s ends with %s", folder.Path, last)
		}
	}
	if strings.Join(paths, "\n") != strings.Join(p.order, "\n") {
		t.Errorf("the sink got\n%s\nthe folders say\n%s", strings.Join(p.order, "\n"), strings.Join(paths, "\n"))
	}
	a, alliance := p.folders[0], p.folders[3]
	if a.Merchant != "A" || a.StatementNo != "ST-A-20260616-2" || a.Version != 2 || a.Supersedes != 1 {
		t.Errorf("A's folder is %+v", a)
	}
	if alliance.Merchant != "" || alliance.Path != "alliance/date=2026-06-16" || alliance.StatementNo != "" || alliance.Version != 1 {
		t.Errorf("the alliance's folder is %+v", alliance)
	}
}

func TestBytesDependOnTheNightAlone(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	large := largeNight(3000)
	first := publish(t, smallNight(), Options{})
	firstLarge := publish(t, large, Options{DetailRowsPerFile: 700})
	for run := range 20 {
		runtime.GOMAXPROCS([]int{1, 8}[run%2])
		same(t, first, publish(t, smallNight(), Options{Workers: run % 4}))
		same(t, firstLarge, publish(t, large, Options{DetailRowsPerFile: 700, Workers: run % 4}))
	}
}

func same(t *testing.T, a, b published) {
	t.Helper()
	if strings.Join(a.order, " ") != strings.Join(b.order, " ") {
		t.Fatalf("the sink got %v, then %v", a.order, b.order)
	}
	for path, body := range a.files {
		if !bytes.Equal(body, b.files[path]) {
			t.Fatalf("%s has other bytes", path)
		}
	}
}

func TestADetailIsSplit(t *testing.T) {
	night := smallNight()
	whole := publish(t, night, Options{})
	split := publish(t, night, Options{DetailRowsPerFile: 3})
	const folder = "merchant=A/date=2026-06-16/"
	parts := ""
	for part, rows := range []int64{3, 3, 2} {
		name := fmt.Sprintf("detail-%05d.parquet", part+1)
		text := split.dump(t, folder+name)
		header, rest, _ := strings.Cut(text, "\n")
		if part == 0 {
			parts = header + "\n"
		}
		parts += rest
		if file := split.folders[0].Files[2+part]; file.Name != name || file.Rows != rows {
			t.Errorf("part %d is %+v", part+1, file)
		}
	}
	if want := whole.dump(t, folder+"detail.parquet"); parts != want {
		t.Errorf("the parts together are\n%s\nthe whole is\n%s", parts, want)
	}
	if _, found := split.files[folder+"detail.parquet"]; found {
		t.Error("there is a detail.parquet next to its parts")
	}
	exact := publish(t, night, Options{DetailRowsPerFile: 8})
	if _, found := exact.files[folder+"detail.parquet"]; !found {
		t.Error("a detail of just as many rows as fit was split")
	}
}

func TestALargeDetailAddsUp(t *testing.T) {
	const rows = 2*detailGroupRows + 77
	night := largeNight(rows)
	p := publish(t, night, Options{DetailRowsPerFile: detailGroupRows + detailGroupRows/2})
	for _, merchant := range []string{"A", "B"} {
		var got detailSums
		for part := 1; part <= 2; part++ {
			sums, err := tallyTable(p.files[fmt.Sprintf("merchant=%s/date=2026-06-16/detail-%05d.parquet", merchant, part)], "points", "amount")
			if err != nil {
				t.Fatal(err)
			}
			got = got.plus(detailSums{sums.rows, sums.at("points").sum, sums.at("amount").sum})
		}
		var want detailSums
		want.rows = rows
		want.points.add(night.Lines[0].Points)
		sign := map[string]int64{"A": -100, "B": 100}[merchant]
		want.amount.add(night.Lines[0].Value.Shift(2).IntPart() * sign)
		if err := got.compare(want); err != nil {
			t.Errorf("%s: %v", merchant, err)
		}
	}
}

func TestAllocationIDs(t *testing.T) {
	night := smallNight()
	want := map[string]bool{}
	for _, allocations := range append(inMemory(night).Of, inMemory(night).OnUs) {
		for _, a := range allocations {
			want[settlement.AllocationID(night.Parties.ID(a.Redeemer), a.BusinessDate, a.TransactionID, night.Date, a.Number)] = true
		}
	}
	p := publish(t, night, Options{})
	a, b := allocationIDs(t, p, "A"), allocationIDs(t, p, "B")
	for id := range a {
		delete(want, id)
	}
	for id := range b {
		delete(want, id)
		if !a[id] {
			t.Errorf("%s is on B's statement and not on A's", id)
		}
	}
	if len(want) > 0 {
		t.Errorf("not published: %v", want)
	}
}

func allocationIDs(t *testing.T, p published, merchant string) map[string]bool {
	ids := map[string]bool{}
	for _, id := range strings.Fields(p.dump(t, "merchant="+merchant+"/date=2026-06-16/detail.parquet", "allocation_id"))[1:] {
		ids[id] = true
	}
	return ids
}

// A file must not even mention who is none of its merchant's business.
func TestNobodyElseIsInAMerchantsFiles(t *testing.T) {
	night := smallNight()
	night.Parties = settlement.NewParties([]string{"A-one", "B-two", "C-secret", "HUB"})
	for i := range night.Points {
		night.Points[i].Issuer = settlement.Party(i)
	}
	p := publish(t, night, Options{})
	for _, path := range p.order {
		if !strings.HasPrefix(path, "merchant=C-secret/") && strings.HasPrefix(path, "merchant=") && bytes.Contains(p.files[path], []byte("C-secret")) {
			t.Errorf("%s mentions C-secret", path)
		}
	}
}

func TestAnUntrackedLedgerHasNoBalances(t *testing.T) {
	night := smallNight()
	night.Tracked = false
	p := publish(t, night, Options{})
	if got := p.dump(t, "alliance/date=2026-06-16/points.parquet", "issuer_id", "opening", "issued", "closing"); got != "issuer_id,opening,issued,closing\nA,,900,\nB,,0,\nC,,0,\n" {
		t.Errorf("points are\n%s", got)
	}
	if got := p.dump(t, "merchant=A/date=2026-06-16/summary.parquet", "points_opening", "points_closing", "points_issued"); got != "points_opening,points_closing,points_issued\n,,900\n" {
		t.Errorf("the summary is\n%s", got)
	}
}

func TestCurrenciesOfOtherMinorUnits(t *testing.T) {
	for digits, want := range map[int32]string{0: "190.0000", 3: "0.1900", 4: "0.0190"} {
		night := smallNight()
		night.Money.MinorDigits = digits
		shift := 2 - digits
		for i := range night.Lines {
			night.Lines[i].Value = night.Lines[i].Value.Shift(shift)
		}
		for i := range night.Statements {
			night.Statements[i].Receivable, night.Statements[i].Payable = night.Statements[i].Receivable.Shift(shift), night.Statements[i].Payable.Shift(shift)
		}
		p := publish(t, night, Options{})
		if got := strings.Fields(p.dump(t, "merchant=B/date=2026-06-16/detail.parquet", "amount"))[2]; got != want {
			t.Errorf("190 minor units of %d digits are published as %s instead of %s", digits, got, want)
		}
	}
}

func TestAnEmptyNightHasAllTables(t *testing.T) {
	night := &settlement.Night{Date: day, Parties: settlement.NewParties([]string{"HUB"}), Alliance: 0, Money: settlement.Money{Currency: "CNY", MinorDigits: 2},
		Detail: &settlement.MemoryDetail{}}
	p := publish(t, night, Options{})
	if len(p.order) != 8 || p.order[7] != "alliance/date=2026-06-16/"+ManifestFile {
		t.Errorf("the sink got %v", p.order)
	}
	for _, path := range p.order[:7] {
		if got := p.dump(t, path); strings.Count(got, "\n") != 1 {
			t.Errorf("%s is\n%s", path, got)
		}
	}
}

package statement

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

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
			read, err := readFrame(p.files[fmt.Sprintf("merchant=%s/date=2026-06-16/detail-%05d.parquet", merchant, part)], "points", "amount")
			if err != nil {
				t.Fatal(err)
			}
			sums := tallyFrame(read)
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
	for _, allocations := range append(night.Detail, night.OnUs) {
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
	night := &settlement.Night{Date: day, Parties: settlement.NewParties([]string{"HUB"}), Alliance: 0, Money: settlement.Money{Currency: "CNY", MinorDigits: 2}}
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

// What is encoded behind the checks' back must be found, in every table.
func TestCorruptionIsFound(t *testing.T) {
	changes := map[string]func(rows any){
		"merchant=A/date=2026-06-16/summary.parquet":    func(rows any) { rows.([]summaryRow)[0].CarriedOut++ },
		"merchant=B/date=2026-06-16/statement.parquet":  func(rows any) { rows.([]statementRow)[2].Value-- },
		"merchant=A/date=2026-06-16/exceptions.parquet": func(rows any) { rows.([]exceptionRow)[1].Message += "." },
		"merchant=A/date=2026-06-16/inputs.parquet":     func(rows any) { rows.([]inputRow)[0].SHA256 = nil },
		"alliance/date=2026-06-16/lines.parquet":        func(rows any) { rows.([]lineRow)[1].Late = true },
		"alliance/date=2026-06-16/positions.parquet":    func(rows any) { rows.([]positionRow)[3].Due *= -1 },
		"alliance/date=2026-06-16/fees.parquet":         func(rows any) { rows.([]feeRow)[0].TaxRate++ },
		"alliance/date=2026-06-16/payments.parquet":     func(rows any) { rows.([]paymentRow)[0].PayeeID = "C" },
		"alliance/date=2026-06-16/points.parquet":       func(rows any) { *rows.([]pointsRow)[0].Closing ^= 1 << 40 },
		"alliance/date=2026-06-16/exceptions.parquet":   func(rows any) { *rows.([]allianceExceptionRow)[0].Row = 9 },
		"alliance/date=2026-06-16/inputs.parquet":       func(rows any) { rows.([]allianceInputRow)[0].Rejected = 0 },
	}
	for target, change := range changes {
		hit := false
		_, err := tryPublish(smallNight(), Options{tamperRows: func(path string, rows any) {
			if path == target {
				hit = true
				detach(rows)
				change(rows)
			}
		}})
		folder, name := target[:strings.LastIndex(target, "/")], target[strings.LastIndex(target, "/")+1:]
		if !hit || err == nil || !strings.Contains(err.Error(), "writing "+folder+": "+name+": ") || !strings.Contains(err.Error(), "column") {
			t.Errorf("%s: hit %t, error %v", target, hit, err)
		}
	}
	_, err := tryPublish(smallNight(), Options{tamperAmounts: func(amounts []int64) { amounts[0]++ }})
	if err == nil || !strings.Contains(err.Error(), "the sum of column amount is -47699, that of its lines' values is -47700") {
		t.Errorf("a wrong amount in the detail gives %v", err)
	}
}

// detach gives the rows that share numbers with the night their own.
func detach(rows any) {
	switch rows := rows.(type) {
	case []pointsRow:
		closing := *rows[0].Closing
		rows[0].Closing = &closing
	case []allianceExceptionRow:
		row := *rows[0].Row
		rows[0].Row = &row
	}
}

func TestFlippedBitsAreErrors(t *testing.T) {
	p := publish(t, smallNight(), Options{})
	body := p.files["merchant=A/date=2026-06-16/statement.parquet"]
	broken := 0
	for i := 0; i < len(body); i += 3 {
		flipped := bytes.Clone(body)
		flipped[i] ^= 1 << (i % 8)
		if Dump(io.Discard, flipped, nil) != nil {
			broken++
		}
	}
	if broken == 0 {
		t.Error("no flipped bit was noticed")
	}
	for _, end := range []int{0, 3, 8, len(body) / 2, len(body) - 1} {
		if Dump(io.Discard, body[:end], nil) == nil {
			t.Errorf("a file cut after %d bytes was read", end)
		}
	}
}

func TestNightsThatCannotBe(t *testing.T) {
	for what, breakIt := range map[string]func(*settlement.Night){
		"the lines come to":          func(n *settlement.Night) { n.Statements[0].Receivable = money("11.98") },
		"are not in order":           func(n *settlement.Night) { n.Lines[0], n.Lines[1] = n.Lines[1], n.Lines[0] },
		"but the detail of 4":        func(n *settlement.Night) { n.Detail = n.Detail[:4] },
		"B has no statement":         func(n *settlement.Night) { n.Statements = n.Statements[:1] },
		"in order of merchant at B":  func(n *settlement.Night) { n.Statements[2].Merchant = B },
		"between A and itself":       func(n *settlement.Night) { n.Lines[0].Redeemer = A },
		"on-us points of HUB":        func(n *settlement.Night) { n.OnUs[1].Issuer = HUB },
		"that of its lines is 524":   func(n *settlement.Night) { n.Detail[1][0].Points++ },
		"more than 4 decimals":       func(n *settlement.Night) { n.Statements[1].Position.Due = money("0.00001") },
		"out of range of DECIMAL(18": func(n *settlement.Night) { n.Positions[0].Due = decimal.New(1, 14) },
	} {
		night := smallNight()
		breakIt(night)
		_, err := tryPublish(night, Options{})
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: error %v", what, err)
		}
	}
	night := smallNight()
	night.Detail[1][0].Amount = largest / 100
	if _, err := tryPublish(night, Options{}); !errors.Is(err, settlement.ErrOutOfRange) {
		t.Errorf("an allocation beyond DECIMAL(18,4) gives %v", err)
	}
	night = smallNight()
	night.Positions[0].Due = decimal.New(1, 14)
	if _, err := tryPublish(night, Options{}); !errors.Is(err, settlement.ErrOutOfRange) {
		t.Errorf("a position beyond DECIMAL(18,4) gives %v", err)
	}
	if _, err := tryPublish(smallNight(), Options{DetailRowsPerFile: -1}); err == nil {
		t.Error("a detail of -1 rows was written")
	}
}

func TestErrorsOfTheSinkStopTheWriting(t *testing.T) {
	full := errors.New("the disk is full")
	calls := 0
	before := runtime.NumGoroutine()
	_, err := Write(context.Background(), smallNight(), Options{}, func(context.Context, string, io.ReadSeeker) error {
		if calls++; calls == 4 {
			return full
		}
		return nil
	})
	if !errors.Is(err, full) || calls != 4 {
		t.Errorf("after %d calls: %v", calls, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err = Write(ctx, smallNight(), Options{}, func(context.Context, string, io.ReadSeeker) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled writing gives %v", err)
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; {
		if time.Now().After(deadline) {
			t.Fatal("encoders were left running")
		}
		time.Sleep(time.Millisecond)
	}
}

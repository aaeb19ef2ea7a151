package statement

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// shownExceptions is how many exceptions Show prints one by one.
const shownExceptions = 20

// Show renders a merchant's statement for a terminal from its published files. Open returns a
// file of the merchant's folder by name. The detail is not read, only counted.
//
// The files are compared with [ManifestFile]; an error that wraps [ErrChanging] says that the
// folder was caught in the middle of a change and should be read again.
func Show(w io.Writer, open func(name string) ([]byte, error)) error {
	read, err := readFolder(open)
	if err != nil {
		return err
	}
	page := &page{}
	page.head(read)
	page.lines(read)
	page.cycle(read)
	page.points(read)
	page.exceptions(read)
	page.inputs(read)
	if _, err := w.Write([]byte(page.String())); err != nil {
		return fmt.Errorf("showing the statement: %w", err)
	}
	return nil
}

// ErrChanging is wrapped by the error for a file that is not the one its folder's manifest lists.
var ErrChanging = errors.New("the folder is being changed, read it again")

// A folderRead is a merchant's folder as read back.
type folderRead struct {
	manifest                               Manifest
	summary, lines, exceptionList, objects *frame
	// head is the summary's one row.
	head map[string]string
}

func readFolder(open func(name string) ([]byte, error)) (*folderRead, error) {
	body, err := open(ManifestFile)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", ManifestFile, err)
	}
	read := &folderRead{}
	if err := json.Unmarshal(body, &read.manifest); err != nil {
		return nil, fmt.Errorf("reading %s: %w", ManifestFile, err)
	}
	for _, wanted := range []struct {
		name  string
		frame **frame
	}{
		{summaryTable.file, &read.summary}, {statementTable.file, &read.lines},
		{exceptionTable.file, &read.exceptionList}, {inputTable.file, &read.objects},
	} {
		if *wanted.frame, err = read.table(open, wanted.name); err != nil {
			return nil, err
		}
	}
	if read.summary.rows != 1 {
		return nil, fmt.Errorf("%s has %d rows instead of one", summaryTable.file, read.summary.rows)
	}
	read.head = read.summary.cells()[0]
	return read, nil
}

// table reads a table that the manifest lists, and checks that it is that very file.
func (r *folderRead) table(open func(name string) ([]byte, error), name string) (*frame, error) {
	at := slices.IndexFunc(r.manifest.Files, func(entry ManifestEntry) bool { return entry.Name == name })
	if at < 0 {
		return nil, fmt.Errorf("%s does not list %s: it is not a merchant's statement", ManifestFile, name)
	}
	body, err := open(name)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	if found := describe(name, body, 0); found.SHA256 != r.manifest.Files[at].SHA256 {
		return nil, fmt.Errorf("%s is not the file that %s lists: %w", name, ManifestFile, ErrChanging)
	}
	read, err := readFrame(body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return read, nil
}

// detailFiles returns the manifest's entries of the detail.
func (r *folderRead) detailFiles() []ManifestEntry {
	return slices.DeleteFunc(slices.Clone(r.manifest.Files), func(entry ManifestEntry) bool {
		return !strings.HasPrefix(entry.Name, "detail")
	})
}

// A page is the text that grows while a statement is rendered.
type page struct{ strings.Builder }

func (p *page) printf(format string, values ...any) { fmt.Fprintf(p, format, values...) }

func (p *page) head(read *folderRead) {
	head := read.head
	title := "Statement " + head["statement_no"]
	p.printf("%s\n%s\n", title, strings.Repeat("=", len(title)))
	version := head["version"]
	if head["supersedes"] != "" {
		version += ", supersedes " + head["supersedes"]
	}
	cycle := head["cycle_start"] + " to " + head["cycle_end"]
	if head["cycle_closed"] == "true" {
		cycle += ", closes with this date"
	} else {
		cycle += ", still running"
	}
	complete := "complete"
	if head["is_complete"] != "true" {
		complete = "NOT COMPLETE: a merchant has not delivered, or a file of this date is held"
	}
	t := newGrid(false, false)
	t.row("Version", version)
	t.row("Merchant", head["merchant_id"])
	t.row("Settlement date", head["settlement_date"])
	t.row("Cycle", cycle)
	t.row("Currency", head["currency"])
	t.row("Deliveries", complete)
	t.row("Rows", fmt.Sprintf("%s accepted, %s deferred, %s rejected",
		grouped(head["rows_accepted"]), grouped(head["rows_deferred"]), grouped(head["rows_rejected"])))
	t.row("Rulebook", head["rulebook_digest"])
	t.row("Computation", head["computation_id"])
	t.print(p)
}

func (p *page) lines(read *folderRead) {
	p.section("Lines")
	if read.lines.rows == 0 {
		p.printf("none: nothing is settled with another party on this date\n")
	} else {
		t := newGrid(true, false, false, false, false, false, true, true, true, true)
		t.row("no", "role", "counterparty", "activity", "business date", "", "price", "transactions", "points", "value")
		for _, line := range read.lines.cells() {
			late, price := "", printable(line["price_id"])
			if line["late"] == "true" {
				late = "late"
			}
			if line["price"] != "" {
				price = fmt.Sprintf("%s: %s per %s", price, decimals(line["price"]), grouped(line["per_points"]))
			}
			t.row(line["line_no"], line["role"], line["counterparty_id"], line["activity"], line["business_date"], late,
				price, grouped(line["transactions"]), grouped(line["points"]), decimals(line["value"]))
		}
		t.print(p)
	}
	t := newGrid(false, true)
	p.printf("\n")
	t.row("Receivable", decimals(read.head["receivable"]))
	t.row("Payable", negated(read.head["payable"]))
	t.rule()
	t.row("Net of the day", decimals(difference(read.head["receivable"], read.head["payable"])))
	t.print(p)
	for _, file := range read.detailFiles() {
		p.printf("%s: %s allocations\n", file.Name, grouped(fmt.Sprint(file.Rows)))
	}
}

func (p *page) cycle(read *folderRead) {
	head := read.head
	p.section("Cycle " + head["cycle_start"] + " to " + head["cycle_end"])
	t := newGrid(false, true)
	t.row("Receivable", decimals(head["cycle_receivable"]))
	t.row("Payable", negated(head["cycle_payable"]))
	if head["cycle_closed"] != "true" {
		t.rule()
		t.row("So far", decimals(difference(head["cycle_receivable"], head["cycle_payable"])))
		t.print(p)
		p.printf("\nNothing is due before the cycle closes with %s.\n", head["cycle_end"])
		return
	}
	t.row("Fees", negated(head["fees"]))
	t.row("Tax on fees", negated(head["tax"]))
	t.rule()
	t.row("Net", decimals(head["net"]))
	t.row("Carried in", decimals(head["carried_in"]))
	t.row("Released", decimals(head["released"]))
	t.row("Held", negated(head["held"]))
	t.row("Carried out", negated(head["carried_out"]))
	t.rule()
	t.row("Due", decimals(head["due"]))
	t.print(p)
	p.printf("\n%s\n", dueInWords(head))
}

// dueInWords says what the merchant's due means for its treasurer.
func dueInWords(head map[string]string) string {
	merchant, currency, until := head["merchant_id"], head["currency"], "provisional until "+head["settlement_date"]+" is closed"
	due := head["due"]
	var words []string
	switch {
	case isZero(due):
		words = append(words, "Nothing is to be paid.")
	case strings.HasPrefix(due, "-"):
		words = append(words, fmt.Sprintf("To be paid by %s: %s %s, %s.", merchant, decimals(due[1:]), currency, until))
	default:
		words = append(words, fmt.Sprintf("To be paid to %s: %s %s, %s.", merchant, decimals(due), currency, until))
	}
	if held := head["held"]; !isZero(held) {
		words = append(words, fmt.Sprintf("%s %s is held back.", decimals(held), currency))
	}
	if carried := head["carried_out"]; !isZero(carried) {
		side := "to the merchant's credit"
		if strings.HasPrefix(carried, "-") {
			side, carried = "to the merchant's debit", carried[1:]
		}
		words = append(words, fmt.Sprintf("%s %s is carried to the next cycle %s.", decimals(carried), currency, side))
	}
	return strings.Join(words, " ")
}

func (p *page) points(read *folderRead) {
	head := read.head
	p.section("Points issued by " + head["merchant_id"])
	t := newGrid(false, false, true)
	if head["points_opening"] != "" {
		t.row("", "opening", grouped(head["points_opening"]))
	}
	for _, movement := range [][3]string{
		{"+", "issued", "points_issued"}, {"-", "issue reversed", "points_issue_reversed"},
		{"-", "redeemed at " + head["merchant_id"], "points_redeemed_own"}, {"-", "redeemed elsewhere", "points_redeemed_elsewhere"},
		{"+", "restored", "points_restored"}, {"-", "expired", "points_expired"},
	} {
		t.row(movement[0], movement[1], grouped(head[movement[2]]))
	}
	if head["points_closing"] != "" {
		t.rule()
		t.row("=", "closing", grouped(head["points_closing"]))
	}
	t.print(p)
	if head["points_closing"] == "" {
		p.printf("no balances: the ledger keeps no lots\n")
	}
	p.printf("\nall points redeemed at %s, its own and others': %s\n", head["merchant_id"], grouped(head["points_redeemed_here"]))
}

func (p *page) exceptions(read *folderRead) {
	p.section("Exceptions")
	rows := read.exceptionList.cells()
	if len(rows) == 0 {
		p.printf("none\n")
		return
	}
	type kind struct{ code, state string }
	counts := map[kind]int{}
	for _, row := range rows {
		counts[kind{row["code"], row["state"]}]++
	}
	kinds := make([]kind, 0, len(counts))
	for kind := range counts {
		kinds = append(kinds, kind)
	}
	slices.SortFunc(kinds, func(a, b kind) int { return cmp.Or(cmp.Compare(a.code, b.code), cmp.Compare(a.state, b.state)) })
	t := newGrid(true, false, false)
	for _, kind := range kinds {
		t.row(grouped(fmt.Sprint(counts[kind])), kind.code, kind.state)
	}
	t.print(p)
	p.printf("\n")
	t = newGrid(false, true, false, false, false, false)
	t.row("file", "row", "transaction", "code", "state", "message")
	for _, row := range rows[:min(shownExceptions, len(rows))] {
		t.row(printable(row["file"]), row["row"], printable(row["transaction_id"]), row["code"], row["state"], printable(row["message"]))
	}
	t.print(p)
	if more := len(rows) - shownExceptions; more > 0 {
		p.printf("and %s more in %s\n", grouped(fmt.Sprint(more)), exceptionTable.file)
	}
}

func (p *page) inputs(read *folderRead) {
	p.section("Inputs")
	if read.objects.rows == 0 {
		p.printf("none\n")
		return
	}
	t := newGrid(false, false, false, true, true, true, true, true, true)
	t.row("file", "state", "code", "rows", "accepted", "deferred", "rejected", "issued points", "redeemed points")
	for _, row := range read.objects.cells() {
		t.row(printable(row["key"]), row["state"], row["code"], grouped(row["rows"]), grouped(row["accepted"]), grouped(row["deferred"]),
			grouped(row["rejected"]), grouped(row["issued_points"]), grouped(row["redeemed_points"]))
	}
	t.print(p)
}

func (p *page) section(title string) {
	p.printf("\n%s\n%s\n", title, strings.Repeat("-", len(title)))
}

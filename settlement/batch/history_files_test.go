package batch_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// A history is what a ledger meets: a rulebook, and night by night what arrives in the inbox
// before the run. From the night lateFrom on, the rulebook is the later one.
type history struct {
	seed     uint64
	config   *config
	later    *config // nil: the rulebook never changes
	lateFrom int
	first    day
	nights   []night
}

// A night is what arrives before one run. A file under a key that exists replaces it.
type night struct {
	files       []*file
	adjustments []adjustment
}

func (h *history) configOf(i int) *config {
	if h.later != nil && i >= h.lateFrom {
		return h.later
	}
	return h.config
}

type adjustment struct{ id, payer, payee, amount string }

// A file is one object of the inbox: a table, a control file, or text that is neither.
type file struct {
	folder string // the name after "merchant="
	date   string // the whole name of the folder below: "date=2026-03-01", or anything
	name   string

	table   *table
	control *control
	text    string // when there is no table and no control
	cut     int    // so many bytes at the end of a .gz did not arrive

	made     *file // whose rendering is kept below: a copy of a file makes its own
	content  []byte
	checksum string
}

// A table is a CSV or JSONL file; which one, the file's name says.
type table struct {
	header   []string // CSV only
	rows     []rawRow
	bom      bool // CSV only
	crlf     bool // CSV only
	noEnd    bool // no line end after the last row
	allQuote bool // CSV only: every value in quotes
}

// A rawRow is a line: cells; or blank; or text that no reader can take for a row.
type rawRow struct {
	cells     []cell
	blank     bool
	malformed string
}

// A cell's token is its JSON, when that is not the text as a plain string: another type, or the
// text with escapes.
type cell struct{ column, text, token string }

type control struct {
	broken string // the text of a control file that nobody can read
	files  []controlled
}

// A controlled is an entry of a control file; "" and -1 are left out.
type controlled struct {
	name, sha256           string
	rows, issued, redeemed int64
}

func (f *file) key() string { return "merchant=" + f.folder + "/" + f.date + "/" + f.name }

func (f *file) isJSON() bool { return strings.Contains(f.name, ".jsonl") }

func (f *file) isHidden() bool {
	return strings.HasPrefix(f.name, "_") || strings.HasPrefix(f.name, ".")
}

// sum is the SHA-256 of the file, in hex.
func (f *file) sum() string {
	f.bytes()
	return f.checksum
}

// bytes renders the file, once: it must not change after.
func (f *file) bytes() []byte {
	if f.made != f {
		f.made, f.content = f, f.render()
		sum := sha256.Sum256(f.content)
		f.checksum = hex.EncodeToString(sum[:])
	}
	return f.content
}

func (f *file) render() []byte {
	var content []byte
	switch {
	case f.control != nil:
		return []byte(f.control.json())
	case f.table == nil:
		content = []byte(f.text)
	case f.isJSON():
		content = f.table.jsonl()
	default:
		content = f.table.csv()
	}
	if !strings.HasSuffix(f.name, ".gz") {
		return content
	}
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	if _, err := writer.Write(content); err != nil {
		panic(err)
	}
	if err := writer.Close(); err != nil {
		panic(err)
	}
	return packed.Bytes()[:packed.Len()-f.cut]
}

func (t *table) join(lines []string) []byte {
	end := "\n"
	if t.crlf {
		end = "\r\n"
	}
	text := strings.Join(lines, end)
	if !t.noEnd && len(lines) > 0 {
		text += end
	}
	return []byte(text)
}

func (t *table) csv() []byte {
	lines := []string{t.csvLine(t.header)}
	for _, row := range t.rows {
		switch {
		case row.blank:
			lines = append(lines, " ")
		case row.malformed != "":
			lines = append(lines, row.malformed)
		default:
			values := make([]string, len(t.header))
			for i, column := range t.header {
				values[i] = row.get(column)
			}
			lines = append(lines, t.csvLine(values))
		}
	}
	if t.bom {
		lines[0] = "\ufeff" + lines[0]
	}
	return t.join(lines)
}

func (t *table) csvLine(values []string) string {
	shown := make([]string, len(values))
	for i, value := range values {
		if t.allQuote || strings.ContainsAny(value, "\",\r\n") || strings.TrimSpace(value) != value {
			value = `"` + strings.ReplaceAll(value, `"`, `""`) + `"`
		}
		shown[i] = value
	}
	return strings.Join(shown, ",")
}

func (t *table) jsonl() []byte {
	var lines []string
	for _, row := range t.rows {
		switch {
		case row.blank:
			lines = append(lines, "  ")
		case row.malformed != "":
			lines = append(lines, row.malformed)
		default:
			var members []string
			for _, c := range row.cells {
				token := c.token
				if token == "" {
					token = quoted(c.text)
				}
				members = append(members, quoted(c.column)+": "+token)
			}
			lines = append(lines, "{"+strings.Join(members, ", ")+"}")
		}
	}
	return t.join(lines)
}

func (r *rawRow) get(column string) string {
	for _, c := range r.cells {
		if c.column == column {
			return c.text
		}
	}
	return ""
}

func (r *rawRow) has(column string) bool {
	return slices.ContainsFunc(r.cells, func(c cell) bool { return c.column == column })
}

// set gives a column a value, "" takes it away. The row's cells are copied first.
func (r *rawRow) set(column, text, token string) {
	cells := slices.DeleteFunc(slices.Clone(r.cells), func(c cell) bool { return c.column == column })
	if text != "" || token != "" {
		cells = append(cells, cell{column, text, token})
	}
	r.cells = cells
}

func (c *control) json() string {
	if c.broken != "" {
		return c.broken
	}
	var entries []string
	for _, e := range c.files {
		text := `{"name": ` + quoted(e.name)
		if e.sha256 != "" {
			text += `, "sha256": ` + quoted(e.sha256)
		}
		for _, number := range []struct {
			key   string
			value int64
		}{{"rows", e.rows}, {"issued_points", e.issued}, {"redeemed_points", e.redeemed}} {
			if number.value >= 0 {
				text += fmt.Sprintf(`, "%s": %d`, number.key, number.value)
			}
		}
		entries = append(entries, text+"}")
	}
	return `{"files": [` + strings.Join(entries, ", ") + "]}\n"
}

// adjustmentsCSV renders the alliance's adjustments of one date.
func adjustmentsCSV(list []adjustment) []byte {
	text := "adjustment_id,payer_id,payee_id,amount,reason,reference\n"
	for _, a := range list {
		text += fmt.Sprintf("%s,%s,%s,%s,correction,ref-%s\n", a.id, a.payer, a.payee, a.amount, a.id)
	}
	return []byte(text)
}

// adjustmentsKey is where the adjustments of a date lie below the inbox.
func adjustmentsKey(d day) string {
	return "alliance/adjustments/date=" + d.String() + "/adjustments.csv"
}

package batch_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// randomHistory makes the history of a seed: 5 to 40 nights under one rulebook, or two.
func randomHistory(seed uint64) *history {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0x5e771e)), byKey: map[string]*file{}, copied: map[string]bool{}}
	g.controls, g.tidy = g.chance(25), g.chance(40)
	g.randomConfig()
	g.members = []string{"m1", "m2", "m3", "Zoë", "m 5", "m6", "m7", "m8"}[:g.between(2, 8)]
	nights := g.between(5, 16)
	if g.chance(12) {
		nights = g.between(17, 40)
	}
	h := &history{seed: seed, config: g.c, first: g.first}
	if g.chance(25) {
		h.later, h.lateFrom = g.laterConfig(), g.between(2, nights-1)
	}
	busy := pick(g, 20, 50, 80)
	for i := range nights {
		h.nights = append(h.nights, g.someNight(h.first+day(i), busy))
	}
	return h
}

// someNight makes what arrives before the run of d. busy is how often, in percent, a merchant delivers.
func (g *generator) someNight(d day, busy int) night {
	var n night
	deliver := func(f *file) {
		n.files = append(n.files, f)
		g.byKey[f.key()] = f
		g.files = append(g.files, f)
	}
	for i := range g.c.merchants {
		m := &g.c.merchants[i]
		var touched []string // folders
		for g.chance(busy) && len(touched) < 3 {
			f := g.someFile(d, m)
			deliver(f)
			touched = append(touched, f.date)
		}
		if g.chance(3) {
			touched = append(touched, "date="+d.String())
		}
		if g.controls && (m.controlRequired || g.chance(15)) {
			slices.Sort(touched)
			for _, date := range slices.Compact(touched) {
				deliver(g.controlFor(m, date))
			}
		}
	}
	if g.chance(16) {
		deliver(g.again(d))
	}
	if g.chance(6) {
		deliver(g.strange(d))
	}
	for g.chance(6) {
		g.adjusting++
		parties := g.c.parties()
		g.Shuffle(len(parties), func(i, j int) { parties[i], parties[j] = parties[j], parties[i] })
		amount := g.amount(1, 900)
		n.adjustments = append(n.adjustments, adjustment{fmt.Sprintf("adj-%d", g.adjusting), parties[0], parties[1], amount})
	}
	// Of two deliveries under one key before one run only the last is ever seen.
	last := map[string]*file{}
	for _, f := range n.files {
		last[f.key()] = f
	}
	n.files = slices.DeleteFunc(n.files, func(f *file) bool { return last[f.key()] != f })
	return n
}

// someFile makes a file of a merchant with rows near d.
func (g *generator) someFile(d day, m *merchant) *file {
	of := d
	switch roll := g.IntN(100); {
	case roll < 80:
	case roll < 95:
		of = d - day(g.IntN(g.lateDays+1))
	case roll < 98:
		of = d + 1
	default:
		of = d - day(g.lateDays) - 1
	}
	g.counter++
	f := &file{folder: m.id, date: "date=" + of.String(), name: fmt.Sprintf("f%03d.%s", g.counter, pick(g, "csv", "csv", "jsonl", "jsonl", "csv.gz", "jsonl.gz"))}
	f.table = g.someTable(d, m, f.isJSON())
	if g.chance(g.dirt(10)) {
		g.damage(f)
	}
	return f
}

func (g *generator) someTable(d day, m *merchant, isJSON bool) *table {
	t := &table{noEnd: g.chance(10)}
	rows := g.IntN(9)
	if g.chance(5) {
		rows = g.between(9, 25)
	}
	for range rows {
		t.rows = append(t.rows, g.someRow(d, m))
		if g.chance(2) {
			t.rows = append(t.rows, rawRow{blank: true})
		}
		if g.chance(g.dirt(2)) {
			t.rows = append(t.rows, rawRow{malformed: g.malformed(isJSON)})
		}
	}
	unknown := g.chance(5)
	if isJSON {
		if unknown && len(t.rows) > 0 {
			at := g.IntN(len(t.rows))
			if row := &t.rows[at]; !row.blank && row.malformed == "" {
				row.set("clerk", "5", pick(g, "", "5.5", "[5]"))
				row.set("till", "7", "")
			}
		}
		for i := range t.rows {
			cells := slices.Clone(t.rows[i].cells)
			if g.chance(20) {
				g.Shuffle(len(cells), func(a, b int) { cells[a], cells[b] = cells[b], cells[a] })
			}
			t.rows[i].cells = cells
		}
		return t
	}
	t.bom, t.crlf, t.allQuote = g.chance(10), g.chance(20), g.chance(10)
	t.header = slices.Clone(requiredColumns)
	for _, column := range allColumns[len(requiredColumns):] {
		if g.chance(10) || slices.ContainsFunc(t.rows, func(r rawRow) bool { return r.has(column) }) {
			t.header = append(t.header, column)
		}
	}
	if unknown {
		t.header = append(t.header, "clerk", "till")
	}
	g.Shuffle(len(t.header), func(i, j int) { t.header[i], t.header[j] = t.header[j], t.header[i] })
	return t
}

// malformed is a line that is no row.
func (g *generator) malformed(isJSON bool) string {
	if isJSON {
		return pick(g, "not json", "[1, 2]", `"text"`, `{"points": 1, "points": 2}`, `{"transaction_id": "\ud800"}`, `{"transaction_id": "a"} b`,
			`{"transaction_id": `, "{\"member_id\": \"\xff\"}", `{"transaction_id" "a"}`, `{'a': 1}`, "{\"a\": \"\x01\"}")
	}
	return pick(g, "one,two", "a\"b,issue,1,2,3", "\xff\xfe,issue", "\"a\"b,x", strings.Repeat(",", 60))
}

// damage does something to the whole file.
func (g *generator) damage(f *file) {
	t := f.table
	switch g.IntN(9) {
	case 0:
		f.name = strings.SplitN(f.name, ".", 2)[0] + pick(g, ".txt", ".CSV", ".csv.bz2", ".xlsx")
	case 1:
		column := pick(g, requiredColumns...)
		t.header = slices.DeleteFunc(t.header, func(name string) bool { return name == column })
	case 2:
		if t.header != nil {
			t.header = append(t.header, pick(g, t.header...))
		}
	case 3:
		if !f.isJSON() {
			t.rows = append(t.rows, rawRow{malformed: "t,\"never closed,issue\nA,m1,issue,5,2026-06-10T12:00:00Z"})
		}
	case 4:
		f.table, f.text = nil, ""
	case 5:
		t.rows = nil
	case 6:
		if strings.HasSuffix(f.name, ".gz") {
			f.cut = g.between(1, 12)
		}
	case 7:
		for i := range t.rows {
			if g.chance(70) {
				t.rows[i] = rawRow{malformed: g.malformed(f.isJSON())}
			}
		}
	case 8:
		f.name = pick(g, "_", ".") + f.name
	}
}

// again delivers something that was delivered before: a copy, a changed file, or the old content.
func (g *generator) again(d day) *file {
	var tables []*file
	for _, f := range g.files {
		if f.table != nil && !strings.HasPrefix(f.name, "x") && g.c.merchant(f.folder) != nil && strings.HasPrefix(f.date, "date=") && g.byKey[f.key()] == f {
			tables = append(tables, f)
		}
	}
	if len(tables) == 0 {
		return g.strange(d)
	}
	old := tables[max(g.IntN(len(tables)), g.IntN(len(tables)))]
	f := *old
	switch {
	case g.chance(50): // the same bytes under another name
		g.counter++
		f.name = fmt.Sprintf("again%03d.%s", g.counter, strings.SplitN(f.name, ".", 2)[1])
		if g.chance(70) {
			f.date = "date=" + d.String()
		}
		g.copied[old.key()], g.copied[f.key()] = true, true
	case len(g.changed) > 0 && g.chance(40): // the old bytes under the old name
		back := g.changed[g.IntN(len(g.changed))]
		if !g.copied[back.key()] {
			return back
		}
	default: // other bytes under the old name
		g.changed = append(g.changed, old)
		f.table = g.someTable(d, g.c.merchant(f.folder), f.isJSON())
	}
	return &f
}

// strange delivers into a folder that nobody reads.
func (g *generator) strange(d day) *file {
	g.counter++
	f := &file{folder: g.c.merchants[0].id, date: "date=" + d.String(), name: fmt.Sprintf("x%d.csv", g.counter), table: &table{header: []string{"nothing"}}}
	switch g.IntN(4) {
	case 0:
		f.folder = pick(g, "Zed", "b", "A.B", g.c.alliance)
	case 1:
		f.date = pick(g, "date=2026-02-30", "date=tomorrow", "date=2026-6-1", "date=", "archive")
	case 2:
		f.date = "date=" + (d + 30).String()
	default:
		f.name = "_notes.csv"
	}
	return f
}

// controlFor makes the control file of a folder as it stands: nearly always the truth.
func (g *generator) controlFor(m *merchant, date string) *file {
	list := &control{}
	for _, key := range sortedKeys(g.byKey) {
		f := g.byKey[key]
		if f.folder != m.id || f.date != date || f.isHidden() || g.chance(3) {
			continue
		}
		// The counts do not depend on the date of the run.
		o := &object{}
		new(model).readRows(g.c, g.first, f, o)
		entry := controlled{name: f.name, sha256: f.sum(), rows: o.rows, issued: o.issued, redeemed: o.redeemed}
		if g.chance(30) {
			entry.sha256 = ""
		}
		switch g.IntN(30) {
		case 0:
			entry.sha256 = strings.Repeat("0", 64)
		case 1:
			entry.rows++
		case 2:
			entry.issued++
		case 3:
			entry.redeemed += 7
		case 4, 5:
			entry.rows = -1
		case 6, 7:
			entry.issued, entry.redeemed = -1, -1
		}
		list.files = append(list.files, entry)
	}
	if g.chance(4) {
		list.files = append(list.files, controlled{"absent.csv", "", -1, -1, -1})
	}
	if g.chance(4) {
		list.broken = pick(g, `{"files": [`, `{"files": "none"}`, "files")
	}
	return &file{folder: m.id, date: date, name: "_control.json", control: list}
}

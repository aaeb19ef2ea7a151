package batch_test

import (
	"math/big"
	"slices"
	"strings"
)

// An object is a file of the inbox as one run judges it.
type object struct {
	merchant, key, sum, state, code string
	column                          string // of missing_column
	isControl                       bool
	rows, rejected, deferred        int64
	issued, redeemed                int64
	accepted                        []*row // rows that pass all checks before conflict
	exceptions                      []exception
	onDate                          bool // lies under the settlement date itself
}

// An exception is as published, but for value and message.
type exception struct {
	merchant, file string
	row            int64
	id             string
	code, state    string
	column         string
	points         int64
}

// A finality is what an earlier night decided about a key for good.
type finality struct {
	merchant, sum string
	night         day
	clean         bool // had rows, all of them accepted
}

// An intake is what a run finds in the inbox.
type intake struct {
	objects    []*object
	exceptions []exception
	missing    []string
	refused    bool
}

// look discovers and reads everything that the run of d has to look at.
func (m *model) look(c *config, d day) *intake {
	found := &intake{}
	for _, folder := range m.folders() {
		if c.merchant(folder) == nil {
			found.exceptions = append(found.exceptions, exception{file: "merchant=" + folder + "/", code: "unknown_merchant", state: "noticed"})
			continue
		}
		for _, date := range m.dates(folder) {
			of, ok := parseDay(strings.TrimPrefix(date, "date="))
			if !ok || !strings.HasPrefix(date, "date=") {
				found.exceptions = append(found.exceptions, exception{merchant: folder, file: "merchant=" + folder + "/" + date + "/", code: "unknown_folder", state: "noticed"})
				continue
			}
			if of < d-day(c.lateDays) || of > d {
				continue
			}
			if o := m.judgeControl(c, d, of, folder, date); o != nil {
				found.objects = append(found.objects, o)
			}
			for _, f := range m.dataFiles(folder, date) {
				if o := m.judge(c, d, of, f); o != nil {
					found.objects = append(found.objects, o)
				}
			}
		}
	}
	slices.SortFunc(found.objects, func(a, b *object) int {
		return firstOf(strings.Compare(a.merchant, b.merchant), strings.Compare(a.key, b.key))
	})
	m.findMissing(c, d, found)
	return found
}

func firstOf(orders ...int) int {
	for _, order := range orders {
		if order != 0 {
			return order
		}
	}
	return 0
}

func (m *model) folders() []string {
	names := map[string]bool{}
	for _, f := range m.inbox {
		names[f.folder] = true
	}
	return sortedKeys(names)
}

func (m *model) dates(folder string) []string {
	names := map[string]bool{}
	for _, f := range m.inbox {
		if f.folder == folder {
			names[f.date] = true
		}
	}
	return sortedKeys(names)
}

func (m *model) dataFiles(folder, date string) []*file {
	var list []*file
	for _, key := range sortedKeys(m.inbox) {
		if f := m.inbox[key]; f.folder == folder && f.date == date && !f.isHidden() {
			list = append(list, f)
		}
	}
	return list
}

func (m *model) controlOf(folder, date string) *control {
	for _, f := range m.inbox {
		if f.folder == folder && f.date == date && f.name == "_control.json" {
			return f.control
		}
	}
	return nil
}

// findMissing names the merchants that should have delivered and did not.
func (m *model) findMissing(c *config, d day, found *intake) {
	date := "date=" + d.String()
	expected := 0
	for _, id := range c.merchantIDs() {
		entry := c.merchant(id)
		if !entry.expectedOn(d) {
			continue
		}
		expected++
		files, note := m.dataFiles(id, date), m.controlOf(id, date)
		missing := len(files) == 0
		if note == nil {
			missing = missing || entry.controlRequired
		} else if note.broken == "" {
			if len(note.files) == 0 {
				missing = false
			}
			for _, named := range note.files {
				if !slices.ContainsFunc(files, func(f *file) bool { return f.name == named.name }) {
					missing = true
				}
			}
		}
		if missing {
			found.missing = append(found.missing, id)
			found.refused = found.refused || entry.required
		}
	}
	if len(found.missing) > 0 && big.NewRat(int64(len(found.missing)), int64(expected)).Cmp(rat(c.missingShare)) > 0 {
		found.refused = true
	}
}

var endings = []string{".parquet", ".csv", ".jsonl", ".csv.gz", ".jsonl.gz", ".csv.zst", ".jsonl.zst"}

// judge decides about a file; nil if an earlier night did for good.
func (m *model) judge(c *config, d, of day, f *file) *object {
	o := &object{merchant: f.folder, key: f.key(), sum: f.sum(), onDate: of == d}
	settled, wasConsumed := m.consumed[o.key]
	if wasConsumed && settled.sum == o.sum {
		return nil
	}
	if earlier, ok := m.duplicates[o.key]; ok && earlier.sum == o.sum {
		return nil
	}
	code := m.fileCode(c, d, f, o, wasConsumed)
	if code != "" { // nothing of what it says counts
		*o = object{merchant: o.merchant, key: o.key, sum: o.sum, onDate: o.onDate, column: o.column}
	}
	switch code {
	case "":
		o.state = "consumed"
	case "duplicate_file":
		o.state, o.code = "duplicate", code
		o.exceptions = []exception{{merchant: f.folder, file: o.key, code: code, state: "noticed"}}
	default:
		o.hold(code, d == of+day(c.lateDays))
	}
	return o
}

// judgeControl puts a control file on record: once for each content, or every night it is held.
func (m *model) judgeControl(c *config, d, of day, folder, date string) *object {
	f := m.inbox["merchant="+folder+"/"+date+"/_control.json"]
	if f == nil || m.controls[f.key()+f.sum()] {
		return nil
	}
	o := &object{merchant: folder, key: f.key(), sum: f.sum(), onDate: of == d, state: "consumed", isControl: true}
	if f.control.broken != "" {
		o.hold("bad_control", d == of+day(c.lateDays))
	}
	return o
}

// hold keeps a file out, and says so.
func (o *object) hold(code string, lastNight bool) {
	o.state, o.code = "held", code
	o.exceptions = append(o.exceptions, exception{merchant: o.merchant, file: o.key, code: code, state: "held", column: o.column})
	if lastNight {
		o.exceptions = append(o.exceptions, exception{merchant: o.merchant, file: o.key, code: "hold_expired", state: "held"})
	}
}

// fileCode goes through the codes of files in their order.
func (m *model) fileCode(c *config, d day, f *file, o *object, wasConsumed bool) string {
	if !slices.ContainsFunc(endings, func(ending string) bool { return strings.HasSuffix(f.name, ending) }) {
		return "unknown_format"
	}
	if wasConsumed {
		return "replaced_file"
	}
	for _, other := range m.consumed {
		if other.merchant == f.folder && other.sum == o.sum && other.clean && d-day(c.lateDays) <= other.night && other.night <= d-1 {
			return "duplicate_file"
		}
	}
	note := m.controlOf(f.folder, f.date)
	var named *controlled
	if note != nil && note.broken != "" {
		return "bad_control"
	} else if note != nil {
		if at := slices.IndexFunc(note.files, func(n controlled) bool { return n.name == f.name }); at >= 0 {
			named = &note.files[at]
		}
	}
	if named == nil && (note != nil || c.merchant(f.folder).controlRequired) {
		return "not_in_control"
	}
	if f.isUnreadable() {
		return "unreadable_file"
	}
	if f.table != nil && !f.isJSON() {
		for _, column := range requiredColumns {
			if !slices.Contains(f.table.header, column) {
				o.column = column
				return "missing_column"
			}
		}
	}
	bad := m.readRows(c, d, f, o)
	if named != nil {
		if named.sha256 != "" && named.sha256 != o.sum || named.rows >= 0 && named.rows != o.rows ||
			named.issued >= 0 && named.issued != o.issued || named.redeemed >= 0 && named.redeemed != o.redeemed {
			return "control_mismatch"
		}
	}
	if whole(bad).Cmp(times(rat(c.rejectedShare), whole(o.rows))) > 0 && bad > int64(c.rejectedRows) {
		return "too_many_rejects"
	}
	return ""
}

// isUnreadable: cut short, no table in it, or a header that names a column twice.
func (f *file) isUnreadable() bool {
	if f.cut > 0 {
		return true
	}
	if f.table == nil {
		return !(f.isJSON() && f.text == "") // a JSONL file of no bytes has no rows; a CSV has no header
	}
	if f.isJSON() {
		return false
	}
	names := slices.Clone(f.table.header)
	slices.Sort(names)
	return len(slices.Compact(names)) != len(f.table.header)
}

// readRows checks every row of a file, counts, and returns how many rows are not even rows.
func (m *model) readRows(c *config, d day, f *file, o *object) (bad int64) {
	if f.table == nil {
		return 0
	}
	unknown := ""
	notice := func(name string) {
		if unknown == "" && !slices.Contains(allColumns, name) {
			unknown = name
		}
	}
	if !f.isJSON() {
		for _, name := range f.table.header {
			notice(name)
		}
	}
	for i := range f.table.rows {
		raw := &f.table.rows[i]
		if raw.blank {
			continue
		}
		o.rows++
		if f.isJSON() {
			for _, c := range raw.cells {
				notice(c.column)
			}
		}
		values := valuesOf(f, raw)
		if points, ok := parsePoints(values.text["points"]); ok && raw.malformed == "" && !values.mistyped["points"] && !values.mistyped["kind"] {
			switch values.text["kind"] {
			case "issue":
				o.issued += points
			case "redeem":
				o.redeemed += points
			}
		}
		r, code, column := check(c, d, f.folder, raw, values)
		if code == "" {
			r.file, r.number, r.object = o.key, o.rows, o
			o.accepted = append(o.accepted, r)
			continue
		}
		o.rejected++
		e := exception{merchant: f.folder, file: o.key, row: o.rows, code: code, state: "rejected"}
		switch code {
		case "malformed", "missing_field", "invalid_value":
			bad++
			e.column = column
		default:
			e.id = values.text["transaction_id"]
		}
		o.exceptions = append(o.exceptions, e)
	}
	if unknown != "" {
		o.exceptions = append(o.exceptions, exception{merchant: f.folder, file: o.key, code: "unknown_column", state: "noticed", column: unknown})
	}
	return bad
}

package batch_test

import (
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

var requiredColumns = []string{"transaction_id", "member_id", "kind", "points", "occurred_at"}

// allColumns are in the order in which values are checked.
var allColumns = []string{"transaction_id", "member_id", "kind", "points", "occurred_at", "merchant_id", "issuer_id",
	"original_transaction_id", "original_date", "expires_on", "amount", "currency", "reason", "store_id"}

var kinds = []string{"issue", "redeem", "redeem_reversal", "issue_reversal"}

// A row is a line of a file that passed all checks before conflict.
type row struct {
	object       *object // nil from the next night on
	file         string
	number       int64
	merchant, id string
	member, kind string
	points       int64
	at           int64 // microseconds since 1970
	business     day
	issuer       string // "" if the row names none
	originalID   string
	originalDate string // "" or a day's text
	expiresOn    string // "" or a day's text
	reason       string
	content      string // rows of equal content say the same
	firstRead    day
	wasFuture    bool // it was reported as deferred for its date, when it was read
}

// values are the texts of a line, whichever format it came in.
type values struct {
	text     map[string]string
	mistyped map[string]bool // JSON only: a value of a type the column does not take
}

var integerToken = regexp.MustCompile(`^-?\d+$`)

func valuesOf(f *file, raw *rawRow) values {
	v := values{map[string]string{}, map[string]bool{}}
	for _, c := range raw.cells {
		switch {
		case !f.isJSON():
			if slices.Contains(f.table.header, c.column) {
				v.text[c.column] = c.text
			}
		case c.token == "", strings.HasPrefix(c.token, `"`):
			v.text[c.column] = c.text
		case c.token == "null":
		case c.column == "points" && integerToken.MatchString(c.token):
			v.text[c.column] = c.token
		default:
			v.text[c.column] = c.token
			v.mistyped[c.column] = true
		}
	}
	return v
}

var pointsForm = regexp.MustCompile(`^[1-9][0-9]{0,12}$`)

func parsePoints(text string) (int64, bool) {
	if !pointsForm.MatchString(text) {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n <= 1_000_000_000_000
}

func isName(text string) bool {
	if len(text) < 1 || len(text) > 128 || !utf8.ValidString(text) || !norm.NFC.IsNormalString(text) {
		return false
	}
	return !strings.ContainsFunc(text, func(c rune) bool { return unicode.Is(unicode.Cc, c) })
}

// taken reports whether rows of a kind take a column.
func taken(c *config, kind, column string) bool {
	reversal := kind == "redeem_reversal" || kind == "issue_reversal"
	switch column {
	case "issuer_id":
		return kind == "issue" || kind == "redeem" || reversal && !c.tracked
	case "original_transaction_id", "original_date":
		return reversal && c.tracked
	case "expires_on":
		return kind == "issue"
	}
	return true
}

var (
	amountForm   = regexp.MustCompile(`^-?[0-9]+(\.[0-9]{1,2})?$`)
	currencyForm = regexp.MustCompile(`^[A-Z]{3}$`)
	reasonForm   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
)

// isValid checks the form of one value.
func isValid(c *config, column string, text map[string]string) bool {
	value := text[column]
	switch column {
	case "transaction_id", "member_id", "original_transaction_id", "store_id":
		return isName(value)
	case "kind":
		return slices.Contains(kinds, value)
	case "points":
		_, ok := parsePoints(value)
		return ok
	case "occurred_at":
		_, ok := parseInstant(value)
		return ok
	case "original_date":
		_, ok := parseDay(value)
		return ok
	case "expires_on":
		expires, ok := parseDay(value)
		at, _ := parseInstant(text["occurred_at"])
		return ok && expires >= businessDate(c, at)
	case "amount":
		return amountForm.MatchString(value)
	case "currency":
		return currencyForm.MatchString(value)
	case "reason":
		return reasonForm.MatchString(value)
	}
	return true // merchant_id and issuer_id are looked up, not formed
}

// check goes through the codes of rows in their order, as far as the row alone decides.
func check(c *config, d day, folder string, raw *rawRow, v values) (r *row, code, column string) {
	if raw.malformed != "" {
		return nil, "malformed", ""
	}
	kind := v.text["kind"]
	for _, column := range allColumns {
		required := slices.Contains(requiredColumns, column) ||
			column == "original_transaction_id" && slices.Contains(kinds[2:], kind) && c.tracked
		if required && v.text[column] == "" {
			return nil, "missing_field", column
		}
	}
	for _, column := range allColumns {
		if v.text[column] != "" && taken(c, kind, column) && (v.mistyped[column] || !isValid(c, column, v.text)) {
			return nil, "invalid_value", column
		}
	}
	r = rowOf(c, folder, v)
	r.firstRead = d
	entry := c.merchant(folder)
	reversal := r.kind == "redeem_reversal" || r.kind == "issue_reversal"
	active := entry.activeOn(r.business)
	if reversal && entry.left != "" {
		active = within(r.business, entry.joined, (mustDay(entry.left) + day(c.reversalDays)).String())
	}
	switch {
	case v.text["merchant_id"] != "" && v.text["merchant_id"] != folder:
		return nil, "wrong_merchant", ""
	case !active:
		return nil, "inactive_merchant", ""
	case r.business > d+day(c.earlyDays):
		return nil, "future", ""
	case r.business < d-day(c.lateDays):
		return nil, "too_late", ""
	case r.issuer != "" && !c.isParty(r.issuer):
		return nil, "unknown_issuer", ""
	case r.issuer != "" && r.kind == "issue" && !entry.mayIssue(r.issuer):
		return nil, "not_agreed", ""
	case r.issuer != "" && r.kind == "redeem" && !entry.mayRedeem(r.issuer):
		return nil, "not_agreed", ""
	case r.issuer == "" && r.kind == "redeem" && c.attribution == "stated":
		return nil, "issuer_required", ""
	case r.issuer == "" && reversal && !c.tracked:
		return nil, "issuer_required", ""
	}
	return r, "", ""
}

// rowOf gives a valid line its meaning. Columns that the kind does not take have none, but
// they are content.
func rowOf(c *config, folder string, v values) *row {
	r := &row{merchant: folder, id: v.text["transaction_id"], member: v.text["member_id"], kind: v.text["kind"], reason: v.text["reason"]}
	r.points, _ = parsePoints(v.text["points"])
	r.at, _ = parseInstant(v.text["occurred_at"])
	r.business = businessDate(c, r.at)
	if taken(c, r.kind, "issuer_id") {
		r.issuer = v.text["issuer_id"]
	}
	if taken(c, r.kind, "original_date") {
		r.originalID, r.originalDate = v.text["original_transaction_id"], v.text["original_date"]
	}
	if taken(c, r.kind, "expires_on") {
		r.expiresOn = v.text["expires_on"]
	}
	for _, column := range allColumns {
		text := v.text[column]
		switch {
		case column == "merchant_id":
			continue
		case column == "occurred_at":
			text = instantText(r.at)
		case column == "amount" && text != "":
			amount, _ := new(big.Rat).SetString(text)
			text = amount.RatString()
		}
		r.content += column + "=" + strconv.Quote(text) + " "
	}
	return r
}

// A settledRow keeps an id taken.
type settledRow struct {
	merchant, id, content string
	business, settledOn   day
}

// takers are the contents of the rows on record that hold the row's id.
func (m *model) takers(c *config, d day, r *row) []string {
	var list []string
	for _, s := range m.settled {
		if s.merchant == r.merchant && s.id == r.id && (s.settledOn >= d-day(c.duplicateDays) || s.business == r.business) {
			list = append(list, s.content)
		}
	}
	for _, name := range sortedKeys(m.members) {
		for _, waiting := range m.members[name].deferred {
			if waiting.merchant == r.merchant && waiting.id == r.id {
				list = append(list, waiting.content)
			}
		}
	}
	return list
}

// deduplicate lets one row pass for each id: the first by file and row, unless the id is taken on record.
func (m *model) deduplicate(c *config, d day, found *intake) (passed []*row) {
	var tonight []*row
	for _, o := range found.objects {
		tonight = append(tonight, o.accepted...)
	}
	slices.SortFunc(tonight, func(a, b *row) int { return firstOf(strings.Compare(a.file, b.file), int(a.number-b.number)) })
	for _, r := range tonight {
		takers := m.takers(c, d, r)
		for _, earlier := range passed {
			if earlier.merchant == r.merchant && earlier.id == r.id {
				takers = append(takers, earlier.content)
			}
		}
		code := ""
		for _, content := range takers {
			if content != r.content {
				code = "conflict"
			} else if code == "" {
				code = "duplicate"
			}
		}
		if code == "" {
			passed = append(passed, r)
			continue
		}
		m.reject(r, code)
	}
	return passed
}

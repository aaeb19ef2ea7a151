package batch_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"alliance/settlement"
	"alliance/settlement/batch"
	"alliance/settlement/faults"
)

// A clockChange is a moment at which the clocks of a zone jump, or one at which the calendar does
// something of its own: then the clocks stay. It is written by hand, in minutes east of Greenwich:
// the judge of row J knows no other table of zones.
type clockChange struct {
	zone, at      string
	before, after int
}

var clockChanges = []clockChange{
	{"Europe/Berlin", "2026-03-29T01:00:00Z", 60, 120},
	{"Europe/Berlin", "2026-10-25T01:00:00Z", 120, 60},
	{"America/New_York", "2026-03-08T07:00:00Z", -300, -240},
	{"America/New_York", "2026-11-01T06:00:00Z", -240, -300},
	{"Australia/Lord_Howe", "2026-04-04T15:00:00Z", 660, 630}, // half an hour
	{"Australia/Lord_Howe", "2026-10-03T15:30:00Z", 630, 660},
	{"Antarctica/Troll", "2026-03-29T01:00:00Z", 0, 120}, // two hours
	{"Antarctica/Troll", "2026-10-25T01:00:00Z", 120, 0},
	{"Pacific/Apia", "2011-12-30T10:00:00Z", -600, 840}, // no 30 December
	{"Pacific/Apia", "2012-03-31T14:00:00Z", 840, 780},
	{"Pacific/Kiritimati", "1994-12-31T10:00:00Z", -600, 840}, // no 31 December
	{"Pacific/Kwajalein", "1993-08-21T12:00:00Z", -720, 720},  // no 21 August
	{"Asia/Shanghai", "1986-05-03T18:00:00Z", 480, 540},
	{"Asia/Shanghai", "1991-09-14T17:00:00Z", 540, 480},
	{"America/St_Johns", "2011-03-13T03:31:00Z", -210, -150}, // a minute past midnight
	{"America/St_Johns", "2010-11-07T02:31:00Z", -150, -210},
	{"America/St_Johns", "2026-03-08T05:30:00Z", -210, -150},
	{"America/St_Johns", "2026-11-01T04:30:00Z", -150, -210},
	{"Africa/Casablanca", "2026-02-15T02:00:00Z", 60, 0}, // Ramadan
	{"Africa/Casablanca", "2026-03-22T02:00:00Z", 0, 60},
	{"America/Sao_Paulo", "2018-11-04T03:00:00Z", -180, -120}, // a day without midnight
	{"America/Sao_Paulo", "2019-02-17T02:00:00Z", -120, -180}, // and one with two
	{"America/Havana", "2026-03-08T05:00:00Z", -300, -240},
	{"America/Havana", "2026-11-01T05:00:00Z", -240, -300},
	{"Asia/Tehran", "2022-03-21T20:30:00Z", 210, 270},
	{"Asia/Tehran", "2022-09-21T19:30:00Z", 270, 210},
	{"Africa/Cairo", "2026-04-23T22:00:00Z", 120, 180},
	{"Africa/Cairo", "2026-10-29T21:00:00Z", 180, 120},
	{"America/Santiago", "2026-04-05T03:00:00Z", -180, -240},
	{"America/Santiago", "2026-09-06T04:00:00Z", -240, -180},
	{"Atlantic/Azores", "2026-03-29T01:00:00Z", -60, 0},
	{"Atlantic/Azores", "2026-10-25T01:00:00Z", 0, -60},
	{"Pacific/Chatham", "2026-04-04T14:00:00Z", 825, 765},
	{"Pacific/Chatham", "2026-09-26T14:00:00Z", 765, 825},
	{"Pacific/Auckland", "2026-04-04T14:00:00Z", 780, 720},
	{"Europe/Dublin", "2026-03-29T01:00:00Z", 0, 60},
	{"Europe/Moscow", "2014-10-25T22:00:00Z", 240, 180}, // for good
	{"Europe/Istanbul", "2016-03-27T01:00:00Z", 120, 180},
	{"America/Caracas", "2016-05-01T07:00:00Z", -270, -240},
	{"Asia/Pyongyang", "2018-05-04T15:00:00Z", 510, 540},
	{"Asia/Kathmandu", "1985-12-31T18:30:00Z", 330, 345},
	// Where no clock is changed: leap days, years without one, ends of years.
	{"Asia/Shanghai", "2028-02-28T16:00:00Z", 480, 480},
	{"Asia/Shanghai", "2026-12-31T16:00:00Z", 480, 480},
	{"Asia/Kolkata", "2028-02-29T18:30:00Z", 330, 330},
	{"Asia/Kolkata", "2026-12-31T18:30:00Z", 330, 330},
	{"Europe/Berlin", "2024-02-29T23:00:00Z", 60, 60},
	{"Europe/Berlin", "2026-12-31T23:00:00Z", 60, 60},
	{"Europe/Berlin", "2100-02-28T23:00:00Z", 60, 60},
	{"America/New_York", "2028-02-29T05:00:00Z", -300, -300},
	{"America/New_York", "2027-01-01T05:00:00Z", -300, -300},
	{"Pacific/Kiritimati", "2026-12-31T10:00:00Z", 840, 840},
	{"Pacific/Pago_Pago", "2027-01-01T11:00:00Z", -660, -660},
	{"UTC", "2000-02-29T00:00:00Z", 0, 0},
	{"UTC", "2038-01-19T03:14:08Z", 0, 0}, // the end of 32 bits
	{"UTC", "2200-01-01T00:00:00Z", 0, 0},
}

// cutOffs are the times at which business dates start: every quarter of an hour, and between.
func cutOffs() []string {
	if !faults.All() {
		return []string{"00:00", "02:30", "23:59"}
	}
	list := []string{"00:01", "01:59", "02:01", "23:59"}
	for quarter := range 24 * 4 {
		list = append(list, fmt.Sprintf("%02d:%02d", quarter/4, quarter%4*15))
	}
	return list
}

// TestFaultJ_DatesOfRows delivers a row for every quarter of an hour of the days around a change of
// clocks or of the calendar, and for the moments around the change itself and around each start of a
// business date, twice where the clock shows a time twice. After the nights around it each row is
// settled, once, under the business date that the clock on the wall says.
func TestFaultJ_DatesOfRows(t *testing.T) {
	changes := clockChanges
	if !faults.All() {
		changes = nil
		for i := 0; i < len(clockChanges); i += 2 {
			changes = append(changes, clockChanges[i])
		}
	}
	rows, nights, violations := 0, 0, 0
	for _, change := range changes {
		for _, cutOff := range cutOffs() {
			c := newChangedDays(t, change, cutOff)
			nights += c.settle(t)
			rows += len(c.rows)
			for _, wrong := range c.judge() {
				if violations++; violations <= 20 {
					t.Errorf("%s, %s, days start at %s: %s", change.zone, change.at, cutOff, wrong)
				}
			}
		}
	}
	faults.Record(t, "J", "zones, daylight saving, leap days, year ends × cut-offs", rows, violations, fmt.Sprintf(
		"%d changes of clocks or calendars, %d cut-offs: a row for every quarter of an hour of the three days around, both folds, and the microseconds around change and cut-off; %d nights; each row settled once, under the date on the wall",
		len(changes), len(cutOffs()), nights))
}

// A changedRow is a redemption at a moment, and where it must end up.
type changedRow struct {
	id     string
	text   string // occurred_at as delivered
	folder settlement.Date
	// business is what the judge says, settled the night that has to settle it.
	business, settled settlement.Date
}

type changedDays struct {
	rulebook string
	rows     []changedRow
	// found is where each row was settled, and under which business date.
	found map[string][][2]settlement.Date
	other map[string][]string // exceptions by transaction id
}

func newChangedDays(t *testing.T, change clockChange, cutOff string) *changedDays {
	t.Helper()
	c := &changedDays{found: map[string][][2]settlement.Date{}, other: map[string][]string{}, rulebook: fmt.Sprintf(`
alliance: {id: HUB, currency: EUR, time_zone: %s, day_starts_at: "%s", cycle: daily}
intake: {accept_late_days: 5, accept_early_days: 1}
ledger: {lots: untracked, attribution: stated}
prices: [{id: base, price: "1.00", per_points: 100}]
netting: {mode: multilateral}
merchants:
  - {id: A, joined: 1970-01-01, delivers: on_activity}
  - {id: B, joined: 1970-01-01, delivers: on_activity}
`, change.zone, cutOff)}
	changed, err := time.Parse(time.RFC3339, change.at)
	if err != nil {
		t.Fatal(err)
	}
	var hours, minutes int64
	if _, err := fmt.Sscanf(cutOff, "%d:%d", &hours, &minutes); err != nil {
		t.Fatal(err)
	}
	const minute = int64(60_000_000)
	at, start := changed.UnixMicro(), (hours*60+minutes)*minute
	add := func(instant int64) {
		offset := int64(change.before)
		if instant >= at {
			offset = int64(change.after)
		}
		c.add(instant, offset*minute, start)
	}
	for quarter := range int64(2*36*4 + 1) {
		add(at + (quarter-36*4)*15*minute)
	}
	for _, near := range []int64{-1_000_000, -1, 1} {
		add(at + near)
	}
	// Each start of a date as the clock shows it before, and after, the change.
	for _, offset := range []int{change.before, change.after} {
		wall := at + int64(offset)*minute
		midnight := wall - (wall%(1440*minute)+1440*minute)%(1440*minute)
		for day := range int64(3) {
			instant := midnight + (day-1)*1440*minute + start - int64(offset)*minute
			add(instant - 1)
			add(instant)
		}
	}
	return c
}

// add makes the row of an instant at which the wall clock is an offset ahead of UTC; both, and the
// time at which dates start, in microseconds.
func (c *changedDays) add(instant, offset, start int64) {
	const day = int64(86_400_000_000)
	floor := func(micro int64) settlement.Date {
		count := micro / day
		for count*day > micro {
			count--
		}
		return settlement.Date(count)
	}
	number := len(c.rows)
	wall := instant + offset
	civil := floor(wall)
	business := civil
	if wall-int64(civil)*day < start {
		business--
	}
	row := changedRow{id: fmt.Sprintf("t%d", number), business: business}
	zone := time.FixedZone("", int(offset/1_000_000))
	if number%2 == 0 {
		zone = time.UTC
	}
	row.text = time.UnixMicro(instant).In(zone).Format("2006-01-02T15:04:05.000000Z07:00")
	// A merchant exports by the date on its wall, one in UTC, one a day late.
	row.folder = []settlement.Date{civil, floor(instant), business + 1}[number%3]
	row.settled = max(row.folder, row.business)
	c.rows = append(c.rows, row)
}

// settle delivers all rows, a file for each date, and settles every date; it returns how many.
func (c *changedDays) settle(t *testing.T) int {
	t.Helper()
	rulebook, e := mustRulebook(t, c.rulebook), newEngine(1, 1)
	files := map[settlement.Date]*strings.Builder{}
	first, last := settlement.Never, settlement.NoDate
	for _, row := range c.rows {
		first, last = min(first, row.folder, row.settled), max(last, row.folder, row.settled)
		if files[row.folder] == nil {
			files[row.folder] = &strings.Builder{}
			files[row.folder].WriteString("transaction_id,member_id,kind,points,occurred_at,issuer_id\n")
		}
		fmt.Fprintf(files[row.folder], "%s,anna,redeem,150,%s,A\n", row.id, row.text)
	}
	for date, file := range files {
		fill(t, e.inbox, map[string]string{fmt.Sprintf("merchant=B/date=%s/tills.csv", date): file.String()})
	}
	nights := 0
	// Some nights more, so that what is left over would show.
	for date := first - 1; date <= last+2; date++ {
		e.open(rulebook, date)
		night, closing, err := batch.Compute(context.Background(), batch.Computation{Inbox: e.inbox, Rulebook: rulebook, Date: date, Workers: 1, Partitions: 1}, e.opening)
		if err != nil {
			t.Fatalf("%s: %v", date, err)
		}
		e.keep(date, night, closing)
		nights++
		for i := range night.Lines {
			for _, row := range allocationsOf(night.Detail.Line(i)) {
				c.found[row.TransactionID] = append(c.found[row.TransactionID], [2]settlement.Date{date, row.BusinessDate})
			}
		}
		for i := range night.Exceptions {
			exception := &night.Exceptions[i]
			c.other[exception.TransactionID] = append(c.other[exception.TransactionID], exception.Code.String())
		}
	}
	return nights
}

// judge says what is wrong with what became of the rows.
func (c *changedDays) judge() (wrong []string) {
	for _, row := range c.rows {
		found := c.found[row.id]
		delete(c.found, row.id)
		switch {
		case len(found) != 1:
			wrong = append(wrong, fmt.Sprintf("%s, delivered under %s, is settled %d times: %v, exceptions %q", row.text, row.folder, len(found), found, c.other[row.id]))
		case found[0] != [2]settlement.Date{row.settled, row.business}:
			wrong = append(wrong, fmt.Sprintf("%s, delivered under %s, is settled on %s under the business date %s, not on %s under %s",
				row.text, row.folder, found[0][0], found[0][1], row.settled, row.business))
		}
		told := strings.Join(c.other[row.id], " ")
		if want := map[bool]string{true: "future"}[row.business > row.folder]; told != want {
			wrong = append(wrong, fmt.Sprintf("%s, delivered under %s: exceptions %q instead of %q", row.text, row.folder, told, want))
		}
	}
	for id := range c.found {
		wrong = append(wrong, id+" was settled and never delivered")
	}
	return wrong
}

package settlement

import (
	"math"
	"testing"
	"time"
)

func mustDate(t *testing.T, text string) Date {
	t.Helper()
	date, err := ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return date
}

func TestDatesReadBackAsWritten(t *testing.T) {
	for date := NewDate(1899, 1, 1); date < NewDate(2201, 1, 1); date++ {
		if got := mustDate(t, date.String()); got != date {
			t.Fatalf("%d is written as %s and read as %d", date, date, got)
		}
	}
	for _, text := range []string{"", "2026-2-01", "2026-02-29", "2026-13-01", "2026-00-10", "2026-01-32", "20260101", "2026-01-01 ", "+026-01-01", "２026-01-1"} {
		if date, err := ParseDate(text); err == nil {
			t.Errorf("%q is read as %s", text, date)
		}
	}
}

func TestDateTexts(t *testing.T) {
	for _, c := range []struct {
		date Date
		text string
	}{{NoDate, ""}, {Never, "never"}, {0, "1970-01-01"}, {-1, "1969-12-31"}, {NewDate(2024, 2, 29), "2024-02-29"}} {
		written, _ := c.date.MarshalText()
		if string(written) != c.text {
			t.Errorf("%d is written as %q, not %q", c.date, written, c.text)
		}
		var read Date
		if err := read.UnmarshalText(written); err != nil || read != c.date {
			t.Errorf("%q is read as %d, %v", written, read, err)
		}
	}
	if got := NewDate(2026, 6, 7).Compact(); got != "20260607" {
		t.Error(got)
	}
}

func TestMonthsClampTheDay(t *testing.T) {
	for _, c := range []struct {
		from   string
		months int
		to     string
	}{
		{"2026-01-31", 1, "2026-02-28"},
		{"2024-01-31", 1, "2024-02-29"},
		{"2024-02-29", 12, "2025-02-28"},
		{"2024-02-29", 48, "2028-02-29"},
		{"2026-08-31", 6, "2027-02-28"},
		{"2026-12-15", 1, "2027-01-15"},
		{"2026-03-31", -1, "2026-02-28"},
		{"2026-05-31", 0, "2026-05-31"},
	} {
		if got := mustDate(t, c.from).AddMonths(c.months); got.String() != c.to {
			t.Errorf("%s and %d months is %s, not %s", c.from, c.months, got, c.to)
		}
	}
}

func TestCyclesFollowTheCalendar(t *testing.T) {
	for _, c := range []struct {
		length           CycleLength
		date, start, end string
	}{
		{Daily, "2026-06-03", "2026-06-03", "2026-06-03"},
		{Weekly, "2026-06-01", "2026-06-01", "2026-06-07"}, // a Monday
		{Weekly, "2026-06-07", "2026-06-01", "2026-06-07"}, // a Sunday
		{Weekly, "2027-01-01", "2026-12-28", "2027-01-03"},
		{Weekly, "1969-12-31", "1969-12-29", "1970-01-04"},
		{Monthly, "2024-02-29", "2024-02-01", "2024-02-29"},
		{Monthly, "2026-12-01", "2026-12-01", "2026-12-31"},
	} {
		date := mustDate(t, c.date)
		cycle := c.length.CycleOf(date)
		if cycle.Start.String() != c.start || cycle.End.String() != c.end {
			t.Errorf("the %s cycle of %s is %s to %s, not %s to %s", c.length, c.date, cycle.Start, cycle.End, c.start, c.end)
		}
		if cycle.Closes(date) != (c.date == c.end) {
			t.Errorf("the %s cycle of %s closes: %v", c.length, c.date, cycle.Closes(date))
		}
	}
}

// TestBusinessDateComparesWallClocks looks at every quarter of an hour around the days on which
// clocks change, for every whole cut-off: an instant belongs to the date on the wall, or to the
// day before if the wall shows a time before the cut-off.
func TestBusinessDateComparesWallClocks(t *testing.T) {
	days := map[string][]string{
		"America/New_York":    {"2026-03-08", "2026-11-01"},
		"Europe/Berlin":       {"2026-03-29", "2026-10-25"},
		"Australia/Lord_Howe": {"2026-04-05", "2026-10-04"}, // clocks change by half an hour
		"Pacific/Apia":        {"2011-12-29", "2011-12-31"}, // 30 December did not happen
		"America/Sao_Paulo":   {"2018-11-04"},               // midnight did not happen
		"Asia/Shanghai":       {"2024-02-29", "2026-12-31"},
	}
	for name, dates := range days {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Logf("this machine does not know %s: %v", name, err)
			continue
		}
		for _, date := range dates {
			start := Instant(int64(mustDate(t, date)-1) * secondsPerDay * 1e6)
			for hour := range 24 {
				calendar := Calendar{Zone: zone, DayStartsAt: time.Duration(hour) * time.Hour}
				for quarter := range Instant(3 * 24 * 4) {
					at := start + quarter*15*60*1e6
					checkBusinessDate(t, calendar, at)
					checkBusinessDate(t, calendar, at-1)
				}
			}
		}
	}
}

func checkBusinessDate(t *testing.T, calendar Calendar, at Instant) {
	t.Helper()
	wall := time.UnixMicro(int64(at)).In(calendar.Zone)
	expected := NewDate(wall.Date())
	sinceMidnight := time.Duration(wall.Hour())*time.Hour + time.Duration(wall.Minute())*time.Minute +
		time.Duration(wall.Second())*time.Second + time.Duration(wall.Nanosecond())
	if sinceMidnight < calendar.DayStartsAt {
		expected--
	}
	if got := calendar.BusinessDate(at); got != expected {
		t.Fatalf("%s (%s) with a day that starts at %s belongs to %s, not %s", at, wall, calendar.DayStartsAt, got, expected)
	}
}

func TestInstantTexts(t *testing.T) {
	for at, text := range map[Instant]string{
		0:               "1970-01-01T00:00:00Z",
		-1:              "1969-12-31T23:59:59.999999Z",
		1_500_000:       "1970-01-01T00:00:01.5Z",
		1_780_300_800e6: "2026-06-01T08:00:00Z",
	} {
		if at.String() != text {
			t.Errorf("%d is written as %s, not %s", int64(at), at, text)
		}
	}
}

func TestNeverSortsAfterEveryDate(t *testing.T) {
	if !(NoDate < NewDate(0, 1, 1) && NewDate(9999, 12, 31) < Never) || Never != math.MaxInt32 {
		t.Error("NoDate, dates and Never are not in order")
	}
}

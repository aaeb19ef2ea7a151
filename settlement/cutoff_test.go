package settlement

import (
	"math/rand/v2"
	"testing"
	"time"
)

func calendarOf(t *testing.T, zone, dayStartsAt string) Calendar {
	t.Helper()
	location, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	start, err := time.Parse("15:04", dayStartsAt)
	if err != nil {
		t.Fatal(err)
	}
	return Calendar{location, time.Duration(start.Hour())*time.Hour + time.Duration(start.Minute())*time.Minute}
}

func TestCutOffs(t *testing.T) {
	for _, c := range []struct {
		why, zone, dayStartsAt, date, cutOff string
	}{
		{"midnight", "Asia/Shanghai", "00:00", "2026-06-01", "2026-06-01T16:00:00Z"},
		{"a late show", "Asia/Shanghai", "04:00", "2026-06-01", "2026-06-01T20:00:00Z"},
		{"UTC", "UTC", "00:00", "2026-12-31", "2027-01-01T00:00:00Z"},
		{"the night before clocks go forward", "Europe/Berlin", "04:00", "2026-03-27", "2026-03-28T03:00:00Z"},
		{"clocks go forward before the day starts", "Europe/Berlin", "04:00", "2026-03-28", "2026-03-29T02:00:00Z"},
		{"clocks skip 02:30", "Europe/Berlin", "02:30", "2026-03-28", "2026-03-29T01:00:00Z"},
		{"a day of 23 hours", "Europe/Berlin", "00:00", "2026-03-29", "2026-03-29T22:00:00Z"},
		{"clocks go back before the day starts", "Europe/Berlin", "04:00", "2026-10-24", "2026-10-25T03:00:00Z"},
		{"02:30 comes twice: the second one", "Europe/Berlin", "02:30", "2026-10-24", "2026-10-25T01:30:00Z"},
		{"02:00 comes twice, but never less after it: the first one", "Europe/Berlin", "02:00", "2026-10-24", "2026-10-25T00:00:00Z"},
		{"03:00 comes once", "Europe/Berlin", "03:00", "2026-10-24", "2026-10-25T02:00:00Z"},
		{"a day of 25 hours", "Europe/Berlin", "00:00", "2026-10-25", "2026-10-25T23:00:00Z"},
		{"midnight is skipped", "America/Sao_Paulo", "00:00", "2018-11-03", "2018-11-04T03:00:00Z"},
		{"midnight comes twice", "America/Sao_Paulo", "00:00", "2018-02-17", "2018-02-18T03:00:00Z"},
		{"half an hour", "Australia/Lord_Howe", "01:45", "2026-04-04", "2026-04-04T15:15:00Z"},
		{"the day before the one that Samoa left out", "Pacific/Apia", "00:00", "2011-12-29", "2011-12-30T10:00:00Z"},
		{"the day that Samoa left out", "Pacific/Apia", "00:00", "2011-12-30", "2011-12-30T10:00:00Z"},
		{"the day after it", "Pacific/Apia", "00:00", "2011-12-31", "2011-12-31T10:00:00Z"},
		{"west of the date line", "Pacific/Kiritimati", "00:00", "2026-06-01", "2026-06-01T10:00:00Z"},
		{"far west", "Etc/GMT+12", "23:59", "2026-06-01", "2026-06-03T11:59:00Z"},
	} {
		calendar := calendarOf(t, c.zone, c.dayStartsAt)
		date := mustDate(t, c.date)
		cutOff := calendar.CutOff(date)
		if cutOff.String() != c.cutOff {
			t.Errorf("%s: %s at %s is over at %s, not %s", c.why, c.date, c.zone, cutOff, c.cutOff)
		}
		if before := calendar.LastOver(cutOff - 1); before >= date {
			t.Errorf("%s: %s is over before its cut-off", c.why, before)
		}
		if at := calendar.LastOver(cutOff); at < date || calendar.CutOff(at) > cutOff {
			t.Errorf("%s: at the cut-off of %s the last one over is %s", c.why, date, at)
		}
	}
}

// No instant from the cut-off on belongs to the date or an earlier one, and the one before it does.
func TestCutOffsAreWhereBusinessDatesEnd(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 1))
	starts := []string{"00:00", "00:30", "01:00", "01:59", "02:00", "02:30", "03:00", "04:00", "12:00", "23:59"}
	zones := []string{"UTC", "Europe/Berlin", "Europe/Dublin", "America/New_York", "America/Sao_Paulo", "America/St_Johns", "Asia/Shanghai",
		"Asia/Tehran", "Africa/Casablanca", "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Chatham", "Antarctica/Troll", "Asia/Kathmandu"}
	for _, zone := range zones {
		for range 400 {
			calendar := calendarOf(t, zone, starts[random.IntN(len(starts))])
			date := NewDate(1990, 1, 1) + Date(random.IntN(50*365))
			if random.IntN(2) == 0 { // a date beside a change of the clocks
				_, until := date.midnight().In(calendar.Zone).ZoneBounds()
				if !until.IsZero() {
					date = calendar.BusinessDate(Instant(until.UnixMicro())) - 2 + Date(random.IntN(4))
				}
			}
			cutOff := calendar.CutOff(date)
			if before := calendar.BusinessDate(cutOff - 1); before > date {
				t.Fatalf("%s, %s: %s ends at %s, but the moment before belongs to %s", zone, calendar.DayStartsAt, date, cutOff, before)
			}
			for minute := Instant(0); minute < 30*60; minute++ {
				if at := cutOff + minute*60e6; calendar.BusinessDate(at) <= date {
					t.Fatalf("%s, %s: %s ends at %s, but %s belongs to %s", zone, calendar.DayStartsAt, date, cutOff, at, calendar.BusinessDate(at))
				}
			}
		}
	}
}

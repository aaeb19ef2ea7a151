package clearing

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"alliance/settlement"

	"pgregory.net/rapid"
)

func TestParseInstant(t *testing.T) {
	for text, want := range map[string]string{
		"2026-06-01T10:00:00Z":                       "2026-06-01T10:00:00Z",
		"2026-06-01T10:00:00+08:00":                  "2026-06-01T02:00:00Z",
		"2026-06-01T10:00:00-23:59":                  "2026-06-02T09:59:00Z",
		"2026-06-01T10:00:00-00:00":                  "2026-06-01T10:00:00Z",
		"2026-06-01T10:00:00.1Z":                     "2026-06-01T10:00:00.1Z",
		"2026-06-01T10:00:00.123456999Z":             "2026-06-01T10:00:00.123456Z",
		"1970-01-01T00:00:00.0000009+00:01":          "1969-12-31T23:59:00Z",
		"2200-12-31T23:59:59.9999999-00:01":          "2201-01-01T00:00:59.999999Z",
		"2000-02-29T00:00:00Z":                       "2000-02-29T00:00:00Z",
		"2026-06-01T10:00:00.00000000000+" + "00:00": "2026-06-01T10:00:00Z",
	} {
		if got, ok := parseInstant(text); !ok || got.String() != want {
			t.Errorf("%s is read as %s, %v; want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "2026-06-01", "2026-06-01T10:00:00", "2026-06-01t10:00:00Z", "2026-06-01T10:00:00z",
		"2026-06-01 10:00:00Z", "2026-06-01T10:00Z", "2026-06-01T10:00:00.Z", "2026-06-01T10:00:00,5Z", "2026-06-01T10:00:60Z",
		"2026-06-01T24:00:00Z", "2026-06-01T10:60:00Z", "2026-02-30T10:00:00Z", "2100-02-29T10:00:00Z", "2026-00-01T10:00:00Z",
		"2026-13-01T10:00:00Z", "2026-06-00T10:00:00Z", "1969-12-31T23:59:59Z", "2201-01-01T00:00:00Z", "2026-06-01T10:00:00+24:00",
		"2026-06-01T10:00:00+08:60", "2026-06-01T10:00:00+0800", "2026-06-01T10:00:00+08", "2026-06-01T10:00:00 +08:00",
		"2026-06-01T10:00:00ZZ", "2026-06-01T10:00:00+08:00Z", "2026-06-01T10:00:00*08:00", "+026-06-01T10:00:00Z", "2026-6-01T10:00:00ZZ"} {
		if got, ok := parseInstant(text); ok {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}

var instantForm = regexp.MustCompile(`^(\d{4})-\d\d-\d\dT\d\d:\d\d:([0-5]\d)(?:\.(\d+))?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// slowInstant reads an instant by the standard library, which takes more than the form allows
// and knows no more than nanoseconds.
func slowInstant(text string) (settlement.Instant, bool) {
	parts := instantForm.FindStringSubmatch(text)
	if parts == nil {
		return 0, false
	}
	if year, _ := strconv.Atoi(parts[1]); year < 1970 || year > 2200 {
		return 0, false
	}
	whole, err := time.Parse("2006-01-02T15:04:05Z07:00", text[:19]+parts[4])
	if err != nil {
		return 0, false
	}
	cut := (parts[3] + "000000")[:6]
	microsecond, _ := strconv.ParseInt(cut, 10, 64)
	return settlement.Instant(whole.Unix()*1_000_000 + microsecond), true
}

func TestParseInstantIsItsForm(t *testing.T) {
	texts := rapid.OneOf(
		rapid.StringMatching(`(19[67]|20[0-9]|2[12]0)[0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{0,9})?(Z|[+-][0-2][0-9]:[0-6][0-9])`),
		rapid.StringMatching(`20(00|23|24)-02-(28|29|30)T00:00:00(\.[0-9]{1,8})?(Z|-23:59|\+23:59|z)`),
		rapid.StringMatching(`[0-9T:Z.+-]{18,27}`),
	)
	rapid.Check(t, func(t *rapid.T) {
		text := texts.Draw(t, "text")
		want, valid := slowInstant(text)
		got, ok := parseInstant(text)
		if ok != valid || ok && got != want {
			t.Fatalf("parseInstant(%q) = %s, %v; want %s, %v", text, got, ok, want, valid)
		}
	})
}

func TestParseDateIsThatOfTheVocabulary(t *testing.T) {
	for date := settlement.Date(-719_528); date <= settlement.NewDate(9999, 12, 31); date += 13 {
		if got, ok := parseDate(date.String()); !ok || got != date {
			t.Fatalf("parseDate(%s) = %s, %v", date, got, ok)
		}
	}
	texts := rapid.OneOf(rapid.StringMatching(`[0-9]{4}-[01][0-9]-[0-3][0-9]`), rapid.StringMatching(`[0-9-]{9,11}`),
		rapid.StringMatching(`(19|20)00-02-29`))
	rapid.Check(t, func(t *rapid.T) {
		text := texts.Draw(t, "text")
		want, err := settlement.ParseDate(text)
		got, ok := parseDate(text)
		if ok != (err == nil) || got != want {
			t.Fatalf("parseDate(%q) = %d, %v; want %d, %v", text, got, ok, want, err)
		}
	})
}

func TestBusinessDatesAreThoseOfTheCalendar(t *testing.T) {
	// Summer time, a zone that skipped a day, half hours, one without changes, dates after the last entry of the table.
	for _, zone := range []string{"Asia/Shanghai", "Europe/Berlin", "America/New_York", "Pacific/Apia", "Australia/Lord_Howe", "UTC", "Africa/Casablanca"} {
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		rapid.Check(t, func(t *rapid.T) {
			calendar := settlement.Calendar{Zone: location, DayStartsAt: time.Duration(rapid.IntRange(0, 24*60-1).Draw(t, "start")) * time.Minute}
			dates := businessDates{calendar: calendar}
			for range 5 {
				at := settlement.Instant(rapid.Int64Range(-86_400_000_000, 7_300_000_000_000_000).Draw(t, "at"))
				if got, want := dates.of(at), calendar.BusinessDate(at); got != want {
					t.Fatalf("%s in %s: %s, want %s", at, zone, got, want)
				}
				// And the seconds around the end of the span that is remembered.
				if dates.until < 7_300_000_000_000_000 {
					for _, near := range []settlement.Instant{dates.until - 1, dates.until, dates.until + 3_600_000_000} {
						if got, want := dates.of(near), calendar.BusinessDate(near); got != want {
							t.Fatalf("%s in %s: %s, want %s", near, zone, got, want)
						}
					}
				}
			}
		})
	}
}

func TestBusinessDateComparesWallClocks(t *testing.T) {
	location, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	dates := businessDates{calendar: settlement.Calendar{Zone: location, DayStartsAt: 2*time.Hour + 30*time.Minute}}
	for text, want := range map[string]string{
		// 02:00 to 03:00 does not exist on 29 March 2026: 01:59 is before half past two, 03:00 after.
		"2026-03-29T00:59:59Z": "2026-03-28",
		"2026-03-29T01:00:00Z": "2026-03-29",
		// It exists twice on 25 October 2026: 02:29 is before half past two both times, 02:30 after.
		"2026-10-25T00:29:59Z": "2026-10-24",
		"2026-10-25T00:30:00Z": "2026-10-25",
		"2026-10-25T01:29:59Z": "2026-10-24",
		"2026-10-25T01:30:00Z": "2026-10-25",
	} {
		at, ok := parseInstant(text)
		if got := dates.of(at).String(); !ok || got != want {
			t.Errorf("%s belongs to %s, want %s", text, got, want)
		}
	}
}

func FuzzParseInstant(f *testing.F) {
	f.Add("2026-06-01T10:00:00.5+08:00")
	f.Add(fmt.Sprintf("2026-06-01T10:00:00.%sZ", strings.Repeat("9", 40)))
	f.Fuzz(func(t *testing.T, text string) {
		want, valid := slowInstant(text)
		if got, ok := parseInstant(text); ok != valid || ok && got != want {
			t.Errorf("parseInstant(%q) = %s, %v; want %s, %v", text, got, ok, want, valid)
		}
	})
}

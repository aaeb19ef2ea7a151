package layout

import (
	"strings"
	"testing"
	"time"

	"alliance/settlement"
)

func TestPatternsAreRead(t *testing.T) {
	for _, test := range []struct{ pattern, zone, text, want string }{
		{"YYYY-MM-DD hh:mm:ss", "Asia/Shanghai", "2026-06-01 08:05:09", "2026-06-01T00:05:09Z"},
		{"YYYY-MM-DD hh:mm:ss", "Asia/Shanghai", "2026-6-01 08:05:09", ""},
		{"YYYY-MM-DD hh:mm:ss", "Asia/Shanghai", "2026-06-01 08:05", ""},
		{"YYYY-MM-DD hh:mm:ss", "Asia/Shanghai", "2026-06-01 08:05:09 ", ""},
		{"YYYY-MM-DD hh:mm:ss", "Asia/Shanghai", "2026-02-29 08:05:09", ""},
		{"YYYY-MM-DD hh:mm:ss", "Asia/Shanghai", "2028-02-29 08:05:09", "2028-02-29T00:05:09Z"},
		{"YYYY-MM-DD hh:mm:ss", "Asia/Shanghai", "2026-06-01 24:00:00", ""},
		{"YYYY-MM-DD hh:mm:ss", "Asia/Shanghai", "2026-06-01 23:59:60", ""},
		{"YYYY-MM-DD hh:mm[:ss[.f]]", "UTC", "2026-06-01 08:05", "2026-06-01T08:05:00Z"},
		{"YYYY-MM-DD hh:mm[:ss[.f]]", "UTC", "2026-06-01 08:05:09.1234567", "2026-06-01T08:05:09.123456Z"},
		{"YYYY-MM-DD hh:mm[:ss[.f]]", "UTC", "2026-06-01 08:05:09.", ""},
		{"YYYY-MM-DD hh:mm[:ss[.f]]", "UTC", "2026-06-01 08:05:", ""},
		{"YYYY-MM-DDThh:mm:ssZ", "", "2026-06-01T08:05:09+08:00", "2026-06-01T00:05:09Z"},
		{"YYYY-MM-DDThh:mm:ssZ", "", "2026-06-01T08:05:09-0330", "2026-06-01T11:35:09Z"},
		{"YYYY-MM-DDThh:mm:ssZ", "", "2026-06-01T08:05:09Z", "2026-06-01T08:05:09Z"},
		{"YYYY-MM-DDThh:mm:ssZ", "", "2026-06-01T08:05:09+24:00", ""},
		{"YYYY-MM-DDThh:mm:ssZ", "", "2026-06-01T08:05:09+8", ""},
		{"YYYY-MM-DD hh:mm[Z]", "Asia/Tokyo", "2026-06-01 08:05+00:00", "2026-06-01T08:05:00Z"},
		{"YYYY-MM-DD hh:mm[Z]", "Asia/Tokyo", "2026-06-01 08:05", "2026-05-31T23:05:00Z"},
		{"M/D/YYYY h:mm A", "UTC", "6/1/2026 12:05 am", "2026-06-01T00:05:00Z"},
		{"M/D/YYYY h:mm A", "UTC", "12/31/2026 12:05 PM", "2026-12-31T12:05:00Z"},
		{"M/D/YYYY h:mm A", "UTC", "12/31/2026 1:05 PM", "2026-12-31T13:05:00Z"},
		{"M/D/YYYY h:mm A", "UTC", "12/31/2026 13:05 PM", ""},
		{"M/D/YYYY h:mm A", "UTC", "12/31/2026 0:05 AM", ""},
		{"YYYY年M月D日 A h:mm", "Asia/Shanghai", "2026年6月1日 下午 3:00", "2026-06-01T07:00:00Z"},
		{"YYYYMMDDhhmmssf", "UTC", "20260601080509123", "2026-06-01T08:05:09.123Z"},
		{"DD.MM.YY, hh:mm 'Uhr'", "UTC", "01.06.26, 08:05 Uhr", "2026-06-01T08:05:00Z"},
		{"YYYY-MM-DD hh:mm", "UTC", "1969-12-31 23:59", ""},
		{"YYYY-MM-DD hh:mm", "UTC", "2200-12-31 23:59", "2200-12-31T23:59:00Z"},
		{"YYYY-MM-DD hh:mm", "UTC", "2201-01-01 00:00", ""},
		// Clocks go forward at 02:00 on 29 March and back at 03:00 on 25 October 2026.
		{"YYYY-MM-DD hh:mm", "Europe/Berlin", "2026-03-29 01:59", "2026-03-29T00:59:00Z"},
		{"YYYY-MM-DD hh:mm", "Europe/Berlin", "2026-03-29 02:00", ""},
		{"YYYY-MM-DD hh:mm", "Europe/Berlin", "2026-03-29 02:59", ""},
		{"YYYY-MM-DD hh:mm", "Europe/Berlin", "2026-03-29 03:00", "2026-03-29T01:00:00Z"},
		{"YYYY-MM-DD hh:mm", "Europe/Berlin", "2026-10-25 02:30", "2026-10-25T00:30:00Z"},
		{"YYYY-MM-DD hh:mm", "Europe/Berlin", "2026-10-25 03:00", "2026-10-25T02:00:00Z"},
		// Half an hour, at the other end of the world; and a day that was left out.
		{"YYYY-MM-DD hh:mm", "Australia/Lord_Howe", "2026-04-05 01:45", "2026-04-04T14:45:00Z"},
		{"YYYY-MM-DD hh:mm", "Pacific/Apia", "2011-12-30 12:00", ""},
		{"YYYY-MM-DD hh:mm", "Pacific/Apia", "2011-12-31 00:00", "2011-12-30T10:00:00Z"},
	} {
		clock := Clock{Pattern: mustPattern(t, test.pattern), ZoneName: test.zone}
		if test.zone != "" {
			clock.Zone = zone(t, test.zone)
		}
		reader := clockReader{Clock: &clock}
		for range 2 { // the second time with what the first one left behind
			at, fault := reader.read(test.text)
			if fault == "" && at.String() != test.want || fault != "" && test.want != "" {
				t.Errorf("%s %q: %s %s, want %s", test.pattern, test.text, at, fault, test.want)
			}
		}
	}
}

// TestWallClocksOfAYear compares every quarter of an hour around the changes of the clocks with
// the instants that show it.
func TestWallClocksOfAYear(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai", "Africa/Casablanca"} {
		location := zone(t, name)
		first := map[int64]int64{}
		start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
		const step, year = 900, 366 * 86400
		for at := start - 2*86400; at < start+year; at += step {
			_, offset := time.Unix(at, 0).In(location).Zone()
			if _, shown := first[at+int64(offset)]; !shown {
				first[at+int64(offset)] = at
			}
		}
		reader := clockReader{Clock: &Clock{ZoneName: name, Zone: location}}
		for clock := start; clock < start+year-86400; clock += step {
			offset, ok := reader.offsetAt(clock)
			at, shown := first[clock]
			if ok != shown || ok && clock-offset != at {
				t.Fatalf("%s: %s is %d, %v, want %d, %v", name, time.Unix(clock, 0).UTC(), clock-offset, ok, at, shown)
			}
		}
	}
}

func TestEpochs(t *testing.T) {
	for _, test := range []struct {
		epoch      Epoch
		text, want string
	}{
		{Seconds, "1780272309", "2026-06-01T00:05:09Z"}, {Seconds, "1780272309.1234567", "2026-06-01T00:05:09.123456Z"}, {Seconds, "0", "1970-01-01T00:00:00Z"}, {Seconds, "-1", ""}, {Seconds, "1e9", ""},
		{Seconds, "7289654400", ""}, {Seconds, "7289654399", "2200-12-31T23:59:59Z"}, {Seconds, "99999999999999999999999", ""}, {Seconds, "1.", ""}, {Seconds, "", ""},
		{Milliseconds, "1780272309123", "2026-06-01T00:05:09.123Z"}, {Milliseconds, "1780272309123.4567", "2026-06-01T00:05:09.123456Z"},
		{Microseconds, "1780272309123456", "2026-06-01T00:05:09.123456Z"}, {Microseconds, "1780272309123456.9", "2026-06-01T00:05:09.123456Z"},
	} {
		at, fault := (&clockReader{Clock: &Clock{Epoch: test.epoch}}).read(test.text)
		if fault == "" && at.String() != test.want || fault != "" && test.want != "" {
			t.Errorf("%s %q: %s %s, want %s", test.epoch, test.text, at, fault, test.want)
		}
	}
}

func TestDates(t *testing.T) {
	for _, test := range []struct{ pattern, text, want string }{
		{"DD.MM.YYYY", "31.12.9999", "9999-12-31"}, {"DD.MM.YYYY", "01.01.0000", "0000-01-01"}, {"YYYYMMDD", "20260230", ""}, {"D-M-YY", "1-2-26", "2026-02-01"}, {"YYYY-MM-DD' 00:00:00'", "2026-02-01 00:00:00", "2026-02-01"},
	} {
		got, fault := mapOne(&Layout{Dates: mustPattern(t, test.pattern)}, settlement.ExpiresOn, test.text)
		if fault == "" && got != test.want || fault != "" && test.want != "" {
			t.Errorf("%s %q: %q %s, want %q", test.pattern, test.text, got, fault, test.want)
		}
	}
}

func TestPatternsThatAreNone(t *testing.T) {
	for pattern, says := range map[string]string{
		"yyyy-MM-dd":              `"y" is no part of a pattern`,
		"2006-01-02":              `"2" is no part of a pattern`,
		"YYYY-MM-DD HH:mm":        `"H" is no part of a pattern`,
		"YYYYY":                   "no part of a pattern",
		"MMM":                     "there twice, or longer",
		"YYYY-MM-DD YYYY":         "there twice",
		"YYYYMDD":                 "digits follow a part of one or more digits",
		"fYYYY":                   "digits follow",
		"YYYY[MM]":                "has to begin with a text or with Z",
		"YYYY[]":                  "has to begin with a text",
		"YYYY[-MM":                "[ without ]",
		"YYYY]":                   "] without [",
		"YYYY 'x":                 "not closed",
		"YYYY ''":                 "not closed, or with nothing in it",
		"A":                       "no hour",
		"\x01":                    "control character",
		strings.Repeat("-", 1000): "limit is 128",
	} {
		if _, err := ParsePattern(pattern); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", pattern, err, says)
		}
	}
}

// TestSamples shows that every layout has a sample that it can read.
func TestSamples(t *testing.T) {
	for i, l := range fuzzLayouts(t) {
		read := map[settlement.Column]string{}
		for _, value := range l.Sample("EUR") {
			read[value.Column] = value.Read
		}
		if read[settlement.PointsColumn] != "1250" || read[settlement.KindColumn] == "" || !strings.HasPrefix(read[settlement.OccurredAt], "2026-03-31T") {
			t.Errorf("layout %d: %v", i, read)
		}
	}
}

// FuzzPattern shows that no pattern makes the reader panic, and that what it writes it can read.
func FuzzPattern(f *testing.F) {
	for _, pattern := range []string{"YYYY-MM-DD hh:mm[:ss[.f]][Z]", "M/D/YY h:mm A", "YYYY年M月D日 'Uhr'", "[[", "'", "YYYYMMDDThhmmssZ"} {
		f.Add(pattern, "2026-06-01 12:00:00")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		pattern, err := ParsePattern(text)
		if err != nil {
			return
		}
		pattern.read(value)
		if !pattern.IsClock() || strings.ContainsAny(text, "'[") {
			return // texts may look like digits, or like an optional part
		}
		at := wall{year: 2026, month: 11, day: 30, hour: 14, minute: 5, second: 9}
		if _, ok := pattern.read(pattern.format(at)); !ok {
			t.Errorf("%q cannot read %q", text, pattern.format(at))
		}
	})
}

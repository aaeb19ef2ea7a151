package layout

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests bring their zones along

	"alliance/settlement"
)

func zone(t testing.TB, name string) *time.Location {
	location, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return location
}

func mustPattern(t testing.TB, text string) *Pattern {
	t.Helper()
	pattern, err := ParsePattern(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return pattern
}

// mapOne maps a row with one value in a column, and returns that column or its fault.
func mapOne(l *Layout, column settlement.Column, text string) (got, fault string) {
	record := settlement.Record{}
	record.Values[settlement.KindColumn] = "issue"
	record.Values[column] = text
	NewMapper(l).Map(&record)
	if record.Written.Values[column] != text {
		return "", "what was written is not kept"
	}
	fault = record.Written.Faults[column]
	if marked := record.Mistyped&(1<<column) != 0; marked != (fault != "") {
		return "", "a fault without a mark, or a mark without a fault"
	}
	if fault != "" && record.Found(column) != text {
		return "", "the value found is not the one written"
	}
	return record.Text(column), fault
}

func TestPoints(t *testing.T) {
	plain := &Number{Decimal: '.', Scale: 1}
	for _, test := range []struct {
		number *Number
		sign   Sign
		text   string
		want   string // "" stands for a fault
	}{
		{plain, Positive, "300", "300"}, {plain, Positive, "+300", "300"}, {plain, Positive, "0300", "300"}, {plain, Positive, "300.00", "300"}, {plain, Positive, "000300.", ""},
		{plain, Positive, "300.5", ""}, {plain, Positive, "-300", ""}, {plain, Positive, "--300", ""}, {plain, Positive, "0", ""}, {plain, Positive, "3e2", ""}, {plain, Positive, ".0", ""},
		{plain, Positive, "1000000000000", "1000000000000"}, {plain, Positive, "1000000000001", ""}, {plain, Positive, "9999999999999999999", ""}, {plain, Positive, "1,000", ""},
		{plain, Positive, "300 ", ""}, {plain, Positive, "٣٠٠", ""}, {plain, Positive, "-", ""}, {plain, Positive, "+", ""}, {plain, Positive, "1." + strings.Repeat("0", 100), "1"},
		{plain, Absolute, "-300", "300"}, {plain, Absolute, "-0", ""},
		{&Number{Decimal: '.', Scale: 10}, Positive, "300", "30"}, {&Number{Decimal: '.', Scale: 10}, Positive, "305", ""}, {&Number{Decimal: '.', Scale: 10}, Positive, "300.5", ""},
		{&Number{Decimal: '.', Scale: 10}, Positive, "5", ""}, {&Number{Decimal: '.', Scale: 1_000_000}, Positive, "999999999999999999", ""},
		{&Number{Decimal: '.', Scale: 1_000_000}, Positive, "1000000000000000", "1000000000"},
		{&Number{Decimal: ',', Group: '.', Scale: 1}, Positive, "1.234.567,00", "1234567"}, {&Number{Decimal: ',', Group: '.', Scale: 1}, Positive, "1234567", "1234567"},
		{&Number{Decimal: ',', Group: '.', Scale: 1}, Positive, "1.23", ""}, {&Number{Decimal: ',', Group: '.', Scale: 1}, Positive, "1234.567", ""}, {&Number{Decimal: ',', Group: '.', Scale: 1}, Positive, "1..234", ""},
		{&Number{Decimal: ',', Group: '.', Scale: 1}, Positive, "1.234.56", ""}, {&Number{Decimal: ',', Group: '.', Scale: 1}, Positive, ".234", ""}, {&Number{Decimal: ',', Group: '.', Scale: 1}, Positive, "1,234.000", ""},
		{&Number{Decimal: ',', Group: ' ', Scale: 1}, Positive, "1\u00a0234\u202f567", "1234567"}, {&Number{Decimal: '.', Group: '\'', Scale: 1}, Positive, "1’234", "1234"},
	} {
		got, fault := mapOne(&Layout{Points: test.number, Sign: test.sign}, settlement.PointsColumn, test.text)
		if fault == "" && got != test.want || fault != "" && test.want != "" {
			t.Errorf("%+v %s %q: %q %s, want %q", *test.number, test.sign, test.text, got, fault, test.want)
		}
	}
}

func TestSigns(t *testing.T) {
	for _, test := range []struct {
		sign         Sign
		kind, points string
		want         string
	}{
		{NegativeIsReversal, "issue", "-5", "issue_reversal 5"}, {NegativeIsReversal, "redeem", "-5", "redeem_reversal 5"}, {NegativeIsReversal, "redeem", "5", "redeem 5"},
		{NegativeIsReversal, "redeem_reversal", "5", "redeem_reversal 5"}, {NegativeIsReversal, "issue_reversal", "-5", "must not be negative in a row of kind issue_reversal"},
		{NegativeIsRedeem, "issue", "-5", "redeem 5"}, {NegativeIsRedeem, "issue", "5", "issue 5"}, {NegativeIsRedeem, "redeem", "-5", "must not be negative in a row of kind redeem"},
		{Absolute, "redeem", "-5", "redeem 5"}, {Positive, "redeem", "-5", "must not be negative"},
	} {
		record := settlement.Record{}
		record.Values[settlement.KindColumn], record.Values[settlement.PointsColumn] = test.kind, test.points
		NewMapper(&Layout{Points: &Number{Decimal: '.', Scale: 1}, Sign: test.sign}).Map(&record)
		got := record.Values[settlement.KindColumn] + " " + record.Text(settlement.PointsColumn)
		if fault := record.Written.Faults[settlement.PointsColumn]; fault != "" {
			got = fault
		}
		if got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
}

// TestTypedPoints takes numbers that need no reading.
func TestTypedPoints(t *testing.T) {
	for points, want := range map[int64]string{300: "30", -300: "30", 305: "", 0: "", -9223372036854775808: ""} {
		record := settlement.Record{Typed: 1 << settlement.PointsColumn, Points: points}
		NewMapper(&Layout{Points: &Number{Decimal: '.', Scale: 10}, Sign: Absolute}).Map(&record)
		fault := record.Written.Faults[settlement.PointsColumn]
		if want == "" && (fault == "" || record.Found(settlement.PointsColumn) == "") || want != "" && record.Text(settlement.PointsColumn) != want {
			t.Errorf("%d: %s %s", points, record.Text(settlement.PointsColumn), fault)
		}
	}
}

func TestAmounts(t *testing.T) {
	for _, test := range []struct {
		number     *Number
		text, want string
	}{
		{&Number{Decimal: ',', Group: '.', Scale: 1}, "-1.234,5", "-1234.50"}, {&Number{Decimal: ',', Group: '.', Scale: 1}, "12,345", ""}, {&Number{Decimal: ',', Scale: 1}, "12,3400", "12.34"},
		{&Number{Decimal: '.', Scale: 100}, "1234", "12.34"}, {&Number{Decimal: '.', Scale: 100}, "1234.0", "12.34"}, {&Number{Decimal: '.', Scale: 100}, "1234.5", ""}, {&Number{Decimal: '.', Scale: 1000}, "1234", ""},
		{&Number{Decimal: '.', Scale: 1000}, "1230", "1.23"}, {&Number{Decimal: '.', Scale: 1}, "-0", "0.00"}, {&Number{Decimal: '.', Scale: 1}, "99999999999999999", ""},
		{&Number{Decimal: '.', Scale: 1}, "92233720368547758", "92233720368547758.00"}, {&Number{Decimal: '.', Scale: 1}, "¥5", ""},
	} {
		got, fault := mapOne(&Layout{Amount: test.number}, settlement.Amount, test.text)
		if fault == "" && got != test.want || fault != "" && test.want != "" {
			t.Errorf("%+v %q: %q %s, want %q", *test.number, test.text, got, fault, test.want)
		}
	}
}

func TestKinds(t *testing.T) {
	l := &Layout{Kinds: map[string]settlement.Kind{"S": settlement.Issue, "退": settlement.RedeemReversal}}
	for text, want := range map[string]string{"S": "issue", "退": "redeem_reversal", "s": "", "issue": "", " S": ""} {
		got, fault := mapOne(l, settlement.KindColumn, text)
		if got != want || fault != "" && fault != "has to be one of S (issue), 退 (redeem_reversal)" {
			t.Errorf("%q: %q %s", text, got, fault)
		}
	}
}

func TestTrimAndEmpty(t *testing.T) {
	l := &Layout{Trim: true, Empty: []string{"NULL", "-"}}
	for text, want := range map[string]string{" a b\t": "a b", "\u3000x\u00a0": "x", " NULL ": "", "-": "", "--": "--", "null": "null"} {
		if got, fault := mapOne(l, settlement.StoreID, text); got != want || fault != "" {
			t.Errorf("%q: %q %s", text, got, fault)
		}
	}
}

func TestConstantsAndNames(t *testing.T) {
	l := &Layout{TimeName: "when"}
	l.Names[settlement.PointsColumn], l.Names[settlement.OccurredAt] = "amount", "day"
	l.Constants[settlement.Reason], l.Ignored = "purchase", []string{"note"}
	places := l.Places()
	for name, want := range map[string]settlement.Column{"amount": settlement.PointsColumn, "day": settlement.OccurredAt, "when": TimeOfDay, "note": settlement.Columns, "member_id": settlement.MemberID} {
		if got, known := places[name]; !known || got != want {
			t.Errorf("%s is %v", name, got)
		}
	}
	for _, name := range []string{"points", "occurred_at", "reason", "x"} {
		if column, known := places[name]; known {
			t.Errorf("%s is %v", name, column)
		}
	}
	record := settlement.Record{}
	NewMapper(l).Map(&record)
	if record.Values[settlement.Reason] != "purchase" || record.Name(settlement.OccurredAt) != "day + when" || record.Found(settlement.Reason) != "purchase" {
		t.Errorf("%+v", record)
	}
}

// TestRowsLeaveNothingBehind maps rows after others with one mapper.
func TestRowsLeaveNothingBehind(t *testing.T) {
	l := &Layout{TimeName: "t", OccurredAt: &Clock{Pattern: mustPattern(t, "YYYY-MM-DD[ hh:mm]"), ZoneName: "UTC", Zone: time.UTC}, Points: &Number{Decimal: '.', Scale: 1}}
	l.Names[settlement.OccurredAt] = "d"
	mapper := NewMapper(l)
	record := settlement.Record{}
	mapper.SetTimeOfDay("25:00")
	record.Values[settlement.OccurredAt], record.Values[settlement.PointsColumn] = "2026-01-01", "x"
	mapper.Map(&record)
	if record.Found(settlement.OccurredAt) != "2026-01-01 25:00" || record.Written.Faults[settlement.OccurredAt] == "" || record.Written.Faults[settlement.PointsColumn] == "" {
		t.Errorf("%+v", record.Written)
	}
	record = settlement.Record{}
	record.Values[settlement.OccurredAt], record.Values[settlement.PointsColumn] = "2026-01-02", "7"
	mapper.Map(&record)
	if record.Text(settlement.OccurredAt) != "2026-01-02T00:00:00Z" || record.Mistyped != 0 || record.Written.Faults != [settlement.Columns]string{} {
		t.Errorf("%+v", record)
	}
	record = settlement.Record{}
	mapper.SetTimeOfDay("10:00")
	mapper.Map(&record)
	if record.Has(settlement.OccurredAt) || record.Has(settlement.PointsColumn) {
		t.Error("a time without a date is an instant")
	}
}

// TestMistypedValuesStay shows that what is of no type for its column is not read as text.
func TestMistypedValuesStay(t *testing.T) {
	record := settlement.Record{Mistyped: 1 << settlement.PointsColumn}
	record.Values[settlement.PointsColumn] = "5"
	NewMapper(&Layout{Points: &Number{Decimal: '.', Scale: 1}}).Map(&record)
	if record.Mistyped != 1<<settlement.PointsColumn || record.Typed != 0 || record.Written.Faults[settlement.PointsColumn] != "" {
		t.Errorf("%+v", record)
	}
}

// FuzzMap maps any text in every column by layouts of every kind: nothing panics, what is written is
// kept, and what comes out of it is of the common form.
func FuzzMap(f *testing.F) {
	for _, text := range []string{"", "S", "-1.234,50", "2026-03-29 02:30:00.5", "1780272300123", "29.03.2026", "+08:00", "NULL", "\xff", "1’000", "9223372036854775807"} {
		f.Add(text, "12:30 PM")
	}
	layouts := fuzzLayouts(f)
	f.Fuzz(func(t *testing.T, text, clock string) {
		for i, l := range layouts {
			mapper := NewMapper(l)
			for range 2 {
				record := settlement.Record{}
				for column := range record.Values {
					record.Values[column] = text
				}
				mapper.SetTimeOfDay(clock)
				mapper.Map(&record)
				for column := range settlement.Columns {
					if l.TimeName == "" && l.Has(column) && record.Written.Values[column] != text {
						t.Errorf("layout %d: %s: what is written is not kept", i, column)
					}
					if fault := record.Written.Faults[column]; (fault != "") && record.Mistyped&(1<<column) == 0 {
						t.Errorf("layout %d: %s: not marked: %s", i, column, fault)
					}
				}
				if typed := record.Typed; typed&(1<<settlement.PointsColumn) != 0 && (record.Points < 1 || record.Points > settlement.MaxPoints) ||
					typed&(1<<settlement.OccurredAt) != 0 && (record.OccurredAt < minInstant || record.OccurredAt > maxInstant) {
					t.Errorf("layout %d: %d points at %s", i, record.Points, record.OccurredAt)
				}
				for _, date := range []settlement.Column{settlement.OriginalDate, settlement.ExpiresOn} {
					if record.Typed&(1<<date) != 0 {
						if _, err := settlement.ParseDate(record.Text(date)); err != nil {
							t.Error(err)
						}
					}
				}
			}
		}
	})
}

func fuzzLayouts(t testing.TB) []*Layout {
	berlin := zone(t, "Europe/Berlin")
	kinds := map[string]settlement.Kind{"S": settlement.Issue, "R": settlement.Redeem, "": settlement.Redeem}
	apart := &Layout{TimeName: "t", Trim: true, OccurredAt: &Clock{Pattern: mustPattern(t, "D.M.YY h:mm A[Z]"), ZoneName: "Europe/Berlin", Zone: berlin}}
	apart.Names[settlement.OccurredAt], apart.Constants[settlement.KindColumn] = "d", "issue"
	return []*Layout{
		{}, apart,
		{Kinds: kinds, Points: &Number{Decimal: ',', Group: '.', Scale: 10}, Sign: NegativeIsReversal, Amount: &Number{Decimal: ',', Group: '.', Scale: 100}, Empty: []string{"NULL"}, Dates: mustPattern(t, "DD.MM.YYYY"),
			OccurredAt: &Clock{Pattern: mustPattern(t, "YYYY-MM-DD hh:mm[:ss[.f]]"), ZoneName: "Europe/Berlin", Zone: berlin}},
		{Points: &Number{Decimal: '.', Group: '\'', Scale: 1}, Sign: NegativeIsRedeem, OccurredAt: &Clock{Epoch: Seconds}, Dates: mustPattern(t, "YYYYMMDD")},
		{OccurredAt: &Clock{Epoch: Milliseconds}}, {OccurredAt: &Clock{Epoch: Microseconds}},
	}
}

package batch_test

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
)

// plainConfig is a rulebook of three merchants without anything special.
func plainConfig() *config {
	return &config{alliance: "HUB", currency: "CNY", zone: "Asia/Shanghai", dayStartsAt: "00:00", cycle: "daily", rounding: "half_up",
		lateDays: 35, earlyDays: 2, duplicateDays: 7, waitDays: 2, missingShare: "1", rejectedShare: "0.05", rejectedRows: 10,
		tracked: true, attribution: "fifo", unfunded: "suspense", reversalDays: 180,
		prices:    []price{{id: "base", amount: "1.00", perPoints: 100}},
		threshold: "0", holdbackRate: "0", releaseAfter: 1,
		merchants: []merchant{{id: "A"}, {id: "B"}, {id: "C"}}}
}

// aRow is a row at noon of a date; extra are pairs of column and value.
func aRow(kind, id, member string, points int64, date string, extra ...string) rawRow {
	var raw rawRow
	raw.set("transaction_id", id, "")
	raw.set("member_id", member, "")
	raw.set("kind", kind, "")
	raw.set("points", fmt.Sprint(points), "")
	raw.set("occurred_at", date+"T12:00:00+08:00", "")
	for i := 0; i < len(extra); i += 2 {
		raw.set(extra[i], extra[i+1], "")
	}
	return raw
}

// aFile is a JSONL file of a merchant under a date.
func aFile(merchant, date, name string, rows ...rawRow) *file {
	return &file{folder: merchant, date: "date=" + date, name: name + ".jsonl", table: &table{rows: rows}}
}

func expectTable(t *testing.T, result *nightResult, table string, want ...string) {
	t.Helper()
	if got := result.tables[table]; !slices.Equal(got, want) {
		t.Errorf("table %s\n got  %s\n want %s", table, strings.Join(got, "\n      "), strings.Join(want, "\n      "))
	}
}

// The worked month: June, two prices, a capped fee, threshold and holdback.
func TestModelSettlesTheWorkedMonth(t *testing.T) {
	c := plainConfig()
	c.cycle, c.threshold, c.holdbackRate, c.releaseAfter = "monthly", "400.00", "0.05", 2
	c.prices = []price{{id: "early", to: "2026-06-15", amount: "0.0100", perPoints: 1}, {id: "late", amount: "0.0105", perPoints: 1}}
	c.fees = []fee{{id: "clearing", payer: "redeemer", rate: "0.015", perTransaction: "0", min: "1.00", max: "20.00", taxRate: "0.06"}}
	h := &history{config: c, first: mustDay("2026-06-01"), nights: make([]night, 30)}
	deliver := func(date, merchant string, raw rawRow) {
		n := &h.nights[mustDay(date)-h.first]
		n.files = append(n.files, aFile(merchant, date, fmt.Sprintf("f%d", len(n.files)), raw))
	}
	for i, flow := range []struct {
		issuer, redeemer string
		early, late      int64
	}{{"A", "B", 123456, 45678}, {"A", "C", 20001, 0}, {"B", "A", 98765, 0}, {"B", "C", 0, 33333}, {"C", "A", 0, 15015}, {"C", "B", 7777, 0}} {
		member := fmt.Sprintf("m%d", i)
		deliver("2026-06-01", flow.issuer, aRow("issue", "i"+member, member, flow.early+flow.late, "2026-06-01"))
		if flow.early > 0 {
			deliver("2026-06-10", flow.redeemer, aRow("redeem", "e"+member, member, flow.early, "2026-06-10"))
		}
		if flow.late > 0 {
			deliver("2026-06-20", flow.redeemer, aRow("redeem", "l"+member, member, flow.late, "2026-06-20"))
		}
	}
	deliver("2026-06-25", "B", aRow("redeem_reversal", "back", "m5", 777, "2026-06-25", "original_transaction_id", "em5"))
	results := modelResults(h)
	expectTable(t, results[28], "positions")
	expectTable(t, results[29], "positions",
		"A|1145.31|1914.19|17.18|1.03|-787.09|0.00|0.00|0.00|0.00|-787.09",
		"B|1784.18|1337.65|20.00|1.20|425.33|0.00|21.27|0.00|0.00|404.06",
		"C|550.01|227.66|8.25|0.50|313.60|0.00|0.00|0.00|313.60|0.00",
		"HUB|0.00|0.00|-45.43|-2.73|48.16|0.00|-21.27|0.00|-313.60|383.03")
	expectTable(t, results[29], "payments", "A|HUB|787.09|A", "HUB|B|404.06|B")
	expectTable(t, results[24], "lines", "C|B|redemption_reversal|2026-06-25|false|early|0.01|1|0|-777|-7.77")
}

// One redemption of 700 points at B under the five policies.
func TestModelAttributesByEachPolicy(t *testing.T) {
	for policy, want := range map[string]string{
		"fifo":           "C 201 A 300 B 199",
		"first_expiring": "B 500 A 200",
		"own_first":      "B 500 C 200",
		"pro_rata":       "A 210 B 350 C 140",
		"stated":         "B 500",
	} {
		c := plainConfig()
		c.attribution, c.lateDays = policy, 60
		m := newModel()
		redeem := aRow("redeem", "r", "m", 700, "2026-05-12")
		if policy == "stated" {
			redeem.set("issuer_id", "B", "")
		}
		m.run(c, mustDay("2026-05-12"), &night{files: []*file{
			aFile("A", "2026-05-12", "f", aRow("issue", "i", "m", 300, "2026-05-01", "expires_on", "2026-06-30")),
			aFile("B", "2026-05-12", "f", aRow("issue", "i", "m", 500, "2026-05-10", "expires_on", "2026-06-20"), redeem),
			aFile("C", "2026-05-12", "f", aRow("issue", "i", "m", 201, "2026-04-01", "expires_on", "2026-12-31")),
		}})
		var got []string
		for _, a := range m.allocations {
			got = append(got, fmt.Sprint(a.issuer, " ", a.points))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, want %s", policy, got, want)
		}
	}
}

func TestModelRounds(t *testing.T) {
	for _, test := range []struct{ currency, rounding, amount, want string }{
		{"CNY", "half_up", "0.005", "0.01"}, {"CNY", "half_even", "0.005", "0.00"}, {"CNY", "half_even", "0.015", "0.02"},
		{"CNY", "half_up", "-0.005", "-0.01"}, {"CNY", "half_even", "-0.025", "-0.02"}, {"CNY", "half_up", "-0.004", "0.00"},
		{"JPY", "half_up", "0.5", "1"}, {"JPY", "half_even", "0.5", "0"}, {"BHD", "half_up", "1.0005", "1.001"}, {"CNY", "half_even", "0.0050001", "0.01"},
	} {
		c := &config{currency: test.currency, rounding: test.rounding}
		if got := c.money(c.round(rat(test.amount))); got != test.want {
			t.Errorf("%s %s %s: got %s, want %s", test.currency, test.rounding, test.amount, got, test.want)
		}
	}
	if got := value(100, price{amount: "1.00", perPoints: 150}); got.Cmp(big.NewRat(2, 3)) != 0 {
		t.Errorf("100 points at 1.00 per 150: got %s", got)
	}
}

func TestModelKnowsBusinessDates(t *testing.T) {
	for _, test := range []struct{ zone, startsAt, at, want string }{
		{"Asia/Shanghai", "00:00", "2026-06-10T15:59:59.999999Z", "2026-06-10"},
		{"Asia/Shanghai", "00:00", "2026-06-10T16:00:00Z", "2026-06-11"},
		{"Asia/Shanghai", "04:00", "2026-06-11T03:59:59+08:00", "2026-06-10"},
		{"Asia/Shanghai", "04:00", "2026-06-11T04:00:00+08:00", "2026-06-11"},
		{"America/New_York", "02:30", "2026-03-08T06:59:59Z", "2026-03-07"}, // 01:59:59, then 03:00
		{"America/New_York", "02:30", "2026-03-08T07:00:00Z", "2026-03-08"},
		{"America/New_York", "01:30", "2026-11-01T05:30:00Z", "2026-11-01"}, // 01:30, then 01:00 again
		{"America/New_York", "01:30", "2026-11-01T06:10:00Z", "2026-10-31"},
		{"Pacific/Apia", "00:00", "2011-12-30T09:59:59Z", "2011-12-29"}, // no 30 December there
		{"Pacific/Apia", "00:00", "2011-12-30T10:00:00Z", "2011-12-31"},
		{"UTC", "00:00", "1970-01-01T00:00:00+05:00", "1969-12-31"},
	} {
		micro, ok := parseInstant(test.at)
		if got := businessDate(&config{zone: test.zone, dayStartsAt: test.startsAt}, micro); !ok || got.String() != test.want {
			t.Errorf("%+v: got %s", test, got)
		}
	}
}

func TestModelKnowsTheCalendar(t *testing.T) {
	for _, test := range []struct {
		from   string
		months int
		want   string
	}{{"2026-01-31", 1, "2026-02-28"}, {"2028-01-31", 1, "2028-02-29"}, {"2026-10-31", 24, "2028-10-31"}, {"2024-02-29", 12, "2025-02-28"}, {"2026-12-15", 1, "2027-01-15"}} {
		if got := mustDay(test.from).addMonths(test.months).String(); got != test.want {
			t.Errorf("%s and %d months: got %s, want %s", test.from, test.months, got, test.want)
		}
	}
	for _, test := range []struct{ length, of, first, last string }{
		{"daily", "2026-06-10", "2026-06-10", "2026-06-10"},
		{"weekly", "2026-06-14", "2026-06-08", "2026-06-14"}, {"weekly", "2026-06-15", "2026-06-15", "2026-06-21"},
		{"monthly", "2028-02-10", "2028-02-01", "2028-02-29"},
	} {
		if first, last := cycleOf(test.length, mustDay(test.of)); first.String() != test.first || last.String() != test.last {
			t.Errorf("%+v: got %s to %s", test, first, last)
		}
	}
}

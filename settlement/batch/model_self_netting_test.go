package batch_test

import (
	"strings"
	"testing"
)

// adjusted is a night in which A is owed, or owes, so much.
func adjusted(id, payer, payee, amount string) night {
	return night{adjustments: []adjustment{{id, payer, payee, amount}}}
}

// expectPosition settles d and looks at one party's position.
func expectPosition(t *testing.T, c *config, m *model, d day, n night, party, want string) {
	t.Helper()
	got := "no position"
	for _, row := range m.run(c, d, &n).tables["positions"] {
		if values, found := strings.CutPrefix(row, party+"|"); found {
			got = values
		}
	}
	if got != want {
		t.Errorf("%s, %s: got %s, want %s", d, party, got, want)
	}
}

func TestModelHoldsBackAndReleases(t *testing.T) {
	c := plainConfig()
	c.threshold, c.holdbackRate, c.releaseAfter = "10.00", "0.1", 2
	c.holds = []hold{{"A", "2026-06-13", "2026-06-14"}}
	c.merchants[0].left = "2026-06-16"
	m, d := newModel(), mustDay("2026-06-10")
	//                                                       receivable|payable|fees|tax|net|carried_in|held|released|carried_out|due
	expectPosition(t, c, m, d, adjusted("1", "B", "A", "100"), "A", "100.00|0.00|0.00|0.00|100.00|0.00|10.00|0.00|0.00|90.00")
	expectPosition(t, c, m, d+1, adjusted("2", "B", "A", "9.99"), "A", "9.99|0.00|0.00|0.00|9.99|0.00|0.00|0.00|9.99|0.00")
	// Two closes later: 1.01 more reaches the threshold, and the first 10.00 come free.
	expectPosition(t, c, m, d+2, adjusted("3", "B", "A", "0.06"), "A", "0.06|0.00|0.00|0.00|0.06|9.99|1.01|10.00|0.00|19.04")
	expectPosition(t, c, m, d+3, adjusted("4", "B", "A", "50"), "A", "50.00|0.00|0.00|0.00|50.00|0.00|0.00|0.00|50.00|0.00")
	// On hold a debt is due all the same; what is released is carried.
	expectPosition(t, c, m, d+4, adjusted("5", "A", "B", "80"), "A", "0.00|80.00|0.00|0.00|-80.00|50.00|0.00|1.01|1.01|-30.00")
	expectPosition(t, c, m, d+5, adjusted("6", "B", "A", "98.99"), "A", "98.99|0.00|0.00|0.00|98.99|1.01|10.00|0.00|0.00|90.00")
	expectPosition(t, c, m, d+6, night{}, "A", "0.00|0.00|0.00|0.00|0.00|0.00|0.00|0.00|0.00|0.00")
	// The first close after A left: neither threshold nor rate, and all that is held comes free.
	expectPosition(t, c, m, d+7, adjusted("7", "B", "A", "5"), "A", "5.00|0.00|0.00|0.00|5.00|0.00|0.00|10.00|0.00|15.00")
}

func TestModelNetsPairs(t *testing.T) {
	c := plainConfig()
	c.bilateral, c.threshold, c.holdbackRate = true, "1000.00", "0.5"
	c.fees = []fee{{id: "f", payer: "redeemer", rate: "0.10", perTransaction: "0.50", max: "3.00", taxRate: "0.19"}}
	results := runNights(c, "2026-06-10", []*file{
		aFile("A", "2026-06-10", "f", aRow("issue", "i", "m", 2000, "2026-06-10"), aRow("redeem", "r", "n", 500, "2026-06-10")),
		aFile("B", "2026-06-10", "f", aRow("issue", "i", "n", 500, "2026-06-10"), aRow("redeem", "r", "m", 1000, "2026-06-10"), aRow("redeem", "s", "m", 1, "2026-06-10")),
		aFile("C", "2026-06-10", "f", aRow("redeem", "r", "m", 900, "2026-06-10"))})
	expectTable(t, results[0], "fees", "A|f|5.00|1|1.00|0.19|0.19", "B|f|10.01|2|2.00|0.19|0.38", "C|f|9.00|1|1.40|0.19|0.27")
	expectTable(t, results[0], "payments", "A|B|5.01|A", "A|C|9.00|A", "A|HUB|1.19|A", "B|HUB|2.38|B", "C|HUB|1.67|C")
	expectTable(t, results[0], "positions",
		"A|5.00|19.01|1.00|0.19|-15.20|0.00|0.00|0.00|0.00|-15.20",
		"B|10.01|5.00|2.00|0.38|2.63|0.00|0.00|0.00|0.00|2.63",
		"C|9.00|0.00|1.40|0.27|7.33|0.00|0.00|0.00|0.00|7.33",
		"HUB|0.00|0.00|-4.40|-0.84|5.24|0.00|0.00|0.00|0.00|5.24")
}

// The detail adds up to its line although each allocation is rounded.
func TestModelSharesARoundedLine(t *testing.T) {
	c := plainConfig()
	c.prices = []price{{id: "third", amount: "1.00", perPoints: 150}}
	rows := []rawRow{aRow("issue", "i", "m", 9, "2026-06-09")}
	results := runNights(c, "2026-06-10", []*file{aFile("A", "2026-06-10", "f", rows...),
		aFile("B", "2026-06-10", "f", aRow("redeem", "x", "m", 1, "2026-06-10"), aRow("redeem", "y", "m", 1, "2026-06-10"), aRow("redeem", "z", "m", 1, "2026-06-10"))})
	expectTable(t, results[0], "lines", "A|B|redemption|2026-06-10|false|third|1|150|3|3|0.02")
	prefix := "A|B|redemption|2026-06-10|third|1|150|2026-06-10T04:00:00.000000Z|"
	expectTable(t, results[0], "detail", prefix+"x|0|A|2026-06-09|i|1|0.01", prefix+"y|0|A|2026-06-09|i|1|0.00", prefix+"z|0|A|2026-06-09|i|1|0.01")
}

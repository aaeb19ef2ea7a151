package clearing

import (
	"strings"
	"testing"
	_ "time/tzdata"

	"alliance/rules"
	"alliance/settlement"

	"github.com/shopspring/decimal"
)

// A testRulebook is a rulebook with the parts that tests change.
type testRulebook struct {
	cycle, rounding, currency, intake, ledger, prices, fees, netting, merchants string
	zone, startsAt                                                              string
}

func (b testRulebook) parse(t testing.TB) *rules.Rulebook {
	t.Helper()
	or := func(text, otherwise string) string {
		if text == "" {
			return otherwise
		}
		return text
	}
	lines := []string{
		"alliance: {id: HUB, name: Hub, currency: " + or(b.currency, "CNY") + ", time_zone: " + or(b.zone, "Asia/Shanghai") +
			`, day_starts_at: "` + or(b.startsAt, "00:00") + `", cycle: ` + or(b.cycle, "daily") + "}",
		"rounding: " + or(b.rounding, "half_up"),
		"intake: " + or(b.intake, "{accept_late_days: 35, accept_early_days: 2}"),
		"ledger: " + or(b.ledger, "{lots: tracked, attribution: fifo, reversal_days: 30}"),
		"prices: " + or(b.prices, `[{id: base, price: "1.00", per_points: 100}]`),
		"fees: " + or(b.fees, "[]"),
		"netting: " + or(b.netting, "{mode: multilateral}"),
		"merchants: " + or(b.merchants, "[{id: A, name: A}, {id: B, name: B}, {id: C, name: C}]"),
	}
	rulebook, err := rules.Parse("test", []byte(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return rulebook
}

func dateOf(t testing.TB, text string) settlement.Date {
	t.Helper()
	date, err := settlement.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return date
}

func money(text string) decimal.Decimal { return decimal.RequireFromString(text) }

// mustPanic fails unless f panics with a message that contains part.
func mustPanic(t *testing.T, part string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		got := recover()
		text, _ := got.(string)
		if got == nil || !strings.Contains(text, part) {
			t.Errorf("panic %v, want one with %q", got, part)
		}
	}()
	f()
}

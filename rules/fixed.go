package rules

import "fmt"

// Fixed is what a ledger is bound to from its first run on. Its JSON form is kept on record.
type Fixed struct {
	AllianceID  string `json:"alliance_id"`
	Currency    string `json:"currency"`
	TimeZone    string `json:"time_zone"`
	DayStartsAt string `json:"day_starts_at"`
	// Lots is tracked or untracked.
	Lots     string `json:"lots"`
	Rounding string `json:"rounding"`
	Cycle    string `json:"cycle"`
}

// Fixed returns what the rulebook says of the things that are fixed per ledger.
func (r *Rulebook) Fixed() Fixed {
	return Fixed{
		AllianceID: r.ID, Currency: r.Money.Currency, TimeZone: r.TimeZone, DayStartsAt: r.DayStartsAt,
		Lots: r.Ledger.lots(), Rounding: string(r.Money.Rounding), Cycle: string(r.CycleLength),
	}
}

func (l Ledger) lots() string {
	if l.Tracked {
		return "tracked"
	}
	return "untracked"
}

// Diff returns one sentence for each thing in which other, a later rulebook's, differs; none
// if they agree.
func (f Fixed) Diff(other Fixed) []string {
	var list []string
	differ := func(name, was, is string) {
		if was != is {
			list = append(list, fmt.Sprintf("%s is %q, but the ledger was opened with %q", name, is, was))
		}
	}
	differ("alliance.id", f.AllianceID, other.AllianceID)
	differ("alliance.currency", f.Currency, other.Currency)
	differ("alliance.time_zone", f.TimeZone, other.TimeZone)
	differ("alliance.day_starts_at", f.DayStartsAt, other.DayStartsAt)
	differ("ledger.lots", f.Lots, other.Lots)
	differ("rounding", f.Rounding, other.Rounding)
	differ("alliance.cycle", f.Cycle, other.Cycle)
	return list
}

package rules

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Describe writes what the rulebook was understood to say, for people: the register, the
// price table as spans of dates × conditions, fees, netting, ledger and intake. The error is
// that of writing.
func (r *Rulebook) Describe(w io.Writer) error {
	d := r.description()
	out := &printer{tabs: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	out.alliance(d)
	out.register(d.Merchants)
	out.profiles(d.Profiles)
	out.prices(d.Prices)
	out.fees(d.Fees)
	out.netting(d.Netting)
	out.ledger(d)
	out.intake(d.Intake)
	return out.tabs.Flush()
}

// A printer writes aligned lines; its errors come with the flush at the end.
type printer struct{ tabs *tabwriter.Writer }

// row writes cells below each other.
func (p *printer) row(cells ...string) {
	fmt.Fprintf(p.tabs, "  %s\n", strings.Join(cells, "\t"))
}

// title starts a part, with columns of its own.
func (p *printer) title(format string, arguments ...any) {
	p.tabs.Flush()
	fmt.Fprintf(p.tabs, "\n"+format+"\n", arguments...)
}

func (p *printer) alliance(d description) {
	fmt.Fprintf(p.tabs, "%s (%s)\n", d.Name, d.AllianceID)
	p.row("currency", fmt.Sprintf("%s, %d decimals, rounded %s", d.Currency, d.MinorDigits, d.Rounding))
	p.row("business date", fmt.Sprintf("%s, from %s", d.TimeZone, d.DayStartsAt))
	p.row("cycle", d.Cycle)
	p.row("digest", d.Digest)
}

func (p *printer) register(merchants []merchantDescription) {
	p.title("Register: %s", count(len(merchants), "merchant", "merchants"))
	p.row("id", "name", "category", "active", "delivers", "required", "control", "issues for", "redeems from")
	for _, m := range merchants {
		from := "everyone"
		if !m.FromEveryone {
			from = "itself" + list(", ", m.MayRedeemFrom)
		}
		p.row(m.ID, m.Name, dash(m.Category), dates(m.Joined, m.Left), delivery(m.Delivers),
			yes(m.Required), m.Control, "itself"+list(", ", m.MayIssueFor), from)
	}
}

func (p *printer) prices(spans []spanDescription) {
	p.title("Prices, by the business date of the redemption; the first condition that holds")
	p.row("dates", "condition", "price", "per points", "id")
	for _, span := range spans {
		when := dates(span.From, span.To)
		for _, price := range span.Prices {
			condition := "otherwise"
			if price.When != "" {
				condition = oneLine(price.When)
			}
			p.row(when, condition, price.Price, fmt.Sprint(price.PerPoints), price.ID)
			when = ""
		}
	}
}

func (p *printer) fees(fees []feeDescription) {
	p.title("Fees to the alliance at the close of a cycle: %s", count(len(fees), "fee", "fees"))
	if len(fees) == 0 {
		return
	}
	p.row("id", "payer", "rate", "per transaction", "min", "max", "tax rate", "last day of the cycle", "condition")
	for _, f := range fees {
		most := "none"
		if f.Max != nil {
			most = *f.Max
		}
		p.row(f.ID, f.Payer, f.Rate, f.PerTransaction, f.Min, most, f.TaxRate, dates(f.From, f.To), dash(oneLine(f.When)))
	}
}

func (p *printer) netting(n nettingDescription) {
	p.title("Netting: %s", n.Mode)
	p.row("payout threshold", n.PayoutThreshold)
	p.row("holdback", fmt.Sprintf("%s of a credit, released %s later", n.HoldbackRate, count(n.ReleaseAfter, "close", "closes")))
	for _, hold := range n.Holds {
		p.row("hold", fmt.Sprintf("%s, %s, %s", hold.Merchant, dates(hold.From, hold.To), dash(hold.Reason)))
	}
}

func (p *printer) ledger(d description) {
	p.title("Ledger: lots %s", d.Lots)
	p.row("attribution", d.Ledger.Attribution)
	p.row("unfunded points", d.Ledger.Unfunded)
	expiry := "never"
	if d.Ledger.Expires {
		expiry = count(d.Ledger.ExpiryMonths, "month", "months") + " after the business date"
		if d.Ledger.EndOfMonth {
			expiry += ", at the end of that month"
		}
	}
	p.row("expiry", expiry)
	p.row("reversals", "up to "+count(d.Ledger.ReversalDays, "day", "days"))
}

func (p *printer) intake(i intakeDescription) {
	p.title("Intake")
	p.row("late", "up to "+count(i.AcceptLateDays, "day", "days"))
	p.row("early", "up to "+count(i.AcceptEarlyDays, "day", "days"))
	p.row("ids stay taken", "for "+count(i.DuplicateDays, "settlement date", "settlement dates"))
	p.row("claims and reversals wait", count(i.WaitDays, "night", "nights"))
	p.row("missing merchants", "up to a share of "+i.MissingMaxShare)
	p.row("bad rows in a file", fmt.Sprintf("up to a share of %s, or %s", i.MaxRejectedShare, count(int(i.MaxRejectedRows), "row", "rows")))
}

// dates writes a span of dates.
func dates(from, to string) string {
	switch {
	case from == "" && to == "":
		return "always"
	case from == "":
		return "until " + to
	case to == "":
		return "from " + from
	default:
		return from + " to " + to
	}
}

func delivery(days []string) string {
	switch len(days) {
	case 0:
		return "on activity"
	case len(weekdays):
		return "daily"
	default:
		return strings.Join(days, " ")
	}
}

func count(number int, singular, plural string) string {
	if number == 1 {
		return "1 " + singular
	}
	return fmt.Sprintf("%d %s", number, plural)
}

func list(separator string, items []string) string {
	var text strings.Builder
	for _, item := range items {
		text.WriteString(separator + item)
	}
	return text.String()
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// oneLine writes a condition that spans lines as one.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

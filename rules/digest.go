package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"alliance/settlement"

	"github.com/shopspring/decimal"
)

// digest returns the SHA-256 of the rulebook's meaning, in hex.
func (r *Rulebook) digest() string {
	text, err := json.Marshal(r.meaning())
	if err != nil {
		panic("rules: the meaning cannot be written: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// meaning is everything a rulebook says, each thing in one spelling only. A list of it has
// nothing but texts, numbers and truths, in the order of the code.
type meaning []any

func (r *Rulebook) meaning() meaning {
	all := meaning{"rulebook", 1,
		r.ID, r.Name, r.Money.Currency, r.TimeZone, r.DayStartsAt, r.CycleLength, r.Money.Rounding,
		r.Intake.AcceptLateDays, r.Intake.AcceptEarlyDays, r.Intake.DuplicateDays, r.Intake.WaitDays,
		plain(r.Intake.MissingMaxShare), plain(r.Intake.MaxRejectedShare), r.Intake.MaxRejectedRows,
		r.Ledger.Tracked, r.Ledger.Attribution, r.Ledger.UnfundedByAlliance, r.Ledger.Expires,
		r.Ledger.ExpiryMonths, r.Ledger.ExpiryEndOfMonth, r.Ledger.ReversalDays,
		r.Netting.Bilateral, plain(r.Netting.PayoutThreshold), plain(r.Netting.HoldbackRate), r.Netting.ReleaseAfter,
	}
	prices, fees, merchants := meaning{}, meaning{}, meaning{}
	for i := range r.Prices {
		prices = append(prices, r.Prices[i].meaning())
	}
	for i := range r.Fees {
		fees = append(fees, r.Fees[i].meaning())
	}
	for i := range r.Merchants {
		merchants = append(merchants, r.merchantMeaning(&r.Merchants[i]))
	}
	return append(all, prices, fees, merchants, r.holdsMeaning())
}

func (r *Rulebook) merchantMeaning(m *Merchant) meaning {
	said := meaning{m.ID, m.Name, m.Category, m.Joined, m.Left, m.Delivers, m.Required, m.ControlRequired,
		r.idsOf(m.mayIssueFor, m.Party), m.mayRedeemFrom == nil, r.idsOf(m.mayRedeemFrom, m.Party)}
	if m.Layout != nil {
		said = append(said, profileMeaning(m.Layout))
	}
	return said
}

// idsOf returns the ids of a set in order, without the merchant's own, which goes without saying.
func (r *Rulebook) idsOf(set map[settlement.Party]bool, own settlement.Party) []string {
	list := []string{}
	for party := range set {
		if party != own {
			list = append(list, r.Parties.ID(party))
		}
	}
	slices.Sort(list)
	return list
}

// holdsMeaning leaves out the order of holds, which has none.
func (r *Rulebook) holdsMeaning() []string {
	list := []string{}
	for _, hold := range r.Netting.Holds {
		list = append(list, fmt.Sprintf("%s %s %s %s", r.Parties.ID(hold.Merchant), hold.From, hold.To, hold.Reason))
	}
	slices.Sort(list)
	return list
}

func (p *PriceRule) meaning() meaning {
	return meaning{p.ID, p.From, p.To, squeeze(p.When), plain(p.Decimal()), p.PerPoints}
}

func (f *FeeRule) meaning() meaning {
	most := ""
	if f.Max.Valid {
		most = plain(f.Max.Decimal)
	}
	return meaning{f.ID, f.payer(), plain(f.Rate), plain(f.PerTransaction), plain(f.Min), most, plain(f.TaxRate),
		f.From, f.To, squeeze(f.When)}
}

func (f *FeeRule) payer() string {
	if f.PayerIsIssuer {
		return "issuer"
	}
	return "redeemer"
}

// Content returns the price's meaning as one line: it is the same for two entries only if they
// say the same. It shows that an id which was used has got another content.
func (p *PriceRule) Content() string {
	return join("price", plain(p.Decimal()), "per_points", fmt.Sprint(p.PerPoints),
		"from", p.From.String(), "to", openEnd(p.To), "when", squeeze(p.When))
}

// Content returns the fee's meaning as one line, as [PriceRule.Content] does.
func (f *FeeRule) Content() string {
	most := ""
	if f.Max.Valid {
		most = plain(f.Max.Decimal)
	}
	return join("payer", f.payer(), "rate", plain(f.Rate), "per_transaction", plain(f.PerTransaction),
		"min", plain(f.Min), "max", most, "tax_rate", plain(f.TaxRate),
		"from", f.From.String(), "to", openEnd(f.To), "when", squeeze(f.When))
}

// join writes names and values, leaving out those with none.
func join(pairs ...string) string {
	var parts []string
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			parts = append(parts, pairs[i]+" "+pairs[i+1])
		}
	}
	return strings.Join(parts, ", ")
}

// openEnd writes a last date, "" if there is none.
func openEnd(date settlement.Date) string {
	if date == settlement.Never {
		return ""
	}
	return date.String()
}

// plain writes a decimal in one spelling: no zeros after the last decimal.
func plain(amount decimal.Decimal) string { return amount.String() }

package rules

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"alliance/settlement"

	"github.com/shopspring/decimal"
)

// A description is what a rulebook was understood to say, standard values included. Amounts
// are texts, so that they stay exact; a date that is open is left out.
type description struct {
	Fixed
	Name        string                `json:"name"`
	MinorDigits int32                 `json:"minor_digits"`
	Digest      string                `json:"digest"`
	Merchants   []merchantDescription `json:"merchants"`
	Prices      []spanDescription     `json:"prices"`
	Fees        []feeDescription      `json:"fees"`
	Netting     nettingDescription    `json:"netting"`
	Ledger      ledgerDescription     `json:"ledger"`
	Intake      intakeDescription     `json:"intake"`
	Profiles    []profileDescription  `json:"profiles"`
}

type merchantDescription struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Category string   `json:"category"`
	Joined   string   `json:"joined,omitempty"`
	Left     string   `json:"left,omitempty"`
	Delivers []string `json:"delivers"`
	Required bool     `json:"required"`
	Control  string   `json:"control"`
	// MayIssueFor and MayRedeemFrom leave out the merchant itself.
	MayIssueFor   []string `json:"may_issue_for"`
	MayRedeemFrom []string `json:"may_redeem_from"`
	// Profile is the name of its files' layout, if that has one; see the list of profiles.
	Profile string `json:"profile,omitempty"`
	// FromEveryone is true if it redeems everyone's points; MayRedeemFrom is empty then.
	FromEveryone bool `json:"may_redeem_from_everyone"`
}

// A spanDescription is a span of business dates with the same prices, in the order in which
// they are tried.
type spanDescription struct {
	From   string             `json:"from,omitempty"`
	To     string             `json:"to,omitempty"`
	Prices []priceDescription `json:"prices"`
}

type priceDescription struct {
	ID        string `json:"id"`
	When      string `json:"when,omitempty"`
	Price     string `json:"price"`
	PerPoints int64  `json:"per_points"`
}

type feeDescription struct {
	ID             string  `json:"id"`
	Payer          string  `json:"payer"`
	Rate           string  `json:"rate"`
	PerTransaction string  `json:"per_transaction"`
	Min            string  `json:"min"`
	Max            *string `json:"max"`
	TaxRate        string  `json:"tax_rate"`
	From           string  `json:"from,omitempty"`
	To             string  `json:"to,omitempty"`
	When           string  `json:"when,omitempty"`
}

type nettingDescription struct {
	Mode            string            `json:"mode"`
	PayoutThreshold string            `json:"payout_threshold"`
	HoldbackRate    string            `json:"holdback_rate"`
	ReleaseAfter    int               `json:"release_after"`
	Holds           []holdDescription `json:"holds"`
}

type holdDescription struct {
	Merchant string `json:"merchant"`
	From     string `json:"from,omitempty"`
	To       string `json:"to,omitempty"`
	Reason   string `json:"reason"`
}

type ledgerDescription struct {
	Attribution  string `json:"attribution"`
	Unfunded     string `json:"unfunded"`
	Expires      bool   `json:"expires"`
	ExpiryMonths int    `json:"expiry_months"`
	EndOfMonth   bool   `json:"expiry_end_of_month"`
	ReversalDays int    `json:"reversal_days"`
}

type intakeDescription struct {
	AcceptLateDays   int    `json:"accept_late_days"`
	AcceptEarlyDays  int    `json:"accept_early_days"`
	DuplicateDays    int    `json:"duplicate_days"`
	WaitDays         int    `json:"wait_days"`
	MissingMaxShare  string `json:"missing_max_share"`
	MaxRejectedShare string `json:"max_rejected_share"`
	MaxRejectedRows  int64  `json:"max_rejected_rows"`
}

// DescribeJSON returns what the rulebook was understood to say as indented JSON.
func (r *Rulebook) DescribeJSON() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false) // conditions are full of &, < and >
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r.description()); err != nil {
		return nil, fmt.Errorf("describe the rulebook: %w", err)
	}
	return out.Bytes(), nil
}

func (r *Rulebook) description() description {
	d := description{
		Fixed: r.Fixed(), Name: r.Name, MinorDigits: r.Money.MinorDigits, Digest: r.Digest,
		Merchants: []merchantDescription{}, Prices: r.priceSpans(), Fees: []feeDescription{},
		Netting: r.nettingDescription(), Ledger: r.ledgerDescription(), Profiles: r.profileDescriptions(),
		Intake: intakeDescription{
			AcceptLateDays: r.Intake.AcceptLateDays, AcceptEarlyDays: r.Intake.AcceptEarlyDays,
			DuplicateDays: r.Intake.DuplicateDays, WaitDays: r.Intake.WaitDays,
			MissingMaxShare:  r.Intake.MissingMaxShare.String(),
			MaxRejectedShare: r.Intake.MaxRejectedShare.String(), MaxRejectedRows: r.Intake.MaxRejectedRows,
		},
	}
	for i := range r.Merchants {
		d.Merchants = append(d.Merchants, r.merchantDescription(&r.Merchants[i]))
	}
	for i := range r.Fees {
		d.Fees = append(d.Fees, r.feeDescription(&r.Fees[i]))
	}
	return d
}

func (r *Rulebook) merchantDescription(m *Merchant) merchantDescription {
	d := merchantDescription{
		ID: m.ID, Name: m.Name, Category: m.Category, Joined: m.Joined.String(), Left: openEnd(m.Left),
		Delivers: []string{}, Required: m.Required, Control: "optional",
		MayIssueFor: r.idsOf(m.mayIssueFor, m.Party), MayRedeemFrom: r.idsOf(m.mayRedeemFrom, m.Party),
		FromEveryone: m.mayRedeemFrom == nil, Profile: m.Profile,
	}
	if m.ControlRequired {
		d.Control = "required"
	}
	for i := range weekdays {
		if day := (i + 1) % len(weekdays); m.Delivers[day] { // weeks start on Monday
			d.Delivers = append(d.Delivers, weekdays[day])
		}
	}
	return d
}

func (r *Rulebook) feeDescription(f *FeeRule) feeDescription {
	d := feeDescription{
		ID: f.ID, Payer: f.payer(), Rate: f.Rate.String(), PerTransaction: r.amount(f.PerTransaction), Min: r.amount(f.Min),
		TaxRate: f.TaxRate.String(), From: f.From.String(), To: openEnd(f.To), When: f.When,
	}
	if f.Max.Valid {
		most := r.amount(f.Max.Decimal)
		d.Max = &most
	}
	return d
}

func (r *Rulebook) nettingDescription() nettingDescription {
	d := nettingDescription{
		Mode: "multilateral", PayoutThreshold: r.amount(r.Netting.PayoutThreshold),
		HoldbackRate: r.Netting.HoldbackRate.String(), ReleaseAfter: r.Netting.ReleaseAfter, Holds: []holdDescription{},
	}
	if r.Netting.Bilateral {
		d.Mode = "bilateral"
	}
	for _, hold := range r.Netting.Holds {
		d.Holds = append(d.Holds, holdDescription{r.Parties.ID(hold.Merchant), hold.From.String(), openEnd(hold.To), hold.Reason})
	}
	return d
}

func (r *Rulebook) ledgerDescription() ledgerDescription {
	d := ledgerDescription{
		Attribution: string(r.Ledger.Attribution), Unfunded: "suspense", Expires: r.Ledger.Expires,
		ExpiryMonths: r.Ledger.ExpiryMonths, EndOfMonth: r.Ledger.ExpiryEndOfMonth, ReversalDays: r.Ledger.ReversalDays,
	}
	if r.Ledger.UnfundedByAlliance {
		d.Unfunded = "alliance"
	}
	return d
}

// priceSpans cuts the price table into spans of dates with the same prices. An entry behind
// one that holds always in a span is left out there.
func (r *Rulebook) priceSpans() []spanDescription {
	starts := []settlement.Date{settlement.NoDate}
	for i := range r.Prices {
		if rule := &r.Prices[i]; rule.From != settlement.NoDate {
			starts = append(starts, rule.From)
		}
		if rule := &r.Prices[i]; rule.To != settlement.Never {
			starts = append(starts, rule.To+1)
		}
	}
	slices.Sort(starts)
	starts = slices.Compact(starts)
	spans := []spanDescription{}
	for i, start := range starts {
		end := settlement.Never
		if i+1 < len(starts) {
			end = starts[i+1] - 1
		}
		prices := r.pricesOn(start)
		if last := len(spans) - 1; last >= 0 && slices.Equal(spans[last].Prices, prices) {
			spans[last].To = openEnd(end)
			continue
		}
		spans = append(spans, spanDescription{start.String(), openEnd(end), prices})
	}
	return spans
}

func (r *Rulebook) pricesOn(business settlement.Date) []priceDescription {
	var list []priceDescription
	for i := range r.Prices {
		rule := &r.Prices[i]
		if business < rule.From || rule.To < business {
			continue
		}
		list = append(list, priceDescription{rule.ID, rule.When, r.amount(rule.Decimal()), rule.PerPoints})
		if rule.When == "" {
			break
		}
	}
	return list
}

// amount writes money with the decimals of the minor unit, more if it has more.
func (r *Rulebook) amount(amount decimal.Decimal) string {
	decimals := r.Money.MinorDigits
	for !amount.Equal(amount.Truncate(decimals)) {
		decimals++
	}
	return amount.StringFixed(decimals)
}

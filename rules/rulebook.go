package rules

import (
	"alliance/settlement"
	"alliance/settlement/layout"

	"github.com/shopspring/decimal"
)

// A Rulebook is the alliance's agreement, checked: what [Parse] returns can settle a night.
type Rulebook struct {
	// ID and Name are the alliance's own; it is a party too.
	ID, Name string
	// TimeZone and DayStartsAt are the texts behind Calendar.
	TimeZone, DayStartsAt string
	Calendar              settlement.Calendar
	Money                 settlement.Money
	CycleLength           settlement.CycleLength
	Intake                Intake
	Ledger                Ledger
	Prices                []PriceRule
	Fees                  []FeeRule
	Netting               Netting
	// Profiles are the layouts with a name, in order of it, whether a merchant uses them or not.
	Profiles []Profile
	// Merchants are in order of id.
	Merchants []Merchant
	// Parties are the merchants and the alliance, in order of id.
	Parties  settlement.Parties
	Alliance settlement.Party
	// Digest identifies the rulebook's meaning: order of keys, comments, quotes, spelled-out
	// defaults and the order of merchants do not change it.
	Digest string

	merchants []*Merchant // by Party; nil for the alliance
}

// Intake says what is read and for how long things wait. All are numbers of days but the limits.
type Intake struct {
	AcceptLateDays, AcceptEarlyDays, DuplicateDays, WaitDays int
	// MissingMaxShare is the share of expected merchants that may be missing.
	MissingMaxShare decimal.Decimal
	// A file is held if more of its rows are bad than both.
	MaxRejectedShare decimal.Decimal
	MaxRejectedRows  int64
}

// An Attribution says from which lots a redemption takes.
type Attribution string

// The policies of attribution.
const (
	FIFO          Attribution = "fifo"
	FirstExpiring Attribution = "first_expiring"
	OwnFirst      Attribution = "own_first"
	ProRata       Attribution = "pro_rata"
	Stated        Attribution = "stated"
)

// Ledger says how lots are kept.
type Ledger struct {
	// Tracked is false for `lots: untracked`.
	Tracked     bool
	Attribution Attribution
	// UnfundedByAlliance is true for `unfunded: alliance`: it pays what no lot covered.
	UnfundedByAlliance bool
	// Expires is false if points never expire by rule; else they expire ExpiryMonths after the
	// business date, on the last day of that month if ExpiryEndOfMonth.
	Expires          bool
	ExpiryMonths     int
	ExpiryEndOfMonth bool
	ReversalDays     int
}

// ExpiresOn returns the last business date of use of points issued on a business date.
func (l Ledger) ExpiresOn(business settlement.Date) settlement.Date {
	if !l.Expires {
		return settlement.Never
	}
	expires := business.AddMonths(l.ExpiryMonths)
	if l.ExpiryEndOfMonth {
		expires = expires.MonthEnd()
	}
	return expires
}

// A PriceRule is an entry of the price table.
type PriceRule struct {
	settlement.Price
	// From and To are inclusive; NoDate and Never if open.
	From, To settlement.Date
	// When is the condition's text, "" if there is none.
	When string

	condition *condition
}

// A FeeRule is an entry of the fee table.
type FeeRule struct {
	ID string
	// PayerIsIssuer is true if the issuer pays, else the redeemer does.
	PayerIsIssuer        bool
	Rate, PerTransaction decimal.Decimal
	Min                  decimal.Decimal
	Max                  decimal.NullDecimal
	TaxRate              decimal.Decimal
	From, To             settlement.Date
	When                 string

	condition *condition
}

// Netting says how a cycle is closed.
type Netting struct {
	Bilateral       bool
	PayoutThreshold decimal.Decimal
	HoldbackRate    decimal.Decimal
	// ReleaseAfter is after how many further closes what was held is released, at least 1.
	ReleaseAfter int
	Holds        []Hold
}

// A Hold keeps a merchant's credit from being paid out.
type Hold struct {
	Merchant settlement.Party
	From, To settlement.Date
	Reason   string
}

// A Merchant is an entry of the register.
type Merchant struct {
	ID, Name, Category string
	Party              settlement.Party
	// Joined is NoDate and Left is Never if not given.
	Joined, Left settlement.Date
	// Delivers holds the weekdays on which a delivery is expected; none for `on_activity`.
	Delivers [7]bool
	// Required refuses the run if the merchant's delivery is missing.
	Required bool
	// ControlRequired holds every file that no control file names.
	ControlRequired bool
	// Layout is how its files are written, nil for the common form; Profile is the layout's name,
	// "" if it has none.
	Layout  *layout.Layout
	Profile string

	mayIssueFor   map[settlement.Party]bool
	mayRedeemFrom map[settlement.Party]bool // nil: from everyone
}

// ActiveOn reports whether joined <= date <= left.
func (m *Merchant) ActiveOn(date settlement.Date) bool { return m.Joined <= date && date <= m.Left }

// ExpectedOn reports whether the merchant should deliver files for the date.
func (m *Merchant) ExpectedOn(date settlement.Date) bool {
	return m.ActiveOn(date) && m.Delivers[int(date.Weekday())]
}

// MayIssueFor reports whether the merchant may issue points that the issuer funds.
func (m *Merchant) MayIssueFor(issuer settlement.Party) bool {
	return issuer == m.Party || m.mayIssueFor[issuer]
}

// MayRedeemFrom reports whether the merchant accepts the issuer's points; its own it always does.
func (m *Merchant) MayRedeemFrom(issuer settlement.Party) bool {
	return issuer == m.Party || m.mayRedeemFrom == nil || m.mayRedeemFrom[issuer]
}

// Merchant returns the register's entry of a party, nil for the alliance.
func (r *Rulebook) Merchant(party settlement.Party) *Merchant { return r.merchants[party] }

// HeldOn reports whether a hold on the merchant's payouts covers the date.
func (r *Rulebook) HeldOn(merchant settlement.Party, date settlement.Date) bool {
	for _, hold := range r.Netting.Holds {
		if hold.Merchant == merchant && hold.From <= date && date <= hold.To {
			return true
		}
	}
	return false
}

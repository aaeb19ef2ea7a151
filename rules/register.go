package rules

import (
	"slices"
	"strings"

	"alliance/settlement"
)

// An entry is a merchant while its references are not resolved yet.
type entry struct {
	merchant        Merchant
	fields          *fields
	mayIssueFor     []reference
	mayRedeemFrom   []reference
	redeemsFromSome bool
}

func (p *parser) register(book *Rulebook, list []*fields) {
	seen := map[string]int{}
	var entries []entry
	for _, f := range list {
		one := p.entry(book, f)
		p.unique(seen, f, one.merchant.ID)
		if one.merchant.ID != "" && one.merchant.ID == book.ID {
			p.fail(f.lineOf("id"), "%s: id: %q is the alliance's own", f.where, book.ID)
		}
		entries = append(entries, one)
	}
	if _, taken := seen[book.ID]; taken || book.ID == "" || len(seen) != len(list) {
		return // an error already; references can be judged only in a register that is right
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.merchant.ID, b.merchant.ID) })
	ids := []string{book.ID}
	for i := range entries {
		ids = append(ids, entries[i].merchant.ID)
	}
	book.Parties = settlement.NewParties(ids)
	book.Alliance = book.Parties.Find(book.ID)
	p.resolve(book, entries)
	p.checkReferences(book)
}

func (p *parser) entry(book *Rulebook, f *fields) entry {
	one := entry{fields: f}
	merchant := &one.merchant
	merchant.ID = f.party("id")
	merchant.Name = f.named("name")
	if merchant.Name == "" {
		merchant.Name = merchant.ID
	}
	merchant.Category = f.named("category")
	merchant.Joined, merchant.Left = f.span("joined", "left")
	merchant.Delivers = f.delivery("delivers")
	merchant.Required = f.truth("required")
	merchant.ControlRequired = f.choice("control") == "required"
	one.mayIssueFor = f.parties("may_issue_for")
	one.mayRedeemFrom = f.parties("may_redeem_from")
	one.redeemsFromSome = f.has("may_redeem_from")
	p.merchantProfile(book, f, merchant)
	f.done()
	return one
}

// resolve turns ids into parties.
func (p *parser) resolve(book *Rulebook, entries []entry) {
	book.Merchants = make([]Merchant, len(entries))
	book.merchants = make([]*Merchant, book.Parties.Len())
	for i, one := range entries {
		merchant := one.merchant
		merchant.Party = book.Parties.Find(merchant.ID)
		merchant.mayIssueFor = p.partySet(book, one, "may_issue_for", one.mayIssueFor)
		if one.redeemsFromSome {
			merchant.mayRedeemFrom = p.partySet(book, one, "may_redeem_from", one.mayRedeemFrom)
		}
		book.Merchants[i] = merchant
		book.merchants[merchant.Party] = &book.Merchants[i]
	}
}

func (p *parser) partySet(book *Rulebook, one entry, name string, references []reference) map[settlement.Party]bool {
	set := map[settlement.Party]bool{}
	for _, reference := range references {
		party := book.Parties.Find(reference.id)
		if party == settlement.NoParty {
			p.fail(reference.line, "%s: %s: %q is neither a merchant of the register nor the alliance", one.fields.where, name, shorten(reference.id))
			continue
		}
		set[party] = true
	}
	return set
}

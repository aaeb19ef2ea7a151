package rules

import (
	"alliance/settlement"
)

// Parse reads a rulebook, YAML or JSON, and checks all of it. name is used in errors. The
// error is of type [Errors] and holds everything that is wrong, with lines.
func Parse(name string, text []byte) (*Rulebook, error) {
	root, err := readSource(name, text)
	if err != nil {
		return nil, err
	}
	p := &parser{name: name}
	book := p.rulebook(root)
	if len(p.errors) > 0 {
		return nil, p.errors.sorted()
	}
	book.Digest = book.digest()
	return book, nil
}

func (p *parser) rulebook(root *value) *Rulebook {
	book := &Rulebook{}
	top := p.table(root, "the rulebook", rulebookKeys)
	p.alliance(book, top.table("alliance"))
	book.Money.Rounding = settlement.Rounding(top.choice("rounding"))
	p.intake(book, top.table("intake"))
	p.ledger(book, top.table("ledger"))
	p.prices(book, top.tables("prices"))
	p.fees(book, top.tables("fees"))
	p.profiles(book, top)
	p.register(book, top.tables("merchants"))
	p.netting(book, top.table("netting"))
	top.done()
	return book
}

func (p *parser) alliance(book *Rulebook, f *fields) {
	book.ID = f.party("id")
	book.Name = f.named("name")
	if book.Name == "" {
		book.Name = book.ID
	}
	p.currency(book, f)
	book.TimeZone, book.Calendar.Zone = f.zone("time_zone")
	book.DayStartsAt, book.Calendar.DayStartsAt = f.clock("day_starts_at")
	book.CycleLength = settlement.CycleLength(f.choice("cycle"))
	f.done()
}

func (p *parser) currency(book *Rulebook, f *fields) {
	code, source, ok := f.scalar("currency", "a currency")
	if !ok {
		return
	}
	digits, known := minorDigits(code)
	if !known {
		f.wrong(source, "currency", "%q is not a currency of ISO 4217", shorten(code))
		return
	}
	book.Money.Currency, book.Money.MinorDigits = code, digits
	p.money = book.Money
}

func (p *parser) intake(book *Rulebook, f *fields) {
	intake := &book.Intake
	intake.AcceptLateDays = int(f.whole("accept_late_days"))
	intake.AcceptEarlyDays = int(f.whole("accept_early_days"))
	intake.DuplicateDays = int(f.whole("duplicate_days"))
	intake.WaitDays = int(f.whole("wait_days"))
	missing := f.table("missing")
	intake.MissingMaxShare = missing.share("max_share")
	missing.done()
	rejected := f.table("max_rejected")
	intake.MaxRejectedShare = rejected.share("share")
	intake.MaxRejectedRows = rejected.whole("rows")
	rejected.done()
	f.done()
}

func (p *parser) ledger(book *Rulebook, f *fields) {
	ledger := &book.Ledger
	ledger.Tracked = f.choice("lots") == "tracked"
	ledger.Attribution = Attribution(f.choice("attribution"))
	if !ledger.Tracked && ledger.Attribution != Stated {
		p.fail(f.lineOf("attribution"), "ledger: lots: untracked needs attribution: stated, not %s", ledger.Attribution)
	}
	ledger.UnfundedByAlliance = f.choice("unfunded") == "alliance"
	expiry := f.table("expiry")
	ledger.Expires = expiry.given
	ledger.ExpiryMonths = int(expiry.whole("months"))
	ledger.ExpiryEndOfMonth = expiry.truth("end_of_month")
	expiry.done()
	ledger.ReversalDays = int(f.whole("reversal_days"))
	f.done()
}

// unique notes an error if an id of a list was seen before.
func (p *parser) unique(seen map[string]int, f *fields, id string) {
	if id == "" {
		return // an error already
	}
	line := f.lineOf("id")
	if first, twice := seen[id]; twice {
		p.fail(line, "%s: id: %q is already on line %d", f.where, id, first)
		return
	}
	seen[id] = line
}

func (p *parser) prices(book *Rulebook, list []*fields) {
	compiler := compiler{variables: priceVariables}
	seen := map[string]int{}
	for i, f := range list {
		rule := PriceRule{}
		rule.ID = f.named("id")
		p.unique(seen, f, rule.ID)
		rule.From, rule.To = f.span("from", "to")
		rule.When, rule.condition = f.condition("when", &compiler)
		rule.Amount = f.price("price")
		rule.PerPoints = f.whole("per_points")
		f.done()
		conditional := f.has("from") || f.has("to") || f.has("when")
		last := i == len(list)-1
		switch {
		case !f.given:
		case last && conditional:
			p.fail(f.line, "%s: the last price must hold always: it may have neither from, to nor when", f.where)
		case !last && !conditional:
			p.fail(f.line, "%s: a price without from, to and when holds always, so it must be the last one", f.where)
		}
		book.Prices = append(book.Prices, rule)
	}
}

func (p *parser) fees(book *Rulebook, list []*fields) {
	compiler := compiler{variables: feeVariables}
	seen := map[string]int{}
	for _, f := range list {
		rule := FeeRule{ID: f.named("id")}
		p.unique(seen, f, rule.ID)
		rule.PayerIsIssuer = f.choice("payer") == "issuer"
		rule.Rate = f.share("rate")
		rule.PerTransaction = f.money("per_transaction").Decimal
		rule.Min = f.money("min").Decimal
		rule.Max = f.money("max")
		if rule.Max.Valid && rule.Min.GreaterThan(rule.Max.Decimal) {
			p.fail(f.lineOf("max"), "%s: min %s is more than max %s", f.where, rule.Min, rule.Max.Decimal)
		}
		rule.TaxRate = f.share("tax_rate")
		rule.From, rule.To = f.span("from", "to")
		rule.When, rule.condition = f.condition("when", &compiler)
		f.done()
		book.Fees = append(book.Fees, rule)
	}
}

func (p *parser) netting(book *Rulebook, f *fields) {
	netting := &book.Netting
	netting.Bilateral = f.choice("mode") == "bilateral"
	netting.PayoutThreshold = f.money("payout_threshold").Decimal
	holdback := f.table("holdback")
	netting.HoldbackRate = holdback.share("rate")
	netting.ReleaseAfter = int(holdback.whole("release_after"))
	holdback.done()
	for _, entry := range f.tables("holds") {
		hold := Hold{}
		id := entry.party("merchant")
		hold.From, hold.To = entry.span("from", "to")
		hold.Reason = entry.named("reason")
		entry.done()
		if id == "" || book.Parties.Len() == 0 {
			continue // an error already
		}
		hold.Merchant = book.Parties.Find(id)
		if hold.Merchant == settlement.NoParty || hold.Merchant == book.Alliance {
			p.fail(entry.lineOf("merchant"), "%s: merchant: %q is not a merchant of the register", entry.where, id)
		}
		netting.Holds = append(netting.Holds, hold)
	}
	f.done()
}

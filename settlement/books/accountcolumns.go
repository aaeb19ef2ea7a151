package books

import (
	"maps"
	"slices"

	"alliance/settlement"
)

// names are the dictionaries of a file of accounts: the ids of the parties that occur, and the
// texts that occur again and again (files, reasons, price ids).
type names struct {
	parties []int32 // place of party p at p+1: that of NoParty at 0
	ids     dictionary
	texts   map[string]int32
	all     dictionary
}

func collectNames(parties settlement.Parties, accounts []settlement.Account) *names {
	used := make([]bool, parties.Len()+1)
	common := make(map[string]int32)
	key := func(key *settlement.LotKey) { used[key.Merchant+1] = true }
	for i := range accounts {
		for j := range accounts[i].Lots {
			lot := &accounts[i].Lots[j]
			key(&lot.Key)
			used[lot.Issuer+1] = true
			common[lot.Source.File] = 0
		}
		for j := range accounts[i].Redemptions {
			redemption := &accounts[i].Redemptions[j]
			used[redemption.Merchant+1], used[redemption.Issuer+1] = true, true
			common[redemption.Source.File], common[redemption.Reason] = 0, 0
			for k := range redemption.Charges {
				charge := &redemption.Charges[k]
				// The lot of what the alliance paid has no meaning.
				if !charge.ByAlliance {
					key(&charge.Lot)
				}
				used[charge.Issuer+1] = true
				common[charge.Price.ID] = 0
			}
		}
		for j := range accounts[i].Deferred {
			row := &accounts[i].Deferred[j]
			used[row.Merchant+1], used[row.Issuer+1] = true, true
			common[row.Source.File], common[row.Reason] = 0, 0
		}
	}
	return newNames(parties, used, common)
}

func newNames(parties settlement.Parties, used []bool, common map[string]int32) *names {
	n := &names{parties: make([]int32, len(used)), texts: common}
	// Always there, for what has no meaning.
	ids := []string{""}
	for party, occurs := range used {
		if occurs && party > 0 {
			n.parties[party] = int32(len(ids))
			ids = append(ids, parties.ID(settlement.Party(party-1)))
		}
	}
	n.ids = newDictionary(ids)
	sorted := slices.Sorted(maps.Keys(common))
	for place, text := range sorted {
		common[text] = int32(place)
	}
	n.all = newDictionary(sorted)
	return n
}

func (n *names) party(party settlement.Party) int32 { return n.parties[party+1] }

func (n *names) text(text string) int32 { return n.texts[text] }

type keyColumns struct {
	merchant, business []int32
	id                 texts
	imported           []uint8
}

func (c *keyColumns) add(names *names, key *settlement.LotKey) {
	c.merchant = append(c.merchant, names.party(key.Merchant))
	c.business = append(c.business, int32(key.BusinessDate))
	c.id.add(key.TransactionID)
	c.imported = append(c.imported, oneIf(key.Imported))
}

func (c *keyColumns) columns(names *names) []column {
	return []column{names.ids.column("lot_merchant_id", c.merchant), dates("lot_business_date", c.business),
		c.id.column("lot_id"), small("lot_imported", c.imported)}
}

func oneIf(set bool) uint8 {
	if set {
		return 1
	}
	return 0
}

type lotColumns struct {
	names                                                           *names
	key                                                             keyColumns
	issuer, expires                                                 []int32
	issuedAt                                                        []int64
	issued, open, spent, expired, reversed, voided, shortfall, rows []int64
	file                                                            []int32
}

func (c *lotColumns) add(lot *settlement.Lot) {
	c.key.add(c.names, &lot.Key)
	c.issuer = append(c.issuer, c.names.party(lot.Issuer))
	c.issuedAt = append(c.issuedAt, int64(lot.IssuedAt))
	c.expires = append(c.expires, int32(lot.ExpiresOn))
	c.issued = append(c.issued, lot.Issued)
	c.open = append(c.open, lot.Open)
	c.spent = append(c.spent, lot.Spent)
	c.expired = append(c.expired, lot.Expired)
	c.reversed = append(c.reversed, lot.Reversed)
	c.voided = append(c.voided, lot.Voided)
	c.shortfall = append(c.shortfall, lot.Shortfall)
	c.file = append(c.file, c.names.text(lot.Source.File))
	c.rows = append(c.rows, lot.Source.Row)
}

func (c *lotColumns) columns() []column {
	return append(c.key.columns(c.names), c.names.ids.column("issuer_id", c.issuer), instants("issued_at", c.issuedAt),
		dates("expires_on", c.expires), integers("issued", c.issued), integers("open", c.open), integers("spent", c.spent),
		integers("expired", c.expired), integers("reversed", c.reversed), integers("voided", c.voided),
		integers("shortfall", c.shortfall), c.names.all.column("file", c.file), integers("row", c.rows))
}

type redemptionColumns struct {
	names                                            *names
	file, merchant, business, issuer, reason, settle []int32
	row, occurred                                    []int64
	points, reversed, claim, unfunded                []int64
	id                                               texts
	chargeEnds                                       []int32
	charges                                          chargeColumns
}

func (c *redemptionColumns) add(redemption *settlement.Redemption) {
	c.file = append(c.file, c.names.text(redemption.Source.File))
	c.row = append(c.row, redemption.Source.Row)
	c.merchant = append(c.merchant, c.names.party(redemption.Merchant))
	c.business = append(c.business, int32(redemption.BusinessDate))
	c.id.add(redemption.TransactionID)
	c.occurred = append(c.occurred, int64(redemption.OccurredAt))
	c.issuer = append(c.issuer, c.names.party(redemption.Issuer))
	c.reason = append(c.reason, c.names.text(redemption.Reason))
	c.points = append(c.points, redemption.Points)
	c.reversed = append(c.reversed, redemption.Reversed)
	c.claim = append(c.claim, redemption.OpenClaim)
	c.unfunded = append(c.unfunded, redemption.Unfunded)
	c.settle = append(c.settle, int32(redemption.SettledOn))
	for i := range redemption.Charges {
		c.charges.add(&redemption.Charges[i])
	}
	c.chargeEnds = append(c.chargeEnds, int32(len(c.charges.points)))
}

func (c *redemptionColumns) columns() []column {
	return []column{c.names.all.column("file", c.file), integers("row", c.row), c.names.ids.column("merchant_id", c.merchant),
		dates("business_date", c.business), c.id.column("transaction_id"), instants("occurred_at", c.occurred),
		c.names.ids.column("issuer_id", c.issuer), c.names.all.column("reason", c.reason), integers("points", c.points),
		integers("reversed", c.reversed), integers("open_claim", c.claim), integers("unfunded", c.unfunded),
		dates("settled_on", c.settle), listOf("charges", c.chargeEnds, len(c.charges.points), c.charges.columns())}
}

type chargeColumns struct {
	names                    *names
	key                      keyColumns
	byAlliance               []uint8
	issuer, price            []int32
	points, amount, perPoint []int64
}

func (c *chargeColumns) add(charge *settlement.Charge) {
	lot := charge.Lot
	if charge.ByAlliance {
		lot = settlement.LotKey{Merchant: settlement.NoParty}
	}
	c.key.add(c.names, &lot)
	c.byAlliance = append(c.byAlliance, oneIf(charge.ByAlliance))
	c.issuer = append(c.issuer, c.names.party(charge.Issuer))
	c.points = append(c.points, charge.Points)
	c.price = append(c.price, c.names.text(charge.Price.ID))
	c.amount = append(c.amount, charge.Price.Amount)
	c.perPoint = append(c.perPoint, charge.Price.PerPoints)
}

func (c *chargeColumns) columns() []column {
	return append(c.key.columns(c.names), small("by_alliance", c.byAlliance), c.names.ids.column("issuer_id", c.issuer),
		integers("points", c.points), c.names.all.column("price_id", c.price), integers("price_e8", c.amount),
		integers("per_points", c.perPoint))
}

type deferredColumns struct {
	names                                                               *names
	file, merchant, business, issuer, originalDate, expires, reason, on []int32
	row, points, occurred                                               []int64
	id, member, original                                                texts
	kind                                                                []uint8
	content                                                             []byte
}

func (c *deferredColumns) add(row *settlement.Transaction) {
	c.file = append(c.file, c.names.text(row.Source.File))
	c.row = append(c.row, row.Source.Row)
	c.merchant = append(c.merchant, c.names.party(row.Merchant))
	c.id.add(row.ID)
	c.member.add(row.Member)
	c.kind = append(c.kind, uint8(row.Kind))
	c.points = append(c.points, row.Points)
	c.occurred = append(c.occurred, int64(row.OccurredAt))
	c.business = append(c.business, int32(row.BusinessDate))
	c.issuer = append(c.issuer, c.names.party(row.Issuer))
	c.original.add(row.OriginalID)
	c.originalDate = append(c.originalDate, int32(row.OriginalDate))
	c.expires = append(c.expires, int32(row.ExpiresOn))
	c.reason = append(c.reason, c.names.text(row.Reason))
	c.content = append(c.content, row.Content[:]...)
	c.on = append(c.on, int32(row.FirstRead))
}

func (c *deferredColumns) columns() []column {
	return []column{c.names.all.column("file", c.file), integers("row", c.row), c.names.ids.column("merchant_id", c.merchant),
		c.id.column("transaction_id"), c.member.column("member_id"), small("kind", c.kind), integers("points", c.points),
		instants("occurred_at", c.occurred), dates("business_date", c.business), c.names.ids.column("issuer_id", c.issuer),
		c.original.column("original_transaction_id"), dates("original_date", c.originalDate), dates("expires_on", c.expires),
		c.names.all.column("reason", c.reason), digests("content", c.content), dates("first_read", c.on)}
}

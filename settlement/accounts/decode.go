package accounts

import (
	"fmt"

	"alliance/settlement"
	"alliance/settlement/sections"
)

// A decoder reads the values of an entry one after another. After a failure it returns zeros.
type decoder struct {
	data string
	at   int
	// fault is why the entry cannot be read.
	fault error
	block *block
	arena *Arena
}

func (d *decoder) fail(reason string) {
	if d.fault == nil {
		d.fault = sections.Damaged("%s at byte %d of an entry of %d bytes", reason, d.at, len(d.data))
	}
	d.at = len(d.data)
}

func (d *decoder) byte() byte {
	if d.at < len(d.data) {
		d.at++
		return d.data[d.at-1]
	}
	d.fail("it ends too early")
	return 0
}

func (d *decoder) uvarint() uint64 {
	if d.at < len(d.data) && d.data[d.at] < 0x80 {
		d.at++
		return uint64(d.data[d.at-1])
	}
	return d.long()
}

func (d *decoder) long() uint64 {
	data := d.data[d.at:]
	var value uint64
	for i := range min(len(data), longestUvarint) {
		value |= uint64(data[i]&0x7f) << (7 * i)
		if data[i] < 0x80 {
			if i == longestUvarint-1 && data[i] > 1 || i > 0 && data[i] == 0 {
				break
			}
			d.at += i + 1
			return value
		}
	}
	d.fail("a number that is none")
	return 0
}

// count returns a number of items that take at least size bytes each.
func (d *decoder) count(size int) int {
	n := d.uvarint()
	if n > uint64(len(d.data)-d.at)/uint64(size) {
		d.fail("a number of items that cannot be there")
		return 0
	}
	return int(n)
}

func (d *decoder) text() string {
	n := d.uvarint()
	if n > uint64(len(d.data)-d.at) {
		d.fail("a text that is too long")
		return ""
	}
	d.at += int(n)
	return d.data[d.at-int(n) : d.at]
}

// date returns a date given by its distance from another.
func (d *decoder) date(from settlement.Date) settlement.Date {
	value := int64(from) + sections.Unzigzag(d.uvarint())
	if value != int64(int32(value)) {
		d.fail("a date out of range")
		return 0
	}
	return settlement.Date(value)
}

func (d *decoder) party() settlement.Party {
	number := d.uvarint()
	if number == 0 {
		return settlement.NoParty
	}
	parties := d.block.run.parties
	if number > uint64(len(parties)) {
		d.fail("a party that the index does not list")
		return 0
	}
	if party := parties[number-1]; party >= 0 {
		return party
	}
	if d.fault == nil {
		d.fault = fmt.Errorf("%w: %q", ErrUnknownParty, d.block.run.named[number-1].id)
	}
	return 0
}

func (d *decoder) common() string {
	number := d.uvarint()
	if number > uint64(len(d.block.texts)) {
		d.fail("a text that the block does not list")
		return ""
	}
	return d.block.text(number)
}

func (d *decoder) source(source *settlement.Source) {
	name, ok := d.block.file(d.uvarint())
	if !ok {
		d.fail("a file that the block does not list")
	}
	source.File = name
	source.Row = int64(d.uvarint())
}

func (d *decoder) price() settlement.Price {
	number := d.uvarint()
	if number == 0 {
		return settlement.Price{}
	}
	if number > uint64(len(d.block.prices)) {
		d.fail("a price that the block does not list")
		return settlement.Price{}
	}
	price := &d.block.prices[number-1]
	return settlement.Price{ID: d.block.text(uint64(price.id)), Amount: price.amount, PerPoints: price.perPoints}
}

// The fewest bytes that an item takes.
const (
	lotBytes        = 7
	redemptionBytes = 8
	chargeBytes     = 2
	deferredBytes   = 28
)

// account decodes an entry from behind its due date: nil if the account is gone.
func (d *decoder) account(member string, base settlement.Date) (*settlement.Account, error) {
	lots := d.uvarint()
	if lots == 0 && d.fault == nil {
		if d.at != len(d.data) {
			d.fail("more than there should be")
		}
		return nil, d.fault
	}
	lots--
	redemptions, deferred := d.count(redemptionBytes), d.count(deferredBytes)
	if lots > uint64(len(d.data)-d.at)/lotBytes {
		d.fail("a number of lots that cannot be there")
	}
	if d.fault != nil {
		return nil, d.fault
	}
	account := &d.arena.accounts.take(1)[0]
	*account = settlement.Account{Member: member}
	if lots > 0 {
		account.Lots = d.arena.lots.take(int(lots))
	}
	previous := base
	for i := range account.Lots {
		d.lot(&account.Lots[i], previous)
		previous = account.Lots[i].Key.BusinessDate
	}
	if redemptions > 0 {
		account.Redemptions = d.arena.redemptions.take(redemptions)
	}
	previous = base
	for i := range account.Redemptions {
		if d.fault != nil {
			return nil, d.fault
		}
		d.redemption(account.Lots, &account.Redemptions[i], previous)
		previous = account.Redemptions[i].BusinessDate
	}
	if deferred > 0 {
		account.Deferred = d.arena.deferred.take(deferred)
	}
	for i := range account.Deferred {
		d.deferred(account, &account.Deferred[i], base)
	}
	if d.fault == nil && d.at != len(d.data) {
		d.fail("more than there should be")
	}
	return account, d.fault
}

func (d *decoder) instant(date settlement.Date, wholeSeconds bool) settlement.Instant {
	since := sections.Unzigzag(d.uvarint())
	if wholeSeconds {
		since *= microsecondsPerSecond
	}
	return settlement.Instant(since + int64(date)*microsecondsPerDay)
}

func (d *decoder) lot(lot *settlement.Lot, previous settlement.Date) {
	first, second := d.byte(), d.byte()
	if second&^lotBits != 0 {
		d.fail("unknown bits of a lot")
	}
	lot.Key.Merchant = d.party()
	lot.Key.BusinessDate = d.date(previous)
	lot.Key.TransactionID = d.text()
	lot.Key.Imported = first&lotImported != 0
	if lot.Issuer = lot.Key.Merchant; second&lotOwnIssuer == 0 {
		lot.Issuer = d.party()
	}
	lot.IssuedAt = d.instant(lot.Key.BusinessDate, second&lotWholeSeconds != 0)
	if lot.ExpiresOn = settlement.Never; second&lotNever == 0 {
		lot.ExpiresOn = d.date(lot.Key.BusinessDate)
	}
	var issued int64
	if first&lotBalanced == 0 {
		issued = int64(d.uvarint())
	}
	lot.Open, lot.Spent, lot.Expired, lot.Reversed, lot.Voided, lot.Shortfall = 0, 0, 0, 0, 0, 0
	if first&lotOpen != 0 {
		lot.Open = int64(d.uvarint())
	}
	if first&lotSpent != 0 {
		lot.Spent = int64(d.uvarint())
	}
	if first&(lotExpired|lotReversed|lotVoided|lotShortfall) != 0 {
		d.rareCounters(lot, first)
	}
	if first&lotBalanced != 0 {
		issued = lot.Open + lot.Spent + lot.Expired + lot.Reversed + lot.Voided
	}
	lot.Issued = issued
	d.source(&lot.Source)
}

func (d *decoder) rareCounters(lot *settlement.Lot, flags byte) {
	if flags&lotExpired != 0 {
		lot.Expired = int64(d.uvarint())
	}
	if flags&lotReversed != 0 {
		lot.Reversed = int64(d.uvarint())
	}
	if flags&lotVoided != 0 {
		lot.Voided = int64(d.uvarint())
	}
	if flags&lotShortfall != 0 {
		lot.Shortfall = int64(d.uvarint())
	}
}

func (d *decoder) redemption(lots []settlement.Lot, redemption *settlement.Redemption, previous settlement.Date) {
	flags := d.byte()
	redemption.Merchant = d.party()
	redemption.BusinessDate = d.date(previous)
	redemption.TransactionID = d.text()
	redemption.OccurredAt = d.instant(redemption.BusinessDate, flags&redemptionWholeSeconds != 0)
	redemption.Points = int64(d.uvarint())
	redemption.Issuer, redemption.Reversed, redemption.OpenClaim, redemption.Unfunded = settlement.NoParty, 0, 0, 0
	if flags&redemptionIssuer != 0 {
		redemption.Issuer = d.party()
	}
	if flags&redemptionReversed != 0 {
		redemption.Reversed = int64(d.uvarint())
	}
	if flags&redemptionClaim != 0 {
		redemption.OpenClaim = int64(d.uvarint())
	}
	if flags&redemptionUnfunded != 0 {
		redemption.Unfunded = int64(d.uvarint())
	}
	if redemption.SettledOn = redemption.BusinessDate; flags&redemptionSameDate == 0 {
		redemption.SettledOn = d.date(redemption.BusinessDate)
	}
	if redemption.Reason = ""; flags&redemptionReason != 0 {
		redemption.Reason = d.common()
	}
	d.source(&redemption.Source)
	charges := 1
	if flags&redemptionOneCharge == 0 {
		charges = d.count(chargeBytes)
	}
	if redemption.Charges = nil; charges > 0 && d.fault == nil {
		redemption.Charges = d.arena.charges.take(charges)
	}
	for i := range redemption.Charges {
		d.charge(lots, redemption, &redemption.Charges[i])
	}
}

func (d *decoder) charge(lots []settlement.Lot, redemption *settlement.Redemption, charge *settlement.Charge) {
	flags := d.byte()
	if flags&^chargeBits != 0 {
		d.fail("unknown bits of a charge")
	}
	var standard settlement.Party
	switch {
	case flags&chargeKnownLot != 0:
		place := d.uvarint()
		if place >= uint64(len(lots)) {
			d.fail("a charge to a lot that the account lacks")
			return
		}
		charge.Lot, standard = lots[place].Key, lots[place].Issuer
	case flags&chargeByAlliance != 0:
		charge.Lot, standard = settlement.LotKey{Merchant: settlement.NoParty}, settlement.NoParty
	default:
		charge.Lot.Merchant = d.party()
		charge.Lot.BusinessDate = d.date(redemption.BusinessDate)
		charge.Lot.TransactionID = d.text()
		charge.Lot.Imported = flags&chargeImported != 0
		standard = charge.Lot.Merchant
	}
	charge.ByAlliance = flags&chargeByAlliance != 0
	if charge.Issuer = standard; flags&chargeLotIssuer == 0 {
		charge.Issuer = d.party()
	}
	if charge.Points = redemption.Points; flags&chargeWhole == 0 {
		charge.Points = int64(d.uvarint())
	}
	charge.Price = d.price()
}

func (d *decoder) deferred(account *settlement.Account, row *settlement.Transaction, base settlement.Date) {
	flags := d.byte()
	if flags&^deferredBits != 0 {
		d.fail("unknown bits of a deferred row")
	}
	row.Kind = settlement.Kind(flags & deferredKind)
	row.Merchant = d.party()
	row.ID = d.text()
	if row.Member = account.Member; flags&deferredMember == 0 {
		row.Member = d.text()
	}
	row.Points = int64(d.uvarint())
	row.BusinessDate = d.date(base)
	row.OccurredAt = d.instant(row.BusinessDate, false)
	row.Issuer = d.party()
	row.OriginalID = d.text()
	row.OriginalDate = d.date(base)
	row.ExpiresOn = d.date(base)
	row.Reason = d.common()
	if len(d.data)-d.at < len(row.Content) {
		d.fail("it ends too early")
		return
	}
	d.at += copy(row.Content[:], d.data[d.at:])
	row.FirstRead = d.date(base)
	d.source(&row.Source)
}

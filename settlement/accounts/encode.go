package accounts

import (
	"alliance/settlement"
	"alliance/settlement/sections"
)

// The bits of a lot's first byte: the six counters that are not 0, in the order of their fields.
const (
	lotOpen = 1 << iota
	lotSpent
	lotExpired
	lotReversed
	lotVoided
	lotShortfall
	// lotBalanced: issued is the sum of the first five counters and left out.
	lotBalanced
	lotImported
)

// The bits of a lot's second byte.
const (
	// lotOwnIssuer: the issuer is the lot's merchant.
	lotOwnIssuer = 1 << iota
	// lotWholeSeconds: issued_at is in seconds, not microseconds.
	lotWholeSeconds
	// lotNever: the lot never expires.
	lotNever
	lotBits = 1<<iota - 1
)

// The bits of a redemption's first byte.
const (
	redemptionIssuer = 1 << iota
	redemptionReversed
	redemptionClaim
	redemptionUnfunded
	redemptionWholeSeconds
	// redemptionSameDate: settled on its business date.
	redemptionSameDate
	// redemptionOneCharge: the number of charges is 1 and left out.
	redemptionOneCharge
	redemptionReason
)

// The bits of a charge's first byte.
const (
	// chargeKnownLot: the lot is one of the account's, given by its place.
	chargeKnownLot = 1 << iota
	chargeByAlliance
	// chargeLotIssuer: the issuer is the known lot's, or else the lot's merchant.
	chargeLotIssuer
	// chargeWhole: the points are those of the redemption.
	chargeWhole
	chargeImported
	chargeBits = 1<<iota - 1
)

// The bits of a deferred row's first byte: the kind, and whether the row's member is the account's.
const (
	deferredKind   = 3
	deferredMember = 4
	deferredBits   = deferredKind | deferredMember
)

const (
	microsecondsPerDay    = 24 * 60 * 60 * 1_000_000
	microsecondsPerSecond = 1_000_000
	longestUvarint        = 10
)

// sinceMidnight is the time from midnight UTC of a date. It wraps where dates are no real ones,
// and so does its inverse.
func sinceMidnight(at settlement.Instant, date settlement.Date) int64 {
	return int64(at) - int64(date)*microsecondsPerDay
}

// An encoder encodes the accounts of a block.
type encoder struct {
	parties partyTable
	texts   textTable
	files   fileTable
	prices  priceTable
	base    settlement.Date

	// buffer[:at] is what was encoded.
	buffer []byte
	at     int
}

func (e *encoder) resetBlock() {
	e.texts.reset()
	e.files.reset()
	e.prices.reset()
}

// room makes sure that size more bytes fit.
func (e *encoder) room(size int) {
	if len(e.buffer)-e.at < size {
		grown := make([]byte, 2*len(e.buffer)+size)
		copy(grown, e.buffer[:e.at])
		e.buffer = grown
	}
}

func (e *encoder) byte(value byte) {
	e.buffer[e.at] = value
	e.at++
}

func (e *encoder) uvarint(value uint64) {
	if value < 0x80 {
		e.buffer[e.at] = byte(value)
		e.at++
		return
	}
	e.long(value)
}

func (e *encoder) long(value uint64) {
	buffer, at := e.buffer, e.at
	for value >= 0x80 {
		buffer[at] = byte(value) | 0x80
		value >>= 7
		at++
	}
	buffer[at] = byte(value)
	e.at = at + 1
}

func (e *encoder) text(text string) {
	e.uvarint(uint64(len(text)))
	e.at += copy(e.buffer[e.at:], text)
}

func (e *encoder) due(due settlement.Date) {
	if due == settlement.Never {
		e.byte(0)
		return
	}
	e.uvarint(sections.Zigzag(int64(due)-int64(e.base)) + 1)
}

func (e *encoder) source(source *settlement.Source, merchant settlement.Party) {
	e.uvarint(uint64(e.files.number(source.File, merchant, e.base, &e.parties, &e.texts)))
	e.uvarint(uint64(source.Row))
}

// removal encodes that an account is gone.
func (e *encoder) removal(member string) {
	e.at = 0
	e.room(len(member) + 2*longestUvarint + 1)
	e.text(member)
	e.byte(0)
	e.byte(0)
}

func (e *encoder) account(account *settlement.Account, due settlement.Date) {
	e.at = 0
	e.room(len(account.Member) + 5*longestUvarint)
	e.text(account.Member)
	e.due(due)
	e.uvarint(uint64(len(account.Lots)) + 1)
	e.uvarint(uint64(len(account.Redemptions)))
	e.uvarint(uint64(len(account.Deferred)))
	previous := e.base
	for i := range account.Lots {
		e.lot(&account.Lots[i], previous)
		previous = account.Lots[i].Key.BusinessDate
	}
	previous = e.base
	for i := range account.Redemptions {
		e.redemption(account, &account.Redemptions[i], previous)
		previous = account.Redemptions[i].BusinessDate
	}
	for i := range account.Deferred {
		e.deferred(account, &account.Deferred[i])
	}
}

func (e *encoder) lot(lot *settlement.Lot, previous settlement.Date) {
	e.room(len(lot.Key.TransactionID) + 16*longestUvarint)
	counters := [...]int64{lot.Open, lot.Spent, lot.Expired, lot.Reversed, lot.Voided, lot.Shortfall}
	var first, second byte
	for i, counter := range counters {
		if counter != 0 {
			first |= 1 << i
		}
	}
	balanced := lot.Issued == lot.Open+lot.Spent+lot.Expired+lot.Reversed+lot.Voided
	if balanced {
		first |= lotBalanced
	}
	if lot.Key.Imported {
		first |= lotImported
	}
	own := lot.Issuer == lot.Key.Merchant
	if own {
		second |= lotOwnIssuer
	}
	issued := sinceMidnight(lot.IssuedAt, lot.Key.BusinessDate)
	if issued%microsecondsPerSecond == 0 {
		second |= lotWholeSeconds
		issued /= microsecondsPerSecond
	}
	if lot.ExpiresOn == settlement.Never {
		second |= lotNever
	}
	e.byte(first)
	e.byte(second)
	e.uvarint(e.parties.number(lot.Key.Merchant))
	e.uvarint(sections.Zigzag(int64(lot.Key.BusinessDate) - int64(previous)))
	e.text(lot.Key.TransactionID)
	if !own {
		e.uvarint(e.parties.number(lot.Issuer))
	}
	e.uvarint(sections.Zigzag(issued))
	if lot.ExpiresOn != settlement.Never {
		e.uvarint(sections.Zigzag(int64(lot.ExpiresOn) - int64(lot.Key.BusinessDate)))
	}
	if !balanced {
		e.uvarint(uint64(lot.Issued))
	}
	for _, counter := range counters {
		if counter != 0 {
			e.uvarint(uint64(counter))
		}
	}
	e.source(&lot.Source, lot.Key.Merchant)
}

func (e *encoder) redemption(account *settlement.Account, redemption *settlement.Redemption, previous settlement.Date) {
	e.room(len(redemption.TransactionID) + 16*longestUvarint)
	var flags byte
	occurred := sinceMidnight(redemption.OccurredAt, redemption.BusinessDate)
	if occurred%microsecondsPerSecond == 0 {
		flags |= redemptionWholeSeconds
		occurred /= microsecondsPerSecond
	}
	flags |= bit(redemption.Issuer != settlement.NoParty, redemptionIssuer) | bit(redemption.Reversed != 0, redemptionReversed) |
		bit(redemption.OpenClaim != 0, redemptionClaim) | bit(redemption.Unfunded != 0, redemptionUnfunded) |
		bit(redemption.SettledOn == redemption.BusinessDate, redemptionSameDate) |
		bit(len(redemption.Charges) == 1, redemptionOneCharge) | bit(redemption.Reason != "", redemptionReason)
	e.byte(flags)
	e.uvarint(e.parties.number(redemption.Merchant))
	e.uvarint(sections.Zigzag(int64(redemption.BusinessDate) - int64(previous)))
	e.text(redemption.TransactionID)
	e.uvarint(sections.Zigzag(occurred))
	e.uvarint(uint64(redemption.Points))
	if flags&redemptionIssuer != 0 {
		e.uvarint(e.parties.number(redemption.Issuer))
	}
	if flags&redemptionReversed != 0 {
		e.uvarint(uint64(redemption.Reversed))
	}
	if flags&redemptionClaim != 0 {
		e.uvarint(uint64(redemption.OpenClaim))
	}
	if flags&redemptionUnfunded != 0 {
		e.uvarint(uint64(redemption.Unfunded))
	}
	if flags&redemptionSameDate == 0 {
		e.uvarint(sections.Zigzag(int64(redemption.SettledOn) - int64(redemption.BusinessDate)))
	}
	if flags&redemptionReason != 0 {
		e.uvarint(uint64(e.texts.number(redemption.Reason, reason)))
	}
	e.source(&redemption.Source, redemption.Merchant)
	if flags&redemptionOneCharge == 0 {
		e.uvarint(uint64(len(redemption.Charges)))
	}
	for i := range redemption.Charges {
		e.charge(account, redemption, &redemption.Charges[i])
	}
}

func bit(set bool, value byte) byte {
	if set {
		return value
	}
	return 0
}

func (e *encoder) charge(account *settlement.Account, redemption *settlement.Redemption, charge *settlement.Charge) {
	e.room(len(charge.Lot.TransactionID) + 8*longestUvarint)
	var flags byte
	lot, known := 0, false
	standard := charge.Lot.Merchant
	if charge.ByAlliance {
		// The lot has no meaning.
		flags, standard = chargeByAlliance, settlement.NoParty
	} else if lot, known = settlement.FindLot(account.Lots, &charge.Lot); known {
		flags, standard = chargeKnownLot, account.Lots[lot].Issuer
	} else {
		flags = bit(charge.Lot.Imported, chargeImported)
	}
	flags |= bit(charge.Issuer == standard, chargeLotIssuer) | bit(charge.Points == redemption.Points, chargeWhole)
	e.byte(flags)
	switch {
	case known:
		e.uvarint(uint64(lot))
	case !charge.ByAlliance:
		e.uvarint(e.parties.number(charge.Lot.Merchant))
		e.uvarint(sections.Zigzag(int64(charge.Lot.BusinessDate) - int64(redemption.BusinessDate)))
		e.text(charge.Lot.TransactionID)
	}
	if charge.Issuer != standard {
		e.uvarint(e.parties.number(charge.Issuer))
	}
	if charge.Points != redemption.Points {
		e.uvarint(uint64(charge.Points))
	}
	e.uvarint(uint64(e.prices.number(&charge.Price, &e.texts)))
}

func (e *encoder) deferred(account *settlement.Account, row *settlement.Transaction) {
	e.room(len(row.ID) + len(row.Member) + len(row.OriginalID) + len(row.Content) + 20*longestUvarint)
	own := row.Member == account.Member
	e.byte(byte(row.Kind) | bit(own, deferredMember))
	e.uvarint(e.parties.number(row.Merchant))
	e.text(row.ID)
	if !own {
		e.text(row.Member)
	}
	e.uvarint(uint64(row.Points))
	e.uvarint(sections.Zigzag(int64(row.BusinessDate) - int64(e.base)))
	e.uvarint(sections.Zigzag(sinceMidnight(row.OccurredAt, row.BusinessDate)))
	e.uvarint(e.parties.number(row.Issuer))
	e.text(row.OriginalID)
	e.uvarint(sections.Zigzag(int64(row.OriginalDate) - int64(e.base)))
	e.uvarint(sections.Zigzag(int64(row.ExpiresOn) - int64(e.base)))
	e.uvarint(uint64(e.texts.number(row.Reason, reason)))
	e.at += copy(e.buffer[e.at:], row.Content[:])
	e.uvarint(sections.Zigzag(int64(row.FirstRead) - int64(e.base)))
	e.source(&row.Source, row.Merchant)
}

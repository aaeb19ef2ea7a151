package books

import (
	"fmt"
	"io"

	"alliance/settlement"

	"github.com/apache/arrow/go/v17/arrow"
)

// accountsPerBatch bounds the memory that writing takes.
const accountsPerBatch = 16384

const accountsTable = "accounts 1"

// WriteAccounts writes accounts as an Arrow IPC file: one row per member, with lists of lots,
// redemptions (with lists of charges) and deferred rows. The same accounts in the same order
// give the same bytes.
func WriteAccounts(w io.Writer, parties settlement.Parties, accounts []settlement.Account) error {
	names := collectNames(parties, accounts)
	next := func() arrow.Record {
		batch := accounts[:min(len(accounts), accountsPerBatch)]
		accounts = accounts[len(batch):]
		if len(batch) == 0 {
			return nil
		}
		return accountsRecord(names, batch)
	}
	if err := writeRecords(w, accountsRecord(names, nil), next); err != nil {
		return fmt.Errorf("write accounts: %w", err)
	}
	return nil
}

func accountsRecord(names *names, accounts []settlement.Account) arrow.Record {
	var members texts
	lots := lotColumns{names: names}
	redemptions := redemptionColumns{names: names, charges: chargeColumns{names: names}}
	deferred := deferredColumns{names: names}
	var lotEnds, redemptionEnds, deferredEnds []int32
	for i := range accounts {
		account := &accounts[i]
		members.add(account.Member)
		for j := range account.Lots {
			lots.add(&account.Lots[j])
		}
		for j := range account.Redemptions {
			redemptions.add(&account.Redemptions[j])
		}
		for j := range account.Deferred {
			deferred.add(&account.Deferred[j])
		}
		lotEnds = append(lotEnds, int32(len(lots.issued)))
		redemptionEnds = append(redemptionEnds, int32(len(redemptions.points)))
		deferredEnds = append(deferredEnds, int32(len(deferred.points)))
	}
	return newRecord(accountsTable, len(accounts), []column{
		members.column("member_id"),
		listOf("lots", lotEnds, len(lots.issued), lots.columns()),
		listOf("redemptions", redemptionEnds, len(redemptions.points), redemptions.columns()),
		listOf("deferred", deferredEnds, len(deferred.points), deferred.columns()),
	})
}

// ReadAccounts reads what [WriteAccounts] wrote, under a register of today. Its strings share
// memory. An id that the register lacks is [ErrUnknownParty], with the id; bytes that are no
// such file are an error.
func ReadAccounts(r io.Reader, parties settlement.Parties) ([]settlement.Account, error) {
	var accounts []settlement.Account
	err := readRecords(r, accountsRecord(collectNames(parties, nil), nil), func(record arrow.Record) error {
		batch, err := readAccounts(record, parties)
		if accounts == nil {
			accounts = batch
		} else {
			accounts = append(accounts, batch...)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	return accounts, nil
}

func readAccounts(record arrow.Record, parties settlement.Parties) ([]settlement.Account, error) {
	fields := ofRecord(record)
	members := fields.texts()
	reader := accountReader{parties: parties}
	lotEnds, lots := reader.lots(fields)
	redemptionEnds, redemptions := reader.redemptions(fields)
	deferredEnds, deferred := reader.deferred(fields)
	if reader.unknown != nil {
		return nil, reader.unknown
	}
	accounts := make([]settlement.Account, members.Len())
	for i := range accounts {
		accounts[i] = settlement.Account{
			Member:      members.Value(i),
			Lots:        part(lots, lotEnds, i),
			Redemptions: part(redemptions, redemptionEnds, i),
			Deferred:    part(deferred, deferredEnds, i),
		}
	}
	return accounts, nil
}

// part returns list i. Appending to it does not write into the next one.
func part[T any](all []T, offsets []int32, i int) []T {
	from, to := offsets[i], offsets[i+1]
	if from == to {
		return nil
	}
	return all[from:to:to]
}

// An accountReader turns columns into values, ids into parties.
type accountReader struct {
	parties settlement.Parties
	unknown error
	// seen, if not nil, gathers the ids that occur.
	seen map[string]bool
}

// party returns a column of parties.
func (r *accountReader) party(fields *fieldReader) func(i int) settlement.Party {
	places, ids := fields.places()
	known := make([]settlement.Party, len(ids))
	for i, id := range ids {
		known[i] = r.parties.Find(id)
		if r.seen != nil && id != "" {
			r.seen[id] = true
		} else if known[i] == settlement.NoParty && id != "" && r.unknown == nil {
			r.unknown = fmt.Errorf("%w: %q", ErrUnknownParty, id)
		}
	}
	return func(i int) settlement.Party { return known[places[i]] }
}

func textIn(fields *fieldReader) func(i int) string {
	places, values := fields.places()
	return func(i int) string { return values[places[i]] }
}

func (r *accountReader) lotKey(fields *fieldReader) func(i int) settlement.LotKey {
	merchant, business, ids, imported := r.party(fields), fields.dates(), fields.texts(), fields.small()
	return func(i int) settlement.LotKey {
		return settlement.LotKey{Merchant: merchant(i), BusinessDate: settlement.Date(business[i]), TransactionID: ids.Value(i), Imported: imported[i] != 0}
	}
}

func (r *accountReader) lots(fields *fieldReader) ([]int32, []settlement.Lot) {
	offsets, fields, length := fields.list()
	key, issuer, issuedAt, expires := r.lotKey(fields), r.party(fields), fields.instants(), fields.dates()
	issued, open, spent, expired := fields.integers(), fields.integers(), fields.integers(), fields.integers()
	reversed, voided, shortfall := fields.integers(), fields.integers(), fields.integers()
	file, row := textIn(fields), fields.integers()
	lots := make([]settlement.Lot, length)
	for i := range lots {
		lots[i] = settlement.Lot{Key: key(i), Issuer: issuer(i), IssuedAt: settlement.Instant(issuedAt[i]), ExpiresOn: settlement.Date(expires[i]),
			Issued: issued[i], Open: open[i], Spent: spent[i], Expired: expired[i], Reversed: reversed[i], Voided: voided[i],
			Shortfall: shortfall[i], Source: settlement.Source{File: file(i), Row: row[i]}}
	}
	return offsets, lots
}

func (r *accountReader) redemptions(fields *fieldReader) ([]int32, []settlement.Redemption) {
	offsets, fields, length := fields.list()
	file, row, merchant, business := textIn(fields), fields.integers(), r.party(fields), fields.dates()
	ids, occurred, issuer, reasons := fields.texts(), fields.instants(), r.party(fields), textIn(fields)
	points, reversed, claims, unfunded := fields.integers(), fields.integers(), fields.integers(), fields.integers()
	settled := fields.dates()
	chargeEnds, charges := r.charges(fields)
	redemptions := make([]settlement.Redemption, length)
	for i := range redemptions {
		redemptions[i] = settlement.Redemption{Source: settlement.Source{File: file(i), Row: row[i]}, Merchant: merchant(i),
			BusinessDate: settlement.Date(business[i]), TransactionID: ids.Value(i), OccurredAt: settlement.Instant(occurred[i]),
			Issuer: issuer(i), Reason: reasons(i), Points: points[i], Reversed: reversed[i], OpenClaim: claims[i], Unfunded: unfunded[i],
			SettledOn: settlement.Date(settled[i]), Charges: part(charges, chargeEnds, i)}
	}
	return offsets, redemptions
}

func (r *accountReader) charges(fields *fieldReader) ([]int32, []settlement.Charge) {
	offsets, fields, length := fields.list()
	key, byAlliance, issuer, points := r.lotKey(fields), fields.small(), r.party(fields), fields.integers()
	priceIDs, amounts, perPoints := textIn(fields), fields.integers(), fields.integers()
	charges := make([]settlement.Charge, length)
	for i := range charges {
		charges[i] = settlement.Charge{Lot: key(i), ByAlliance: byAlliance[i] != 0, Issuer: issuer(i), Points: points[i],
			Price: settlement.Price{ID: priceIDs(i), Amount: amounts[i], PerPoints: perPoints[i]}}
	}
	return offsets, charges
}

func (r *accountReader) deferred(fields *fieldReader) ([]int32, []settlement.Transaction) {
	offsets, fields, length := fields.list()
	file, row, merchant, ids, members := textIn(fields), fields.integers(), r.party(fields), fields.texts(), fields.texts()
	kinds, points, occurred, business := fields.small(), fields.integers(), fields.instants(), fields.dates()
	issuer, originals, originalDates, expires := r.party(fields), fields.texts(), fields.dates(), fields.dates()
	reasons, contents, firstRead := textIn(fields), fields.digests(), fields.dates()
	rows := make([]settlement.Transaction, length)
	for i := range rows {
		if kinds[i] > uint8(settlement.IssueReversal) {
			panic(fmt.Sprintf("a deferred row is of kind %d", kinds[i]))
		}
		rows[i] = settlement.Transaction{Source: settlement.Source{File: file(i), Row: row[i]}, Merchant: merchant(i), ID: ids.Value(i),
			Member: members.Value(i), Kind: settlement.Kind(kinds[i]), Points: points[i], OccurredAt: settlement.Instant(occurred[i]),
			BusinessDate: settlement.Date(business[i]), Issuer: issuer(i), OriginalID: originals.Value(i),
			OriginalDate: settlement.Date(originalDates[i]), ExpiresOn: settlement.Date(expires[i]), Reason: reasons(i),
			Content: settlement.Digest(contents.Value(i)), FirstRead: settlement.Date(firstRead[i])}
	}
	return offsets, rows
}

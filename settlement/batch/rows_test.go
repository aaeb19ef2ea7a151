package batch

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"alliance/settlement"
	"alliance/settlement/clearing"

	"pgregory.net/rapid"
)

// testCodec returns a codec of three files.
func testCodec(date settlement.Date) rowCodec {
	files := &nightFiles{keys: []string{"a", "b", "c"}, merchants: []settlement.Party{1, 2, 3}, discarded: make([]bool, 3)}
	return rowCodec{files, date}
}

// randomRow returns a row of a file as it is when it has passed its checks.
func randomRow(random *rand.Rand, codec rowCodec, file int32) settlement.Transaction {
	text := func(most int) string {
		content := make([]byte, random.IntN(most+1))
		for i := range content {
			content[i] = byte(random.Uint32())
		}
		return string(content)
	}
	date := func() settlement.Date { return codec.date + settlement.Date(random.IntN(2000)-1000) }
	row := settlement.Transaction{
		Source: settlement.Source{File: codec.files.keys[file], Row: 1 + random.Int64N(1<<random.IntN(40))}, Merchant: codec.files.merchants[file],
		ID: text(200), Member: text(200), Kind: settlement.Kind(random.IntN(4)), Points: 1 + random.Int64N(settlement.MaxPoints),
		BusinessDate: date(), Issuer: settlement.NoParty, OriginalDate: settlement.NoDate, ExpiresOn: settlement.NoDate, FirstRead: codec.date,
	}
	if random.IntN(3) == 0 {
		row.BusinessDate = codec.date
	}
	// From the year 0 to the year 9999, on whole seconds and between them.
	second := random.Int64N(315_569_520_000) - 62_167_219_200
	if random.IntN(3) > 0 {
		second = int64(codec.date)*86400 + random.Int64N(3*86400) - 86400
	}
	row.OccurredAt = settlement.Instant(second * 1_000_000)
	if random.IntN(2) == 0 {
		row.OccurredAt += settlement.Instant(random.Int64N(1_000_000))
	}
	for i := range row.Content {
		row.Content[i] = byte(random.Uint32())
	}
	for _, set := range []func(){
		func() { row.Issuer = settlement.Party(random.IntN(100_000)) },
		func() { row.OriginalID = "o" + text(20) },
		func() { row.OriginalDate = date() },
		func() { row.ExpiresOn = date() },
		func() { row.ExpiresOn = settlement.Never },
		func() { row.Reason = "r" + text(20) },
	} {
		if random.IntN(2) == 0 {
			set()
		}
	}
	return row
}

// lengthOf reads how many bytes a row says that it has behind its length.
func lengthOf(content []byte) int {
	length, _ := binary.Uvarint(content)
	return int(length)
}

// TestRowsComeBackAsTheyWereSent sends rows of all kinds, and finds them whole but for the digest of those that cannot
// wait.
func TestRowsComeBackAsTheyWereSent(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	codec := testCodec(20_605)
	var content []byte
	var wanted []settlement.Transaction
	for range 20_000 {
		file := int32(random.IntN(3))
		row := randomRow(random, codec, file)
		before := len(content)
		content = codec.append(content, file, &row)
		if row.BusinessDate <= codec.date && row.Kind <= settlement.Redeem {
			longer := row
			longer.Kind += 2
			if more := lengthOf(codec.append(nil, file, &longer)) - lengthOf(content[before:]); more != len(row.Content) {
				t.Fatalf("a reversal takes %d bytes more than other rows, its digest has %d", more, len(row.Content))
			}
			row.Content = settlement.Digest{}
		}
		wanted = append(wanted, row)
	}
	var texts textArena
	for i := range wanted {
		var row settlement.Transaction
		codec.read(content, &row, &texts)
		form, name, length := codec.peek(content)
		row.Member = (&byteReader{[]byte(form), 0}).packed(&texts)
		if row != wanted[i] {
			t.Fatalf("row %d came back as\n%+v, was\n%+v", i, row, wanted[i])
		}
		if form != string(appendPacked(nil, row.Member)) || codec.files.keys[name.file] != row.Source.File || name.row != row.Source.Row {
			t.Fatalf("row %d of %s, of %q, seems to be row %d of file %d, of %q", row.Source.Row, row.Source.File, row.Member, name.row, name.file, form)
		}
		content = content[length:]
	}
	if len(content) != 0 {
		t.Errorf("%d bytes are left over", len(content))
	}
}

// TestClaimantsComeBackAsTheyWereSent sends claimants, and finds all but those of a file that is held.
func TestClaimantsComeBackAsTheyWereSent(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 1))
	codec := testCodec(20_605)
	var content []byte
	var wanted []clearing.Claimant
	for range 20_000 {
		file := int32(random.IntN(3))
		row := randomRow(random, codec, file)
		claimant := clearing.Claimant{ID: clearing.IDDigest("M", row.ID), Content: row.Content, BusinessDate: row.BusinessDate, File: file, Row: row.Source.Row}
		content = codec.appendClaimant(content, &claimant.ID, &claimant.Content, claimant.BusinessDate, rowName{file, row.Source.Row})
		if file != 1 {
			wanted = append(wanted, claimant)
		}
	}
	codec.files.discarded[1] = true
	if found := codec.readClaimants(content, nil); !slices.Equal(found, wanted) {
		t.Errorf("%d claimants came back of %d, or others", len(found), len(wanted))
	}
}

// TestAllocationsComeBackAsTheyWereSent sends allocations of rows of all kinds, of which each line's have the same
// business date.
func TestAllocationsComeBackAsTheyWereSent(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 1))
	rows, codec := testCodec(20_605), allocationCodec{20_605}
	named := func(i int) bool { return i%3 > 0 }
	var content []byte
	var wanted []settlement.Allocation
	for i := range 20_000 {
		row, lot := randomRow(random, rows, int32(random.IntN(3))), randomRow(random, rows, 0)
		allocation := settlement.Allocation{Issuer: 3, Redeemer: 3, Activity: settlement.RedemptionActivity, TransactionID: row.ID, Number: random.Int32N(1 << 20),
			OccurredAt: row.OccurredAt, Points: random.Int64N(2000) - 1000, BusinessDate: row.BusinessDate}
		if random.IntN(2) == 0 {
			allocation.Activity = settlement.RedemptionReversalActivity
		}
		if random.IntN(3) > 0 {
			allocation.HasLot = true
			allocation.Lot = settlement.LotKey{Imported: random.IntN(2) == 0, Merchant: lot.Merchant, BusinessDate: lot.BusinessDate, TransactionID: lot.ID}
		}
		if named(i) {
			binary.LittleEndian.PutUint64(allocation.ID[:], random.Uint64())
			content = append(content, allocation.ID[:]...)
		}
		reference := codec.append(nil, uint64(i), &allocation)
		_, n := binary.Uvarint(reference)
		content = append(content, reference[n:]...)
		wanted = append(wanted, allocation)
	}
	var texts textArena
	for i := range wanted {
		found := settlement.Allocation{Issuer: 3, Redeemer: 3}
		rest, whole := codec.read(content, named(i), &found, &texts)
		if length := len(content) - len(rest); i%100 == 0 {
			for short := range length {
				if _, whole := codec.read(content[:short], named(i), new(settlement.Allocation), &texts); whole {
					t.Fatalf("allocation %d is read from %d of its %d bytes", i, short, length)
				}
			}
		}
		if !whole || found != wanted[i] {
			t.Fatalf("allocation %d came back as\n%+v, was\n%+v", i, found, wanted[i])
		}
		content = rest
	}
	if len(content) != 0 {
		t.Errorf("%d bytes are left over", len(content))
	}
}

// TestByteReaderReadsNumbers holds what it reads against what was written, at the end of the content and before it.
func TestByteReaderReadsNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.Uint64().Draw(t, "number") >> rapid.IntRange(0, 63).Draw(t, "shift")
		content := binary.AppendUvarint([]byte{0xff}, number)
		end := len(content)
		content = append(content, rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "after")...)
		if from := (byteReader{content, 1}); from.unsigned() != number || from.at != end {
			t.Fatalf("%d in %x is read as another number, or up to %d", number, content, from.at)
		}
		content = binary.AppendVarint(nil, int64(number))
		if from := (byteReader{content, 0}); from.signed() != int64(number) || from.at != len(content) {
			t.Fatalf("%d in %x is read as another number, or up to %d", int64(number), content, from.at)
		}
	})
}

package acknowledgement

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"

	"alliance/settlement"
	"alliance/settlement/intake"
	"alliance/settlement/layout"
	"alliance/settlement/storage"
)

// A Source is where rejected rows are read again.
type Source struct {
	Inbox storage.Bucket
	// Consumed returns what an earlier settlement date put on record about an object that it
	// consumed, by key.
	Consumed func(key string) (settlement.Date, settlement.Input, bool)
	// Layout returns how a merchant writes its files, nil for the common form; a nil func stands
	// for one that always does.
	Layout func(merchant settlement.Party) *layout.Layout
}

func (s *Source) layout(merchant settlement.Party) *layout.Layout {
	if s.Layout == nil {
		return nil
	}
	return s.Layout(merchant)
}

// Encoded are the files of one merchant.
type Encoded struct {
	// Merchant is the merchant's id.
	Merchant string
	// Rejected is the content of [RejectedName], nil if there is none; it has so many rows.
	Rejected     []byte
	RejectedRows int64
	// Acknowledgement is the content of [Name].
	Acknowledgement []byte
}

// Merchants returns who gets an acknowledgement of a night, in order.
func Merchants(night *settlement.Night) []settlement.Party {
	concerned := make([]bool, night.Parties.Len())
	for i := range night.Inputs {
		concerned[night.Inputs[i].Merchant] = true
	}
	for i := range night.Exceptions {
		exception := &night.Exceptions[i]
		if exception.Merchant != settlement.NoParty && (exception.Code == settlement.UnknownFolder || rejects(exception)) {
			concerned[exception.Merchant] = true
		}
	}
	var merchants []settlement.Party
	for party, is := range concerned {
		if is && settlement.Party(party) != night.Alliance {
			merchants = append(merchants, settlement.Party(party))
		}
	}
	return merchants
}

// rejects reports whether the exception's row was rejected. One that is unfunded was accepted.
func rejects(e *settlement.Exception) bool {
	return e.State == settlement.Rejected && e.Code != settlement.Unfunded
}

// A delivery is what a night has to say about one merchant.
type delivery struct {
	version    int
	night      *settlement.Night
	merchant   settlement.Party
	inputs     []settlement.Input
	exceptions []settlement.Exception
}

// Encode returns a merchant's files; version is that of its statement. It may be called for several
// merchants at a time. Errors are those of the inbox.
func Encode(ctx context.Context, night *settlement.Night, merchant settlement.Party, version int, source Source) (Encoded, error) {
	d := &delivery{night: night, merchant: merchant, version: version}
	d.inputs = partOf(night.Inputs, merchant, func(input *settlement.Input) settlement.Party { return input.Merchant })
	d.exceptions = partOf(night.Exceptions, merchant, func(e *settlement.Exception) settlement.Party { return e.Merchant })
	encoded := Encoded{Merchant: night.Parties.ID(merchant)}
	ack := d.describe()
	sheet, err := d.giveBack(ctx, source, &ack)
	if err != nil {
		return encoded, fmt.Errorf("read the rejected rows of %s again: %w", encoded.Merchant, err)
	}
	if sheet.rows > 0 {
		var leftOut int
		encoded.Rejected, leftOut = sheet.encode()
		encoded.RejectedRows = sheet.rows
		sum := sha256.Sum256(encoded.Rejected)
		ack.RejectedFile = &RejectedFile{RejectedName, encoded.RejectedRows, leftOut, hex.EncodeToString(sum[:])}
	}
	encoded.Acknowledgement, err = encodeJSON(ack)
	return encoded, err
}

// partOf returns the part of a list, which is in order of merchant, that is of one merchant.
func partOf[T any](list []T, merchant settlement.Party, of func(*T) settlement.Party) []T {
	find := func(party settlement.Party) int {
		at, _ := slices.BinarySearchFunc(list, party, func(item T, p settlement.Party) int { return cmp.Compare(of(&item), p) })
		return at
	}
	return list[find(merchant):find(merchant+1)]
}

func encodeJSON(ack Acknowledgement) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(ack)
	return text.Bytes(), err
}

// giveBack gathers the rejected rows, file by file.
func (d *delivery) giveBack(ctx context.Context, source Source, ack *Acknowledgement) (*sheet, error) {
	sheet := newSheet(source.layout(d.merchant))
	rejected := make([]*settlement.Exception, 0, d.countRejected())
	for i := range d.exceptions {
		if rejects(&d.exceptions[i]) {
			rejected = append(rejected, &d.exceptions[i])
		}
	}
	for len(rejected) > 0 {
		mine := 1
		for mine < len(rejected) && rejected[mine].File == rejected[0].File {
			mine++
		}
		if err := d.giveBackFile(ctx, source, ack, sheet, rejected[:mine]); err != nil {
			return nil, err
		}
		rejected = rejected[mine:]
	}
	return sheet, nil
}

func (d *delivery) countRejected() (count int) {
	for i := range d.exceptions {
		if rejects(&d.exceptions[i]) {
			count++
		}
	}
	return count
}

// giveBackFile reads the rejected rows of one file again.
func (d *delivery) giveBackFile(ctx context.Context, source Source, ack *Acknowledgement, sheet *sheet, rejected []*settlement.Exception) error {
	key := rejected[0].File
	input, tonight := d.consumedTonight(key)
	if !tonight {
		read, before, found := source.Consumed(key)
		if !found {
			panic(fmt.Sprintf("a row of %s is rejected, but no date consumed that file", key))
		}
		input = before
		// The same content may have been copied to the place again.
		input.Version = ""
		ack.EarlierFiles = append(ack.EarlierFiles, earlierFile(input, read, rejected))
	}
	rows, fault, err := readAgain(ctx, source, &input, rejected)
	if fault == faultOtherwise && tonight {
		panic(fmt.Sprintf("%s: %d rows are rejected, but not found again", key, len(rejected)))
	}
	if err != nil {
		return err
	}
	if fault != "" {
		ack.NotAvailable = append(ack.NotAvailable, NotAvailable{key, int64(len(rejected)), fault})
		return nil
	}
	sheet.add(rows)
	return nil
}

func (d *delivery) consumedTonight(key string) (settlement.Input, bool) {
	for i := range d.inputs {
		if d.inputs[i].Key == key && d.inputs[i].State == settlement.Consumed {
			return d.inputs[i], true
		}
	}
	return settlement.Input{}, false
}

func earlierFile(input settlement.Input, read settlement.Date, rejected []*settlement.Exception) EarlierFile {
	file := EarlierFile{Key: input.Key, SettlementDate: read, SHA256: input.SHA256, Rejected: int64(len(rejected)), RowsByCode: make(map[string]int64)}
	for _, exception := range rejected {
		file.RowsByCode[exception.Code.String()]++
	}
	return file
}

const (
	faultGone      = "the file is not in the inbox any more, so its rows cannot be given back; their numbers are in the statement's exceptions"
	faultOtherwise = "the merchant's profile is another since the file was read, so its rows cannot be given back; their numbers are in the statement's exceptions"
	faultChanged   = "the file has changed since it was read, so its rows cannot be given back; their numbers are in the statement's exceptions"
)

// readAgain returns the rejected rows of a file, in order, or says why there are none.
func readAgain(ctx context.Context, source Source, input *settlement.Input, rejected []*settlement.Exception) (rows *fileRows, fault string, err error) {
	rows = &fileRows{rows: make([]fileRow, 0, len(rejected)), why: rejected}
	wanted := make([]int64, len(rejected))
	for i, exception := range rejected {
		wanted[i] = exception.Row
	}
	name := path.Base(input.Key)
	object := &intake.Object{Merchant: input.Merchant, Name: name, Format: intake.FormatOf(name), Layout: source.layout(input.Merchant),
		Object: storage.Object{Key: input.Key, Size: input.Bytes, Version: input.Version}}
	facts, err := intake.ReadBack(ctx, source.Inbox, object, wanted, func(row intake.Delivered) error {
		rows.add(&row)
		return nil
	})
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil, faultGone, nil
	case errors.Is(err, storage.ErrChanged), errors.Is(err, storage.ErrIrregular):
		return nil, faultChanged, nil
	case err != nil:
		return nil, "", err
	case facts.SHA256 != input.SHA256:
		return nil, faultChanged, nil
	case facts.Code != settlement.NoCode, facts.Rows != input.Rows, len(rows.rows) != len(rejected):
		return nil, faultOtherwise, nil
	}
	return rows, "", nil
}

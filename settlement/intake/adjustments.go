package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"alliance/settlement"
	"alliance/settlement/storage"

	"github.com/shopspring/decimal"
	"golang.org/x/text/unicode/norm"
)

const adjustmentsPrefix = alliancePrefix + "adjustments/"

// An AdjustmentError says what is wrong with the alliance's own adjustments. It refuses the run:
// nothing is settled until a person has corrected the file.
type AdjustmentError struct {
	// File is the object's key below the inbox; Row the record's number from 1, 0 for the file.
	File string
	Row  int64
	// Column and Value are what was found, if it is about one value.
	Column, Value string
	// Problem says what is wrong and what to do.
	Problem string
}

func (e *AdjustmentError) Error() string {
	text := "adjustments " + e.File
	if e.Row > 0 {
		text += fmt.Sprintf(", row %d", e.Row)
	}
	if e.Column != "" {
		text += fmt.Sprintf(", %s %q", e.Column, e.Value)
	}
	return text + ": " + e.Problem
}

// Adjustments are the payments that the alliance booked by hand for one settlement date.
type Adjustments struct {
	// List is in order of file and row.
	List []settlement.Adjustment
	// Inputs are the files, in order of key: state consumed, merchant NoParty, and the counts of
	// their rows.
	Inputs []settlement.Input
}

type adjustmentColumn int

const (
	adjustmentID adjustmentColumn = iota
	payerID
	payeeID
	adjustmentAmount
	adjustmentReason
	adjustmentReference
	adjustmentColumns
)

var adjustmentColumnNames = [adjustmentColumns]string{"adjustment_id", "payer_id", "payee_id", "amount", "reason", "reference"}

// ReadAdjustments reads the alliance's adjustments for a settlement date. known are the
// adjustment ids of every date before. What is wrong with a file is an [AdjustmentError]; any
// other error is one of the store.
func ReadAdjustments(ctx context.Context, inbox storage.Bucket, parties settlement.Parties, money settlement.Money, date settlement.Date, known map[string]bool) (Adjustments, error) {
	prefix := adjustmentsPrefix + datePrefix + date.String() + "/"
	objects, err := inbox.List(ctx, prefix)
	if errors.Is(err, storage.ErrIrregular) {
		return Adjustments{}, &AdjustmentError{File: prefix, Problem: whyClosedFolder(err)}
	}
	if err != nil {
		return Adjustments{}, fmt.Errorf("list %s: %w", prefix, err)
	}
	reader := adjustmentReader{parties: parties, money: money, known: known, tonight: map[string]settlement.Source{}, limits: &standard}
	for _, object := range slices.SortedFunc(slices.Values(objects), func(a, b storage.Object) int { return strings.Compare(a.Key, b.Key) }) {
		name := strings.TrimPrefix(object.Key, prefix)
		if !isData(name) {
			continue
		}
		if strings.Contains(name, "/") || !strings.HasSuffix(name, ".csv") {
			return Adjustments{}, &AdjustmentError{File: validText(object.Key), Problem: "adjustments are files with the ending .csv right in the folder of their date; " +
				"move or convert it, or begin its name with _ if it is none"}
		}
		if err := reader.readObject(ctx, inbox, object); err != nil {
			return Adjustments{}, err
		}
	}
	return reader.Adjustments, nil
}

type adjustmentReader struct {
	Adjustments
	parties settlement.Parties
	money   settlement.Money
	known   map[string]bool
	tonight map[string]settlement.Source
	limits  *limits
}

func (r *adjustmentReader) readObject(ctx context.Context, inbox storage.Bucket, object storage.Object) error {
	if object.Size > r.limits.fileBytes {
		return &AdjustmentError{File: object.Key, Problem: fmt.Sprintf("the file has %d bytes, more than the limit of %d", object.Size, r.limits.fileBytes)}
	}
	body, err := openExactly(ctx, inbox, object)
	if errors.Is(err, storage.ErrIrregular) {
		return &AdjustmentError{File: validText(object.Key), Problem: "the file cannot be opened: " + whyClosed(err)}
	}
	if err != nil {
		return err
	}
	defer body.Close()
	before := len(r.List)
	fault := r.read(object.Key, body)
	if body.err != nil {
		return body.err
	}
	if fault != nil {
		return fault
	}
	digest, err := body.finish()
	if err != nil {
		return err
	}
	rows := int64(len(r.List) - before)
	r.Inputs = append(r.Inputs, settlement.Input{Merchant: settlement.NoParty, Key: object.Key, Version: object.Version, Bytes: object.Size,
		SHA256: digest, State: settlement.Consumed, Rows: rows, Accepted: rows})
	return nil
}

// read reads one file's text.
func (r *adjustmentReader) read(file string, body io.Reader) error {
	source := newChunks(body, r.limits)
	if err := source.skipByteOrderMark(); err != nil {
		return err
	}
	scanner := newScanner(source, r.limits, nil)
	scanner.keep = int(adjustmentColumns) + 1
	fail := func(row int64, problem string, arguments ...any) error {
		return &AdjustmentError{File: file, Row: row, Problem: fmt.Sprintf(problem, arguments...)}
	}
	columns := []adjustmentColumn(nil)
	for row := int64(0); ; row++ {
		err := scanner.next()
		switch {
		case err == io.EOF && columns == nil:
			return fail(0, "the file has no header line; it is: %s", strings.Join(adjustmentColumnNames[:], ","))
		case err == io.EOF:
			return nil
		case err == errTooLong:
			return fail(row, "a record is longer than the limit of %d bytes", r.limits.recordBytes)
		case err != nil:
			return err
		case scanner.fault != "":
			return fail(row, "malformed: %s", scanner.fault)
		case columns == nil:
			problem := ""
			if columns, problem = adjustmentHeader(scanner); problem != "" {
				return fail(0, "%s", problem)
			}
		case scanner.count != len(columns):
			return fail(row, "%d fields, but the header has %d", scanner.count, len(columns))
		default:
			if err := r.row(settlement.Source{File: file, Row: row}, columns, scanner.fields); err != nil {
				return err
			}
		}
	}
}

func adjustmentHeader(scanner *csvScanner) (columns []adjustmentColumn, problem string) {
	for _, name := range scanner.fields {
		column := adjustmentColumn(slices.Index(adjustmentColumnNames[:], name))
		switch {
		case column < 0:
			return nil, fmt.Sprintf("the header has an unknown column %q; the columns are: %s", cutValue(name), strings.Join(adjustmentColumnNames[:], ","))
		case slices.Contains(columns, column):
			return nil, fmt.Sprintf("the header names column %q twice", name)
		}
		columns = append(columns, column)
	}
	for required := adjustmentID; required <= adjustmentAmount; required++ {
		if !slices.Contains(columns, required) {
			return nil, fmt.Sprintf("the header has no column %s", adjustmentColumnNames[required])
		}
	}
	return columns, ""
}

func (r *adjustmentReader) row(source settlement.Source, columns []adjustmentColumn, fields []string) error {
	var values [adjustmentColumns]string
	for i, value := range fields {
		values[columns[i]] = strings.Clone(value)
	}
	fail := func(column adjustmentColumn, problem string, arguments ...any) error {
		return &AdjustmentError{source.File, source.Row, adjustmentColumnNames[column], cutValue(values[column]), fmt.Sprintf(problem, arguments...)}
	}
	for _, column := range []adjustmentColumn{adjustmentID, adjustmentReason, adjustmentReference} {
		if problem := textProblem(values[column]); problem != "" {
			return fail(column, "%s", problem)
		}
	}
	id := values[adjustmentID]
	payer, payee := r.parties.Find(values[payerID]), r.parties.Find(values[payeeID])
	amount, problem := r.amount(values[adjustmentAmount])
	first, repeated := r.tonight[id]
	switch {
	case id == "":
		return fail(adjustmentID, "it is required; give every adjustment an id that no other ever has")
	case repeated:
		return fail(adjustmentID, "the id is taken by %s, row %d; give every adjustment an id that no other ever has", first.File, first.Row)
	case r.known[id]:
		return fail(adjustmentID, "the id is taken by an adjustment of an earlier date; if this is another one, give it a new id, else remove it")
	case payer == settlement.NoParty:
		return fail(payerID, "neither a merchant of the register nor the alliance; correct it")
	case payee == settlement.NoParty:
		return fail(payeeID, "neither a merchant of the register nor the alliance; correct it")
	case payer == payee:
		return fail(payeeID, "the payer is the payee; correct one of them")
	case problem != "":
		return fail(adjustmentAmount, "%s", problem)
	}
	r.tonight[id] = source
	r.List = append(r.List, settlement.Adjustment{Source: source, ID: id, Payer: payer, Payee: payee, Amount: amount,
		Reason: values[adjustmentReason], Reference: values[adjustmentReference]})
	return nil
}

// amount reads a positive amount of the ledger's currency.
func (r *adjustmentReader) amount(text string) (amount decimal.Decimal, problem string) {
	const longest_bytes = 32
	whole, decimals, pointed := strings.Cut(text, ".")
	if len(text) > longest_bytes || !digits(whole) || pointed && !digits(decimals) {
		return amount, "not an amount such as 12.50: digits, and a point with digits if need be"
	}
	amount, err := decimal.NewFromString(text)
	switch {
	case err != nil:
		return amount, err.Error()
	case !amount.IsPositive():
		return amount, "an amount is positive; to turn a payment round, exchange payer and payee"
	case !r.money.Fits(amount):
		return amount, fmt.Sprintf("%s has %d decimals", r.money.Currency, r.money.MinorDigits)
	}
	if err := settlement.CheckMoney(amount); err != nil {
		return amount, err.Error()
	}
	return amount, ""
}

func digits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

// textProblem says why a text cannot be published as it is, or "".
func textProblem(text string) string {
	const longest_bytes = 128
	switch {
	case len(text) > longest_bytes:
		return fmt.Sprintf("longer than %d bytes", longest_bytes)
	case !utf8.ValidString(text):
		return notUTF8
	case strings.ContainsFunc(text, unicode.IsControl):
		return "it has a control character"
	case !norm.NFC.IsNormalString(text):
		return "it is not in Unicode normal form C"
	}
	return ""
}

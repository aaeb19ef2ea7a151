package batch

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/clearing"
)

// A LotsError says what is wrong with a file of opening lots. Nothing of the file is on record.
type LotsError struct {
	// File is the file's name.
	File string
	// Faults are the first faults, in order of row.
	Faults []LotFault
	// More counts the faults that are not in Faults.
	More int64
	RefusedError
}

// A LotFault is what is wrong with a row of a file of opening lots, or with its header.
type LotFault struct {
	// Row counts records from 1, the header not among them; 0 is the header. Line is where in
	// the file the row begins, from 1.
	Row  int64 `json:"row"`
	Line int   `json:"line"`
	// Column and Value say what was found; a member id is never shown.
	Column  string `json:"column,omitempty"`
	Value   string `json:"value,omitempty"`
	Message string `json:"message"`
}

// mostLotFaults is how many faults of a file are told one by one.
const mostLotFaults = 20

// Unwrap returns the refusal.
func (e *LotsError) Unwrap() error { return &e.RefusedError }

func (e *LotsError) add(fault LotFault) {
	if len(e.Faults) == mostLotFaults {
		e.More++
		return
	}
	e.Faults = append(e.Faults, fault)
}

// refusal returns the error if there are faults, with its text.
func (e *LotsError) refusal() error {
	if len(e.Faults) == 0 {
		return nil
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s is not put on record; correct it and run again", e.File)
	for _, fault := range e.Faults {
		where := fmt.Sprintf("row %d (line %d)", fault.Row, fault.Line)
		if fault.Row == 0 {
			where = "header"
		}
		fmt.Fprintf(&text, "\n  %s, %s: ", e.File, where)
		if fault.Column != "" {
			text.WriteString(fault.Column + " ")
		}
		if fault.Value != "" {
			fmt.Fprintf(&text, "%q ", fault.Value)
		}
		text.WriteString(fault.Message)
	}
	if e.More > 0 {
		fmt.Fprintf(&text, "\n  and %d more faults", e.More)
	}
	e.Reason = text.String()
	return e
}

// readOpening reads a file of opening lots.
func readOpening(file io.Reader, name string, rulebook *rules.Rulebook) (*openingLots, error) {
	reader := csv.NewReader(withoutByteOrderMark(file))
	reader.FieldsPerRecord = -1
	reader.ReuseRecord = true
	faults := &LotsError{File: name}
	columns, err := openingHeader(reader, faults)
	if err != nil {
		return nil, err
	}
	lots := &openingLots{
		accounts: make(map[string]*settlement.Account), points: make(map[settlement.Party]int64),
		lots: make(map[settlement.Party]int64), keys: make(map[openingKey]int64),
	}
	for row := int64(1); len(columns) > 0; row++ {
		record, err := reader.Read()
		if err == io.EOF {
			break
		}
		if broken, err := brokenRow(err, row); err != nil {
			return nil, err
		} else if broken != nil {
			faults.add(*broken)
			break
		}
		line, _ := reader.FieldPos(0)
		fault, err := lots.read(rulebook, settlement.Source{File: name, Row: row}, columns, record)
		if err != nil {
			return nil, err
		}
		if fault != nil {
			faults.add(LotFault{row, line, fault.Column, fault.Value, fault.Message})
		}
	}
	if len(columns) > 0 && len(lots.keys) == 0 && len(faults.Faults) == 0 {
		faults.add(LotFault{Message: "is followed by no row; a ledger that begins without lots needs no file of them"})
	}
	return lots, faults.refusal()
}

// read reads one row and adds its lot.
func (o *openingLots) read(rulebook *rules.Rulebook, source settlement.Source, columns []int, record []string) (*clearing.OpeningFault, error) {
	if len(record) != len(columns) {
		return &clearing.OpeningFault{Message: fmt.Sprintf("has %d fields, but the header has %d; quote values with commas", len(record), len(columns))}, nil
	}
	var values [clearing.OpeningColumns]string
	for i, column := range columns {
		values[column] = strings.Clone(record[i]) // the reader's fields share a buffer
	}
	member, lot, fault := clearing.ReadOpeningLot(rulebook, source, values)
	if fault != nil {
		return fault, nil
	}
	row, err := o.add(rulebook.Parties, member, lot)
	if err != nil || row == 0 {
		return nil, err
	}
	return &clearing.OpeningFault{Column: clearing.OpeningColumnNames[clearing.OpeningLot], Value: lot.Key.TransactionID,
		Message: fmt.Sprintf("is the lot of row %d already: issuer %s and business date %s are the same; give one of them another lot_id",
			row, rulebook.Parties.ID(lot.Issuer), lot.Key.BusinessDate)}, nil
}

// openingHeader reads the header and returns which column each field is; none if it is faulty.
func openingHeader(reader *csv.Reader, faults *LotsError) ([]int, error) {
	header, err := reader.Read()
	if err == io.EOF {
		faults.add(LotFault{Line: 1, Message: "is missing: the file is empty; its first line must name the columns " + strings.Join(clearing.OpeningColumnNames[:], ",")})
		return nil, nil
	}
	if broken, err := brokenRow(err, 0); err != nil || broken != nil {
		if broken != nil {
			faults.add(*broken)
		}
		return nil, err
	}
	columns := make([]int, len(header))
	for i, name := range header {
		columns[i] = slices.Index(clearing.OpeningColumnNames[:], name)
		switch {
		case columns[i] < 0:
			faults.add(LotFault{Line: 1, Column: "column", Value: shorten(name), Message: "is not known; the columns are " + strings.Join(clearing.OpeningColumnNames[:], ",")})
		case slices.Contains(columns[:i], columns[i]):
			faults.add(LotFault{Line: 1, Column: "column", Value: name, Message: "is there twice"})
		}
	}
	for column, name := range clearing.OpeningColumnNames {
		if !slices.Contains(columns, column) {
			faults.add(LotFault{Line: 1, Column: "column", Value: name, Message: "is missing; the columns are " + strings.Join(clearing.OpeningColumnNames[:], ",")})
		}
	}
	if len(faults.Faults) > 0 {
		return nil, nil
	}
	return columns, nil
}

// brokenRow tells a row that is no CSV from a file that cannot be read.
func brokenRow(err error, row int64) (*LotFault, error) {
	if err == nil {
		return nil, nil
	}
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		return nil, fmt.Errorf("read the opening lots: %w", err)
	}
	return &LotFault{Row: row, Line: parse.StartLine, Message: fmt.Sprintf("is no CSV: %v; the rows after it were not looked at", parse.Err)}, nil
}

func shorten(text string) string {
	const longest_runes = 64
	runes := []rune(strings.ToValidUTF8(text, "\uFFFD"))
	return string(runes[:min(len(runes), longest_runes)])
}

func withoutByteOrderMark(file io.Reader) io.Reader {
	buffered := bufio.NewReader(file)
	if start, _ := buffered.Peek(3); string(start) == "\uFEFF" {
		_, _ = buffered.Discard(3) // peeked at, so they are there
	}
	return buffered
}

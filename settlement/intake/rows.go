package intake

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"alliance/settlement"
	"alliance/settlement/layout"
)

// errTooLong says that a record is over the limit of length.
var errTooLong = errors.New("record too long")

// maxUnknownColumns is how many unknown columns of a file are remembered.
const maxUnknownColumns = 1000

// rowReader reads the rows of one file, and keeps its totals.
type rowReader struct {
	source *chunks
	limits *limits
	sink   func(*settlement.Record) error
	facts  *FileFacts
	record settlement.Record
	// held is a fault of the file that a later one may still overrule. Rows are counted, and
	// their length is checked, but none is handed out any more.
	held *fileFault
	// sinkError is what sink returned.
	sinkError error
	unknown   map[string]bool
	// mapper, if not nil, turns rows of the merchant's layout into the common form. places is what
	// names in the file stand for, numbers which columns JSON numbers may be in.
	mapper  *layout.Mapper
	places  map[string]settlement.Column
	numbers uint16
	// decoded is the encoding from which the text was turned into UTF-8, "" if it was not.
	decoded string
	// back, if not nil, takes down how the record at hand is written.
	back *readBack
}

// emit counts the record at hand and hands it out.
func (r *rowReader) emit() error {
	r.facts.Rows++
	r.record.Row = r.facts.Rows
	if r.mapper != nil && r.record.Fault == "" {
		r.mapper.Map(&r.record)
	}
	if r.held != nil {
		return nil
	}
	if r.record.Fault == "" {
		if err := r.tally(); err != nil {
			return err
		}
	}
	r.sinkError = r.sink(&r.record)
	return r.sinkError
}

// malformed emits a record without values.
func (r *rowReader) malformed(fault string) error {
	r.record = settlement.Record{Fault: fault}
	err := r.emit()
	r.record.Fault = ""
	return err
}

func (r *rowReader) tally() error {
	const both = 1<<settlement.KindColumn | 1<<settlement.PointsColumn
	if r.record.Mistyped&both != 0 {
		return nil
	}
	var total *int64
	switch r.record.Values[settlement.KindColumn] {
	case "issue":
		total = &r.facts.IssuedPoints
	case "redeem":
		total = &r.facts.RedeemedPoints
	default:
		return nil
	}
	points := r.points()
	if *total > math.MaxInt64-points {
		return unreadable("row %d brings the file's %s points to more than the limit of %d; deliver it in parts",
			r.record.Row, r.record.Values[settlement.KindColumn], int64(math.MaxInt64))
	}
	*total += points
	return nil
}

// points returns the points of the record at hand, or 0 if they are not of their form.
func (r *rowReader) points() int64 {
	if r.record.Typed&(1<<settlement.PointsColumn) == 0 {
		return parsePoints(r.record.Values[settlement.PointsColumn])
	}
	if r.record.Points < 1 || r.record.Points > settlement.MaxPoints {
		return 0
	}
	return r.record.Points
}

// parsePoints returns the points that a text stands for, or 0 if it is not of their form.
func parsePoints(text string) int64 {
	if len(text) == 0 || len(text) > len("1000000000000") || text[0] == '0' {
		return 0
	}
	points := int64(0)
	for i := range len(text) {
		digit := text[i] - '0'
		if digit > 9 {
			return 0
		}
		points = points*10 + int64(digit)
	}
	if points > settlement.MaxPoints {
		return 0
	}
	return points
}

// unknownColumn notes a column without a meaning at a position from 1.
func (r *rowReader) unknownColumn(name string, position int) {
	if r.unknown[name] {
		return
	}
	name = columnName(name, position)
	if r.unknown[name] {
		return
	}
	if len(r.facts.UnknownColumns) == maxUnknownColumns {
		r.facts.MoreUnknownColumns = true
		return
	}
	if r.unknown == nil {
		r.unknown = map[string]bool{}
	}
	name = strings.Clone(name)
	r.unknown[name] = true
	r.facts.UnknownColumns = append(r.facts.UnknownColumns, name)
}

// finish returns what reading ended with.
func (r *rowReader) finish(err error) error {
	switch {
	case err == errTooLong:
		return r.limits.recordFault(r.facts.Rows + 1)
	case err != io.EOF:
		return err
	case r.held != nil:
		return r.held
	default:
		return nil
	}
}

// noColumn stands for a column of a file that has no meaning.
const noColumn = settlement.Columns

func (r *rowReader) readCSV() error {
	scanner := newScanner(r.source, r.limits, r.layout())
	names, err := r.header(scanner)
	if err != nil {
		return err
	}
	columns, err := r.pick(names)
	if err != nil {
		return err
	}
	scanner.keep = len(columns)
	if r.back != nil {
		r.back.header, r.back.names = true, cloneAll(names)
	}
	for {
		if err := scanner.next(); err != nil {
			return r.finish(err)
		}
		if r.back != nil {
			r.back.values, r.back.raw = scanner.fields, scanner.raw
		}
		switch {
		case scanner.fault != "":
			err = r.malformed(scanner.fault)
		case scanner.count != len(columns):
			err = r.malformed(fmt.Sprintf("%d fields, but the %s has %d", scanner.count, r.whereColumns(), len(columns)))
		case r.replaced(scanner.raw):
			err = r.malformed(r.faultEncoding())
		case r.mapper != nil:
			r.record.Mistyped, r.record.Typed = 0, 0
			for i, value := range scanner.fields {
				r.put(columns[i], value)
			}
			err = r.emit()
		default:
			for i, value := range scanner.fields {
				if column := columns[i]; column != noColumn {
					r.record.Values[column] = value
				}
			}
			err = r.emit()
		}
		if err != nil {
			return err
		}
	}
}

// header returns the name of each column: from the header, or from the layout if files have none.
func (r *rowReader) header(scanner *csvScanner) ([]string, error) {
	if err := r.source.skipByteOrderMark(); err != nil {
		return nil, err
	}
	if l := r.layout(); l != nil && l.Fields != nil {
		return l.Fields, nil
	}
	switch err := scanner.next(); {
	case err == io.EOF:
		return nil, unreadable("the file has no header line")
	case err == errTooLong:
		return nil, r.limits.recordFault(0)
	case err != nil:
		return nil, err
	case scanner.fault != "":
		return nil, unreadable("the header line is malformed: %s%s", scanner.fault, r.asEncoded())
	case r.replaced(scanner.raw):
		return nil, unreadable("the header line is %s", r.faultEncoding())
	case scanner.count > r.limits.columns:
		return nil, unreadable("the header has %d columns, more than the limit of %d", scanner.count, r.limits.columns)
	}
	return scanner.fields, nil
}

// pick returns the meaning of each column.
func (r *rowReader) pick(names []string) ([]settlement.Column, error) {
	columns := make([]settlement.Column, len(names))
	present := make(map[string]bool, len(names))
	for i, name := range names {
		name = r.tidyName(name)
		switch {
		case name == "":
			return nil, unreadable("column %d of the header has no name", i+1)
		case present[name]:
			return nil, r.nameTwice("header", names, i)
		}
		present[name] = true
		column, known := r.find(name)
		if !known {
			r.unknownColumn(name, i+1)
		}
		columns[i] = column
	}
	r.held = r.missingColumns("header", present, len(names))
	return columns, nil
}

// whereColumns names what says which columns a CSV file has.
func (r *rowReader) whereColumns() string {
	if l := r.layout(); l != nil && l.Fields != nil {
		return "merchant's profile"
	}
	return "header"
}

// missingColumns returns the fault of a header or schema of so many columns without one that
// every kind requires.
func (r *rowReader) missingColumns(where string, present map[string]bool, columns int) *fileFault {
	var missing []string
	for column := settlement.TransactionID; column <= settlement.OccurredAt; column++ {
		for _, name := range r.sources(column) {
			if !present[name] {
				missing = append(missing, name)
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &fileFault{code: settlement.MissingColumn, column: missing[0], message: fmt.Sprintf(
		"the %s has no column %s; %s%s", where, strings.Join(missing, ", "), r.described(where, columns), r.asEncoded())}
}

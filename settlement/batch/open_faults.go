package batch

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
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

// A blockFaults is what is wrong with the rows of a block.
type blockFaults struct {
	// row is the block's first row.
	row int64
	// first are the first faults, in order of row; more counts those after them.
	first []LotFault
	more  int64
	// broken is a row that is no CSV, after which none was looked at, or 0.
	broken int64
}

func (f *blockFaults) add(fault LotFault) {
	if len(f.first) == mostLotFaults {
		f.more++
		return
	}
	fault.Value = strings.Clone(fault.Value) // it may be a part of the block
	f.first = append(f.first, fault)
}

// add notes what is wrong with a block; blocks come in any order.
func (o *openingLots) add(found blockFaults) {
	if len(found.first) == 0 {
		return
	}
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.faults = append(o.faults, found)
	if found.broken > 0 {
		o.lastRow = min(o.lastRow, found.broken)
		o.broken.Store(true)
	}
}

// brokenRow tells a row that is no CSV from what is none of its faults.
func brokenRow(err error, row int64, line int) (*LotFault, error) {
	var parse *csv.ParseError
	switch {
	case err == nil || err == io.EOF:
		return nil, nil
	case errors.Is(err, errLongRow):
		return &LotFault{Row: row, Line: line, Message: fmt.Sprintf("%v; the rows after it were not looked at", err)}, nil
	case errors.As(err, &parse):
		return &LotFault{Row: row, Line: line, Message: fmt.Sprintf("is no CSV: %v; the rows after it were not looked at", parse.Err)}, nil
	}
	return nil, fmt.Errorf("read the opening lots: %w", err)
}

func shorten(text string) string {
	const longest_runes = 64
	runes := []rune(strings.ToValidUTF8(text, "\uFFFD"))
	return string(runes[:min(len(runes), longest_runes)])
}

// refusal says what is wrong with the file; nil if nothing is.
func (o *openingLots) refusal(ctx context.Context) error {
	all, err := o.duplicateFaults(ctx)
	if err != nil {
		return err
	}
	count := o.duplicateCount
	for i := range o.faults {
		if found := &o.faults[i]; found.row <= o.lastRow {
			all = append(all, found.first...)
			count += int64(len(found.first)) + found.more
		}
	}
	slices.SortStableFunc(all, func(a, b LotFault) int { return int(a.Row - b.Row) })
	all = all[:min(len(all), mostLotFaults)]
	faults := &LotsError{File: o.job.Name, Faults: all, More: count - int64(len(all))}
	return faults.refusal()
}

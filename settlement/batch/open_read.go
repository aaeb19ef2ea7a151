package batch

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"alliance/settlement"
	"alliance/settlement/clearing"
	"alliance/settlement/spool"

	"golang.org/x/sync/errgroup"
)

// read reads the file: each good lot goes to the partition of its member, and its key to its own.
func (o *openingLots) read(ctx context.Context) (digest string, err error) {
	o.stage(stageRead, o.job.Bytes)
	defer o.finish(stageRead)
	file := newBlockReader(o.job.Lots, o.blockBytes)
	columns, first, err := o.readHeader(file)
	if err != nil || columns == nil {
		return "", err
	}
	group, ctx := errgroup.WithContext(ctx)
	blocks := make(chan rowBlock)
	group.Go(func() error {
		defer close(blocks)
		return guarded(func() error { return o.sendBlocks(ctx, file, first, blocks) })
	})
	for range o.workers {
		group.Go(func() error {
			return guarded(func() error { return o.readBlocks(ctx, columns, blocks) })
		})
	}
	if err := group.Wait(); err != nil {
		return "", err
	}
	if o.count() == 0 && len(o.faults) == 0 {
		o.add(blockFaults{first: []LotFault{{Message: "is followed by no row; a ledger that begins without lots needs no file of them"}}})
	}
	return hex.EncodeToString(file.digest.Sum(nil)), nil
}

// sendBlocks sends all blocks, as long as no row is broken.
func (o *openingLots) sendBlocks(ctx context.Context, file *blockReader, block rowBlock, blocks chan<- rowBlock) (err error) {
	for err == nil && !o.broken.Load() {
		select {
		case blocks <- block:
		case <-ctx.Done():
			return ctx.Err()
		}
		block, err = file.next()
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// readHeader reads the header and returns which column each field is, none if it is faulty, and what
// is left of the first block.
func (o *openingLots) readHeader(file *blockReader) (columns []int, block rowBlock, err error) {
	block, err = file.next()
	if err != nil && err != io.EOF {
		return nil, block, err
	}
	rows := newRowReader(block)
	header, _, err := rows.next()
	var found blockFaults
	if fault, err := brokenRow(err, 0, 1); err != nil {
		return nil, block, err
	} else if fault != nil {
		found.add(*fault)
	} else {
		columns = openingHeader(header, &found)
	}
	o.add(found)
	block.text, block.line = rows.rest, rows.line
	block.row++
	return columns, block, nil
}

// A lotReader reads blocks for one worker.
type lotReader struct {
	*openingLots
	columns []int
	lots    *spool.Writer
	keys    *spool.Writer
	totals  []issuerTotal
	buffer  []byte
}

func (o *openingLots) readBlocks(ctx context.Context, columns []int, blocks <-chan rowBlock) error {
	reader := &lotReader{
		openingLots: o, columns: columns, lots: o.spooledLots.NewWriter(), keys: o.spooledKeys.NewWriter(),
		totals: make([]issuerTotal, len(o.totals)),
	}
	for block := range blocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := reader.read(block); err != nil {
			return err
		}
		o.advance(stageRead, int64(len(block.text)))
	}
	o.addTotals(reader.totals)
	return errors.Join(reader.lots.Flush(), reader.keys.Flush())
}

// read reads the rows of a block.
func (r *lotReader) read(block rowBlock) error {
	found := blockFaults{row: block.row}
	rows := newRowReader(block)
	for row := block.row; ; row++ {
		record, line, err := rows.next()
		if err == io.EOF {
			break
		}
		if broken, err := brokenRow(err, row, line); err != nil {
			return err
		} else if broken != nil {
			found.add(*broken)
			found.broken = row
			break
		}
		fault, err := r.row(row, line, record)
		if err != nil {
			return err
		}
		if fault != nil {
			found.add(LotFault{row, line, fault.Column, fault.Value, fault.Message})
		}
	}
	r.add(found)
	return nil
}

// row reads one row and sends its lot on its way.
func (r *lotReader) row(row int64, line int, record []string) (*clearing.OpeningFault, error) {
	if len(record) != len(r.columns) {
		return &clearing.OpeningFault{Message: fmt.Sprintf("has %d fields, but the header has %d; quote values with commas", len(record), len(r.columns))}, nil
	}
	var values [clearing.OpeningColumns]string
	for i, column := range r.columns {
		values[column] = record[i]
	}
	member, lot, fault := clearing.ReadOpeningLot(r.job.Rulebook, settlement.Source{File: r.job.Name, Row: row}, values)
	if fault != nil {
		return fault, nil
	}
	r.totals[lot.Issuer].add(lot.Open)
	r.buffer = appendLot(r.buffer[:0], member, &lot, line)
	if err := r.lots.Append(partitionOf(member, r.lotPartitions), r.buffer); err != nil {
		return nil, err
	}
	r.buffer = appendKey(r.buffer[:0], &lot)
	return nil, r.keys.Append(partitionOfID(settlement.Digest(r.buffer), r.keyPartitions), r.buffer)
}

// openingHeader returns which column each field of the header is; none if it is faulty.
func openingHeader(header []string, faults *blockFaults) []int {
	all := strings.Join(clearing.OpeningColumnNames[:], ",")
	if len(header) == 0 {
		faults.add(LotFault{Line: 1, Message: "is missing: the file is empty; its first line must name the columns " + all})
		return nil
	}
	columns := make([]int, len(header))
	for i, name := range header {
		columns[i] = slices.Index(clearing.OpeningColumnNames[:], name)
		switch {
		case columns[i] < 0:
			faults.add(LotFault{Line: 1, Column: "column", Value: shorten(name), Message: "is not known; the columns are " + all})
		case slices.Contains(columns[:i], columns[i]):
			faults.add(LotFault{Line: 1, Column: "column", Value: name, Message: "is there twice"})
		}
	}
	for column, name := range clearing.OpeningColumnNames {
		if !slices.Contains(columns, column) {
			faults.add(LotFault{Line: 1, Column: "column", Value: name, Message: "is missing; the columns are " + all})
		}
	}
	if len(faults.first) > 0 {
		return nil
	}
	return columns
}

package statement

import (
	"bytes"
	"fmt"

	"github.com/apache/arrow/go/v17/parquet/file"

	"alliance/settlement"
)

// detailGroupRows is the number of rows of a row group, which is also how many rows are
// gathered in memory before they are encoded.
const detailGroupRows = 128 << 10

// rowsAnnounced is about how many rows are announced before they are read.
const rowsAnnounced = 64 << 10

// A span is a run of allocations that share their place on a statement: a piece of one line's,
// or of the merchant's own ones.
type span struct {
	role         role
	counterparty settlement.Party
	// number is the line's, 0 for own allocations.
	number int32
	line   *settlement.Line
	// of the allocations, count after the first skip.
	allocations settlement.Allocations
	skip, count int64
}

// spans returns the merchant's detail in its published order.
func (v *view) spans() []span {
	var spans []span
	for i := range v.places {
		p := &v.places[i]
		if count := p.detail.Count(); count > 0 {
			spans = append(spans, span{p.role, p.counterparty, int32(i + 1), p.line, p.detail, 0, count})
		}
	}
	if count := v.own.Count(); count > 0 {
		spans = append(spans, span{own, v.head.Merchant, 0, nil, v.own, 0, count})
	}
	return spans
}

// cut divides spans into parts of at most so many rows.
func cut(spans []span, rows int64) [][]span {
	var parts [][]span
	var part []span
	room := rows
	for _, s := range spans {
		for s.count > 0 {
			piece := s
			piece.count = min(room, s.count)
			s.skip += piece.count
			s.count -= piece.count
			part = append(part, piece)
			if room -= piece.count; room == 0 {
				parts, part, room = append(parts, part), nil, rows
			}
		}
	}
	if len(part) > 0 || len(parts) == 0 {
		parts = append(parts, part)
	}
	return parts
}

// detailSums is what the rows that were really handed to the encoder come to.
type detailSums struct {
	rows           int64
	points, amount wide
}

// plus returns the sums of two parts.
func (s detailSums) plus(other detailSums) detailSums {
	low := other
	s.rows += low.rows
	s.points = s.points.plus(low.points)
	s.amount = s.amount.plus(low.amount)
	return s
}

// wantedDetail is what the merchant's detail must come to: the points and values of its lines,
// and the points of its own allocations.
func (v *view) wantedDetail() detailSums {
	var want detailSums
	for i := range v.places {
		p := &v.places[i]
		want.rows += p.detail.Count()
		want.points.add(p.line.Points)
		if priced(p.line) {
			want.amount.add(p.value().Shift(settlement.MoneyDecimals).IntPart())
		}
	}
	want.rows += v.own.Count()
	want.points.add(v.own.Points())
	return want
}

// compare returns an error if the detail as encoded is not what it must come to.
func (s detailSums) compare(want detailSums) error {
	switch {
	case s.rows != want.rows:
		return fmt.Errorf("it has %d rows, the night says %d", s.rows, want.rows)
	case s.points != want.points:
		return fmt.Errorf("the sum of column points is %s, that of its lines is %s", s.points, want.points)
	case s.amount != want.amount:
		return fmt.Errorf("the sum of column amount is %s, that of its lines' values is %s (in units of 10^-4)", s.amount, want.amount)
	}
	return nil
}

// usualRowBytes is about what a row of detail takes in its file with ids of 15 characters, with something to spare, usualFooterBytes
// is for what has nothing to do with rows. The memory of a file that takes more grows.
const (
	usualRowBytes    = 30
	usualFooterBytes = 8 << 10
)

// encodeDetail returns a part of a merchant's detail as a Parquet file, with the sums of what
// is in it.
func (v *view) encodeDetail(part []span, tamper func(amounts []int64)) ([]byte, detailSums, error) {
	var rows int64
	for i := range part {
		rows += part[i].count
	}
	var body bytes.Buffer
	body.Grow(int(rows)*usualRowBytes + usualFooterBytes)
	w := file.NewParquetWriter(&body, detailLayout, file.WithWriterProps(detailProperties))
	gathered := takeBatch(v)
	defer gathered.giveBack()
	var sums detailSums
	flush := func() error {
		if tamper != nil {
			tamper(gathered.amount)
		}
		sums = sums.plus(gathered.sums())
		if err := gathered.write(w); err != nil {
			return err
		}
		gathered.clear()
		return nil
	}
	soon, ahead := 0, int64(0) // part[:soon] is announced, of which ahead rows are not read yet
	for i := range part {
		for ; soon < len(part) && ahead < rowsAnnounced; soon++ {
			part[soon].allocations.Soon()
			ahead += part[soon].count
		}
		ahead -= part[i].count
		err := part[i].allocations.Each(part[i].skip, part[i].count, func(allocations []settlement.Allocation) error {
			for len(allocations) > 0 {
				piece := allocations[:min(detailGroupRows-gathered.rows, len(allocations))]
				allocations = allocations[len(piece):]
				if err := gathered.add(&part[i], piece); err != nil {
					return err
				}
				if gathered.rows == detailGroupRows {
					if err := flush(); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return nil, sums, err
		}
	}
	if gathered.rows > 0 {
		if err := flush(); err != nil {
			return nil, sums, err
		}
	}
	// Close hides the error of the footer, so the footer is written first.
	if err := w.FlushWithFooter(); err != nil {
		return nil, sums, fmt.Errorf("writing the footer: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, sums, err
	}
	return body.Bytes(), sums, nil
}

package statement

import (
	"fmt"
	"strings"

	arrow "github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// A frame is a published table as the other library, Arrow, reads it back.
type frame struct {
	rows    int64
	columns []column
}

// A meaning says what the numbers of a column stand for.
type meaning uint8

const (
	meansNumber  meaning = iota
	meansDecimal         // in units of 10^-scale
	meansDate            // days since 1970-01-01
	meansInstant         // microseconds since 1970-01-01T00:00:00Z
	meansFlag            // 0 or 1
	meansText
)

// A column holds its values densely: nulls have no value, but a true in null.
type column struct {
	name    string
	meaning meaning
	scale   int32
	numbers []int64
	texts   []string
	// null has an entry for every row, or is nil if the column has no nulls at all.
	null []bool
}

// A sink takes the values of a column in order.
type sink interface {
	addNumber(value int64)
	// addText does not keep the bytes.
	addText(value []byte)
	// addRow says of each row of a column that may have nulls whether it is one.
	addRow(null bool)
}

func (c *column) addNumber(value int64) { c.numbers = append(c.numbers, value) }

func (c *column) addText(value []byte) { c.texts = append(c.texts, string(value)) }

func (c *column) addRow(null bool) { c.null = append(c.null, null) }

// readFrame decodes a Parquet file, or of it the named columns only, if any are named. A file
// that is not whole, or that holds a type no published table has, is an error.
func readFrame(body []byte, names ...string) (*frame, error) {
	result := new(frame)
	rows, err := readBack(body, names, func(columns int) { result.columns = make([]column, columns) }, func(i int, described *column) sink {
		result.columns[i] = *described
		return &result.columns[i]
	})
	if err != nil {
		return nil, err
	}
	result.rows = rows
	return result, nil
}

// readBack decodes a Parquet file and returns how many rows it has. Begin is told how many columns are read; then into returns
// where the values of each go, which is described but has no values yet.
func readBack(body []byte, names []string, begin func(columns int), into func(i int, described *column) sink) (rows int64, err error) {
	// The library panics on pages that are corrupt. All of it runs on this goroutine.
	defer func() {
		if fault := recover(); fault != nil {
			rows, err = 0, fmt.Errorf("reading back: %v", fault)
		}
	}()
	source, err := openSource(body)
	if err != nil {
		return 0, fmt.Errorf("reading back: %w", err)
	}
	layout := source.footer.Schema
	if layout.Root().NumFields() != layout.NumColumns() {
		return 0, fmt.Errorf("reading back: the table has nested columns")
	}
	places, err := places(layout, names)
	if err != nil {
		return 0, err
	}
	begin(len(places))
	for i, place := range places {
		if err := source.drainColumn(place, func(described *column) sink { return into(i, described) }); err != nil {
			return 0, err
		}
	}
	return source.footer.NumRows, nil
}

// places returns where the named columns are, or all columns in order.
func places(layout *schema.Schema, names []string) ([]int, error) {
	var places []int
	if len(names) == 0 {
		for i := range layout.NumColumns() {
			places = append(places, i)
		}
		return places, nil
	}
	for _, name := range names {
		place := layout.ColumnIndexByName(name)
		if place < 0 {
			var known []string
			for i := range layout.NumColumns() {
				known = append(known, layout.Column(i).Name())
			}
			return nil, fmt.Errorf("the table has no column %q; it has %s", name, strings.Join(known, ", "))
		}
		places = append(places, place)
	}
	return places, nil
}

// readColumn returns a column with all its values.
func (s *source) readColumn(place int) (read column, err error) {
	err = s.drainColumn(place, func(described *column) sink {
		read = *described
		return &read
	})
	return read, err
}

// drainColumn hands the values of a column to where into, which is told what they mean, wants them.
func (s *source) drainColumn(place int, into func(described *column) sink) error {
	described := s.footer.Schema.Column(place)
	read := column{name: described.Name()}
	if err := read.understand(described); err != nil {
		return fmt.Errorf("column %s: %w", read.name, err)
	}
	values, rows := into(&read), int64(0)
	for group := range s.footer.RowGroups {
		rowGroup := s.footer.RowGroup(group)
		chunk, err := s.open(rowGroup, described, place)
		if err != nil {
			return fmt.Errorf("column %s: %w", read.name, err)
		}
		count, err := drain(values, chunk, rowGroup.NumRows(), described.MaxDefinitionLevel() > 0)
		if err == nil {
			err = chunk.Err()
		}
		if err != nil {
			return fmt.Errorf("column %s: %w", read.name, err)
		}
		rows += count
	}
	if rows != s.footer.NumRows {
		return fmt.Errorf("column %s has %d rows, the file's footer says %d", read.name, rows, s.footer.NumRows)
	}
	return nil
}

// understand takes the column's meaning from its type.
func (c *column) understand(described *schema.Column) error {
	if described.MaxRepetitionLevel() > 0 {
		return fmt.Errorf("is repeated")
	}
	physical := described.PhysicalType()
	switch logical := described.LogicalType().(type) {
	case schema.StringLogicalType:
		c.meaning = meansText
	case schema.DateLogicalType:
		c.meaning = meansDate
	case *schema.TimestampLogicalType:
		if logical.TimeUnit() != schema.TimeUnitMicros || !logical.IsAdjustedToUTC() {
			return fmt.Errorf("is of type %s, not an instant in UTC by the microsecond", logical)
		}
		c.meaning = meansInstant
	case *schema.DecimalLogicalType:
		c.meaning, c.scale = meansDecimal, logical.Scale()
	case *schema.IntLogicalType, schema.NoLogicalType, schema.UnknownLogicalType, nil:
		c.meaning = meansNumber
		if physical == arrow.Types.Boolean {
			c.meaning = meansFlag
		}
	default:
		return fmt.Errorf("is of type %s", logical)
	}
	if (physical == arrow.Types.ByteArray) != (c.meaning == meansText) {
		return fmt.Errorf("is %s stored as %s", described.LogicalType(), physical)
	}
	return nil
}

// drainRows is how many rows are decoded at a time.
const drainRows = 4096

// drain hands on the values of a chunk of so many rows and returns how many rows it really had.
func drain(into sink, chunk file.ColumnChunkReader, rows int64, nullable bool) (int64, error) {
	batch := max(1, min(drainRows, rows))
	var levels []int16
	if nullable {
		levels = make([]int16, batch)
	}
	switch typed := chunk.(type) {
	case *file.Int32ColumnChunkReader:
		return pull(into, typed.ReadBatch, make([]int32, batch), levels, func(value int32) { into.addNumber(int64(value)) })
	case *file.Int64ColumnChunkReader:
		return pull(into, typed.ReadBatch, make([]int64, batch), levels, into.addNumber)
	case *file.BooleanColumnChunkReader:
		return pull(into, typed.ReadBatch, make([]bool, batch), levels, func(value bool) { into.addNumber(oneIf(value)) })
	case *file.ByteArrayColumnChunkReader:
		return pull(into, typed.ReadBatch, make([]arrow.ByteArray, batch), levels, func(value arrow.ByteArray) { into.addText(value) })
	default:
		return 0, fmt.Errorf("is stored as %s", chunk.Type())
	}
}

// pull reads a chunk batch by batch: levels, if there are any, say which rows are null.
func pull[V any](into sink, read func(int64, []V, []int16, []int16) (int64, int, error), values []V, levels []int16, take func(V)) (int64, error) {
	total := int64(0)
	for {
		rows, count, err := read(int64(len(values)), values, levels, nil)
		if err != nil {
			return 0, err
		}
		if rows == 0 {
			return total, nil
		}
		for _, value := range values[:count] {
			take(value)
		}
		total += rows
		if levels == nil {
			continue
		}
		nulls := rows
		for _, level := range levels[:rows] {
			into.addRow(level == 0)
			nulls -= int64(level)
		}
		if nulls != rows-int64(count) {
			return 0, fmt.Errorf("%d of %d rows are null but %d values were read", nulls, rows, count)
		}
	}
}

func oneIf(value bool) int64 {
	if value {
		return 1
	}
	return 0
}

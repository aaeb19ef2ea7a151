package statement

import (
	"bytes"
	"fmt"
	"slices"
	"sync"

	"github.com/apache/arrow/go/v17/parquet/file"

	"alliance/settlement"
)

// A folderPlan is the files that one folder will hold, in order, and how to make them.
type folderPlan struct {
	folder Folder
	// view is nil for the alliance's folder.
	view *view
	jobs []job
	// earlier is the version on record, nil if there is none.
	earlier *edition
	options *Options
}

// planMerchants plans the merchants' folders.
func planMerchants(night *settlement.Night, options *Options) ([]folderPlan, error) {
	views, err := views(night)
	if err != nil {
		return nil, err
	}
	plans := make([]folderPlan, 0, len(views))
	for i := range views {
		v := &views[i]
		if err := v.check(); err != nil {
			return nil, fmt.Errorf("statement %s: %w", v.no(), err)
		}
		plans = append(plans, planMerchant(v, options))
	}
	return plans, nil
}

func planMerchant(v *view, options *Options) folderPlan {
	folder := Folder{Merchant: v.id(), Path: v.folder(), StatementNo: v.no(), Version: v.head.Version, Supersedes: v.head.Supersedes}
	jobs := []job{
		tableJob(summaryTable, folder.Path, options, v.summary, v.tallySummary),
		tableJob(statementTable, folder.Path, options, v.statement, v.tallyStatement),
	}
	parts := cut(v.spans(), int64(options.DetailRowsPerFile))
	for i, part := range parts {
		name := "detail.parquet"
		if len(parts) > 1 {
			name = fmt.Sprintf("detail-%05d.parquet", i+1)
		}
		jobs = append(jobs, detailJob(v, name, part, options))
	}
	jobs = append(jobs,
		partsJob(exceptionTable, folder.Path, options, inParts(v.exceptions, exceptionRowOf), v.tallyExceptions),
		tableJob(inputTable, folder.Path, options, v.inputRows, v.tallyInputs))
	return folderPlan{folder, v, jobs, options.editions[v.id()], options}
}

// planAlliance plans the alliance's folder.
func planAlliance(night *settlement.Night, options *Options) folderPlan {
	o := newOverview(night)
	folder := Folder{Path: o.folder(), Version: max(1, night.AllianceVersion)}
	return folderPlan{folder, nil, []job{
		tableJob(lineTable, folder.Path, options, o.lineRows, o.tallyLines),
		tableJob(positionTable, folder.Path, options, o.positionRows, o.tallyPositions),
		tableJob(feeTable, folder.Path, options, o.feeRows, o.tallyFees),
		tableJob(paymentTable, folder.Path, options, o.paymentRows, o.tallyPayments),
		tableJob(pointsTable, folder.Path, options, o.pointsRows, o.tallyPoints),
		partsJob(allianceExceptionTable, folder.Path, options, inParts(o.exceptions, o.exceptionRow), o.tallyExceptions),
		tableJob(allianceInputTable, folder.Path, options, o.inputRows, o.tallyInputs),
	}, options.editions[""], options}
}

// tableJob is partsJob for a table whose rows are few.
func tableJob[R any](t *table[R], folder string, options *Options, rows func() ([]R, error), want func() tallies) job {
	return partsJob(t, folder, options, func(add func([]R) error) error {
		rows, err := rows()
		if err != nil {
			return err
		}
		return add(rows)
	}, want)
}

// partsJob encodes a table whose rows come in parts, which need not be in memory together; it reads the table back with the other
// library and compares it with what the night says it must come to, column by column.
func partsJob[R any](t *table[R], folder string, options *Options, parts func(add func([]R) error) error, want func() tallies) job {
	return job{t.file, 0, func() (encoded, error) {
		var encoder *encoder[R] // most tables have no rows, and need none
		err := parts(func(rows []R) (err error) {
			if options.tamperRows != nil {
				options.tamperRows(folder+"/"+t.file, rows)
			}
			if len(rows) == 0 {
				return nil
			}
			if encoder == nil {
				if encoder, err = t.newEncoder(); err != nil {
					return err
				}
			}
			return encoder.add(rows)
		})
		if err != nil {
			return encoded{}, err
		}
		wanted := want()
		if encoder == nil {
			if wanted.rows != 0 {
				return encoded{}, fmt.Errorf("it has no rows, the night says %d", wanted.rows)
			}
			body, err := t.empty()
			return encoded{body: body}, err
		}
		body, err := encoder.finish()
		if err != nil {
			return encoded{}, err
		}
		got, err := tallyTable(body)
		if err != nil {
			return encoded{}, err
		}
		if err := got.compare(&wanted); err != nil {
			return encoded{}, err
		}
		return encoded{body: body, rows: got.rows}, nil
	}}
}

// rowsPerPart is how many rows of a table that may be large are made at a time.
const rowsPerPart = 1 << 10

// inParts makes rows of a list, some at a time, in memory that is used again.
func inParts[T, R any](list []T, rowOf func(*T) R) func(add func([]R) error) error {
	return func(add func([]R) error) error {
		var rows []R
		for part := range slices.Chunk(list, rowsPerPart) {
			rows = rows[:0]
			for i := range part {
				rows = append(rows, rowOf(&part[i]))
			}
			if err := add(rows); err != nil {
				return err
			}
		}
		return nil
	}
}

// detailJob encodes a part of a merchant's detail. Its rows are compared with its footer; the
// sums of all parts with the lines, when they are all there.
func detailJob(v *view, name string, part []span, options *Options) job {
	var rows int64
	for i := range part {
		rows += part[i].count
	}
	return job{name, rows, func() (encoded, error) {
		if len(part) == 0 {
			body, err := emptyDetail()
			return encoded{body: body}, err
		}
		body, sums, err := v.encodeDetail(part, options.tamperAmounts)
		if err != nil {
			return encoded{}, err
		}
		if err := checkFooter(body, sums.rows); err != nil {
			return encoded{}, err
		}
		return encoded{body: body, rows: sums.rows, detail: sums}, nil
	}}
}

// emptyDetail is a detail of no rows, which is the same for everybody.
var emptyDetail = sync.OnceValues(func() ([]byte, error) {
	body, _, err := (&view{night: new(settlement.Night)}).encodeDetail(nil, nil)
	if err != nil {
		return nil, err
	}
	return body, checkFooter(body, 0)
})

// checkFooter returns an error unless the file's footer can be read and says that the file, and
// each of its columns, has so many rows.
func checkFooter(body []byte, rows int64) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("reading back the footer: %v", fault)
		}
	}()
	reader, err := file.NewParquetReader(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("reading back the footer: %w", err)
	}
	defer reader.Close()
	if reader.NumRows() != rows {
		return fmt.Errorf("its footer says %d rows, %d were written", reader.NumRows(), rows)
	}
	if columns := reader.MetaData().Schema.NumColumns(); columns != detailLayout.NumFields() {
		return fmt.Errorf("its footer says %d columns, %d were written", columns, detailLayout.NumFields())
	}
	for place := range detailLayout.NumFields() {
		values := int64(0)
		for group := range reader.NumRowGroups() {
			chunk, err := reader.MetaData().RowGroup(group).ColumnChunk(place)
			if err != nil {
				return fmt.Errorf("reading back the footer: %w", err)
			}
			values += chunk.NumValues()
		}
		if values != rows {
			return fmt.Errorf("its footer says %d values of column %s, %d were written", values, detailLayout.Field(place).Name(), rows)
		}
	}
	return nil
}

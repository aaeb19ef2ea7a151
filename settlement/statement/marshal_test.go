package statement

import (
	"bytes"
	"fmt"
	"testing"

	library "github.com/xitongsys/parquet-go/marshal"

	"alliance/settlement"
)

// TestRowsAreLaidOutAsTheLibraryDoes encodes rows of tables with our way to lay them out and with the library's: the published bytes
// are the library's.
func TestRowsAreLaidOutAsTheLibraryDoes(t *testing.T) {
	night := manyExceptions(40_000)
	views, err := views(night)
	if err != nil {
		t.Fatal(err)
	}
	sameBytes(t, exceptionTable, inParts(views[0].exceptions, exceptionRowOf))
	o := newOverview(night)
	sameBytes(t, allianceExceptionTable, inParts(o.exceptions, o.exceptionRow))

	for i := range views {
		sameBytes(t, summaryTable, inOne(views[i].summary))
		sameBytes(t, statementTable, inOne(views[i].statement))
		sameBytes(t, inputTable, inOne(views[i].inputRows))
	}
	sameBytes(t, lineTable, inOne(o.lineRows))
	sameBytes(t, positionTable, inOne(o.positionRows))
	sameBytes(t, feeTable, inOne(o.feeRows))
	sameBytes(t, paymentTable, inOne(o.paymentRows))
	sameBytes(t, pointsTable, inOne(o.pointsRows))
	sameBytes(t, allianceInputTable, inOne(o.inputRows))
}

func inOne[R any](rows func() ([]R, error)) func(add func([]R) error) error {
	return func(add func([]R) error) error {
		made, err := rows()
		if err != nil {
			return err
		}
		return add(made)
	}
}

func sameBytes[R any](t *testing.T, table *table[R], parts func(add func([]R) error) error) {
	t.Helper()
	var bodies [2][]byte
	for i := range bodies {
		encoder, err := table.newEncoder()
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			encoder.writer.MarshalFunc = library.Marshal
		}
		if err := parts(encoder.add); err != nil {
			t.Fatal(err)
		}
		if bodies[i], err = encoder.finish(); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(bodies[0], bodies[1]) {
		t.Errorf("%s has %d bytes, by the library's way of laying out rows %d or others", table.file, len(bodies[0]), len(bodies[1]))
	}
}

// manyExceptions is a night in which very many rows of a merchant were sent again, and some have nothing in a column.
func manyExceptions(rows int) *settlement.Night {
	night := smallNight()
	merchant := night.Statements[0].Merchant
	night.Exceptions = make([]settlement.Exception, rows)
	for i := range night.Exceptions {
		id := fmt.Sprintf("T%08d", i)
		night.Exceptions[i] = settlement.Exception{Merchant: merchant, File: "merchant=A/date=2026-06-16/a.csv", Row: int64(i + 1), TransactionID: id,
			Code: settlement.Duplicate, State: settlement.Rejected, Column: "transaction_id", Value: id,
			Message: "the same as a row of business date 2026-06-01 that was settled on 2026-06-01; nothing to do"}
		if i%7 == 0 {
			night.Exceptions[i].Code, night.Exceptions[i].Points = settlement.Uncovered, int64(i)
		}
		if i%11 == 0 {
			night.Exceptions[i].TransactionID, night.Exceptions[i].Column, night.Exceptions[i].Value = "", "", "\xff"
		}
	}
	return night
}

// BenchmarkExceptions writes the tables of a night in which very many rows are rejected.
func BenchmarkExceptions(b *testing.B) {
	const rows = 200_000
	night := manyExceptions(rows)
	b.ReportAllocs()
	before := processorTime(b)
	for b.Loop() {
		publish(b, night, Options{})
	}
	b.ReportMetric(float64(processorTime(b)-before)/float64(rows)/float64(b.N), "cpu-ns/row")
}

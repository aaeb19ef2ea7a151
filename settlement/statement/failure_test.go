package statement

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"alliance/settlement"
)

// What is encoded behind the checks' back must be found, in every table.
func TestCorruptionIsFound(t *testing.T) {
	changes := map[string]func(rows any){
		"merchant=A/date=2026-06-16/summary.parquet":    func(rows any) { rows.([]summaryRow)[0].CarriedOut++ },
		"merchant=B/date=2026-06-16/statement.parquet":  func(rows any) { rows.([]statementRow)[2].Value-- },
		"merchant=A/date=2026-06-16/exceptions.parquet": func(rows any) { rows.([]exceptionRow)[1].Message += "." },
		"merchant=A/date=2026-06-16/inputs.parquet":     func(rows any) { rows.([]inputRow)[0].SHA256 = nil },
		"alliance/date=2026-06-16/lines.parquet":        func(rows any) { rows.([]lineRow)[1].Late = true },
		"alliance/date=2026-06-16/positions.parquet":    func(rows any) { rows.([]positionRow)[3].Due *= -1 },
		"alliance/date=2026-06-16/fees.parquet":         func(rows any) { rows.([]feeRow)[0].TaxRate++ },
		"alliance/date=2026-06-16/payments.parquet":     func(rows any) { rows.([]paymentRow)[0].PayeeID = "C" },
		"alliance/date=2026-06-16/points.parquet":       func(rows any) { *rows.([]pointsRow)[0].Closing ^= 1 << 40 },
		"alliance/date=2026-06-16/exceptions.parquet":   func(rows any) { *rows.([]allianceExceptionRow)[0].Row = 9 },
		"alliance/date=2026-06-16/inputs.parquet":       func(rows any) { rows.([]allianceInputRow)[0].Rejected = 0 },
	}
	for target, change := range changes {
		hit := false
		_, err := tryPublish(smallNight(), Options{tamperRows: func(path string, rows any) {
			if path == target {
				hit = true
				detach(rows)
				change(rows)
			}
		}})
		folder, name := target[:strings.LastIndex(target, "/")], target[strings.LastIndex(target, "/")+1:]
		if !hit || err == nil || !strings.Contains(err.Error(), "writing "+folder+": "+name+": ") || !strings.Contains(err.Error(), "column") {
			t.Errorf("%s: hit %t, error %v", target, hit, err)
		}
	}
	_, err := tryPublish(smallNight(), Options{tamperAmounts: func(amounts []int64) { amounts[0]++ }})
	if err == nil || !strings.Contains(err.Error(), "the sum of column amount is -47699, that of its lines' values is -47700") {
		t.Errorf("a wrong amount in the detail gives %v", err)
	}
}

// detach gives the rows that share numbers with the night their own.
func detach(rows any) {
	switch rows := rows.(type) {
	case []pointsRow:
		closing := *rows[0].Closing
		rows[0].Closing = &closing
	case []allianceExceptionRow:
		row := *rows[0].Row
		rows[0].Row = &row
	}
}

func TestFlippedBitsAreErrors(t *testing.T) {
	p := publish(t, smallNight(), Options{})
	body := p.files["merchant=A/date=2026-06-16/statement.parquet"]
	broken := 0
	for i := 0; i < len(body); i += 3 {
		flipped := bytes.Clone(body)
		flipped[i] ^= 1 << (i % 8)
		if Dump(io.Discard, flipped, nil) != nil {
			broken++
		}
	}
	if broken == 0 {
		t.Error("no flipped bit was noticed")
	}
	for _, end := range []int{0, 3, 8, len(body) / 2, len(body) - 1} {
		if Dump(io.Discard, body[:end], nil) == nil {
			t.Errorf("a file cut after %d bytes was read", end)
		}
	}
}

func TestNightsThatCannotBe(t *testing.T) {
	for what, breakIt := range map[string]func(*settlement.Night){
		"the lines come to":          func(n *settlement.Night) { n.Statements[0].Receivable = money("11.98") },
		"are not in order":           func(n *settlement.Night) { n.Lines[0], n.Lines[1] = n.Lines[1], n.Lines[0] },
		"but the detail of 4":        func(n *settlement.Night) { inMemory(n).Of = inMemory(n).Of[:4] },
		"B has no statement":         func(n *settlement.Night) { n.Statements = n.Statements[:1] },
		"in order of merchant at B":  func(n *settlement.Night) { n.Statements[2].Merchant = B },
		"between A and itself":       func(n *settlement.Night) { n.Lines[0].Redeemer = A },
		"on-us points of HUB":        func(n *settlement.Night) { inMemory(n).OnUs[1].Issuer = HUB },
		"that of its lines is 524":   func(n *settlement.Night) { inMemory(n).Of[1][0].Points++ },
		"more than 4 decimals":       func(n *settlement.Night) { n.Statements[1].Position.Due = money("0.00001") },
		"out of range of DECIMAL(18": func(n *settlement.Night) { n.Positions[0].Due = decimal.New(1, 14) },
	} {
		night := smallNight()
		breakIt(night)
		_, err := tryPublish(night, Options{})
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: error %v", what, err)
		}
	}
	night := smallNight()
	inMemory(night).Of[1][0].Amount = largest / 100
	if _, err := tryPublish(night, Options{}); !errors.Is(err, settlement.ErrOutOfRange) {
		t.Errorf("an allocation beyond DECIMAL(18,4) gives %v", err)
	}
	night = smallNight()
	night.Positions[0].Due = decimal.New(1, 14)
	if _, err := tryPublish(night, Options{}); !errors.Is(err, settlement.ErrOutOfRange) {
		t.Errorf("a position beyond DECIMAL(18,4) gives %v", err)
	}
	if _, err := tryPublish(smallNight(), Options{DetailRowsPerFile: -1}); err == nil {
		t.Error("a detail of -1 rows was written")
	}
}

func TestErrorsOfTheSinkStopTheWriting(t *testing.T) {
	full := errors.New("the disk is full")
	calls := 0
	before := runtime.NumGoroutine()
	_, err := Write(context.Background(), smallNight(), Options{}, func(context.Context, string, io.ReadSeeker) error {
		if calls++; calls == 4 {
			return full
		}
		return nil
	})
	if !errors.Is(err, full) || calls != 4 {
		t.Errorf("after %d calls: %v", calls, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err = Write(ctx, smallNight(), Options{}, func(context.Context, string, io.ReadSeeker) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled writing gives %v", err)
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; {
		if time.Now().After(deadline) {
			t.Fatal("encoders were left running")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestWhatIsNoUnicodeIsReplaced(t *testing.T) {
	night := smallNight()
	night.Exceptions[1].Value, night.Exceptions[1].Message = "caf\xe9", "\xff\xfe"
	p := publish(t, night, Options{})
	if got := p.dump(t, "merchant=A/date=2026-06-16/exceptions.parquet", "value", "message"); !strings.Contains(got, "\ncaf\uFFFD,\uFFFD\n") {
		t.Errorf("the exceptions are\n%s", got)
	}
}

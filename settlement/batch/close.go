package batch

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/storage"

	"github.com/shopspring/decimal"
)

// A CloseJob makes dates final.
type CloseJob struct {
	Ledger  storage.Bucket
	Through settlement.Date
	// Operator is who does it, as claimed; Approval who agreed, Reason why; both may be "".
	Operator, Approval, Reason string
	// Now is the clock for the log's record.
	Now func() time.Time
}

// A CloseReport says what was closed, and which payments may be executed now.
type CloseReport struct {
	// Through is the last date that was made final, now or, if Already, by the record that did it.
	Through settlement.Date `json:"through"`
	Already bool            `json:"already,omitempty"`
	// Dates are those that became final, in order.
	Dates []settlement.Date `json:"dates"`
	// Payments are those of these dates, in order of date and as published.
	Payments []PaymentFacts `json:"payments"`
	// Record is the one that closed the dates; Before are the payments that became final then, if it
	// was done before with the same last date: whoever did not see the answer asks again.
	Record int64          `json:"record"`
	Before []PaymentFacts `json:"payments_final_before,omitempty"`
	// Sum adds up the payments of either list.
	Currency string     `json:"currency"`
	Sum      string     `json:"sum"`
	Head     HeadReport `json:"head"`
}

// PaymentFacts is a published payment.
type PaymentFacts struct {
	Date        settlement.Date `json:"date"`
	ID          string          `json:"payment_id"`
	Payer       string          `json:"payer_id"`
	Payee       string          `json:"payee_id"`
	Currency    string          `json:"currency"`
	Amount      string          `json:"amount"`
	StatementNo string          `json:"statement_no"`
}

// CloseDates makes every date through the job's final: none of them is restated any more, and
// their payments may be executed. A date that is final already is left alone. Errors:
// [RefusedError] for a date that is not settled, those that wrap [books.ErrLost] and
// [books.ErrUnknown], and those of the store.
func CloseDates(ctx context.Context, job CloseJob) (report CloseReport, err error) {
	ledger, err := books.Open(ctx, job.Ledger)
	if err != nil {
		return report, err
	}
	defer func() { report.Head.Sequence, report.Head.SHA256 = ledger.Head() }()
	first, settled := ledger.FirstSettled()
	last, _ := ledger.LastSettled()
	switch {
	case !settled:
		return report, refuse("%s cannot be closed: no date is settled yet", job.Through)
	case job.Through > last:
		return report, refuse("%s cannot be closed: the last settled date is %s; settle it first", job.Through, last)
	case job.Through < first:
		return report, refuse("%s cannot be closed: the first settled date is %s", job.Through, first)
	}
	if closed, any := ledger.ClosedThrough(); any {
		if job.Through <= closed {
			return report, report.recall(ctx, ledger, job.Through)
		}
		first = closed + 1
	}
	report.Through = job.Through
	if err := report.addPayments(ctx, ledger, first); err != nil {
		return report, err
	}
	attempt, err := ledger.Begin(ctx)
	if err != nil {
		return report, err
	}
	record := books.Record{Kind: books.Close, Operator: job.Operator, Approval: job.Approval, Reason: job.Reason,
		Program: Program, Through: job.Through.String()}
	if job.Now != nil {
		record.Time = job.Now().UTC().Format(time.RFC3339)
	}
	err = attempt.Commit(ctx, record)
	report.Record, _ = ledger.Head()
	return report, err
}

// recall says what closed a date that is final already, and if that was with this very last date,
// which payments became final then.
func (r *CloseReport) recall(ctx context.Context, ledger *books.Ledger, through settlement.Date) error {
	r.Already = true
	first, _ := ledger.FirstSettled()
	for _, record := range ledger.Records() {
		if record.Kind != books.Close {
			continue
		}
		last, err := settlement.ParseDate(record.Through)
		if err != nil {
			return fmt.Errorf("record %d: %w", record.Seq, err)
		}
		if through > last {
			first = last + 1
			continue
		}
		r.Record, r.Through = record.Seq, last
		if through == last {
			err = r.addPayments(ctx, ledger, first)
		}
		r.Before, r.Dates, r.Payments = r.Payments, []settlement.Date{}, []PaymentFacts{}
		return err
	}
	return nil
}

var paymentColumns = []string{"payment_id", "payer_id", "payee_id", "currency", "amount", "statement_no"}

// addPayments reads the payments of the dates from first on. That is done before the commit: a
// date whose payments cannot be read is not to be closed.
func (r *CloseReport) addPayments(ctx context.Context, ledger *books.Ledger, first settlement.Date) error {
	r.Dates, r.Payments = []settlement.Date{}, []PaymentFacts{}
	var fixed rules.Fixed
	if err := json.Unmarshal(ledger.Fixed(), &fixed); err != nil {
		return fmt.Errorf("read what is fixed in the ledger: %w", err)
	}
	r.Currency = fixed.Currency
	sum := decimal.Zero
	for date := first; date <= r.Through; date++ {
		settled, _ := ledger.Settled(date)
		if settled == nil {
			return fmt.Errorf("%s is not on record between settled dates", date)
		}
		r.Dates = append(r.Dates, date)
		err := readTable(ctx, ledger, settled.Alliance.Files, "payments", paymentColumns, func(cells []string) error {
			cell := cellReader{cells: cells}
			payment := PaymentFacts{Date: date, ID: cell.text(), Payer: cell.text(), Payee: cell.text(), Currency: cell.text()}
			amount := cell.amount()
			payment.Amount, payment.StatementNo = asMoney(amount, payment.Currency), cell.text()
			sum = sum.Add(amount)
			r.Payments = append(r.Payments, payment)
			return cell.err
		})
		if err != nil {
			return err
		}
	}
	r.Sum = asMoney(sum, r.Currency)
	return nil
}

// asMoney shows an amount with the decimals of its currency.
func asMoney(amount decimal.Decimal, currency string) string {
	if digits, known := rules.MinorDigits(currency); known {
		return amount.StringFixed(digits)
	}
	return amount.String()
}

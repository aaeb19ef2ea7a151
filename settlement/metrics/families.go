package metrics

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"alliance/settlement"
	"alliance/settlement/batch"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/shopspring/decimal"
)

// A Run is what is told of a run.
type Run struct {
	// Alliance is the id of the alliance; "" if the run did not come to know it.
	Alliance string
	// Version is the program's, Program identifies its arithmetic.
	Version, Program string
	Started, Ended   time.Time
	// Waited is how long the run waited for merchants.
	Waited time.Duration
	// Stages is how long each stage took, all dates together.
	Stages   map[batch.Stage]time.Duration
	ExitCode int
	// Missing is how many merchants were missing on the last date that was settled or refused.
	Missing int
	// Report is what the run did, and how far the ledger has come.
	Report batch.Report
}

// A collection gathers gauges.
type collection struct {
	registry *prometheus.Registry
}

// gauge adds a metric without labels.
func (c *collection) gauge(name, help string, value float64) {
	c.by(name, help)(value)
}

// by adds a metric with labels and returns what sets its values.
func (c *collection) by(name, help string, labels ...string) func(value float64, labels ...string) {
	vector := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	c.registry.MustRegister(vector)
	return func(value float64, of ...string) { vector.WithLabelValues(of...).Set(value) }
}

// Families returns what there is to tell, without the label alliance, in order of name.
func (r *Run) Families() ([]*dto.MetricFamily, error) {
	c := &collection{prometheus.NewRegistry()}
	r.addRun(c)
	settled := r.settled()
	if len(settled) > 0 && !r.Report.Restated {
		if err := addSettled(c, settled); err != nil {
			return nil, err
		}
	}
	if len(settled) > 0 && settled[len(settled)-1].OpenClaims != nil {
		addClaims(c, settled[len(settled)-1].OpenClaims)
	}
	if r.Report.Ledger != nil {
		addLedger(c, r.Report.Ledger)
	}
	return c.registry.Gather()
}

// settled returns the dates that the run put on record.
func (r *Run) settled() []batch.DateReport {
	if r.Report.DryRun || r.Report.Same {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(r.Report.Dates), func(date batch.DateReport) bool { return date.Already })
}

func (r *Run) addRun(c *collection) {
	c.by("settle_build_info", "1, with the version of the program and of its arithmetic.", "version", "computes_as")(1, r.Version, r.Program)
	c.gauge("settle_run_exit_code", "Exit code of the last run: 0 done, 1 failed, 2 wrong use or rulebook, 3 refused, 4 another run won, 5 unknown.", float64(r.ExitCode))
	c.gauge("settle_run_started_timestamp_seconds", "When the last run began.", moment(r.Started))
	c.gauge("settle_run_ended_timestamp_seconds", "When the last run ended.", moment(r.Ended))
	c.gauge("settle_run_wait_seconds", "How long the last run waited for merchants.", r.Waited.Seconds())
	c.gauge("settle_run_dates", "How many dates the last run settled.", float64(len(r.settled())))
	c.gauge("settle_run_missing_merchants", "How many merchants were missing on the last date that the last run settled or was refused for.", float64(r.Missing))
	stages := c.by("settle_run_stage_seconds", "How long each stage of the last run took, all dates together.", "stage")
	for _, stage := range batch.Stages() {
		stages(r.Stages[stage].Seconds(), string(stage))
	}
}

// addSettled tells what dates came to, all of them together.
func addSettled(c *collection, dates []batch.DateReport) error {
	var t batch.Totals
	var value, fees, tax, due amount
	codes := make(map[string]int64)
	for i := range dates {
		one := &dates[i].Totals
		t.Files += one.Files
		t.FilesHeld += one.FilesHeld
		t.RowsAccepted += one.RowsAccepted
		t.RowsDeferred += one.RowsDeferred
		t.RowsRejected += one.RowsRejected
		t.Statements += one.Statements
		t.Lines += one.Lines
		t.PointsAcross += one.PointsAcross
		t.Currency = one.Currency
		for code, count := range one.Codes {
			codes[code] += count
		}
		for _, part := range []struct {
			sum  *amount
			text string
		}{{&value, one.Value}, {&fees, one.Fees}, {&tax, one.Tax}, {&due, one.Due}} {
			if err := part.sum.add(part.text); err != nil {
				return fmt.Errorf("%s: %w", dates[i].Date, err)
			}
		}
	}
	const of = " the last run that settled dates"
	c.gauge("settle_settled_dates", "How many dates"+of+" settled.", float64(len(dates)))
	c.gauge("settle_settled_files", "How many files"+of+" looked at.", float64(t.Files))
	c.gauge("settle_settled_files_held", "How many files"+of+" held.", float64(t.FilesHeld))
	c.gauge("settle_settled_statements", "How many statements"+of+" published.", float64(t.Statements))
	c.gauge("settle_settled_lines", "How many lines"+of+" priced.", float64(t.Lines))
	c.gauge("settle_settled_points", "Points redeemed where they were not issued, less those given back, in"+of+".", float64(t.PointsAcross))
	rows := c.by("settle_settled_rows", "Rows that"+of+" read, by what became of them.", "state")
	rows(float64(t.RowsAccepted), "accepted")
	rows(float64(t.RowsDeferred), "deferred")
	rows(float64(t.RowsRejected), "rejected")
	exceptions := c.by("settle_settled_exceptions", "Exceptions of"+of+", by code.", "code")
	for code := settlement.UnknownFormat; code <= settlement.UnknownFolder; code++ {
		exceptions(float64(codes[code.String()]), code.String())
	}
	const exact = ", in whole minor units of the currency; exact up to 2^53."
	c.by("settle_settled_value_minor_units", "Sum of the values of all lines of"+of+exact, "currency")(value.minorUnits(), t.Currency)
	c.by("settle_settled_fees_minor_units", "What merchants pay in fees for cycles closed by"+of+exact, "currency")(fees.minorUnits(), t.Currency)
	c.by("settle_settled_tax_minor_units", "What merchants pay in tax on fees for cycles closed by"+of+exact, "currency")(tax.minorUnits(), t.Currency)
	c.by("settle_settled_due_minor_units", "Sum of the payments of cycles closed by"+of+exact, "currency")(due.minorUnits(), t.Currency)
	c.by("settle_currency_minor_digits", "How many digits the minor unit of the currency has.", "currency")(float64(value.digits), t.Currency)
	return nil
}

func addClaims(c *collection, claims *batch.ClaimStatus) {
	c.gauge("settle_open_claims", "Redemptions that no lot has covered in full yet.", float64(claims.Count))
	c.gauge("settle_open_claim_points", "Points that no lot has covered yet.", float64(claims.Points))
	oldest := settlement.NoDate
	if claims.Oldest != nil {
		oldest = *claims.Oldest
	}
	c.gauge("settle_open_claim_oldest_timestamp_seconds", "Earliest date that settled a redemption with an open claim; 0: there is none.", midnight(oldest))
}

func addLedger(c *collection, s *batch.LedgerReport) {
	c.gauge("settle_last_settled_date_timestamp_seconds", "The newest settled date.", midnight(s.Last))
	c.gauge("settle_last_settled_timestamp_seconds", "When the newest settled date was put on record.", moment(s.SettledAt))
	c.gauge("settle_next_cutoff_timestamp_seconds", "When the date after the newest settled one is over by the alliance's clock.", float64(s.NextCutOff)/1e6)
	nights := c.by("settle_merchant_missing_nights", "For how many nights in a row, up to the newest settled one, the merchant did not deliver although it was expected to.", "merchant")
	held := c.by("settle_merchant_held_files", "Files of the merchant that the newest settled date held.", "merchant")
	oldest := c.by("settle_merchant_held_oldest_timestamp_seconds", "Earliest date that a held file of the merchant was delivered for; 0: there is none.", "merchant")
	rows := c.by("settle_merchant_rows", "Rows of the merchant that the newest settled date read, by what became of them.", "merchant", "state")
	missing, heldFiles, oldestHeld := 0, 0, settlement.Never
	for i := range s.Merchants {
		m := &s.Merchants[i]
		nights(float64(m.MissingNights), m.Merchant)
		held(float64(m.Held), m.Merchant)
		oldest(midnight(m.OldestHeld), m.Merchant)
		rows(float64(m.Accepted), m.Merchant, "accepted")
		rows(float64(m.Deferred), m.Merchant, "deferred")
		rows(float64(m.Rejected), m.Merchant, "rejected")
		if m.MissingLast {
			missing++
		}
		if m.Held > 0 {
			heldFiles += m.Held
			oldestHeld = min(oldestHeld, m.OldestHeld)
		}
	}
	c.gauge("settle_missing_merchants", "How many merchants were missing on the newest settled date.", float64(missing))
	c.gauge("settle_held_files", "How many files the newest settled date held.", float64(heldFiles))
	c.gauge("settle_held_oldest_timestamp_seconds", "Earliest date that a held file was delivered for; 0: there is none.", midnight(oldestHeld))
}

// moment returns a time in seconds since 1970, 0 for none.
func moment(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return float64(at.UnixMilli()) / 1e3
}

// midnight returns 00:00 UTC of a date in seconds since 1970, 0 for none.
func midnight(date settlement.Date) float64 {
	if date == settlement.NoDate || date == settlement.Never {
		return 0
	}
	return float64(date) * 24 * 60 * 60
}

// An amount is a sum of money with the decimals of the minor unit.
type amount struct {
	sum    decimal.Decimal
	digits int32
}

// add adds an amount that is written with all decimals of the minor unit.
func (a *amount) add(text string) error {
	more, err := decimal.NewFromString(text)
	if err != nil {
		return fmt.Errorf("%q is no amount: %w", text, err)
	}
	_, decimals, _ := strings.Cut(text, ".")
	a.digits = max(a.digits, int32(len(decimals)))
	a.sum = a.sum.Add(more)
	return nil
}

// minorUnits returns the sum in minor units. This is the one place where money becomes floating
// point: a whole number, exact up to 2^53, else the nearest that there is.
func (a *amount) minorUnits() float64 {
	whole := a.sum.Shift(a.digits).String()
	units, err := strconv.ParseFloat(whole, 64)
	if err != nil {
		panic("metrics: " + whole + " is no number of minor units: " + err.Error())
	}
	return units
}

package settlement

import (
	"fmt"
	"math"
	"time"
)

// A Date is a civil date, counted in days since 1970-01-01. It has no time zone: which
// instants belong to it is the business of a [Calendar]. Dates compare with < and >.
type Date int32

const (
	// NoDate stands for a date that was not given.
	NoDate Date = math.MinInt32
	// Never is the expiry of points that do not expire. It sorts after every date.
	Never Date = math.MaxInt32
)

// NewDate returns the date of a year, month and day of the Gregorian calendar, which must exist.
func NewDate(year int, month time.Month, day int) Date {
	return Date(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / secondsPerDay)
}

const secondsPerDay = 24 * 60 * 60

// ParseDate reads YYYY-MM-DD, years 0000 to 9999. The error names the text.
func ParseDate(text string) (Date, error) {
	if len(text) != len(time.DateOnly) {
		return NoDate, fmt.Errorf("%q is not a date of the form YYYY-MM-DD", text)
	}
	parsed, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return NoDate, fmt.Errorf("%q is not a date of the form YYYY-MM-DD", text)
	}
	return Date(floorDivide(parsed.Unix(), secondsPerDay)), nil
}

// String returns YYYY-MM-DD, "never" for [Never] and "" for [NoDate].
func (d Date) String() string {
	switch d {
	case NoDate:
		return ""
	case Never:
		return "never"
	}
	return d.midnight().Format(time.DateOnly)
}

// Compact returns YYYYMMDD.
func (d Date) Compact() string { return d.midnight().Format("20060102") }

// MarshalText writes the date as [Date.String] does.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what [Date.MarshalText] wrote.
func (d *Date) UnmarshalText(text []byte) error {
	switch string(text) {
	case "":
		*d = NoDate
		return nil
	case "never":
		*d = Never
		return nil
	}
	parsed, err := ParseDate(string(text))
	*d = parsed
	return err
}

// Weekday returns the day of the week.
func (d Date) Weekday() time.Weekday { return d.midnight().Weekday() }

// AddMonths returns the same day some months later; a day that the month does not have
// becomes the month's last one.
func (d Date) AddMonths(months int) Date {
	year, month, day := d.midnight().Date()
	first := time.Date(year, month+time.Month(months), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return NewDate(first.Year(), first.Month(), min(day, last))
}

// MonthStart returns the first day of the date's month.
func (d Date) MonthStart() Date {
	year, month, _ := d.midnight().Date()
	return NewDate(year, month, 1)
}

// MonthEnd returns the last day of the date's month.
func (d Date) MonthEnd() Date {
	return d.MonthStart().AddMonths(1) - 1
}

// WeekStart returns the Monday of the date's week.
func (d Date) WeekStart() Date {
	return d - Date((int(d.Weekday())+6)%7)
}

func (d Date) midnight() time.Time { return time.Unix(int64(d)*secondsPerDay, 0).UTC() }

// An Instant is a moment, in microseconds since 1970-01-01T00:00:00Z.
type Instant int64

// String returns the instant in UTC, RFC 3339 with as many digits as it needs.
func (i Instant) String() string {
	return time.UnixMicro(int64(i)).UTC().Format("2006-01-02T15:04:05.999999Z")
}

// A Calendar says to which business date an instant belongs: the date on the wall clock of
// its zone, or the day before if that wall clock shows a time before DayStartsAt.
// Wall clocks are compared, not instants, so on a day without 02:30 (or with two of them)
// the cut-off is still where the clock on the wall shows it.
type Calendar struct {
	Zone *time.Location
	// DayStartsAt is the wall-clock time at which a business date starts, from midnight.
	DayStartsAt time.Duration
}

// BusinessDate returns the business date of an instant.
func (c Calendar) BusinessDate(at Instant) Date {
	_, offset_s := time.UnixMicro(int64(at)).In(c.Zone).Zone()
	wall_us := int64(at) + int64(offset_s)*1e6
	return Date(floorDivide(wall_us-c.DayStartsAt.Microseconds(), secondsPerDay*1e6))
}

func floorDivide(a, b int64) int64 {
	quotient := a / b
	if a%b < 0 {
		quotient--
	}
	return quotient
}

// A Cycle is the span of settlement dates between two nettings.
type Cycle struct {
	Start, End Date
}

// A CycleLength says how often an alliance nets.
type CycleLength string

// The lengths a cycle may have. Weeks run from Monday to Sunday. Cycles follow the
// calendar, so the first one of a ledger may be partial.
const (
	Daily   CycleLength = "daily"
	Weekly  CycleLength = "weekly"
	Monthly CycleLength = "monthly"
)

// CycleOf returns the cycle that a settlement date belongs to.
func (l CycleLength) CycleOf(d Date) Cycle {
	switch l {
	case Weekly:
		return Cycle{d.WeekStart(), d.WeekStart() + 6}
	case Monthly:
		return Cycle{d.MonthStart(), d.MonthEnd()}
	default:
		return Cycle{d, d}
	}
}

// Closes reports whether the cycle is netted when d is settled.
func (c Cycle) Closes(d Date) bool { return d == c.End }

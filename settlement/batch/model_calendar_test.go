package batch_test

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // the model knows every zone, wherever it runs
)

// The model shares no code with the engine: it has its own days, instants and money.

// A day counts days since 1970-01-01.
type day int

const never day = 1 << 40

func newDay(year, month, date int) day {
	return day(time.Date(year, time.Month(month), date, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

func (d day) time() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

func (d day) String() string {
	if d == never {
		return "never"
	}
	return d.time().Format("2006-01-02")
}

var dayForm = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)

func parseDay(text string) (day, bool) {
	if !dayForm.MatchString(text) {
		return 0, false
	}
	at, err := time.Parse("2006-01-02", text)
	if err != nil {
		return 0, false
	}
	return newDay(at.Year(), int(at.Month()), at.Day()), true
}

func mustDay(text string) day {
	d, ok := parseDay(text)
	if !ok {
		panic("not a day: " + text)
	}
	return d
}

func (d day) monthEnd() day {
	at := d.time()
	return newDay(at.Year(), int(at.Month())+1, 1) - 1
}

func (d day) monthStart() day { return newDay(d.time().Year(), int(d.time().Month()), 1) }

// addMonths goes to the same day of a later month, or to that month's last day.
func (d day) addMonths(months int) day {
	at := d.time()
	target := newDay(at.Year(), int(at.Month())+months, 1)
	if last := target.monthEnd(); at.Day() > last.time().Day() {
		return last
	}
	return target + day(at.Day()-1)
}

// cycleOf returns the first and the last settlement date of the cycle that d is in.
func cycleOf(length string, d day) (day, day) {
	switch length {
	case "daily":
		return d, d
	case "weekly":
		monday := d
		for monday.time().Weekday() != time.Monday {
			monday--
		}
		return monday, monday + 6
	case "monthly":
		return d.monthStart(), d.monthEnd()
	}
	panic("no such cycle: " + length)
}

var instantForm = regexp.MustCompile(`^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))$`)

// parseInstant returns microseconds since 1970 in UTC.
func parseInstant(text string) (int64, bool) {
	part := instantForm.FindStringSubmatch(text)
	if part == nil {
		return 0, false
	}
	number := func(i int) int {
		if part[i] == "" {
			return 0
		}
		n, err := strconv.Atoi(part[i])
		if err != nil {
			panic(err)
		}
		return n
	}
	if _, ok := parseDay(part[1] + "-" + part[2] + "-" + part[3]); !ok {
		return 0, false
	}
	if number(1) < 1970 || number(1) > 2200 || number(4) > 23 || number(5) > 59 || number(6) > 59 || number(9) > 23 || number(10) > 59 {
		return 0, false
	}
	micro, err := strconv.Atoi((part[7] + "000000")[:6])
	if err != nil {
		panic(err)
	}
	offset := (number(9)*60 + number(10)) * 60
	if part[8] == "-" {
		offset = -offset
	}
	at := time.Date(number(1), time.Month(number(2)), number(3), number(4), number(5), number(6), 0, time.UTC)
	return (at.Unix()-int64(offset))*1e6 + int64(micro), true
}

func instantText(micro int64) string {
	return time.UnixMicro(micro).UTC().Format("2006-01-02T15:04:05.000000Z")
}

var zones sync.Map // loading a zone anew for every row would take most of the time

func zoneOf(name string) *time.Location {
	if zone, ok := zones.Load(name); ok {
		return zone.(*time.Location)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	zones.Store(name, zone)
	return zone
}

// businessDate reads the wall clock of the alliance.
func businessDate(c *config, micro int64) day {
	wall := time.UnixMicro(micro).In(zoneOf(c.zone))
	d := newDay(wall.Year(), int(wall.Month()), wall.Day())
	if wall.Format("15:04") < c.dayStartsAt {
		d--
	}
	return d
}

// Money is exact: a big.Rat everywhere, rounded only where the rules say so.

func rat(text string) *big.Rat {
	value, ok := new(big.Rat).SetString(text)
	if !ok {
		panic("not a decimal: " + text)
	}
	return value
}

func zero() *big.Rat               { return new(big.Rat) }
func whole(n int64) *big.Rat       { return new(big.Rat).SetInt64(n) }
func plus(a, b *big.Rat) *big.Rat  { return new(big.Rat).Add(a, b) }
func minus(a, b *big.Rat) *big.Rat { return new(big.Rat).Sub(a, b) }
func times(a, b *big.Rat) *big.Rat { return new(big.Rat).Mul(a, b) }
func negative(a *big.Rat) *big.Rat { return new(big.Rat).Neg(a) }
func absolute(a *big.Rat) *big.Rat { return new(big.Rat).Abs(a) }
func less(a, b *big.Rat) bool      { return a.Cmp(b) < 0 }
func total(list ...*big.Rat) *big.Rat {
	sum := zero()
	for _, a := range list {
		sum = plus(sum, a)
	}
	return sum
}

// round rounds to the minor unit of the currency.
func (c *config) round(amount *big.Rat) *big.Rat {
	unit := whole(1)
	for range c.digits() {
		unit = times(unit, whole(10))
	}
	scaled := times(absolute(amount), unit)
	down := new(big.Int).Quo(scaled.Num(), scaled.Denom())
	rest := minus(scaled, new(big.Rat).SetInt(down))
	half := big.NewRat(1, 2)
	up := rest.Cmp(half) > 0
	if rest.Cmp(half) == 0 {
		up = c.rounding == "half_up" || down.Bit(0) == 1
	}
	if up {
		down.Add(down, big.NewInt(1))
	}
	result := new(big.Rat).Quo(new(big.Rat).SetInt(down), unit)
	if amount.Sign() < 0 {
		return negative(result)
	}
	return result
}

// value is the money for points at a price, not rounded.
func value(points int64, p price) *big.Rat {
	return new(big.Rat).Quo(times(whole(points), rat(p.amount)), whole(p.perPoints))
}

// money shows an amount with the minor unit's decimals.
func (c *config) money(amount *big.Rat) string {
	if c.round(amount).Cmp(amount) != 0 {
		panic(fmt.Sprintf("%s is not an amount of %s", amount.RatString(), c.currency))
	}
	text := amount.FloatString(c.digits())
	if amount.Sign() == 0 {
		return strings.TrimPrefix(text, "-")
	}
	return text
}

// plain shows a decimal without needless zeros: "0.95", "1", "0.0105".
func plain(text string) string {
	shown := rat(text).FloatString(12)
	return strings.TrimSuffix(strings.TrimRight(shown, "0"), ".")
}

package layout

import (
	"math"
	"strings"
	"time"

	"alliance/settlement"
)

const (
	secondsPerDay    = 24 * 60 * 60
	microseconds     = 1_000_000
	firstYear        = 1970
	lastYear         = 2200
	faultOutOfRange  = "is not in the years 1970 to 2200"
	minInstant       = 0
	maxInstant       = 84_371*secondsPerDay*microseconds - 1 // 2201-01-01 is day 84371
	farthestOffset_s = 26 * 3600
)

// A clockReader turns the texts of one file into instants. It remembers the zone's offset around
// the last one: nearly all rows of a file lie between the same two changes of the clocks.
type clockReader struct {
	*Clock
	// from and until bound the wall clocks, in seconds, that have surely only this offset.
	from, until int64
	offset_s    int64
}

// read returns the instant, or what is wrong with the text.
func (c *clockReader) read(text string) (at settlement.Instant, fault string) {
	if c.Epoch != NoEpoch {
		return c.count(text)
	}
	w, ok := c.Pattern.read(text)
	if !ok {
		return 0, "has to be a date and a time of the form " + c.Pattern.text
	}
	if w.year < firstYear || w.year > lastYear {
		return 0, faultOutOfRange
	}
	clock_s, offset_s := w.clock_s(), w.offset_s
	if !w.hasOffset {
		if offset_s, ok = c.offsetAt(clock_s); !ok {
			return 0, "is a time that the clocks of " + c.ZoneName + " skipped"
		}
	}
	return inRange((clock_s-offset_s)*microseconds + w.fraction_us)
}

func inRange(at_us int64) (settlement.Instant, string) {
	if at_us < minInstant || at_us > maxInstant {
		return 0, faultOutOfRange
	}
	return settlement.Instant(at_us), ""
}

// offsetAt returns how far a wall clock of the zone is ahead of UTC. Of a wall clock that was
// shown twice, the first one counts; ok is false if it was never shown.
func (c *clockReader) offsetAt(clock_s int64) (offset_s int64, ok bool) {
	if c.from <= clock_s && clock_s < c.until {
		return c.offset_s, true
	}
	first := int64(math.MaxInt64)
	for at := time.Unix(clock_s-farthestOffset_s, 0).In(c.Zone); ; {
		_, offset := at.Zone()
		start, end := at.ZoneBounds()
		real := clock_s - int64(offset)
		if (start.IsZero() || real >= start.Unix()) && (end.IsZero() || real < end.Unix()) && real < first {
			first, offset_s, ok = real, int64(offset), true
		}
		if end.IsZero() || end.Unix() > clock_s+farthestOffset_s {
			break
		}
		at = end
	}
	if ok {
		c.remember(first, offset_s)
	}
	return offset_s, ok
}

// remember notes the span of wall clocks around an instant that no change of the clocks touches.
func (c *clockReader) remember(at_s, offset_s int64) {
	start, end := time.Unix(at_s, 0).In(c.Zone).ZoneBounds()
	c.from, c.until, c.offset_s = math.MinInt64, math.MaxInt64, offset_s
	if !start.IsZero() {
		c.from = start.Unix() + farthestOffset_s
	}
	if !end.IsZero() {
		c.until = end.Unix() - farthestOffset_s
	}
}

// perSecond is how many units of an epoch a second has.
var perSecond = map[Epoch]int64{Seconds: 1, Milliseconds: 1_000, Microseconds: 1_000_000}

// count reads a number of units since 1970, perhaps with decimals; what is finer than a
// microsecond is cut off.
func (c *clockReader) count(text string) (settlement.Instant, string) {
	whole, decimals, hasDecimals := strings.Cut(text, ".")
	if !isDigits(whole) || hasDecimals && !isDigits(decimals) {
		return 0, "has to be the number of " + string(c.Epoch) + " since 1970-01-01T00:00:00Z, digits only"
	}
	unit_us := microseconds / perSecond[c.Epoch]
	units := int64(0)
	for i := range len(whole) {
		units = units*10 + int64(whole[i]-'0')
		if units > maxInstant/unit_us {
			return 0, faultOutOfRange
		}
	}
	return inRange(units*unit_us + microsecondsOf(decimals)/perSecond[c.Epoch])
}

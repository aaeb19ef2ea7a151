package settlement

import "time"

// CutOff returns the moment at which a business date is over for good: every earlier instant may
// belong to it, none from then on belongs to it or to a date before. On most days that is when
// the clock on the wall shows DayStartsAt of the next date; where that time is skipped, the
// moment of the skip; where it comes twice because clocks are put back, the last moment at which
// the clock still shows less. A date that a zone leaves out is over as soon as the one before is.
func (c Calendar) CutOff(date Date) Instant {
	next_us := (int64(date)+1)*secondsPerDay*1e6 + c.DayStartsAt.Microseconds()
	// Every zone is within a day of UTC: here its clocks show more for ever. From here back, the
	// first span of one offset in which the clock shows less at any time holds the last such moment.
	for at := time.UnixMicro(next_us).Add(secondsPerDay * time.Second).In(c.Zone); ; {
		_, offset_s := at.Zone()
		reached := time.UnixMicro(next_us - int64(offset_s)*1e6)
		from, until := at.ZoneBounds()
		switch {
		case !from.IsZero() && !reached.After(from):
			at = from.Add(-time.Microsecond)
		case !until.IsZero() && until.Before(reached):
			return Instant(until.UnixMicro())
		default:
			return Instant(reached.UnixMicro())
		}
	}
}

// LastOver returns the newest business date that is over at an instant: the instant is its
// cut-off or later.
func (c Calendar) LastOver(at Instant) Date {
	date := c.BusinessDate(at) - 1
	for c.CutOff(date) > at {
		date--
	}
	return date
}

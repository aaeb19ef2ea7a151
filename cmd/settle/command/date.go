package command

import (
	"math"
	"strconv"
	"strings"
	"time"

	"alliance/settlement"
)

// lastDate is what --date says for the newest date that is over.
const lastDate = "last"

const (
	// mostSkew is how far the clocks of two machines may be apart.
	mostSkew = 10 * time.Minute
	// oldestSchedule is how long ago a Job may have been scheduled for its name to say so.
	oldestSchedule = 400 * 24 * time.Hour
)

// A moment is the instant that a run is made for: the one it was scheduled for, so that a run that
// is started again after midnight, or after a day, is still the run of its night.
type moment struct {
	at time.Time
	// source says where it is known from.
	source string
}

// jobPrefix is what --at begins with if it names a Job.
const jobPrefix = "job:"

// moment returns the instant that the run is made for: what --at says, else now.
func (f *runFlags) moment(now time.Time, tell *progress) (moment, error) {
	clock := moment{now, "this machine's clock"}
	if f.at == "" {
		return clock, nil
	}
	if name, isJob := strings.CutPrefix(f.at, jobPrefix); isJob {
		if at, found := scheduledTime(name, now); found {
			return moment{at, "the name of the Job " + name}, nil
		}
		tell.info("the Job's name does not end in the minute that a CronJob made it for; the clock says what time it is", "job", name)
		return clock, nil
	}
	at, err := time.Parse(time.RFC3339, f.at)
	switch {
	case err != nil:
		return moment{}, usage("--at: %q is neither an instant of the form 2026-06-08T04:30:00+08:00 nor %sNAME", f.at, jobPrefix)
	case at.After(now.Add(mostSkew)):
		return moment{}, usage("--at %s lies ahead of this machine's clock, which shows %s: correct the one or the other", f.at, utc(now))
	}
	return moment{at, "--at"}, nil
}

// scheduledTime reads the time that a CronJob of Kubernetes made a Job for off the Job's name, which
// ends in "-" and the minutes since 1970. It is the only place where a pod can see that time: the
// annotation that has it is on the Job, and a pod sees its own labels and annotations alone. A Job
// that somebody made by hand has any name: a number that is no time of the last 400 days is part
// of such a name.
func scheduledTime(jobName string, now time.Time) (at time.Time, found bool) {
	end := strings.LastIndexByte(jobName, '-')
	if end < 1 {
		return at, false
	}
	digits := jobName[end+1:]
	minutes, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || minutes > math.MaxInt64/60 || strconv.FormatUint(minutes, 10) != digits {
		return at, false
	}
	at = time.Unix(int64(minutes)*60, 0)
	return at, at.After(now.Add(-oldestSchedule)) && !at.After(now.Add(mostSkew))
}

// settlementDate returns the date that --date says.
func (f *runFlags) settlementDate(calendar settlement.Calendar, made moment) (settlement.Date, error) {
	if f.date != lastDate {
		return parseDate("date", f.date)
	}
	return calendar.LastOver(settlement.Instant(made.at.Add(-f.delay).UnixMicro())), nil
}

// checkDate finds what is wrong with the flags of the date before anything is opened.
func (f *runFlags) checkDate() error {
	given := func(name string) bool { return onCommandLine(f.set, name) }
	if f.delay < 0 || f.wait < 0 || f.pollInterval <= 0 {
		return usage("--delay and --wait-for-merchants are durations such as 90m, --poll-interval is one above 0")
	}
	if f.date == lastDate {
		return nil
	}
	if _, err := settlement.ParseDate(f.date); err != nil {
		return usage("--date: %w, nor the word %q", err, lastDate)
	}
	switch {
	case given("delay"):
		return usage("--delay belongs to --date %s: the date %s is settled whenever it is asked for; leave --delay out", lastDate, f.date)
	case given("at") && (f.wait == 0 || f.restate):
		return usage("--at belongs to --date %s and to --wait-for-merchants: nothing else goes by the instant that the run is made for; leave --at out", lastDate)
	}
	return nil
}

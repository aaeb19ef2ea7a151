package command

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"alliance/settlement"
	"alliance/settlement/batch"
)

// A clock says what time it is, and lets it pass.
type clock struct {
	now func() time.Time
	// sleep returns early if the context ends.
	sleep func(context.Context, time.Duration)
}

// A wait polls the inbox until everybody has delivered or the time is over.
type wait struct {
	date settlement.Date
	// until is when it gives up; interval lies between two looks at the inbox.
	until    time.Time
	interval time.Duration
	// missing looks at the inbox.
	missing func(context.Context) ([]batch.MissingMerchant, error)
	clock
	tell *progress

	// told is who was missing when somebody was last told, at toldAt.
	told   []string
	toldAt time.Time
}

// tellEvery is how often a log says that nothing has changed.
const tellEvery = 10 * time.Minute

// wait returns once no merchant is missing, or when the time is over: then the run that follows
// does what the rulebook says of missing merchants. Its error is that of the first look at the
// inbox, or that the context ended; later looks may fail, for a store may be away for a while.
func (w *wait) wait(ctx context.Context) error {
	var missing []batch.MissingMerchant
	for look := 1; ; look++ {
		found, err := w.missing(ctx)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("waiting for merchants (%s): %w", orNone(idsOf(missing)), ctx.Err())
		case err != nil && look == 1:
			return err
		case err != nil:
			w.tell.warn("the inbox could not be listed while waiting for merchants; it is tried again", "date", w.date.String(), "error", err)
		default:
			missing = found
		}
		if err == nil && len(missing) == 0 {
			w.tell.info("every merchant that is expected has delivered", "date", w.date.String())
			return nil
		}
		left := w.until.Sub(w.now())
		if left <= 0 {
			w.tell.warn("the time to wait for merchants is over", "date", w.date.String(), "until", utc(w.until), "missing", reasonsOf(missing))
			return nil
		}
		w.tellMissing(missing)
		w.sleep(ctx, min(w.interval, left))
	}
}

func (w *wait) tellMissing(missing []batch.MissingMerchant) {
	ids := idsOf(missing)
	w.tell.line("%s  waiting until %s for %s: %s", w.date, utc(w.until), count(int64(len(ids)), "merchant"), strings.Join(ids, ", "))
	if now := w.now(); !slices.Equal(ids, w.told) || now.Sub(w.toldAt) >= tellEvery {
		w.told, w.toldAt = ids, now
		w.tell.log("waiting for merchants", "date", w.date.String(), "until", utc(w.until), "missing", strings.Join(ids, ", "))
	}
}

func idsOf(missing []batch.MissingMerchant) []string {
	ids := make([]string, len(missing))
	for i := range missing {
		ids[i] = missing[i].Merchant
	}
	return ids
}

func reasonsOf(missing []batch.MissingMerchant) string {
	var named []string
	for _, one := range missing {
		text := one.Merchant + " (" + one.Reason + ")"
		if one.Required {
			text += ", which is required"
		}
		named = append(named, text)
	}
	return strings.Join(named, "; ")
}

func orNone(ids []string) string {
	return listOr(ids, "not known yet")
}

func utc(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// sleep waits for a while, or until the context ends.
func sleep(ctx context.Context, span time.Duration) {
	timer := time.NewTimer(span)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

package main

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"syscall"
	"time"
)

func overlapping(ctx context.Context, t *trial, f *finding) error {
	w := t.world("overlapping")
	if err := w.apply(ctx, w.dates...); err != nil {
		return err
	}
	// All three are held when each has read the inbox of the first night, and let go at once.
	names := []string{"night-a", "night-b", "night-c"}
	var traps []*trap
	for _, name := range names {
		traps = append(traps, w.node.set(w.name, name, 1, readDone, func(a *attempt) { _ = a.process.Signal(syscall.SIGSTOP) }))
		if err := w.start(ctx, name); err != nil {
			return err
		}
	}
	for _, trap := range traps {
		if err := trap.wait(ctx); err != nil {
			return err
		}
	}
	for _, name := range names {
		_ = w.node.attemptsOf(w.name, name)[0].process.Signal(syscall.SIGCONT)
	}
	lost := 0
	for _, name := range names {
		outcome, _, err := w.finished(ctx, name)
		if err != nil {
			return err
		}
		f.see(w, name, outcome)
		if outcome != "Complete" {
			return fmt.Errorf("the Job %s is %s", name, outcome)
		}
		for _, code := range w.exits(name) {
			switch code {
			case 0:
			case 4:
				lost++
			default:
				return fmt.Errorf("the Job %s has the exit codes %v", name, w.exits(name))
			}
		}
	}
	if lost < 2 {
		return fmt.Errorf("%d attempts lost, so they did not overlap", lost)
	}
	f.record = onRecord(w.dates...)
	return w.once(ctx, w.dates...)
}

func beside(ctx context.Context, t *trial, f *finding) error {
	w := t.world("beside")
	w.suspend = false
	if err := w.apply(ctx, w.dates[2]); err != nil {
		return err
	}
	nightly, err := w.heldNightly(ctx)
	if err != nil {
		return err
	}
	name := "settle-rerun-" + w.dates[2]
	if err := w.rerun(ctx, "--date", w.dates[2]); err != nil {
		return err
	}
	if err := w.expect(ctx, f, name, "Complete", 0); err != nil {
		return err
	}
	_ = nightly.process.Signal(syscall.SIGCONT)
	if err := w.expect(ctx, f, nightly.job, "Complete", 4, 0); err != nil {
		return err
	}
	_, records, err := w.versions(ctx)
	if err != nil {
		return err
	}
	if records[len(records)-1].Operator != "olga" {
		return fmt.Errorf("on record is %v, not the rerun", records)
	}
	f.record = onRecord(w.dates[2]) + " by hand"
	return w.once(ctx, w.dates[2])
}

// heldNightly waits for the Job that the CronJob makes by its schedule and holds it when it has read the inbox. No
// other one is made after it.
func (w *world) heldNightly(ctx context.Context) (*attempt, error) {
	trap := w.node.set(w.name, "", 1, readDone, func(a *attempt) { _ = a.process.Signal(syscall.SIGSTOP) })
	job, err := w.scheduled(ctx)
	if err != nil {
		return nil, err
	}
	if err := w.pause(ctx, true); err != nil {
		return nil, err
	}
	if err := trap.wait(ctx); err != nil {
		return nil, err
	}
	return w.node.attemptsOf(w.name, job.Name)[0], nil
}

func restated(ctx context.Context, t *trial, f *finding) error {
	w := t.world("restated")
	if err := w.apply(ctx, w.dates...); err != nil {
		return err
	}
	// Two dates are settled. Then the nightly run of the third begins, and a merchant mends the second.
	if err := w.rerun(ctx, "--date", w.dates[1], "--catch-up"); err != nil {
		return err
	}
	if err := w.expect(ctx, f, "settle-rerun-"+w.dates[1], "Complete", 0); err != nil {
		return err
	}
	if err := w.pause(ctx, false); err != nil {
		return err
	}
	nightly, err := w.heldNightly(ctx)
	if err != nil {
		return err
	}
	mended := "transaction_id,member_id,kind,points,occurred_at\nmended-1,m000000001,issue,500," + w.dates[1] + "T12:00:00+08:00\n"
	if err := w.store.put(ctx, w.name, "inbox/merchant=M1/date="+w.dates[1]+"/mended.csv", []byte(mended)); err != nil {
		return err
	}
	// The cluster must not take this for one of its variables.
	const reason = "M1 mended a file, 5$ and $(JOB_NAME)"
	if err := w.rerun(ctx, "--date", w.dates[1], "--restate", "--reason", reason, "--approved-by", "Ann"); err != nil {
		return err
	}
	if err := w.expect(ctx, f, "settle-restate-"+w.dates[1], "Complete", 0); err != nil {
		return err
	}
	_ = nightly.process.Signal(syscall.SIGCONT)
	if err := w.expect(ctx, f, nightly.job, "Complete", 4, 0); err != nil {
		return err
	}
	versions, records, err := w.versions(ctx)
	if err != nil {
		return err
	}
	wanted := map[string][]int{w.dates[0]: {1}, w.dates[1]: {1, 2}, w.dates[2]: {1}}
	if !reflect.DeepEqual(versions, wanted) {
		return fmt.Errorf("on record are the versions %v, not %v", versions, wanted)
	}
	if !slices.ContainsFunc(records, func(one record) bool { return one.Reason == reason }) {
		return fmt.Errorf("no record has the reason %q: %v", reason, records)
	}
	if _, err := w.run(ctx, "verify"); err != nil {
		return err
	}
	f.record = w.dates[0] + " v1, " + w.dates[1] + " v1 v2, " + w.dates[2] + " v1"
	return nil
}

func missed(ctx context.Context, t *trial, f *finding) error {
	w := t.world("missed")
	if err := w.apply(ctx, w.dates...); err != nil {
		return err
	}
	if err := w.rerun(ctx, "--date", w.dates[0]); err != nil {
		return err
	}
	if err := w.expect(ctx, f, "settle-rerun-"+w.dates[0], "Complete", 0); err != nil {
		return err
	}
	// The cluster goes down before the CronJob's first time, and is down for two of its times.
	t.plane.stopManager()
	if err := w.pause(ctx, false); err != nil {
		return err
	}
	time.Sleep(2*time.Minute + 5*time.Second)
	if jobs, err := w.scheduledJobs(ctx); err != nil || len(jobs) > 0 {
		return fmt.Errorf("%d Jobs were made while the controllers were down, %w", len(jobs), err)
	}
	up := time.Now()
	if err := t.plane.startManager(); err != nil {
		return err
	}
	job, err := w.scheduled(ctx)
	if err != nil {
		return err
	}
	if err := w.pause(ctx, true); err != nil {
		return err
	}
	if err := w.expect(ctx, f, job.Name, "Complete", 0); err != nil {
		return err
	}
	jobs, err := w.scheduledJobs(ctx)
	if err != nil {
		return err
	}
	before := 0
	for i := range jobs {
		made, err := madeFor(&jobs[i])
		if err != nil {
			return err
		}
		if made.Before(up) {
			before++
		}
	}
	if before != 1 {
		return fmt.Errorf("%d Jobs were made for the time in which the controllers were down", before)
	}
	f.record = onRecord(w.dates...)
	return w.once(ctx, w.dates...)
}

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A testCase is something that happens to a night in a cluster, and what has to become of it.
type testCase struct {
	name string // also of its namespace
	says string // in the table
	run  func(context.Context, *trial, *finding) error
	// alone says that it disturbs others.
	alone bool
}

var cases = []testCase{
	{name: "shipped", says: "strict server-side validation takes the overlay as it is shipped, and no mistyped one", run: shipped},
	{name: "fires", says: "the CronJob fires, its Job settles the night it was made for", run: fires},
	{name: "refused", says: "a refusal (exit 3) fails at once, nothing is written", run: refused},
	{name: "mistaken", says: "a wrong rulebook (exit 2) fails at once", run: mistaken},
	{name: "killed", says: "killed (kill -9) while it reads: tried again, completes", run: killed},
	{name: "killed-late", says: "killed after the commit: the next attempt finds it settled", run: killedLate},
	{name: "stopped", says: "stopped by a signal (exit 1): tried again, completes", run: stopped},
	{name: "drained", says: "its node is drained: no second pod before the first is gone, does not count", run: drained},
	{name: "overlapping", says: "three Jobs at once: one version", run: overlapping},
	{name: "beside", says: "a manual rerun wins beside the nightly Job, which loses cleanly", run: beside},
	{name: "restated", says: "a restatement by hand beside the nightly Job: each once", run: restated},
	{name: "too-long", says: "a night that outlasts its deadline ends within the grace period", run: tooLong},
	{name: "missed", says: "controllers down at the scheduled time: started late once, catches up", run: missed, alone: true},
}

// readDone is what the program logs when it has read the inbox: it is in the midst of a night, and nothing is on record.
const readDone = `"stage":"read"`

func shipped(ctx context.Context, t *trial, f *finding) error {
	f.jobs = "-"
	said, err := t.plane.kubectl(ctx, nil, "apply", "--server-side", "--validate=strict", "-k", t.overlay)
	if err != nil {
		return err
	}
	if strings.Contains(said, "Warning") {
		return fmt.Errorf("the server warns: %s", said)
	}
	manifests, err := t.plane.kubectl(ctx, nil, "kustomize", t.overlay)
	if err != nil {
		return err
	}
	for _, change := range [][2]string{{"startingDeadlineSeconds:", "startingDeadlineSecond:"}, {"timeZone: Asia/Shanghai", "timeZone: Asia/Shangai"}, {"action: FailJob", "action: Fail"}} {
		wrong := strings.Replace(manifests, change[0], change[1], 1)
		if wrong == manifests {
			return fmt.Errorf("the manifests have no %q", change[0])
		}
		if said, err := t.plane.kubectl(ctx, []byte(wrong), "apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", "-"); err == nil {
			return fmt.Errorf("with %q the manifests are accepted: %s", change[1], said)
		}
	}
	f.record = "-"
	return nil
}

func fires(ctx context.Context, t *trial, f *finding) error {
	w := t.world("fires")
	w.suspend = false
	if err := w.apply(ctx, w.dates...); err != nil {
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
	made, err := madeFor(job)
	if err != nil {
		return err
	}
	attempt := w.node.attemptsOf(w.name, job.Name)[0]
	if wanted := fmt.Sprintf(`"at":%q`, made.UTC().Format("2006-01-02T15:04:05Z")); !strings.Contains(string(attempt.log), wanted) {
		return fmt.Errorf("the attempt does not log %s, the time its Job was made for: %s", wanted, attempt.log)
	}
	// 2 GiB are the manifest's limit.
	for _, wanted := range []string{"GOMEMLIMIT=2048000000", "TMPDIR=/scratch", "JOB_NAME=" + job.Name} {
		if !slices.Contains(attempt.environment, wanted) {
			return fmt.Errorf("the environment has no %s: %v", wanted, attempt.environment)
		}
	}
	if err := w.once(ctx, w.dates...); err != nil {
		return err
	}
	_, records, err := w.versions(ctx)
	if err != nil {
		return err
	}
	if wanted := "kubernetes:fires/" + attempt.pod; records[len(records)-1].Operator != wanted {
		return fmt.Errorf("on record the operator is %q, not %q", records[len(records)-1].Operator, wanted)
	}
	if err := w.says(ctx, attempt, w.dates[2]); err != nil {
		return err
	}
	f.record = onRecord(w.dates...)
	return nil
}

func refused(ctx context.Context, t *trial, f *finding) error {
	w := t.world("refused")
	w.rulebook += "  - {id: ABSENT, name: Absent, required: true}\n"
	return w.failsAtOnce(ctx, f, 3, "ABSENT")
}

func mistaken(ctx context.Context, t *trial, f *finding) error {
	w := t.world("mistaken")
	w.rulebook += "nonsense: true\n"
	return w.failsAtOnce(ctx, f, 2, "nonsense")
}

// failsAtOnce checks that a Job fails with its first attempt, which says why, and leaves nothing on record.
func (w *world) failsAtOnce(ctx context.Context, f *finding, code int, why string) error {
	if err := w.apply(ctx, w.dates...); err != nil {
		return err
	}
	if err := w.start(ctx, "night"); err != nil {
		return err
	}
	if err := w.expect(ctx, f, "night", "Failed: PodFailurePolicy", code); err != nil {
		return err
	}
	// Longer than the first repetition would have to wait.
	time.Sleep(12 * time.Second)
	if attempts := len(w.node.attemptsOf(w.name, "night")); attempts != 1 {
		return fmt.Errorf("there are %d attempts", attempts)
	}
	if err := w.says(ctx, w.node.attemptsOf(w.name, "night")[0], why); err != nil {
		return err
	}
	f.record = "nothing"
	return w.nothing(ctx)
}

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A finding is a case's line in the table.
type finding struct {
	attempts string // exit codes by Job
	jobs     string
	record   string
}

// madeFor returns the scheduled time of a Job that the CronJob made.
func madeFor(job *batchv1.Job) (time.Time, error) {
	return time.Parse(time.RFC3339, job.Annotations[batchv1.CronJobScheduledTimestampAnnotation])
}

// says checks the message with which an attempt ended, as its pod shows it.
func (w *world) says(ctx context.Context, a *attempt, text string) error {
	pod, err := w.plane.client.CoreV1().Pods(w.name).Get(ctx, a.pod, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if message := pod.Status.ContainerStatuses[0].State.Terminated.Message; !strings.Contains(message, text) {
		return fmt.Errorf("the pod's message %q does not name %s", message, text)
	}
	return nil
}

// nothing checks that no date is on record.
func (w *world) nothing(ctx context.Context) error {
	versions, _, err := w.versions(ctx)
	if err == nil && len(versions) > 0 {
		err = fmt.Errorf("on record is %v", versions)
	}
	return err
}

// expect waits for a Job's end, which must be the outcome, with just these exit codes.
func (w *world) expect(ctx context.Context, f *finding, job, outcome string, codes ...int) error {
	got, _, err := w.finished(ctx, job)
	if err != nil {
		return fmt.Errorf("%w; its attempts: %v", err, w.exits(job))
	}
	f.see(w, job, got)
	if got != outcome || !slices.Equal(w.exits(job), codes) {
		text := ""
		for _, attempt := range w.node.attemptsOf(w.name, job) {
			text += fmt.Sprintf("\n--- %s, exit code %d\n%s", attempt.pod, attempt.exitCode, attempt.log)
		}
		return fmt.Errorf("the Job %s is %s with the exit codes %v, not %s with %v%s", job, got, w.exits(job), outcome, codes, text)
	}
	return nil
}

// see notes a Job's end for the table.
func (f *finding) see(w *world, job, outcome string) {
	separator := " | "
	if f.attempts == "" {
		separator = ""
	}
	var codes []string
	for _, code := range w.exits(job) {
		codes = append(codes, fmt.Sprint(code))
	}
	f.attempts += separator + strings.Join(codes, " ")
	f.jobs += separator + outcome
}

func onRecord(dates ...string) string {
	if len(dates) == 1 {
		return dates[0] + " v1"
	}
	return dates[0] + " … " + dates[len(dates)-1] + " v1"
}

// wait waits until the trap has caught something.
func (t *trap) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	select {
	case <-t.sprung:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("no attempt in %s logged %s within %s", t.namespace, t.text, limit)
	}
}

package main

import (
	"context"
	"fmt"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func killed(ctx context.Context, t *trial, f *finding) error {
	return t.world("killed").again(ctx, f, readDone, syscall.SIGKILL, 137)
}

func killedLate(ctx context.Context, t *trial, f *finding) error {
	return t.world("killed-late").again(ctx, f, `"stage":"commit"`, syscall.SIGKILL, 137)
}

func stopped(ctx context.Context, t *trial, f *finding) error {
	return t.world("stopped").again(ctx, f, readDone, syscall.SIGTERM, 1)
}

// again signals the first attempt once it logs a text, which must end it with a code; the second must complete the night.
func (w *world) again(ctx context.Context, f *finding, text string, signal syscall.Signal, code int) error {
	if err := w.apply(ctx, w.dates[2]); err != nil {
		return err
	}
	w.node.set(w.name, "night", 1, text, func(a *attempt) { _ = a.process.Signal(signal) })
	if err := w.start(ctx, "night"); err != nil {
		return err
	}
	if err := w.expect(ctx, f, "night", "Complete", code, 0); err != nil {
		return err
	}
	f.record = onRecord(w.dates[2])
	return w.once(ctx, w.dates[2])
}

func drained(ctx context.Context, t *trial, f *finding) error {
	w := t.world("drained")
	if err := w.apply(ctx, w.dates[2]); err != nil {
		return err
	}
	// It is held for a while after it was asked to end, so that there is a time in which it terminates.
	trap := w.node.set(w.name, "night", 1, readDone, func(a *attempt) { _ = a.process.Signal(syscall.SIGSTOP) })
	if err := w.start(ctx, "night"); err != nil {
		return err
	}
	if err := trap.wait(ctx); err != nil {
		return err
	}
	first := w.node.attemptsOf(w.name, "night")[0]
	if err := w.node.drain(ctx, first); err != nil {
		return err
	}
	// Longer than the first repetition has to wait.
	time.Sleep(13 * time.Second)
	if attempts := len(w.node.attemptsOf(w.name, "night")); attempts != 1 {
		return fmt.Errorf("there are %d pods while the first one terminates", attempts)
	}
	_ = first.process.Signal(syscall.SIGCONT)
	if err := w.expect(ctx, f, "night", "Complete", 1, 0); err != nil {
		return err
	}
	second := w.node.attemptsOf(w.name, "night")[1]
	if second.started.Before(first.finished) {
		return fmt.Errorf("the second attempt began at %s, before the end of the first at %s", second.started, first.finished)
	}
	job, err := w.plane.client.BatchV1().Jobs(w.name).Get(ctx, "night", metav1.GetOptions{})
	if err != nil {
		return err
	}
	if job.Status.Failed != 0 {
		return fmt.Errorf("the Job counts %d failures", job.Status.Failed)
	}
	f.record = onRecord(w.dates[2]) + "; 0 failures counted"
	return w.once(ctx, w.dates[2])
}

func tooLong(ctx context.Context, t *trial, f *finding) error {
	w := t.world("too-long")
	w.rulebook += "  - {id: ABSENT, name: Absent, required: true}\n"
	w.wait, w.deadline = "2h", 20
	if err := w.apply(ctx, w.dates[2]); err != nil {
		return err
	}
	if err := w.start(ctx, "night"); err != nil {
		return err
	}
	if err := w.expect(ctx, f, "night", "Failed: DeadlineExceeded", 1); err != nil {
		return err
	}
	attempt := w.node.attemptsOf(w.name, "night")[0]
	took := attempt.finished.Sub(attempt.signaled)
	if attempt.signaled.IsZero() || took > 10*time.Second {
		return fmt.Errorf("the attempt was asked to end at %s and ended at %s", attempt.signaled, attempt.finished)
	}
	f.record = fmt.Sprintf("nothing; ended %d ms after SIGTERM", took.Milliseconds())
	return w.nothing(ctx)
}

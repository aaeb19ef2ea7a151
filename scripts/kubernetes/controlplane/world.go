package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A trial is what all cases share.
type trial struct {
	plane    *plane
	store    *store
	node     *node
	folder   string
	overlay  string // the directory of the overlay for S3
	digest   string // the image's
	settle   string // the program, taken from the image
	inbox    string // what merchants delivered, on this machine
	rulebook string
	delay    time.Duration // how long after its cut-off a date counts as over, in these cases
	dates    []string      // three dates; the last one is the newest that is over
}

// A world is a case's own namespace, with its own buckets, in which the overlay is applied.
type world struct {
	*trial
	name     string
	rulebook string
	schedule string
	suspend  bool
	wait     string // --wait-for-merchants
	deadline int64  // activeDeadlineSeconds; 0: the manifest's
}

func (t *trial) world(name string) *world {
	// Every minute, but as long as nobody resumes it never.
	return &world{trial: t, name: name, rulebook: t.rulebook, schedule: "* * * * *", suspend: true, wait: "1s"}
}

// apply makes the buckets and applies the overlay with what a case changes, as strictly as the server can.
func (w *world) apply(ctx context.Context, delivered ...string) error {
	if err := w.store.create(ctx, w.name); err != nil {
		return err
	}
	if err := w.store.deliver(ctx, w.name, w.inbox, delivered...); err != nil {
		return err
	}
	folder, err := w.kustomization()
	if err != nil {
		return err
	}
	said, err := w.plane.kubectl(ctx, nil, "apply", "--server-side", "--validate=strict", "-k", folder)
	if err != nil {
		return err
	}
	if strings.Contains(said, "Warning") {
		return fmt.Errorf("the server warns: %s", said)
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "settle-credentials"}, StringData: map[string]string{"credentials": w.store.credentials()}}
	_, err = w.plane.client.CoreV1().Secrets(w.name).Create(ctx, secret, metav1.CreateOptions{})
	return err
}

// kustomization writes an overlay of the overlay: another namespace, image, schedule, rulebook and places.
func (w *world) kustomization() (folder string, err error) {
	folder = filepath.Join(w.folder, "overlays", w.name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	base, err := filepath.Rel(folder, w.overlay)
	if err != nil {
		return "", err
	}
	var settings strings.Builder
	for name, value := range w.store.settings(w.name) {
		fmt.Fprintf(&settings, "%s=%s\n", name, value)
	}
	const job = "/spec/jobTemplate/spec"
	const arguments = job + "/template/spec/containers/0/args"
	patch := fmt.Sprintf(`- {op: replace, path: /spec/schedule, value: %q}
- {op: add, path: /spec/suspend, value: %t}
- {op: test, path: %[3]s/4, value: --wait-for-merchants=2h}
- {op: replace, path: %[3]s/4, value: --wait-for-merchants=%[4]s}
- {op: add, path: %[3]s/-, value: --poll-interval=1s}
- {op: add, path: %[3]s/-, value: --delay=%[5]s}
`, w.schedule, w.suspend, arguments, w.wait, w.delay)
	if w.deadline > 0 {
		patch += fmt.Sprintf("- {op: replace, path: %s/activeDeadlineSeconds, value: %d}\n", job, w.deadline)
	}
	for name, text := range map[string]string{"rulebook.yaml": w.rulebook, "settings.env": settings.String(), "patch.yaml": patch, "kustomization.yaml": fmt.Sprintf(`
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: %s
resources: [%s]
images:
  - {name: registry.example.com/settlement/settle, newName: settle.example.com/settle, digest: %q}
configMapGenerator:
  - {name: settle-rulebook, behavior: replace, files: [rulebook.yaml]}
  - {name: settle-settings, behavior: replace, envs: [settings.env]}
generatorOptions: {disableNameSuffixHash: true}
patches:
  - {path: patch.yaml, target: {kind: CronJob, name: settle}}
`, w.name, base, w.digest)} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	return folder, nil
}

// start makes a Job of the CronJob at once.
func (w *world) start(ctx context.Context, name string) error {
	_, err := w.plane.kubectl(ctx, nil, "--namespace", w.name, "create", "job", "--from=cronjob/settle", name)
	return err
}

// rerun makes the Job that settle k8s rerun prints for the CronJob in the cluster.
func (w *world) rerun(ctx context.Context, arguments ...string) error {
	deployed, err := w.plane.kubectl(ctx, nil, "--namespace", w.name, "get", "cronjob", "settle", "-o", "yaml")
	if err != nil {
		return err
	}
	job, err := output(exec.CommandContext(ctx, w.settle, append([]string{"k8s", "rerun", "--cronjob", "-", "--operator", "olga"}, arguments...)...), []byte(deployed))
	if err != nil {
		return err
	}
	_, err = w.plane.kubectl(ctx, []byte(job), "create", "--validate=strict", "-f", "-")
	return err
}

// pause stops the CronJob from starting more, or lets it start again.
func (w *world) pause(ctx context.Context, paused bool) error {
	_, err := w.plane.kubectl(ctx, nil, "--namespace", w.name, "patch", "cronjob", "settle", "-p", fmt.Sprintf(`{"spec":{"suspend":%t}}`, paused))
	return err
}

// limit is how long anything may take here.
const limit = 5 * time.Minute

// until looks every 100 ms until something is found.
func until[V any](ctx context.Context, what string, look func() (V, bool, error)) (found V, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		found, ok, err := look()
		if ok || err != nil {
			return found, err
		}
		select {
		case <-ctx.Done():
			return found, fmt.Errorf("%s: not within %s", what, limit)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// finished waits until a Job is complete or has failed, and returns which with the reason.
func (w *world) finished(ctx context.Context, name string) (outcome string, job *batchv1.Job, err error) {
	job, err = until(ctx, "the end of the Job "+name, func() (*batchv1.Job, bool, error) {
		job, err := w.plane.client.BatchV1().Jobs(w.name).Get(ctx, name, metav1.GetOptions{})
		if errors.IsNotFound(err) {
			return nil, false, nil
		}
		if err != nil {
			return nil, false, err
		}
		outcome = ended(job)
		return job, outcome != "", nil
	})
	return outcome, job, err
}

func ended(job *batchv1.Job) string {
	for _, condition := range job.Status.Conditions {
		switch {
		case condition.Status != corev1.ConditionTrue:
		case condition.Type == batchv1.JobComplete:
			return "Complete"
		case condition.Type == batchv1.JobFailed:
			return "Failed: " + condition.Reason
		}
	}
	return ""
}

// scheduled waits for a Job that the CronJob made by its schedule.
func (w *world) scheduled(ctx context.Context) (*batchv1.Job, error) {
	return until(ctx, "a Job of the CronJob's schedule", func() (*batchv1.Job, bool, error) {
		jobs, err := w.scheduledJobs(ctx)
		if err != nil || len(jobs) == 0 {
			return nil, false, err
		}
		return &jobs[0], true, nil
	})
}

func (w *world) scheduledJobs(ctx context.Context) ([]batchv1.Job, error) {
	jobs, err := w.plane.client.BatchV1().Jobs(w.name).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(jobs.Items, func(job batchv1.Job) bool {
		return job.Annotations[batchv1.CronJobScheduledTimestampAnnotation] == ""
	}), nil
}

// exits returns the exit codes of a Job's attempts.
func (w *world) exits(job string) (codes []int) {
	for _, attempt := range w.node.attemptsOf(w.name, job) {
		codes = append(codes, attempt.exitCode)
	}
	return codes
}

// A record is what settle log says of one.
type record struct {
	Kind, Operator, Reason string
	Dates                  []struct {
		Date    string
		New     int `json:"new_statements"`
		Version int `json:"highest_version"`
	}
}

// run runs the program on this machine with the world's places.
func (w *world) run(ctx context.Context, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, w.settle, arguments...)
	command.Env = append(os.Environ(), "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(w.folder, "credentials"))
	for name, value := range w.store.settings(w.name) {
		command.Env = append(command.Env, name+"="+value)
	}
	return output(command, nil)
}

// versions returns, for each date on record, the versions in the order in which they came. An empty ledger has none.
func (w *world) versions(ctx context.Context) (versions map[string][]int, records []record, err error) {
	text, err := w.run(ctx, "log", "--json")
	if err != nil {
		return nil, nil, err
	}
	if err := json.Unmarshal([]byte(text), &records); err != nil {
		return nil, nil, fmt.Errorf("settle log: %w in %s", err, text)
	}
	versions = make(map[string][]int)
	for _, record := range records {
		for _, date := range record.Dates {
			versions[date.Date] = append(versions[date.Date], date.Version)
		}
	}
	return versions, records, nil
}

// once checks that just these dates are on record, one version each, and that everything is sound.
func (w *world) once(ctx context.Context, dates ...string) error {
	versions, _, err := w.versions(ctx)
	if err != nil {
		return err
	}
	for _, date := range dates {
		if !slices.Equal(versions[date], []int{1}) {
			return fmt.Errorf("%s has the versions %v", date, versions[date])
		}
	}
	if len(versions) != len(dates) {
		return fmt.Errorf("on record is %v, not just %v", versions, dates)
	}
	_, err = w.run(ctx, "verify")
	return err
}

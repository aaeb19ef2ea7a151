package command

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"alliance/rules"
	"alliance/scripts/kubernetes"

	"go.yaml.in/yaml/v3"
)

// A manifest is a YAML document as plain values.
type manifest = map[string]any

// rerun runs settle k8s rerun, which must succeed, and reads the Job.
func rerun(t *testing.T, input string, arguments ...string) manifest {
	t.Helper()
	var out, errors bytes.Buffer
	code := Main(context.Background(), append([]string{"k8s", "rerun"}, arguments...), strings.NewReader(input), &out, &errors)
	if code != exitDone {
		t.Fatalf("settle k8s rerun %q: exit code %d: %s", arguments, code, &errors)
	}
	if strings.Contains(out.String(), "#") {
		t.Errorf("the Job has comments that speak of a CronJob:\n%s", &out)
	}
	return parse(t, out.Bytes())
}

func parse(t *testing.T, text []byte) (document manifest) {
	t.Helper()
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return document
}

// at returns the value under names and indexes.
func at[V any](t *testing.T, document any, path ...any) V {
	t.Helper()
	value := document
	for _, step := range path {
		switch step := step.(type) {
		case string:
			value = value.(manifest)[step]
		case int:
			value = value.([]any)[step]
		}
	}
	typed, ok := value.(V)
	if !ok {
		t.Fatalf("%v is %T %v", path, value, value)
	}
	return typed
}

// withoutNight removes from a Job's specification what a rerun may change.
func withoutNight(t *testing.T, specification manifest) manifest {
	container := at[manifest](t, specification, "template", "spec", "containers", 0)
	delete(container, "args")
	delete(container, "image")
	delete(specification, "ttlSecondsAfterFinished")
	return specification
}

func TestRerunIsTheCronJobsOwnJob(t *testing.T) {
	job := rerun(t, "", "--date", "2026-06-01", "--image", "example.com/settle@sha256:0123", "--operator", "olga")
	cronJob := parse(t, kubernetes.CronJob)
	container := at[manifest](t, job, "spec", "template", "spec", "containers", 0)
	if image := container["image"]; image != "example.com/settle@sha256:0123" {
		t.Errorf("the image is %v", image)
	}
	wanted := []any{"run", "--date=2026-06-01", "--operator=olga", "--log-format=json", "--termination-message=/dev/termination-log"}
	if arguments := at[[]any](t, container, "args"); !reflect.DeepEqual(arguments, wanted) {
		t.Errorf("the arguments are %q, not %q", arguments, wanted)
	}
	if kept := at[int](t, job, "spec", "ttlSecondsAfterFinished"); kept != keptSeconds {
		t.Errorf("it stays for %d s", kept)
	}
	if job["kind"] != "Job" || job["apiVersion"] != "batch/v1" || at[string](t, job, "metadata", "name") != "settle-rerun-2026-06-01" {
		t.Errorf("%v %v %v", job["kind"], job["apiVersion"], job["metadata"])
	}
	nightly := withoutNight(t, at[manifest](t, cronJob, "spec", "jobTemplate", "spec"))
	if manual := withoutNight(t, at[manifest](t, job, "spec")); !reflect.DeepEqual(manual, nightly) {
		t.Errorf("the Job is\n%v\nand the CronJob's\n%v", manual, nightly)
	}
}

// deployed is a CronJob as kubectl prints it from a cluster, after another document and before a
// CronJob of somebody else.
const deployed = `apiVersion: v1
kind: ConfigMap
metadata: {name: settle-settings}
---
apiVersion: batch/v1
kind: CronJob
metadata:
  annotations: {kubectl.kubernetes.io/last-applied-configuration: "{}"}
  creationTimestamp: "2026-06-01T00:00:00Z"
  name: settle
  namespace: night
  resourceVersion: "12"
  uid: 0d0b
spec:
  jobTemplate:
    metadata:
      creationTimestamp: null
      labels: {app.kubernetes.io/name: settle}
    spec:
      backoffLimit: 4
      somethingNew: {kept: [1, two]}
      template:
        spec:
          containers:
          - {name: sidecar, image: other}
          - args: [run, --date=last, "--at=job:$(JOB_NAME)", --workers, "4", --strict, --rules=/etc/settle/rulebook.yaml, --catch-up]
            env:
            - {name: SETTLE_DATE, value: last}
            - {name: SETTLE_ALLOW_MISSING, value: "true"}
            - {name: SETTLE_OPERATOR, value: nightly}
            - {name: GOMEMLIMIT, value: $(MEMORY_LIMIT_MEBIBYTES)000000}
            image: example.com/settle:1
            name: settle
  schedule: 30 3 * * *
status: {lastScheduleTime: "2026-06-02T00:00:00Z"}
---
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: backup}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: backup}]}}}}}
`

func TestRerunOfADeployedCronJob(t *testing.T) {
	job := rerun(t, deployed, "--cronjob", "-", "--date", "2026-06-01", "--restate", "--reason", "it cost 5$ and $(JOB_NAME)", "--approved-by", "Ann", "--operator", "olga")
	wanted := manifest{
		"apiVersion": "batch/v1",
		"kind":       "Job",
		"metadata": manifest{
			"name":        "settle-restate-2026-06-01",
			"namespace":   "night",
			"labels":      manifest{"app.kubernetes.io/name": "settle"},
			"annotations": manifest{"cronjob.kubernetes.io/instantiate": "manual"},
		},
		"spec": manifest{
			"backoffLimit":            4,
			"somethingNew":            manifest{"kept": []any{1, "two"}},
			"ttlSecondsAfterFinished": keptSeconds,
			"template": manifest{"spec": manifest{"containers": []any{
				manifest{"name": "sidecar", "image": "other"},
				manifest{
					"name":  "settle",
					"image": "example.com/settle:1",
					"args": []any{"run", "--date=2026-06-01", "--restate=true", "--reason=it cost 5$$ and $$(JOB_NAME)", "--approved-by=Ann", "--operator=olga",
						"--rules=/etc/settle/rulebook.yaml", "--workers=4"},
					"env": []any{
						manifest{"name": "SETTLE_OPERATOR", "value": "nightly"},
						manifest{"name": "GOMEMLIMIT", "value": "$(MEMORY_LIMIT_MEBIBYTES)000000"},
					},
				},
			}}},
		},
	}
	if !reflect.DeepEqual(job, wanted) {
		t.Errorf("the Job is\n%v\nnot\n%v", job, wanted)
	}
	job = rerun(t, deployed, "--cronjob", "-", "--date", "2026-06-01", "--name", "again", "--namespace", "day", "--catch-up", "--allow-missing")
	if metadata := at[manifest](t, job, "metadata"); metadata["name"] != "again" || metadata["namespace"] != "day" {
		t.Errorf("%v", metadata)
	}
	arguments := at[[]any](t, job, "spec", "template", "spec", "containers", 1, "args")
	if !slices.Contains(arguments, "--catch-up=true") || !slices.Contains(arguments, "--allow-missing=true") || slices.Contains(arguments, "--strict=true") {
		t.Errorf("the arguments are %q", arguments)
	}
}

func TestRerunRefuses(t *testing.T) {
	folder := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct {
		arguments []string
		message   string
	}{
		"no date":              {nil, "--date is needed"},
		"no real date":         {[]string{"--date", "last"}, "--date"},
		"no reason":            {[]string{"--date", "2026-06-01", "--restate"}, "--restate needs a --reason"},
		"a reason for nothing": {[]string{"--date", "2026-06-01", "--reason", "x"}, "belong to --restate"},
		"a bad name":           {[]string{"--date", "2026-06-01", "--name", "Rerun"}, `--name "Rerun"`},
		"a bad namespace":      {[]string{"--date", "2026-06-01", "--namespace", "a/b"}, `--namespace "a/b"`},
		"no such file":         {[]string{"--date", "2026-06-01", "--cronjob", filepath.Join(folder, "none")}, "none"},
		"no YAML":              {[]string{"--date", "2026-06-01", "--cronjob", file("broken", "a: [")}, "--cronjob"},
		"no CronJob":           {[]string{"--date", "2026-06-01", "--cronjob", file("other", "kind: Job\n")}, "there is no CronJob"},
		"two CronJobs":         {[]string{"--date", "2026-06-01", "--cronjob", file("two", deployed+"---\n"+deployed)}, "more than one"},
		"another command":      {[]string{"--date", "2026-06-01", "--cronjob", file("verify", strings.Replace(deployed, "[run,", "[verify,", 1))}, "do not begin with run"},
		"an unknown flag":      {[]string{"--date", "2026-06-01", "--cronjob", file("flag", strings.Replace(deployed, "--strict", "--strikt", 1))}, "strikt"},
		"an argument too many": {[]string{"--date", "2026-06-01", "--cronjob", file("more", strings.Replace(deployed, "--strict", "yes", 1))}, "yes"},
	} {
		code, stdout, stderr := settle(append([]string{"k8s", "rerun"}, c.arguments...)...)
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, c.message) {
			t.Errorf("%s: exit code %d, %q, %q", name, code, stdout, stderr)
		}
	}
}

// TestCronJobFitsTheProgram holds the manifests to what the program does: its exit codes, its flags.
func TestCronJobFitsTheProgram(t *testing.T) {
	cronJob := parse(t, kubernetes.CronJob)
	specification := at[manifest](t, cronJob, "spec", "jobTemplate", "spec")
	failing := at[manifest](t, specification, "podFailurePolicy", "rules", 0)
	if codes := at[[]any](t, failing, "onExitCodes", "values"); failing["action"] != "FailJob" || !reflect.DeepEqual(codes, []any{exitUsage, exitRefused}) {
		t.Errorf("exit codes %v lead to %v", codes, failing["action"])
	}
	const day = 24 * 60 * 60
	if open := at[int](t, cronJob, "spec", "startingDeadlineSeconds") + at[int](t, specification, "activeDeadlineSeconds"); open >= day {
		t.Errorf("a night may last %d s, until the next one starts", open)
	}
	container := at[manifest](t, specification, "template", "spec", "containers", 0)
	var arguments []string
	for _, argument := range at[[]any](t, container, "args") {
		arguments = append(arguments, argument.(string))
	}
	if err := newRun().Flags().Parse(arguments[1:]); err != nil || arguments[0] != "run" {
		t.Errorf("settle %v: %v", arguments, err)
	}
	var names []string
	for _, variable := range at[[]any](t, container, "env") {
		names = append(names, at[string](t, variable, "name"))
	}
	settings, err := os.ReadFile("../../../scripts/kubernetes/overlays/s3/settings.env")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(settings)) {
		if name, _, found := strings.Cut(line, "="); found && !strings.HasPrefix(line, "#") {
			names = append(names, name)
		}
	}
	known := 0
	for _, name := range names {
		flag, isFlag := strings.CutPrefix(name, "SETTLE_")
		if !isFlag {
			continue
		}
		known++
		flag = strings.ReplaceAll(strings.ToLower(flag), "_", "-")
		if newRun().Flags().Lookup(flag) == nil {
			t.Errorf("%s sets no flag of settle run", name)
		}
		if slices.Contains(nightFlags, flag) && flag != "operator" {
			t.Errorf("%s says what a night means: that belongs into the arguments, which a rerun replaces", name)
		}
	}
	if known < 5 {
		t.Errorf("only %d flags are set in the environment", known)
	}
}

func TestOverlayHasARulebookOfTheCronJobsZone(t *testing.T) {
	path := "../../../scripts/kubernetes/overlays/s3/rulebook.yaml"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rules.Parse(path, text); err != nil {
		t.Fatal(err)
	}
	zone := at[string](t, parse(t, text), "alliance", "time_zone")
	if scheduled := at[string](t, parse(t, kubernetes.CronJob), "spec", "timeZone"); scheduled != zone {
		t.Errorf("the rulebook's zone is %s, the CronJob's %s", zone, scheduled)
	}
}

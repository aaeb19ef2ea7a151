// Command controlplane proves what the manifests of scripts/kubernetes do, on a real control plane: etcd, the API server,
// the controllers of CronJobs and Jobs, and an S3 server, all on this machine. There is no kubelet: a loop plays the
// node, unpacks the image, and runs each pod's program as a process with the pod's variables, files and user. That
// proves what Kubernetes does with exit codes, signals, deadlines and schedules, and what settle does with what
// Kubernetes does; it does not prove the limits of containers.
//
//	controlplane --programs DIR --image OCI-LAYOUT --overlay DIR --versitygw FILE [--only NAME,…] [--keep]
//
// It prints a line a case and exits with 1 if one has failed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// atOnce is how many cases run side by side: most of their time they wait for Kubernetes.
const atOnce = 4

func main() {
	programs := flag.String("programs", "", "the directory with etcd, kube-apiserver, kube-controller-manager and kubectl")
	image := flag.String("image", "", "the OCI layout of the image")
	overlay := flag.String("overlay", "", "the directory of the overlay for S3")
	gateway := flag.String("versitygw", "", "the S3 server")
	only := flag.String("only", "", "only these cases, joined by commas")
	keep := flag.Bool("keep", false, "keep the directory with all logs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := prove(ctx, *programs, *image, *overlay, *gateway, *only, *keep)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "k8s:", err)
		os.Exit(1)
	}
}

func prove(ctx context.Context, programs, image, overlay, gateway, only string, keep bool) error {
	chosen, err := choose(only)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "settle-k8s-")
	if err != nil {
		return err
	}
	if keep {
		fmt.Println("k8s: all logs and files stay in", folder)
	} else {
		defer os.RemoveAll(folder)
	}
	// Pods run as another user, who has to get at their directories.
	if err := os.Chmod(folder, 0o755); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t, err := begin(ctx, folder, programs, image, overlay, gateway)
	if t != nil {
		defer t.end()
	}
	if err != nil {
		return err
	}
	played := make(chan error, 1)
	go func() {
		err := t.node.run(ctx)
		if err != nil {
			cancel() // nothing can come to an end any more
		}
		played <- err
	}()
	failed := t.runAll(ctx, chosen)
	cancel()
	if err := <-played; err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d cases failed", failed, len(chosen))
	}
	fmt.Printf("k8s: %d cases, all as they have to be\n", len(chosen))
	return nil
}

func choose(only string) ([]testCase, error) {
	if only == "" {
		return cases, nil
	}
	var chosen []testCase
	for name := range strings.SplitSeq(only, ",") {
		at := slices.IndexFunc(cases, func(c testCase) bool { return c.name == name })
		if at < 0 {
			return nil, fmt.Errorf("--only: there is no case %q", name)
		}
		chosen = append(chosen, cases[at])
	}
	return chosen, nil
}

// begin starts everything and makes up what merchants delivered.
func begin(ctx context.Context, folder, programs, image, overlay, gateway string) (t *trial, err error) {
	overlay, err = filepath.Abs(overlay)
	if err != nil {
		return nil, err
	}
	t = &trial{folder: folder, overlay: overlay}
	unpacked := filepath.Join(folder, "image")
	if t.digest, err = unpack(image, unpacked); err != nil {
		return t, fmt.Errorf("unpack the image: %w", err)
	}
	t.settle = filepath.Join(unpacked, "settle")
	start := time.Now()
	if t.plane, err = startPlane(ctx, programs, folder); err != nil {
		return t, err
	}
	version, err := t.plane.kubectl(ctx, nil, "version")
	if err != nil {
		return t, err
	}
	fmt.Printf("k8s: the control plane is up after %.1f s: %s\n", time.Since(start).Seconds(), strings.Join(strings.Fields(version), " "))
	if t.store, err = startStore(ctx, gateway, folder); err != nil {
		return t, err
	}
	if err := os.WriteFile(filepath.Join(folder, "credentials"), []byte(t.store.credentials()), 0o600); err != nil {
		return t, err
	}
	t.node = &node{client: t.plane.client, image: unpacked, folder: filepath.Join(folder, "pods"), attempts: make(map[types.UID]*attempt)}
	return t, t.makeUp(ctx)
}

// makeUp generates three nights of an alliance. No date must become the newest one that is over while the cases run:
// so far after its cut-off a date counts as over that the next one is half a day away.
func (t *trial) makeUp(ctx context.Context) error {
	zone := time.FixedZone("Asia/Shanghai", 8*60*60) // the overlay's zone, and the generator's
	now := time.Now().In(zone)
	t.delay = time.Duration((now.Hour()+12)%24) * time.Hour
	newest := now.Add(-t.delay).AddDate(0, 0, -1)
	for days := -2; days <= 0; days++ {
		t.dates = append(t.dates, newest.AddDate(0, 0, days).Format(time.DateOnly))
	}
	out := filepath.Join(t.folder, "delivered")
	if _, err := output(exec.CommandContext(ctx, t.settle, "generate", "--out", out, "--from", t.dates[0], "--nights", "3",
		"--merchants", "4", "--members", "300", "--rows", "1000"), nil); err != nil {
		return err
	}
	rulebook, err := os.ReadFile(filepath.Join(out, "rulebook.yaml"))
	t.inbox, t.rulebook = filepath.Join(out, "inbox"), string(rulebook)
	return err
}

func (t *trial) end() {
	if t.node != nil {
		t.node.stop()
	}
	if t.store != nil {
		t.store.server.stop()
	}
	if t.plane != nil {
		t.plane.stop()
	}
}

// runAll runs the cases, several side by side, and prints the table.
func (t *trial) runAll(ctx context.Context, chosen []testCase) (failed int) {
	findings := make([]finding, len(chosen))
	errs := make([]error, len(chosen))
	do := func(i int) {
		start := time.Now()
		errs[i] = chosen[i].run(ctx, t, &findings[i])
		if errs[i] == nil && ctx.Err() != nil {
			errs[i] = errors.New("stopped")
		}
		fmt.Printf("k8s: %-12s %s after %.0f s\n", chosen[i].name, result(errs[i]), time.Since(start).Seconds())
	}
	var group sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for i := range chosen {
		if chosen[i].alone {
			continue
		}
		group.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			do(i)
		})
	}
	group.Wait()
	for i := range chosen {
		if chosen[i].alone {
			do(i)
		}
	}
	fmt.Printf("\n%-87s  %-19s  %-31s  %-47s  %s\n", "case", "exit codes by Job", "Jobs", "on record", "result")
	for i, c := range chosen {
		f := &findings[i]
		fmt.Printf("%-87s  %-19s  %-31s  %-47s  %s\n", c.says, f.attempts, f.jobs, f.record, result(errs[i]))
	}
	fmt.Println()
	for i, c := range chosen {
		if errs[i] != nil {
			failed++
			fmt.Printf("k8s: %s: %v\n", c.name, errs[i])
		}
	}
	return failed
}

func result(err error) string {
	if err != nil {
		return "FAILED"
	}
	return "passed"
}

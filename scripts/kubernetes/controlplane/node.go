package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// A node plays the kubelet of one machine: it takes every pod, runs its container's program as a process and reports
// what became of it. It proves what Jobs do with that, not the limits of containers: memory, disk and network are
// those of this machine.
type node struct {
	client *kubernetes.Clientset
	image  string // the files of the image, as a directory
	folder string // a directory of each pod lies in it

	mutex    sync.Mutex
	attempts map[types.UID]*attempt
	traps    []*trap
}

// An attempt is one pod's process.
type attempt struct {
	namespace, job, pod string
	number              int // of the Job, from 1
	process             *os.Process
	started, finished   time.Time
	signaled            time.Time // when it was asked to end; zero if it was not
	exitCode            int
	running             bool
	environment         []string
	log                 []byte
	folder              string
	done                chan struct{}
}

// A trap does something to an attempt of a Job as soon as it logs a text.
type trap struct {
	namespace string
	job       string // any, if empty
	number    int
	text      string
	spring    func(*attempt)
	sprung    chan struct{}
}

const nodeName = "node"

// run plays the node until the context ends.
func (n *node) run(ctx context.Context) error {
	for ctx.Err() == nil {
		pods, err := n.client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
		if err != nil {
			if ctx.Err() != nil {
				break
			}
			return fmt.Errorf("the node: list the pods: %w", err)
		}
		for i := range pods.Items {
			if err := n.look(ctx, &pods.Items[i]); err != nil && ctx.Err() == nil {
				return fmt.Errorf("the node: pod %s/%s: %w", pods.Items[i].Namespace, pods.Items[i].Name, err)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

// look does what is next for a pod: take it, start it, or end it.
func (n *node) look(ctx context.Context, pod *corev1.Pod) error {
	n.mutex.Lock()
	known := n.attempts[pod.UID]
	n.mutex.Unlock()
	switch {
	case pod.Spec.NodeName == "" && pod.DeletionTimestamp == nil:
		binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: pod.Name, UID: pod.UID}, Target: corev1.ObjectReference{Kind: "Node", Name: nodeName}}
		err := n.client.CoreV1().Pods(pod.Namespace).Bind(ctx, binding, metav1.CreateOptions{})
		if errors.IsNotFound(err) || errors.IsConflict(err) {
			return nil // it is gone, or taken already
		}
		return err
	case known == nil && pod.DeletionTimestamp == nil && pod.Status.Phase == corev1.PodPending:
		return n.start(ctx, pod)
	case known != nil && pod.DeletionTimestamp != nil:
		return n.end(ctx, pod, known)
	default:
		return nil
	}
}

// start runs the pod's container and follows it.
func (n *node) start(ctx context.Context, pod *corev1.Pod) error {
	a := &attempt{namespace: pod.Namespace, job: pod.Labels["batch.kubernetes.io/job-name"], pod: pod.Name, started: time.Now(), running: true,
		folder: filepath.Join(n.folder, string(pod.UID)), done: make(chan struct{})}
	command, logs, err := n.prepare(ctx, pod, a.folder)
	if err != nil {
		return err
	}
	a.environment = command.Env
	n.mutex.Lock()
	a.number = 1
	for _, other := range n.attempts {
		if other.namespace == a.namespace && other.job == a.job {
			a.number++
		}
	}
	n.attempts[pod.UID] = a
	n.mutex.Unlock()
	if err := command.Start(); err != nil {
		return fmt.Errorf("start %v in a root directory of its own: %w (this needs root, or user namespaces for everybody)", command.Args, err)
	}
	a.process = command.Process
	command.Stdout.(*os.File).Close()
	if err := n.report(ctx, a, corev1.PodRunning); err != nil {
		return err
	}
	read := make(chan struct{})
	go func() { n.follow(a, logs); close(read) }()
	go func() {
		<-read
		_ = command.Wait()
		n.ended(ctx, a, command.ProcessState.Sys().(syscall.WaitStatus))
	}()
	return nil
}

// follow reads what the process logs, and springs traps at once.
func (n *node) follow(a *attempt, logs *os.File) {
	defer logs.Close()
	buffer := make([]byte, 4096)
	for {
		count, err := logs.Read(buffer)
		n.mutex.Lock()
		a.log = append(a.log, buffer[:count]...)
		var sprung []*trap
		for i := 0; i < len(n.traps); i++ {
			if trap := n.traps[i]; trap.catches(a) {
				sprung = append(sprung, trap)
				n.traps = append(n.traps[:i], n.traps[i+1:]...)
				i--
			}
		}
		n.mutex.Unlock()
		for _, trap := range sprung {
			trap.spring(a)
			close(trap.sprung)
		}
		if err != nil {
			return
		}
	}
}

// ended reports a process that is no more.
func (n *node) ended(ctx context.Context, a *attempt, status syscall.WaitStatus) {
	n.mutex.Lock()
	a.exitCode = status.ExitStatus()
	if status.Signaled() {
		a.exitCode = 128 + int(status.Signal()) // as container runtimes say it
	}
	a.finished, a.running = time.Now(), false
	n.mutex.Unlock()
	phase := corev1.PodFailed
	if a.exitCode == 0 {
		phase = corev1.PodSucceeded
	}
	if err := n.report(ctx, a, phase); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "k8s: the node: report a pod's end:", err)
	}
	close(a.done)
}

// end asks a deleted pod's process to end, kills it after the grace period, and lets the pod go once it is over.
func (n *node) end(ctx context.Context, pod *corev1.Pod, a *attempt) error {
	n.mutex.Lock()
	running, signaled := a.running, a.signaled
	if running && signaled.IsZero() {
		a.signaled = time.Now()
	}
	n.mutex.Unlock()
	grace := time.Duration(*pod.DeletionGracePeriodSeconds) * time.Second
	switch {
	case !running:
		select {
		case <-a.done: // its end is reported
		default:
			return nil
		}
		zero := int64(0)
		err := n.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &zero, Preconditions: &metav1.Preconditions{UID: &pod.UID}})
		if errors.IsNotFound(err) || errors.IsConflict(err) {
			return nil
		}
		return err
	case signaled.IsZero():
		_ = a.process.Signal(syscall.SIGTERM)
	case time.Since(signaled) > grace:
		_ = a.process.Kill()
	}
	return nil
}

// report writes a pod's status, as a kubelet does.
func (n *node) report(ctx context.Context, a *attempt, phase corev1.PodPhase) error {
	container := corev1.ContainerStatus{Name: "settle", Image: "settle", ImageID: "settle"}
	ready := corev1.ConditionFalse
	switch phase {
	case corev1.PodRunning:
		ready = corev1.ConditionTrue
		container.Ready = true
		container.State.Running = &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(a.started)}
	default:
		container.State.Terminated = &corev1.ContainerStateTerminated{ExitCode: int32(a.exitCode), Reason: "Completed", Message: a.message(),
			StartedAt: metav1.NewTime(a.started), FinishedAt: metav1.NewTime(a.finished)}
		if phase == corev1.PodFailed {
			container.State.Terminated.Reason = "Error"
		}
	}
	for {
		pod, err := n.client.CoreV1().Pods(a.namespace).Get(ctx, a.pod, metav1.GetOptions{})
		if errors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		pod.Status.Phase = phase
		started := metav1.NewTime(a.started)
		pod.Status.StartTime = &started
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{container}
		setCondition(pod, corev1.PodReady, ready)
		if _, err = n.client.CoreV1().Pods(a.namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{}); !errors.IsConflict(err) {
			return err
		}
	}
}

// setCondition sets a condition of a pod's status.
func setCondition(pod *corev1.Pod, kind corev1.PodConditionType, status corev1.ConditionStatus) {
	condition := corev1.PodCondition{Type: kind, Status: status, LastTransitionTime: metav1.Now(), Reason: "Played"}
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == kind {
			pod.Status.Conditions[i] = condition
			return
		}
	}
	pod.Status.Conditions = append(pod.Status.Conditions, condition)
}

// drain takes an attempt's pod away as a node does that is drained: the pod is marked, asked to end, and deleted.
func (n *node) drain(ctx context.Context, a *attempt) error {
	for {
		pod, err := n.client.CoreV1().Pods(a.namespace).Get(ctx, a.pod, metav1.GetOptions{})
		if err != nil {
			return err
		}
		setCondition(pod, corev1.DisruptionTarget, corev1.ConditionTrue)
		if _, err = n.client.CoreV1().Pods(a.namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{}); errors.IsConflict(err) {
			continue
		} else if err != nil {
			return err
		}
		return n.client.CoreV1().Pods(a.namespace).Delete(ctx, a.pod, metav1.DeleteOptions{})
	}
}

// set lays a trap for the attempt with a number, of a Job, or of whatever Job of the namespace logs the text first.
func (n *node) set(namespace, job string, number int, text string, spring func(*attempt)) *trap {
	t := &trap{namespace: namespace, job: job, number: number, text: text, spring: spring, sprung: make(chan struct{})}
	n.mutex.Lock()
	n.traps = append(n.traps, t)
	n.mutex.Unlock()
	return t
}

func (t *trap) catches(a *attempt) bool {
	return t.namespace == a.namespace && (t.job == "" || t.job == a.job) && t.number == a.number && containsText(a.log, t.text)
}

// attemptsOf returns the attempts of a Job in order.
func (n *node) attemptsOf(namespace, job string) []*attempt {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	var found []*attempt
	for number := 1; ; number++ {
		count := len(found)
		for _, a := range n.attempts {
			if a.namespace == namespace && a.job == job && a.number == number {
				found = append(found, a)
			}
		}
		if len(found) == count {
			return found
		}
	}
}

// stop kills what still runs.
func (n *node) stop() {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	for _, a := range n.attempts {
		if a.running && a.process != nil {
			_ = a.process.Kill()
		}
	}
}

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"alliance/settlement/faults"

	"golang.org/x/sync/errgroup"
)

const pageBytes = 4096

// A smallDisk is a file system of its own, in memory, with a limit.
type smallDisk struct{ path string }

func (d smallDisk) mount(flags uintptr, limits string) error {
	return syscall.Mount("settle-test", d.path, "tmpfs", flags, limits)
}

// leave leaves so many free pages, or free files.
func (d smallDisk) leave(pages, files int) error {
	var now syscall.Statfs_t
	if err := syscall.Statfs(d.path, &now); err != nil {
		return err
	}
	limits := "size=64m"
	if pages >= 0 {
		used := int(now.Blocks-now.Bfree) * int(now.Bsize)
		limits = fmt.Sprintf("size=%d", used+pages*pageBytes)
	}
	if files >= 0 {
		limits += fmt.Sprintf(",nr_inodes=%d", int(now.Files-now.Ffree)+files)
	}
	return d.mount(syscall.MS_REMOUNT, limits)
}

// on runs a trial in a world that lies on a small disk.
func onSmallDisk(path string, trial func(w *world, disk smallDisk) []string) (violations []string) {
	disk := smallDisk{path}
	if err := errors.Join(os.MkdirAll(path, 0o755), disk.mount(0, "size=64m,nr_inodes=100000")); err != nil {
		return []string{err.Error()}
	}
	defer func() {
		if err := syscall.Unmount(path, syscall.MNT_DETACH); err != nil {
			violations = append(violations, err.Error())
		}
	}()
	w, err := nightWorld(filepath.Join(path, "world"))
	if err != nil {
		return []string{err.Error()}
	}
	return trial(w, disk)
}

// fullDisk runs the program with so many free pages or files left, and finishes when there is room.
func fullDisk(path string, pages, files int, wanted map[string]string) (code int, violations []string) {
	violations = onSmallDisk(path, func(w *world, disk smallDisk) (violations []string) {
		if err := disk.leave(pages, files); err != nil {
			return []string{err.Error()}
		}
		process, output := program(nightArguments(w)...)
		code = codeOf(process.Run())
		said := output.String()
		// 5: it could not even be said on record that the commit was given up.
		if code != 0 && (code != 1 && code != 5 || !strings.Contains(said, "no space left on device")) {
			violations = append(violations, fmt.Sprintf("exit code %d: %s", code, said))
		}
		violations = append(violations, w.claimed(code, said)...)
		if err := disk.mount(syscall.MS_REMOUNT, "size=64m,nr_inodes=100000"); err != nil {
			return append(violations, err.Error())
		}
		return append(violations, w.judge(wanted, nightArguments(w))...)
	})
	return code, violations
}

// TestFaultE_FullDisk lets the disk be full at each write, one after the other: a real file system, with
// one page of room more from trial to trial, then with one file more. Only root can make one;
// TestFaultE_FullDiskOfAStore does it for everybody.
func TestFaultE_FullDisk(t *testing.T) {
	folder := t.TempDir()
	probe := filepath.Join(folder, "probe")
	if err := os.Mkdir(probe, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := (smallDisk{probe}).mount(0, "size=64k"); err != nil {
		t.Logf("not tried: no file system can be mounted here: %v", err)
		return
	}
	if err := syscall.Unmount(probe, 0); err != nil {
		t.Fatal(err)
	}
	wanted, _, _ := undisturbedNight(t)
	for _, what := range []string{"disk", "table of files"} {
		var (
			group              errgroup.Group
			mutex              sync.Mutex
			trials, violations int
			done               bool
			ends               = make(map[string]int)
		)
		group.SetLimit(4)
		for left := 0; ; left += faults.Count(130, 1) {
			mutex.Lock()
			stop := done
			mutex.Unlock()
			if stop {
				break
			}
			pages, files := left, -1
			if what != "disk" {
				pages, files = -1, left
			}
			group.Go(func() error {
				code, found := fullDisk(filepath.Join(folder, fmt.Sprint(what, left)), pages, files, wanted)
				mutex.Lock()
				defer mutex.Unlock()
				trials++
				done = done || code == 0
				ends[fmt.Sprintf("ended with %d", code)]++
				violations += report(t, fmt.Sprintf("%s with room for %d more", what, left), found)
				return nil
			})
		}
		_ = group.Wait()
		faults.Record(t, "E", what+" full at each write (tmpfs)", trials, violations, describeEnds(ends))
	}
}

// A memoryLimit starts a process that the system ends if it takes more.
type memoryLimit struct {
	name  string
	start func(bytes int64, process *exec.Cmd) error
	end   func() error
}

// limitMemory returns the hardest limit that this system lets us set: a control group with the
// kernel's killer behind it, else the address space.
func limitMemory() memoryLimit {
	group, err := os.MkdirTemp("/sys/fs/cgroup/memory", "settle-test-")
	if err == nil {
		limit := memoryLimit{name: "control group", end: func() error { return os.Remove(group) }}
		limit.start = func(bytes int64, process *exec.Cmd) error {
			err := os.WriteFile(filepath.Join(group, "memory.limit_in_bytes"), fmt.Append(nil, bytes), 0o644)
			inside(process, `echo $$ >"$0" && exec "$@"`, filepath.Join(group, "cgroup.procs"))
			return errors.Join(err, process.Start())
		}
		return limit
	}
	return memoryLimit{name: "address space", end: func() error { return nil }, start: func(bytes int64, process *exec.Cmd) error {
		// What the runtime reserves and never uses comes on top.
		inside(process, `ulimit -v "$0" && exec "$@"`, fmt.Sprint(700_000+bytes/1024*50))
		return process.Start()
	}}
}

// inside lets a shell do something to itself before it becomes the program.
func inside(process *exec.Cmd, script, argument string) {
	process.Args = append([]string{"sh", "-c", script, argument, process.Path}, process.Args[1:]...)
	process.Path = "/bin/sh"
}

// TestFaultE_Memory gives processes less memory than they need, from too little to begin up to all of
// it. Whoever ends them, the system by a signal or the runtime by its exit code 2, the next run finishes.
func TestFaultE_Memory(t *testing.T) {
	wanted, _, state := undisturbedNight(t)
	peak := state.SysUsage().(*syscall.Rusage).Maxrss * 1024
	limit := limitMemory()
	defer func() {
		if err := limit.end(); err != nil {
			t.Error(err)
		}
	}()
	trials, violations, ends := faults.Count(3, 20), 0, make(map[string]int)
	for trial := range trials {
		w, err := nightWorld(filepath.Join(t.TempDir(), "world"))
		if err != nil {
			t.Fatal(err)
		}
		bytes := peak * int64(trial+1) / int64(trials+1)
		end, found := starved(w, limit, bytes, wanted)
		ends[end]++
		violations += report(t, fmt.Sprintf("%d bytes", bytes), found)
	}
	faults.Record(t, "E", "too little memory ("+limit.name+")", trials, violations, describeEnds(ends))
}

func starved(w *world, limit memoryLimit, bytes int64, wanted map[string]string) (end string, violations []string) {
	process, output := program(nightArguments(w)...)
	if err := limit.start(bytes, process); err != nil {
		return "", []string{err.Error()}
	}
	code := codeOf(process.Wait())
	said := output.String()
	switch {
	case code == 0:
		end = "had enough"
	case code == -1:
		end = "were killed by the system"
	case code == 2 && isRuntimeDeath(said):
		end = "were ended by the runtime (2)"
	case code == 1:
		end = "failed (1)"
	default:
		end = "ended otherwise"
		violations = append(violations, fmt.Sprintf("exit code %d: %s", code, said))
	}
	violations = append(violations, w.claimed(code, said)...)
	return end, append(violations, w.judge(wanted, nightArguments(w))...)
}

// isRuntimeDeath tells the end of a Go program without memory from our own exit code 2.
func isRuntimeDeath(said string) bool {
	for _, sign := range []string{"fatal error: ", "runtime: ", "runtime/cgo: ", "SIGABRT"} {
		if strings.Contains(said, sign) {
			return true
		}
	}
	return false
}

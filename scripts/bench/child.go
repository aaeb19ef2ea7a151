package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// A cost is what a process took.
type cost struct {
	wall, user, system time.Duration
	// peak is the largest resident memory, in bytes.
	peak int64
}

func (c *cost) processor() time.Duration { return c.user + c.system }

// measure runs a process to its end. What it prints on standard error is shown only if it fails,
// unless show gets it.
func measure(ctx context.Context, show io.Writer, environment []string, name string, arguments ...string) (spent cost, stdout []byte, err error) {
	command := exec.CommandContext(ctx, name, arguments...)
	command.Env = append(os.Environ(), environment...)
	var out, problems bytes.Buffer
	command.Stdout, command.Stderr = &out, &problems
	if show != nil {
		command.Stderr = io.MultiWriter(&problems, show)
	}
	began := time.Now()
	err = command.Run()
	spent.wall = time.Since(began)
	if err != nil {
		return spent, nil, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(arguments, " "), err, lastLines(problems.String()))
	}
	usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return spent, nil, errors.New("this system does not tell what a process used")
	}
	spent.user, spent.system = command.ProcessState.UserTime(), command.ProcessState.SystemTime()
	spent.peak = usage.Maxrss * maxrssUnit_bytes
	return spent, out.Bytes(), nil
}

// maxrssUnit_bytes is the unit in which Linux counts resident memory.
const maxrssUnit_bytes = 1024

func lastLines(text string) string {
	const most_bytes = 4000
	if len(text) > most_bytes {
		text = "…" + text[len(text)-most_bytes:]
	}
	return text
}

// self runs this program as a child of itself.
func self(ctx context.Context, show io.Writer, command string, arguments ...string) (cost, []byte, error) {
	program, err := os.Executable()
	if err != nil {
		return cost{}, nil, err
	}
	return measure(ctx, show, nil, program, append([]string{command}, arguments...)...)
}

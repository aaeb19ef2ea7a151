//go:build faults

package crash

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

var (
	mutex   sync.Mutex
	reached = make(map[Point]int)
	trace   = os.Getenv("SETTLE_CRASH_TRACE")
	point   Point
	time    int
)

func init() {
	name, number, counted := strings.Cut(os.Getenv("SETTLE_CRASH_AT"), ":")
	point, time = Point(name), 1
	if counted {
		var err error
		if time, err = strconv.Atoi(number); err != nil || time < 1 {
			panic(fmt.Sprintf("SETTLE_CRASH_AT=%s:%s: write NAME or NAME:TIME, with a time from 1", name, number))
		}
	}
}

// At kills the process if the environment says so, and notes that the point was reached.
func At(at Point) {
	if trace == "" && at != point {
		return
	}
	mutex.Lock()
	defer mutex.Unlock()
	if trace != "" {
		note(at)
	}
	if reached[at]++; at == point && reached[at] == time {
		if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
			panic(err)
		}
		select {} // the signal is on its way
	}
}

func note(at Point) {
	file, err := os.OpenFile(trace, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		panic(err)
	}
	defer file.Close()
	if _, err := fmt.Fprintln(file, at); err != nil {
		panic(err)
	}
}

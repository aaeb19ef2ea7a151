package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
)

// startProfiles begins what SETTLE_CPU_PROFILE and SETTLE_ALLOCATIONS_PROFILE ask for: files that
// `go tool pprof` reads, of where the processor's time went, and of what was allocated since the
// program began. The function that it returns writes them; a profile that fails is told, and changes
// nothing of what the program does.
func startProfiles(stderr io.Writer) (finish func()) {
	processor, allocations := os.Getenv("SETTLE_CPU_PROFILE"), os.Getenv("SETTLE_ALLOCATIONS_PROFILE")
	var file *os.File
	if processor != "" {
		var err error
		if file, err = os.Create(processor); err == nil {
			err = pprof.StartCPUProfile(file)
		}
		if err != nil {
			fmt.Fprintln(stderr, "settle: SETTLE_CPU_PROFILE:", err)
		}
	}
	return func() {
		if file != nil {
			pprof.StopCPUProfile()
			if err := file.Close(); err != nil {
				fmt.Fprintln(stderr, "settle: SETTLE_CPU_PROFILE:", err)
			}
		}
		if allocations == "" {
			return
		}
		if err := writeAllocations(allocations); err != nil {
			fmt.Fprintln(stderr, "settle: SETTLE_ALLOCATIONS_PROFILE:", err)
		}
	}
}

func writeAllocations(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup("allocs").WriteTo(file, 0), file.Close())
}

// Command bench measures a night of settlement against a database that does the very same work on the
// same machine. See README.md.
//
// Every side runs in a child process of its own, so that its memory and its processor time can be
// told apart: settle itself, and this program again for DuckDB, for the bare cost, and for the comparison.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// commands are what the program can be asked for. Those with an underscore are its own children.
var commands = map[string]func(context.Context, []string) error{
	"night":    runNight,
	"prepare":  prepareNight,
	"variants": runVariants,
	"_duckdb":  duckDBChild,
	"_convert": convertChild,
	"_compare": compareChild,
	"_lots":    lotsChild,
	"_bare":    bareChild,
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	name := "night"
	arguments := os.Args[1:]
	if len(arguments) > 0 && arguments[0] != "" && arguments[0][0] != '-' {
		name, arguments = arguments[0], arguments[1:]
	}
	do := commands[name]
	if do == nil {
		fmt.Fprintf(os.Stderr, "bench: there is no %q; see README.md\n", name)
		os.Exit(2)
	}
	if err := do(ctx, arguments); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

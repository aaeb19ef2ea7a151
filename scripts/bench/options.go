package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// An options is what the caller chose.
type options struct {
	rows      int64
	members   int
	merchants int
	lots      int64
	runs      int
	// memory bounds both sides, such as 2GiB; "" for none.
	memory string
	// settleMemory bounds settle to less; "" for the same.
	settleMemory string
	// patience is after how many times settle's wall clock DuckDB is stopped; 0 for never.
	patience float64
	workers  int
	profile  bool
	results  string
}

// date is the night that is settled; the generated rulebook lets what is issued on it expire on expiresOn.
const (
	date        = "2026-06-01"
	compactDate = "20260601"
	expiresOn   = "2028-06-30"
	alliance    = "HUB"
	seed        = 1
)

func parseOptions(arguments []string) (*options, error) {
	var o options
	set := flag.NewFlagSet("bench night", flag.ContinueOnError)
	set.Int64Var(&o.rows, "rows", 20_000_000, "rows of the night")
	set.IntVar(&o.members, "members", 0, "members (default: a tenth of the rows)")
	set.IntVar(&o.merchants, "merchants", 200, "merchants")
	set.Int64Var(&o.lots, "lots", 0, "open lots before the night (default: three for each member)")
	set.IntVar(&o.runs, "runs", 5, "runs of each side; medians are printed")
	set.StringVar(&o.memory, "memory", "", "bound both sides, such as 2GiB: DuckDB's memory_limit and settle's --memory")
	set.StringVar(&o.settleMemory, "settle-memory", "", "bound settle to this instead (default: as -memory)")
	set.Float64Var(&o.patience, "patience", 0, "stop DuckDB after so many times settle's wall clock, and say so (default: wait)")
	set.IntVar(&o.workers, "workers", 2, "threads of DuckDB and workers of settle")
	set.BoolVar(&o.profile, "profile", false, "run settle once more with a CPU and an allocation profile, and print where they go")
	set.StringVar(&o.results, "results", "results", "the directory that the raw output is written to")
	if err := set.Parse(arguments); err != nil {
		return nil, err
	}
	if set.NArg() > 0 {
		return nil, fmt.Errorf("%q is no flag", set.Arg(0))
	}
	if o.rows < 10 || o.runs < 1 || o.merchants < 1 || o.workers < 1 || o.members < 0 || o.lots < 0 || o.patience < 0 {
		return nil, errors.New("rows are at least 10; runs, merchants and workers at least 1; members, lots and patience at least 0, which stands for the default")
	}
	if o.members == 0 {
		o.members = int(o.rows / 10)
	}
	if o.lots == 0 {
		o.lots = 3 * int64(o.members)
	}
	return &o, nil
}

// settleBound is settle's --memory; "" for its default.
func (o *options) settleBound() string { return cmp.Or(o.settleMemory, o.memory) }

// world is the night that the caller chose.
func (o *options) world() *world {
	return &world{rows: o.rows, members: o.members, merchants: o.merchants, lots: o.lots}
}

// cacheDirectory is where generated data and work in progress lie, outside the checkout.
func cacheDirectory() (string, error) {
	if named := os.Getenv("SETTLE_BENCH_CACHE"); named != "" {
		return named, nil
	}
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "settle", "bench"), err
}

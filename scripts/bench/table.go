package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// describe says what is measured, where and when.
func describe(out io.Writer, o *options) {
	fmt.Fprintf(out, "a night of %d rows, %d members, %d merchants, %d open lots; %s of each side, by turns; %d threads",
		o.rows, o.members, o.merchants, o.lots, plural(o.runs, "run"), o.workers)
	if o.memory != "" {
		fmt.Fprintf(out, "; memory bounded to %s", o.memory)
		if o.settleBound() != o.memory {
			fmt.Fprintf(out, ", settle's to %s", o.settleBound())
		}
	}
	fmt.Fprintf(out, "\n%s, %d processors, %s, %s; load average before the start %s\n\n", processorModel(), runtime.NumCPU(), runtime.Version(),
		time.Now().UTC().Format(time.DateTime), loadAverage())
}

// loadAverage says how busy the machine is with other things: where it is, only processor time can be compared.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(text))[:3], " ")
}

func plural(count int, noun string) string {
	if count == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", count, noun)
}

func processorModel() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, model, found := strings.Cut(lines.Text(), ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(model)
		}
	}
	return runtime.GOARCH
}

func (c cost) String() string {
	return fmt.Sprintf("%s, CPU %s (%s user, %s system), peak memory %s", seconds(c.wall), seconds(c.processor()), seconds(c.user), seconds(c.system), gibibytes(c.peak))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func gibibytes(bytes int64) string { return fmt.Sprintf("%.2f GiB", float64(bytes)/(1<<30)) }

func ratio[N int64 | time.Duration](a, b N) string {
	return fmt.Sprintf("%.2f x", float64(a)/float64(b))
}

// print prints the table.
func (m *measured) print(out io.Writer, o *options) {
	line := func(name string, columns ...string) {
		fmt.Fprintf(out, "%-24s", name)
		for _, column := range columns {
			fmt.Fprintf(out, "%14s", column)
		}
		fmt.Fprintln(out)
	}
	rate := func(wall time.Duration) string { return fmt.Sprintf("%.0f", float64(o.rows)/wall.Seconds()) }
	settle := median(m.settle)
	fmt.Fprintln(out)
	line("medians", "wall", "CPU", "peak memory", "rows/s")
	line("settle", seconds(settle.wall), seconds(settle.processor()), gibibytes(settle.peak), rate(settle.wall))
	if len(m.duckdb) > 0 {
		duckdb := median(m.duckdb)
		line("DuckDB", seconds(duckdb.wall), seconds(duckdb.processor()), gibibytes(duckdb.peak), rate(duckdb.wall))
		line("DuckDB / settle", ratio(duckdb.wall, settle.wall), ratio(duckdb.processor(), settle.processor()), ratio(duckdb.peak, settle.peak), "")
	} else {
		line("DuckDB", "not finished")
	}
	if len(m.bare) > 0 {
		median := medianBare(m.bare)
		bare := func(name string, p phase) { line(name, seconds(p.Wall), seconds(p.Processor), "", rate(p.Wall)) }
		bare("decode and hash", median.Decode)
		bare("  of it hash", median.Hash)
		bare("read the opening lots", median.OpeningLots)
		bare("encode", median.Encode)
		bare("encode the new lots", median.NewLots)
		bare("encode the ids", median.NewIDs)
		bare("bare cost", median.total())
		compared := func(name string, p phase) {
			line(name, ratio(settle.wall, p.Wall), ratio(settle.processor(), p.Processor), "", "")
		}
		compared("settle / bare cost", median.total())
		compared("settle / without ids", median.both())
		compared("settle / without lots", median.files())
	} else {
		fmt.Fprintf(out, "the bare cost is not measured beyond %d rows\n", mostRowsForBare)
	}
	fmt.Fprintf(out, "\nsettle's stages: %s\n", stepsText(medianSteps(m.stages)))
	if len(m.steps) > 0 {
		fmt.Fprintf(out, "DuckDB's statements: %s\n", stepsText(medianSteps(m.steps)))
	}
}

// profile runs settle once more and prints where its time and its allocations go.
func (p *prepared) profile(ctx context.Context, o *options, out io.Writer) error {
	folder := filepath.Join(p.work, "profiled")
	defer os.RemoveAll(folder)
	if err := p.linkLedger(folder); err != nil {
		return err
	}
	return p.profiled(ctx, "night", out, func(environment ...string) error {
		_, _, err := p.runSettle(ctx, o, folder, environment...)
		return err
	})
}

// profiled runs settle with profiles, which are kept in the cache by their name, and prints where its time and its allocations go.
func (p *prepared) profiled(ctx context.Context, name string, out io.Writer, run func(environment ...string) error) error {
	profiles := filepath.Join(p.cache, "profiles")
	if err := os.MkdirAll(profiles, 0o755); err != nil {
		return err
	}
	processor, allocations := filepath.Join(profiles, name+"-cpu.pprof"), filepath.Join(profiles, name+"-allocations.pprof")
	if err := run("SETTLE_CPU_PROFILE="+processor, "SETTLE_ALLOCATIONS_PROFILE="+allocations); err != nil {
		return err
	}
	for _, show := range [][]string{
		{"-top", "-cum", "-nodecount=60", processor}, {"-top", "-nodecount=40", processor},
		{"-sample_index=alloc_space", "-top", "-nodecount=40", allocations}, {"-sample_index=alloc_objects", "-top", "-nodecount=30", allocations},
	} {
		text, err := exec.CommandContext(ctx, "go", append([]string{"tool", "pprof"}, append(show[:len(show)-1:len(show)-1], p.settle, show[len(show)-1])...)...).Output()
		if err != nil {
			return fmt.Errorf("show a profile: %w", err)
		}
		fmt.Fprintf(out, "\n%s\n%s", strings.Join(show[:len(show)-1], " "), text)
	}
	return nil
}

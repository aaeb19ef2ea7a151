package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// mostRowsForBare is up to which size of a night the bare cost is measured: what is to be encoded has
// to be in memory then, which is no part of the measure.
const mostRowsForBare = 40_000_000

// A measured night is what a run of each side took.
type measured struct {
	settle, duckdb []cost
	// stages of settle and steps of DuckDB are those of each run.
	stages, steps [][]stepTime
	// unfinished says why DuckDB did not come to its end, if it was bounded.
	unfinished string
	published  sizes
	// bare is the bare cost, measured after each turn of settle.
	bare []bareCost
}

// runNight measures a night on both sides by turns, and prints the table.
func runNight(ctx context.Context, arguments []string) error {
	o, err := parseOptions(arguments)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.results, 0o755); err != nil {
		return err
	}
	name := fmt.Sprintf("night-%d", o.rows)
	if o.memory != "" {
		name += "-" + o.memory
	}
	file, err := os.Create(filepath.Join(o.results, name+".txt"))
	if err != nil {
		return err
	}
	defer file.Close()
	out := io.MultiWriter(os.Stdout, file)
	p, lots, err := prepareBoth(ctx, o, os.Stderr)
	if err != nil {
		return err
	}
	defer os.RemoveAll(p.work)
	describe(out, o)
	if o.memory != "" && !p.boundable {
		fmt.Fprintf(out, "settle run has no --memory: only DuckDB is bounded to %s\n\n", o.memory)
	}
	night := new(measured)
	for run := range o.runs {
		if err := night.run(ctx, o, p, lots, run, out); err != nil {
			return err
		}
	}
	night.print(out, o)
	if o.profile {
		return p.profile(ctx, o, out)
	}
	return nil
}

// prepareNight makes what a night needs, so that a later run begins at once.
func prepareNight(ctx context.Context, arguments []string) error {
	o, err := parseOptions(arguments)
	if err != nil {
		return err
	}
	p, _, err := prepareBoth(ctx, o, os.Stderr)
	if err != nil {
		return err
	}
	return os.RemoveAll(p.work)
}

// prepareBoth prepares a night for both sides; lots are DuckDB's.
func prepareBoth(ctx context.Context, o *options, say io.Writer) (p *prepared, lots string, err error) {
	machine, err := setUp(ctx)
	if err != nil {
		return nil, "", err
	}
	if p, err = machine.prepare(ctx, o.world(), say); err != nil {
		return nil, "", err
	}
	lots, err = p.lots(ctx)
	return p, lots, err
}

// run measures both sides once. The first time what they published is compared. Neither side has the disk while
// the other works, but for what is compared: a large night fills it.
func (m *measured) run(ctx context.Context, o *options, p *prepared, lots string, run int, out io.Writer) (err error) {
	ours, theirs := filepath.Join(p.work, "settle"), filepath.Join(p.work, "duckdb")
	defer func() { err = errors.Join(err, p.putAside(ours), p.putAside(theirs)) }()
	if err := p.linkLedger(ours); err != nil {
		return err
	}
	if err := settleDown(p.inbox, lots); err != nil {
		return err
	}
	spent, stages, err := p.runSettle(ctx, o, ours)
	if err != nil {
		return err
	}
	m.settle, m.stages = append(m.settle, spent), append(m.stages, stages)
	fmt.Fprintf(out, "run %d  settle  %s\n", run+1, spent.String())
	if err := m.measureBare(ctx, o, p, ours, out); err != nil {
		return err
	}
	if err := p.keepCompared(ctx, ours); err != nil {
		return err
	}
	if run > 0 {
		if err := p.putAside(ours); err != nil {
			return err
		}
	}
	if m.unfinished == "" {
		if err := settleDown(p.inbox, lots); err != nil {
			return err
		}
		spent, steps, err := p.runDuckDB(ctx, o, theirs, o.patienceAfter(spent.wall))
		switch {
		case err != nil && (o.memory == "" && o.patience == 0 || ctx.Err() != nil):
			return err
		case err != nil:
			m.unfinished = p.reason(err)
			if err := p.putAside(theirs); err != nil {
				return err
			}
			fmt.Fprintf(out, "run %d  DuckDB  does not finish within %s: %s\n", run+1, o.memory, m.unfinished)
		default:
			m.duckdb, m.steps = append(m.duckdb, spent), append(m.steps, steps)
			fmt.Fprintf(out, "run %d  DuckDB  %s\n", run+1, spent.String())
		}
	}
	if run == 0 && m.unfinished == "" {
		if err := m.compare(ctx, ours, theirs); err != nil {
			return err
		}
		fmt.Fprintf(out, "settle and DuckDB agree on %d lines, %d rows of detail in every column, and %d open lots\n", m.published.Lines, m.published.Allocations, m.published.Lots)
	}
	return nil
}

// runSettle settles the night with the program as anybody would.
func (p *prepared) runSettle(ctx context.Context, o *options, folder string, environment ...string) (cost, []stepTime, error) {
	return p.settleNight(ctx, o, o.rows, in(folder, p.inbox), environment...)
}

// locations are where a night finds and leaves everything: directories, or URLs.
type locations struct {
	inbox, ledger, statements, acks string
	// served returns how much processor time their server has taken until now; nil if there is none.
	served func() (time.Duration, error)
}

// in returns the locations of a night that is settled in a folder.
func in(folder, inbox string) *locations {
	return &locations{inbox: inbox, ledger: filepath.Join(folder, "ledger"), statements: filepath.Join(folder, "statements"), acks: filepath.Join(folder, "acks")}
}

// settleNight settles a night of so many rows.
func (p *prepared) settleNight(ctx context.Context, o *options, rows int64, at *locations, environment ...string) (cost, []stepTime, error) {
	arguments := []string{"run", "--rules", p.rulebook, "--inbox", at.inbox, "--ledger", at.ledger,
		"--statements", at.statements, "--acks", at.acks, "--date", date,
		"--operator", "bench", "--workers", fmt.Sprint(o.workers), "--json"}
	if !p.world.lively {
		arguments = append(arguments, "--strict")
	}
	if bound := o.settleBound(); bound != "" && p.boundable {
		arguments = append(arguments, "--memory", bound)
	}
	spent, stdout, err := measure(ctx, nil, environment, p.settle, arguments...)
	if err != nil {
		return spent, nil, err
	}
	var report struct {
		Dates []struct {
			Totals struct {
				RowsAccepted int64 `json:"rows_accepted"`
				RowsRejected int64 `json:"rows_rejected"`
			} `json:"totals"`
			Stages []struct {
				Stage      string `json:"stage"`
				Elapsed_ms int64  `json:"elapsed_ms"`
			} `json:"stages"`
		} `json:"dates"`
	}
	if err := p.untouched(); err != nil {
		return spent, nil, err
	}
	if err := json.Unmarshal(stdout, &report); err != nil {
		return spent, nil, fmt.Errorf("read settle's report: %w", err)
	}
	if len(report.Dates) != 1 {
		return spent, nil, fmt.Errorf("settle settled %d nights", len(report.Dates))
	}
	// Rows that come late are settled later than they were made: a lively night has a few more or less.
	accepted, rejected := report.Dates[0].Totals.RowsAccepted, report.Dates[0].Totals.RowsRejected
	if accepted != rows && !p.world.lively || rejected > 0 || accepted < rows-rows/20 {
		return spent, nil, fmt.Errorf("settle did not accept every row of the night: of %d it accepted %d and rejected %d", rows, accepted, rejected)
	}
	var stages []stepTime
	for _, stage := range report.Dates[0].Stages {
		stages = append(stages, stepTime{stage.Stage, stage.Elapsed_ms})
	}
	return spent, stages, nil
}

// It is stopped after some time, if that is not 0.
func (p *prepared) runDuckDB(ctx context.Context, o *options, folder string, patience time.Duration) (cost, []stepTime, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return cost{}, nil, err
	}
	lots, err := p.lots(ctx)
	if err != nil {
		return cost{}, nil, err
	}
	spill := filepath.Join(folder, "spill")
	limited, cancel := ctx, context.CancelFunc(func() {})
	if patience > 0 {
		limited, cancel = context.WithTimeout(ctx, patience)
	}
	defer cancel()
	spent, stdout, err := self(limited, nil, "_duckdb", "--inbox", p.inbox, "--lots", lots, "--rules", p.rulebook, "--out", folder,
		"--spill", spill, "--threads", fmt.Sprint(o.workers), "--memory", o.memory)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("it was stopped after %s, which is %.1f times what settle took", seconds(spent.wall), o.patience)
	}
	if err != nil {
		err = fmt.Errorf("%w; %s had gone to its temporary files", err, gibibytes(sizeOf(spill)))
	}
	if err := errors.Join(err, p.putAside(spill)); err != nil {
		return spent, nil, err
	}
	var steps []stepTime
	return spent, steps, json.Unmarshal(stdout, &steps)
}

// reason returns what a child said of its failure, without where things lie on this machine.
func (p *prepared) reason(err error) string {
	_, said, found := strings.Cut(err.Error(), "\n")
	if !found {
		said = err.Error()
	}
	return strings.ReplaceAll(strings.TrimPrefix(said, "bench: "), p.work+string(filepath.Separator), "")
}

// patienceAfter returns how long DuckDB may take if settle took so long; 0 if there is no limit.
func (o *options) patienceAfter(settled time.Duration) time.Duration {
	return time.Duration(o.patience * float64(settled))
}

// sizeOf returns how many bytes the files of a folder have.
func sizeOf(folder string) (size int64) {
	_ = filepath.WalkDir(folder, func(_ string, entry os.DirEntry, err error) error {
		if err != nil {
			return nil // what it had is what can be seen of it
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
		return nil
	})
	return size
}

// comparedFiles are what the comparison reads of settle's statements.
var comparedFiles = []string{
	"alliance/date=" + date + "/lines.parquet", "alliance/date=" + date + "/points.parquet", "merchant=*/date=" + date + "/detail*.parquet",
}

// keepCompared sums up the lots of settle's ledger and puts everything of its side aside that is not read any more.
func (p *prepared) keepCompared(ctx context.Context, folder string) error {
	_, lots, err := self(ctx, nil, "_lots", filepath.Join(folder, "ledger"), p.rulebook)
	if err != nil {
		return err
	}
	compared := filepath.Join(folder, "compared")
	for _, pattern := range comparedFiles {
		paths, err := filepath.Glob(filepath.Join(folder, "statements", filepath.FromSlash(pattern)))
		if err != nil || len(paths) == 0 {
			return fmt.Errorf("settle published no %s: %v", pattern, err)
		}
		for _, path := range paths {
			to := compared + strings.TrimPrefix(path, filepath.Join(folder, "statements"))
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				return err
			}
			if err := os.Rename(path, to); err != nil {
				return err
			}
		}
	}
	if err := os.WriteFile(filepath.Join(compared, "lots.csv"), lots, 0o644); err != nil {
		return err
	}
	return p.putAsideBut(folder, "compared")
}

// compare compares what is left of settle's side with that of DuckDB.
func (m *measured) compare(ctx context.Context, ours, theirs string) error {
	compared := filepath.Join(ours, "compared")
	_, stdout, err := self(ctx, nil, "_compare", "--ours", compared, "--our-lots", filepath.Join(compared, "lots.csv"), "--theirs", theirs)
	if err != nil {
		return err
	}
	return json.Unmarshal(stdout, &m.published)
}

func (m *measured) measureBare(ctx context.Context, o *options, p *prepared, ours string, out io.Writer) error {
	if o.rows > mostRowsForBare {
		return nil
	}
	_, stdout, err := self(ctx, nil, "_bare", "--inbox", p.inbox, "--ledger", filepath.Join(ours, "ledger"), "--statements", filepath.Join(ours, "statements"), "--rules", p.rulebook, "--workers", fmt.Sprint(o.workers))
	if err != nil {
		return err
	}
	var bare bareCost
	if err := json.Unmarshal(stdout, &bare); err != nil {
		return err
	}
	if bare.Rows != o.rows {
		return fmt.Errorf("decoding gave %d rows of %d", bare.Rows, o.rows)
	}
	if bare.LotsRead != o.lots {
		return fmt.Errorf("the ledger had %d open lots of %d", bare.LotsRead, o.lots)
	}
	if bare.IDsEncoded != o.rows {
		return fmt.Errorf("the ledger had %d ids of %d rows", bare.IDsEncoded, o.rows)
	}
	m.bare = append(m.bare, bare)
	fmt.Fprintf(out, "run %d  bare    %s, CPU %s\n", len(m.bare), seconds(bare.total().Wall), seconds(bare.total().Processor))
	return nil
}

// median returns the cost of a side whose every figure is the median of its runs.
func median(runs []cost) cost {
	of := func(figure func(*cost) int64) int64 {
		all := make([]int64, len(runs))
		for i := range runs {
			all[i] = figure(&runs[i])
		}
		slices.Sort(all)
		return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
	}
	return cost{
		wall:   time.Duration(of(func(c *cost) int64 { return int64(c.wall) })),
		user:   time.Duration(of(func(c *cost) int64 { return int64(c.user) })),
		system: time.Duration(of(func(c *cost) int64 { return int64(c.system) })),
		peak:   of(func(c *cost) int64 { return c.peak }),
	}
}

// medianBare returns the bare cost whose every figure is the median of its runs.
func medianBare(runs []bareCost) bareCost {
	of := func(piece func(*bareCost) phase) phase {
		costs := make([]cost, len(runs))
		for i := range runs {
			costs[i] = cost{wall: piece(&runs[i]).Wall, user: piece(&runs[i]).Processor}
		}
		middle := median(costs)
		return phase{middle.wall, middle.user}
	}
	return bareCost{
		Decode: of(func(b *bareCost) phase { return b.Decode }),
		Hash:   of(func(b *bareCost) phase { return b.Hash }),
		Encode: of(func(b *bareCost) phase { return b.Encode }),

		OpeningLots: of(func(b *bareCost) phase { return b.OpeningLots }),
		NewLots:     of(func(b *bareCost) phase { return b.NewLots }),
		NewIDs:      of(func(b *bareCost) phase { return b.NewIDs }),
	}
}

// medianSteps returns the median time of each step.
func medianSteps(runs [][]stepTime) []stepTime {
	steps := slices.Clone(runs[0])
	for i := range steps {
		var all []int64
		for _, run := range runs {
			if i < len(run) {
				all = append(all, run[i].Elapsed_ms)
			}
		}
		slices.Sort(all)
		steps[i].Elapsed_ms = all[len(all)/2]
	}
	return steps
}

func stepsText(steps []stepTime) string {
	var text []string
	for _, step := range steps {
		text = append(text, fmt.Sprintf("%s %.1f s", step.Name, float64(step.Elapsed_ms)/1000))
	}
	return strings.Join(text, ", ")
}

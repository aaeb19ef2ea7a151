package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"alliance/settlement/storage"
)

// A result is what a variant took.
type result struct {
	*variant
	rows int64
	// touched is how many members have rows, 0 if that is not known.
	touched int64
	runs    []cost
	stages  [][]stepTime
	// spent is the median of the runs.
	spent cost
	// served is what a server took besides in the last run, 0 if there is none.
	served time.Duration
	// delivered and written count objects: those of the inbox, and all that are new after the night;
	// files are those delivered that have rows.
	delivered, files, written int64
	// stateBytes are those of the state's new objects, accountBytes those of accounts, and of what was put away of them, among them.
	stateBytes, accountBytes int64
}

// wallPerRow and processorPerRow are microseconds.
func (r *result) wallPerRow() float64 { return r.spent.wall.Seconds() * 1e6 / float64(r.rows) }
func (r *result) processorPerRow() float64 {
	return r.spent.processor().Seconds() * 1e6 / float64(r.rows)
}

// variantOptions are what the caller of the variants chose.
type variantOptions struct {
	options
	sizes variantSizes
	cases string
}

func parseVariantOptions(arguments []string) (*variantOptions, error) {
	var o variantOptions
	var divide int64
	set := flag.NewFlagSet("bench variants", flag.ContinueOnError)
	set.StringVar(&o.cases, "cases", "", "names of cases, with commas or blanks between (default: all); those that they are compared with run, too")
	set.IntVar(&o.runs, "runs", 1, "runs of each case; medians are printed")
	set.StringVar(&o.memory, "memory", "1GiB", "settle's --memory")
	set.IntVar(&o.workers, "workers", 2, "workers of settle")
	set.Int64Var(&o.sizes.rows, "rows", 2_000_000, "rows of the base night; a member for ten, three lots for each member")
	set.IntVar(&o.sizes.merchants, "merchants", 200, "merchants, but for many-merchants")
	set.Int64Var(&o.sizes.fileRows, "file-rows", 20_000_000, "rows of one-file")
	set.IntVar(&o.sizes.smallMerchants, "small-merchants", 10_000, "merchants of many-merchants, with ten rows each")
	set.Int64Var(&o.sizes.touchLots, "touch-lots", 100_000_000, "open lots of touch-0.1, touch-5 and month-end; a member for five")
	set.Int64Var(&o.sizes.touchRows, "touch-rows", 1_000_000, "rows of these")
	set.Int64Var(&divide, "divide", 1, "divide all sizes but the merchants of the base night by this")
	set.BoolVar(&o.profile, "profile", false, "run each case once more with a CPU and an allocation profile, and print where they go")
	set.StringVar(&o.results, "results", "results", "the directory that the table is written to")
	if err := set.Parse(arguments); err != nil {
		return nil, err
	}
	if set.NArg() > 0 {
		return nil, fmt.Errorf("%q is no flag", set.Arg(0))
	}
	if divide < 1 || o.runs < 1 || o.workers < 1 || o.memory == "" {
		return nil, errors.New("divide, runs and workers are at least 1, and memory is needed")
	}
	s := &o.sizes
	for _, size := range []*int64{&s.rows, &s.fileRows, &s.touchLots, &s.touchRows} {
		*size /= divide
	}
	s.smallMerchants /= int(divide)
	if s.rows < 20 || s.fileRows < 20 || s.merchants < 2 || s.smallMerchants < 2 || s.touchRows < 20 || s.touchLots < 5000 {
		return nil, errors.New("divided rows are at least 20, merchants 2, and touched lots 5000, of whose members 0.1 % is one")
	}
	if s.touchRows < s.touchLots/5/20 {
		return nil, fmt.Errorf("%d rows cannot touch 5 %% of the members of %d lots, which are %d: give more touched rows, or fewer lots", s.touchRows, s.touchLots, s.touchLots/5/20)
	}
	return &o, nil
}

// runVariants measures nights of unusual shape with settle alone, and prints the table.
func runVariants(ctx context.Context, arguments []string) error {
	o, err := parseVariantOptions(arguments)
	if err != nil {
		return err
	}
	chosen, err := chosenVariants(o.cases)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.results, 0o755); err != nil {
		return err
	}
	machine, err := setUp(ctx)
	if err != nil {
		return err
	}
	defer os.RemoveAll(machine.work)
	if !machine.boundable {
		return errors.New("settle run has no --memory: the variants are about a bounded night")
	}
	// The file of an earlier run is replaced when there is something to put in its place.
	file, err := os.Create(filepath.Join(machine.work, "variants.txt"))
	if err != nil {
		return err
	}
	defer file.Close()
	out := io.MultiWriter(os.Stdout, file)
	results, err := measureVariants(ctx, o, machine, chosen, out)
	if err != nil {
		return err
	}
	printVariants(out, results)
	if o.profile {
		if err := profileVariants(ctx, o, machine, results, out); err != nil {
			return err
		}
	}
	return keepResults(file.Name(), filepath.Join(o.results, variantsName(o.cases)))
}

// variantsName is the name of the file of results: that of all cases, or of some.
func variantsName(cases string) string {
	if cases == "" {
		return "variants.txt"
	}
	return "variants-" + strings.Join(strings.FieldsFunc(cases, func(r rune) bool { return r == ',' || r == ' ' }), "-") + ".txt"
}

func keepResults(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o644)
}

// measureVariants runs every variant as often as the caller wants, all of them once before any of them
// again, so that what changes on the machine meanwhile meets all.
func measureVariants(ctx context.Context, o *variantOptions, machine *place, chosen []variant, out io.Writer) ([]*result, error) {
	nights := make([]*prepared, len(chosen))
	results := make([]*result, len(chosen))
	for i := range chosen {
		w := chosen[i].world(&o.sizes)
		results[i] = &result{variant: &chosen[i], rows: w.rows}
		if chosen[i].touched != nil {
			results[i].touched = chosen[i].touched(&o.sizes)
		}
		var err error
		if nights[i], err = machine.prepare(ctx, &w, os.Stderr); err != nil {
			return nil, fmt.Errorf("prepare %s: %w", chosen[i].name, err)
		}
	}
	describeVariants(out, o)
	for run := range o.runs {
		for i, r := range results {
			if err := r.run(ctx, o, nights[i]); err != nil {
				return nil, fmt.Errorf("%s: %w", r.name, err)
			}
			fmt.Fprintf(out, "run %d  %-17s %s\n", run+1, r.name, r.runs[run])
		}
	}
	for _, r := range results {
		r.spent = median(r.runs)
	}
	return results, nil
}

// run settles the night once.
func (r *result) run(ctx context.Context, o *variantOptions, p *prepared) error {
	return r.where(ctx, p, func(at *locations) error {
		before, err := listAll(ctx, at)
		if err != nil {
			return err
		}
		if err := warm(p.inbox, p.ledger); err != nil {
			return err
		}
		// What was written to get here must not be waited for by the night, which forces what it writes to the disk.
		syscall.Sync()
		spent, stages, err := r.settle(ctx, o, p, at)
		if err != nil {
			return err
		}
		r.runs, r.stages = append(r.runs, spent), append(r.stages, stages)
		after, err := listAll(ctx, at)
		if err != nil {
			return err
		}
		r.count(before, after)
		return nil
	})
}

// settle settles the night, and counts what a server takes besides.
func (r *result) settle(ctx context.Context, o *variantOptions, p *prepared, at *locations) (cost, []stepTime, error) {
	if at.served == nil {
		return p.settleNight(ctx, &o.options, r.rows, at)
	}
	before, err := at.served()
	if err != nil {
		return cost{}, nil, err
	}
	spent, stages, err := p.settleNight(ctx, &o.options, r.rows, at)
	if err != nil {
		return spent, nil, err
	}
	after, err := at.served()
	r.served = after - before
	return spent, stages, err
}

// where gives a night a ledger of its own, in a folder or in an object store, for as long as do takes.
func (r *result) where(ctx context.Context, p *prepared, do func(*locations) error) (err error) {
	folder := filepath.Join(p.work, r.name)
	defer func() { err = errors.Join(err, p.putAside(folder)) }()
	if r.inStore {
		return withServer(ctx, p, folder, do)
	}
	if err := p.linkLedger(folder); err != nil {
		return err
	}
	return do(in(folder, p.inbox))
}

// controlName is the file of a folder that says what was delivered.
const controlName = "_control.json"

// An object is one of all locations of a night.
type object struct{ location, key string }

// listAll returns the sizes of all objects of a night.
func listAll(ctx context.Context, at *locations) (map[object]int64, error) {
	sizes := make(map[object]int64)
	for name, location := range map[string]string{"inbox": at.inbox, "ledger": at.ledger, "statements": at.statements, "acks": at.acks} {
		if _, err := os.Stat(location); err != nil && !strings.Contains(location, "://") {
			continue // the night makes it
		}
		bucket, err := storage.OpenURL(ctx, location)
		if err != nil {
			return nil, err
		}
		objects, err := bucket.List(ctx, "")
		if err != nil {
			return nil, err
		}
		for _, found := range objects {
			sizes[object{name, found.Key}] = found.Size
		}
	}
	return sizes, nil
}

// count counts what is new after the night.
func (r *result) count(before, after map[object]int64) {
	r.delivered, r.files, r.written, r.stateBytes, r.accountBytes = 0, 0, 0, 0, 0
	for o, size := range after {
		if _, old := before[o]; old {
			if o.location == "inbox" && strings.Contains(o.key, "/date="+date+"/") {
				r.delivered++
				if path.Base(o.key) != controlName {
					r.files++
				}
			}
			continue
		}
		r.written++
		if o.location == "ledger" && strings.Contains(o.key, "/state/") {
			r.stateBytes += size
			if strings.Contains(o.key, "/state/accounts-") || strings.Contains(o.key, "/state/put-away-") {
				r.accountBytes += size
			}
		}
	}
}

// profileVariants runs each case once more with profiles.
func profileVariants(ctx context.Context, o *variantOptions, machine *place, results []*result, out io.Writer) error {
	for _, r := range results {
		w := r.world(&o.sizes)
		p, err := machine.prepare(ctx, &w, os.Stderr)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "\n%s\n", r.name)
		err = r.where(ctx, p, func(at *locations) error {
			return p.profiled(ctx, r.name, out, func(environment ...string) error {
				_, _, err := p.settleNight(ctx, &o.options, r.rows, at, environment...)
				return err
			})
		})
		if err != nil {
			return fmt.Errorf("profile %s: %w", r.name, err)
		}
	}
	return nil
}

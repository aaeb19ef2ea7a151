package main

import (
	"fmt"
	"io"
	"runtime"
	"time"
)

// describeVariants says what is measured, where and when.
func describeVariants(out io.Writer, o *variantOptions) {
	s := &o.sizes
	fmt.Fprintf(out, "nights of unusual shape, settle alone; %s of each, medians; %d workers; memory bounded to %s\n", plural(o.runs, "run"), o.workers, o.memory)
	fmt.Fprintf(out, "base %d rows; one file %d rows; %d small merchants; %d rows over %d lots; %d merchants\n",
		s.rows, s.fileRows, s.smallMerchants, s.touchRows, s.touchLots, s.merchants)
	fmt.Fprintf(out, "%s, %d processors, %s, %s; load average before the start %s\n\n", processorModel(), runtime.NumCPU(), runtime.Version(),
		time.Now().UTC().Format(time.DateTime), loadAverage())
}

// printVariants prints the table, then each bound with what came out.
func printVariants(out io.Writer, results []*result) {
	const row = "%-17s%12v%11v%11v%11s%11s%12s%12s%12s%13s\n"
	fmt.Fprintln(out)
	fmt.Fprintf(out, row, "", "", "objects", "objects", "", "", "peak", "wall", "CPU", "state")
	fmt.Fprintf(out, row, "case", "rows", "delivered", "written", "wall", "CPU", "memory", "per row", "per row", "written")
	byName := make(map[string]*result)
	for _, r := range results {
		byName[r.name] = r
		fmt.Fprintf(out, row, r.name, r.rows, r.delivered, r.written, seconds(r.spent.wall), seconds(r.spent.processor()), gibibytes(r.spent.peak),
			microseconds(r.wallPerRow()), microseconds(r.processorPerRow()), megabytes(r.stateBytes))
	}
	fmt.Fprintln(out)
	held, bounds := 0, 0
	for _, r := range results {
		if r.bound != nil {
			ratio, of := r.bound.ratio(r, byName[r.against])
			against := byName[r.against]
			bounds++
			held += verdict(out, r, fmt.Sprintf("%.2f x of %s (at most %g)", ratio, of, r.bound.most), ratio <= r.bound.most)
			fmt.Fprintf(out, "%-17s   CPU per row %.2f x, wall clock %.2f x, %.2f ms for each object delivered or written\n", "",
				r.processorPerRow()/against.processorPerRow(), r.spent.wall.Seconds()/against.spent.wall.Seconds(),
				r.spent.wall.Seconds()*1000/float64(r.delivered+r.written))
		}
		bounds++
		held += verdict(out, r, fmt.Sprintf("peak memory %s (at most %s)", gibibytes(r.spent.peak), gibibytes(mostPeak_bytes)), r.spent.peak <= mostPeak_bytes)
	}
	fmt.Fprintf(out, "%d of %s held\n\n", held, plural(bounds, "bound"))
	for _, r := range results {
		fmt.Fprintf(out, "%s: %s. Stages: %s", r.name, r.about, stepsText(medianSteps(r.stages)))
		if r.served > 0 {
			fmt.Fprintf(out, "; the server took CPU %s besides", seconds(r.served))
		}
		fmt.Fprintln(out)
	}
}

// verdict prints what came out of a bound; 1 if it held.
func verdict(out io.Writer, r *result, text string, held bool) int {
	if held {
		fmt.Fprintf(out, "%-17s %s\n", r.name, text)
		return 1
	}
	fmt.Fprintf(out, "%-17s %s: OVER\n", r.name, text)
	return 0
}

func microseconds(each float64) string { return fmt.Sprintf("%.2f us", each) }

func megabytes(bytes int64) string { return fmt.Sprintf("%.2f MB", float64(bytes)/1e6) }

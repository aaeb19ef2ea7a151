package statement

import (
	"syscall"
	"testing"
)

func BenchmarkTinyNight(b *testing.B) {
	night := smallNight()
	b.ReportAllocs()
	before := processorTime(b)
	for b.Loop() {
		publish(b, night, Options{})
	}
	b.ReportMetric(float64(processorTime(b)-before)/float64(b.N)/1e6, "cpu-ms/night")
}

func BenchmarkDetail(b *testing.B) {
	const rows = 1 << 20
	night := largeNight(rows)
	views, err := views(night)
	if err != nil {
		b.Fatal(err)
	}
	for _, view := range views[:2] {
		b.Run(view.id(), func(b *testing.B) {
			b.ReportAllocs()
			size := 0
			before := processorTime(b)
			for b.Loop() {
				body, _, err := view.encodeDetail(view.spans(), nil)
				if err != nil {
					b.Fatal(err)
				}
				size = len(body)
			}
			b.ReportMetric(float64(processorTime(b)-before)/float64(rows)/float64(b.N), "cpu-ns/row")
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(size)/rows, "bytes/row")
		})
	}
}

// processorTime returns what the process has used of the processors, in nanoseconds: other processes
// do not disturb it.
func processorTime(b *testing.B) int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

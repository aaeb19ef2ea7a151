package batch

import (
	"math"
	"testing"

	"alliance/settlement"
	"alliance/settlement/intake"
	"alliance/settlement/storage"
)

// TestPartitionsAreForWhatIsRead lists files of many nights, of which all but tonight's are on record.
func TestPartitionsAreForWhatIsRead(t *testing.T) {
	const size = fewestPartitions * rowsPerPartition * bytesPerRow
	history := intake.NewHistory()
	listing := new(intake.Listing)
	for night := settlement.Date(20_000); night <= 20_030; night++ {
		object := intake.Object{Object: storage.Object{Key: "merchant=M/date=" + night.String() + "/sales.parquet", Size: size, Version: "1"}, Date: night, Format: intake.FormatOf("sales.parquet")}
		listing.Objects = append(listing.Objects, object)
		if night < 20_030 {
			history.Add(night, settlement.Input{Key: object.Key, Bytes: object.Size, Version: object.Version, State: settlement.Consumed})
		}
	}
	r := &run{listing: listing, Computation: Computation{Date: 20_030}, opening: Opening{History: history}}
	if bytes := r.bytesToRead(); bytes != size {
		t.Errorf("%d bytes are to be read; tonight's are %d", bytes, size)
	}
}

func TestPartitionsFor(t *testing.T) {
	for _, test := range []struct {
		rows, memory  int64
		workers, want int
	}{
		{0, 1 << 30, 2, 16},
		{16 << 16, 1 << 30, 2, 16},
		{17 << 16, 1 << 30, 2, 32},
		{200 << 16, 1 << 30, 2, 256},
		{125_000_000, 512 << 20, 2, 256}, // 200 million rows, with --memory 1GiB
		{125_000_000, 128 << 20, 2, 512}, // with a quarter of it
		{125_000_000, 512 << 20, 16, 1024},
		{200_000_000, 512 << 20, 2, 512},
		{125_000_000, math.MaxInt64, 2, 256},
		{1 << 40, math.MaxInt64, 2, 1024},
	} {
		if got := partitionsFor(test.rows*bytesPerRow, test.memory, test.workers); got != test.want {
			t.Errorf("%d rows, %d bytes of memory, %d workers: %d partitions, want %d", test.rows, test.memory, test.workers, got, test.want)
		}
	}
}

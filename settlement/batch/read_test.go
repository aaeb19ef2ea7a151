package batch

import (
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
	if bytes := r.bytesToRead(); bytes != size || partitionsFor(bytes) != fewestPartitions {
		t.Errorf("%d bytes are to be read, in %d partitions; tonight's are %d", bytes, partitionsFor(bytes), size)
	}
	if partitions := partitionsFor(size + 1); partitions != 2*fewestPartitions {
		t.Errorf("more goes into %d partitions", partitions)
	}
}

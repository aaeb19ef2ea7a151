package batch

import (
	"io"
	"slices"
	"sync/atomic"

	"alliance/settlement"
	"alliance/settlement/accounts"
	"alliance/settlement/books"
	"alliance/settlement/spool"
)

// A putAway gathers what a night puts away, by partition of the state. Some partitions together are one object: there is one
// for every night in which something can be reversed.
type putAway struct {
	night settlement.Date
	// parts are the runs of the partitions, their blobs nil where nothing was put away.
	parts []stateRun
	// parties are the ids of those that a partition's run names.
	parties [][]string
	// groups are the objects, missing how many partitions of each are not done.
	groups  []stateRun
	missing []atomic.Int32
}

// partitionsPerGroup is how many partitions of the state go into one object of what is put away.
const partitionsPerGroup = 16

// newPutAway returns what gathers from a number of partitions, a power of two.
func newPutAway(night settlement.Date, partitions int) *putAway {
	groups := max(1, partitions/partitionsPerGroup)
	p := &putAway{night: night, parts: make([]stateRun, partitions), parties: make([][]string, partitions), groups: make([]stateRun, groups), missing: make([]atomic.Int32, groups)}
	for group := range groups {
		p.missing[group].Store(int32(partitions / groups))
	}
	return p
}

// set says what a partition puts away.
func (p *putAway) set(partition int, out *runWriter) error {
	run, members, err := out.finish(partition)
	if err != nil || members == 0 {
		out.blob.Release()
		return err
	}
	p.parts[partition], p.parties[partition] = run, out.NamedParties()
	return nil
}

// namedParties returns the ids of all parties that were named, in order.
func (p *putAway) namedParties() []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(p.parties...))))
}

// done says that a partition, for which set was called, is done, and returns the group that it completes; else nil. A small
// ledger has one group, which is none if nothing was put away.
func (p *putAway) done(partition int) *stateRun {
	group := partition % len(p.groups)
	if p.missing[group].Add(-1) > 0 {
		return nil
	}
	parts := new(joinedBlobs)
	var facts []accounts.Facts
	var members int64
	for i := group; i < len(p.parts); i += len(p.groups) {
		part := &p.parts[i]
		facts = append(facts, accounts.Facts{Bytes: part.object.Bytes, IndexSHA256: part.object.IndexSHA256})
		members += part.object.Rows
		if part.blob != nil {
			parts.add(part.blob)
		}
	}
	if members == 0 && len(p.groups) == 1 {
		p.groups = nil
		return nil
	}
	directory, index := accounts.EncodeDirectory(p.night, group, facts)
	parts.end = directory
	p.groups[group] = stateRun{blob: parts, object: books.StateObject{Role: books.PutAway, Partition: group, Night: p.night.String(),
		FileRecord: books.FileRecord{Bytes: parts.Size(), Rows: members, IndexSHA256: index}}}
	return &p.groups[group]
}

// joinedBlobs are blobs that are read as one, with some bytes at the end.
type joinedBlobs struct {
	blobs []pooled
	// starts is where each of them starts, size where the last one ends.
	starts []int64
	size   int64
	end    []byte
}

var _ pooled = (*spool.Blob)(nil)

func (j *joinedBlobs) add(blob pooled) {
	j.blobs, j.starts = append(j.blobs, blob), append(j.starts, j.size)
	j.size += blob.Size()
}

// Size returns how many bytes there are.
func (j *joinedBlobs) Size() int64 { return j.size + int64(len(j.end)) }

// ReadAt reads from an offset, as [io.ReaderAt] says.
func (j *joinedBlobs) ReadAt(buffer []byte, offset int64) (n int, err error) {
	for i, blob := range j.blobs {
		size := blob.Size()
		if within := offset + int64(n) - j.starts[i]; within >= 0 && within < size && n < len(buffer) {
			read, err := blob.ReadAt(buffer[n:min(int64(len(buffer)), int64(n)+size-within)], within)
			n += read
			if err != nil {
				return n, err
			}
		}
	}
	if within := offset + int64(n) - j.size; within >= 0 && within < int64(len(j.end)) {
		n += copy(buffer[n:], j.end[within:])
	}
	if n < len(buffer) {
		return n, io.EOF
	}
	return n, nil
}

// NewReader returns a reader of all of it.
func (j *joinedBlobs) NewReader() io.ReadSeeker { return io.NewSectionReader(j, 0, j.Size()) }

// Release forgets the content.
func (j *joinedBlobs) Release() {
	for _, blob := range j.blobs {
		blob.Release()
	}
}

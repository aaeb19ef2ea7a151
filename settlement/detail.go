package settlement

import "sort"

// A Detail is the priced allocations of a night, by line. It may be larger than memory.
type Detail interface {
	// Lines is the number of lines.
	Lines() int
	// Line returns the allocations of a line by its place among the night's lines; an adjustment has none.
	Line(place int) Allocations
	// Own returns the allocations where a party is issuer and redeemer. They belong to no line.
	Own(party Party) Allocations
}

// Allocations are those of one line, or a party's own ones, in the order of [CompareAllocations].
type Allocations interface {
	Count() int64
	// Points is their sum.
	Points() int64
	// Each passes over the first allocations and visits so many after them, some at a time. What it
	// visits is valid during the call only.
	Each(skip, count int64, visit func([]Allocation) error) error
	// Soon says that Each is going to be called. It is no more than a hint.
	Soon()
}

// A MemoryDetail is a [Detail] in memory.
type MemoryDetail struct {
	// Of holds the allocations of each line.
	Of [][]Allocation
	// OnUs holds those where issuer and redeemer are the same, in order of that party, then of
	// [CompareAllocations].
	OnUs []Allocation
}

// Lines is the number of lines.
func (d *MemoryDetail) Lines() int { return len(d.Of) }

// Line returns the allocations of a line.
func (d *MemoryDetail) Line(place int) Allocations { return AllocationList(d.Of[place]) }

// Own returns the allocations where a party is issuer and redeemer.
func (d *MemoryDetail) Own(party Party) Allocations {
	from := func(party Party) int {
		return sort.Search(len(d.OnUs), func(i int) bool { return d.OnUs[i].Issuer >= party })
	}
	return AllocationList(d.OnUs[from(party):from(party+1)])
}

// An AllocationList is [Allocations] in memory.
type AllocationList []Allocation

// Count is the number of allocations.
func (l AllocationList) Count() int64 { return int64(len(l)) }

// Points is the sum of their points.
func (l AllocationList) Points() (sum int64) {
	for i := range l {
		sum += l[i].Points
	}
	return sum
}

// Soon does nothing, as the list is in memory.
func (l AllocationList) Soon() {}

// Each visits a part of the list.
func (l AllocationList) Each(skip, count int64, visit func([]Allocation) error) error {
	if count == 0 {
		return nil
	}
	return visit(l[skip : skip+count])
}

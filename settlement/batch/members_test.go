package batch

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"alliance/settlement"
	"alliance/settlement/intake"
	"alliance/settlement/storage"
)

// TestMemberGroups compares the groups with a map, for any split of members into units and partitions, and for
// members that differ in their last bytes only. The groups are used again, as workers do.
func TestMemberGroups(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var groups memberGroups
	for range 50 {
		units := 1 << random.IntN(3)
		partitions, unit, members := units<<random.IntN(4), random.IntN(units), 1+random.IntN(3000)
		want := make([]map[string][]int, partitions)
		groups.reset()
		for place := range random.IntN(6000) {
			member := strings.Repeat("m", random.IntN(3)*8) + fmt.Sprint(random.IntN(members))
			partition := partitionOf(member, partitions)
			if partition%units != unit {
				continue
			}
			if want[partition] == nil {
				want[partition] = map[string][]int{}
			}
			want[partition][member] = append(want[partition][member], place)
			groups.add(string(appendPacked(nil, member)), place)
		}
		groups.group(unit, units, partitions)
		for partition := unit; partition < partitions; partition += units {
			from, to := groups.of(partition / units)
			if to-from != len(want[partition]) || !slices.IsSorted(groups.names[from:to]) {
				t.Fatalf("partition %d has %d members, not %d, or they are out of order", partition, to-from, len(want[partition]))
			}
			for i := from; i < to; i++ {
				if got := groups.places[groups.starts[i]:groups.starts[i+1]]; !slices.Equal(got, want[partition][groups.names[i]]) {
					t.Fatalf("%q has rows at %v, not %v", groups.names[i], got, want[partition][groups.names[i]])
				}
			}
		}
	}
}

// TestLargeMembersAreToldOf groups rows of members, of which one has many, and is told where one of them is and not whose.
func TestLargeMembersAreToldOf(t *testing.T) {
	var told []string
	r := &run{Computation: Computation{Observe: func(now Progress) { told = append(told, string(now.Stage)+": "+now.Warning) }}}
	r.files, _ = newNightFiles([]intake.Object{{Object: storage.Object{Key: "merchant=M/date=2026-06-01/a.csv"}}})
	r.codec = rowCodec{files: r.files}
	a := &attribution{run: r}
	a.groups.reset()
	for i := range 10 {
		at := len(a.content)
		a.content = r.codec.append(a.content, 0, &settlement.Transaction{Member: fmt.Sprint("member-", max(i, 5)), ID: "t", Source: settlement.Source{Row: int64(i + 7)}})
		member, _, _ := r.codec.peek(a.content[at:])
		a.groups.add(member, at)
	}
	a.groups.group(0, 1, 1)
	if a.tellOfLargeMembers(7); len(told) > 0 {
		t.Errorf("told of %v", told)
	}
	a.tellOfLargeMembers(6)
	if len(told) != 1 || !strings.HasPrefix(told[0], "attribute: one member has 6 rows tonight, such as row 7 of merchant=M/date=2026-06-01/a.csv; ") || strings.Contains(told[0], "member-") {
		t.Errorf("told of %q", told)
	}
}

func TestLargestFirst(t *testing.T) {
	objects := make([]intake.Object, 4)
	for i, size := range []int64{5, 9, 5, 10} {
		objects[i].Size = size
	}
	if order := largestFirst(objects); !slices.Equal(order, []int{3, 1, 0, 2}) {
		t.Errorf("%v", order)
	}
}

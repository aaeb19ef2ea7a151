package settlement

import (
	"slices"
	"strings"
	"testing"
)

func TestNamesReadBack(t *testing.T) {
	for code := NoCode; code < codes; code++ {
		var read Code
		written, _ := code.MarshalText()
		if err := read.UnmarshalText(written); err != nil || read != code {
			t.Errorf("code %d is written as %q and read as %d, %v", code, written, read, err)
		}
	}
	for state := NoState; state < states; state++ {
		var read State
		written, _ := state.MarshalText()
		if err := read.UnmarshalText(written); err != nil || read != state {
			t.Errorf("state %d is written as %q and read as %d, %v", state, written, read, err)
		}
	}
	for column := range Columns {
		if found, ok := FindColumn(column.String()); !ok || found != column {
			t.Errorf("column %s is found as %v", column, found)
		}
	}
	for kind := Issue; kind <= IssueReversal; kind++ {
		if found, ok := ParseKind(kind.String()); !ok || found != kind {
			t.Errorf("kind %s is found as %v", kind, found)
		}
	}
	if !slices.IsSorted(activityNames[:]) {
		t.Error("activities are not in the order of their names, in which lines are sorted")
	}
	var code Code
	if err := code.UnmarshalText([]byte("no such")); err == nil {
		t.Error("an unknown code was read")
	}
}

func TestPartiesAreInOrderOfTheirBytes(t *testing.T) {
	parties := NewParties([]string{"b", "HUB", "a-1", "A", "Z_9", "0"})
	for party := range Party(parties.Len() - 1) {
		if parties.ID(party) >= parties.ID(party+1) {
			t.Errorf("%s is before %s", parties.ID(party), parties.ID(party+1))
		}
	}
	for party := range Party(parties.Len()) {
		if parties.Find(parties.ID(party)) != party {
			t.Errorf("%s is not found", parties.ID(party))
		}
	}
	if parties.Find("hub") != NoParty || parties.ID(NoParty) != "" || (Parties{}).Find("A") != NoParty {
		t.Error("what is nobody is somebody")
	}
}

func TestMerchantIDs(t *testing.T) {
	for id, valid := range map[string]bool{
		"A": true, "a-1": true, "9_": true, strings.Repeat("x", 64): true,
		"": false, "-a": false, "_a": false, "a/b": false, "..": false, "a b": false, "ä": false, "a\x00": false, strings.Repeat("x", 65): false,
	} {
		if ValidMerchantID(id) != valid {
			t.Errorf("%q is valid: %v", id, !valid)
		}
	}
}

// TestIdentities holds the digests to values that were worked out outside this program:
// (printf '\0\0\0\001A\0\0\0\0122026-06-01\0\0\0\002T1\0\0\0\0122026-06-02\0\0\0\0010') | sha256sum
func TestIdentities(t *testing.T) {
	allocation := AllocationID("A", NewDate(2026, 6, 1), "T1", NewDate(2026, 6, 2), 0)
	if allocation != "196d37a5196a194bd7289095f6e109f1" {
		t.Error(allocation)
	}
	payment := PaymentID("A", "HUB", NewDate(2026, 6, 2))
	if payment != "a1379b219667268150b5d01d4e1dc69f" {
		t.Error(payment)
	}
	if got := StatementNo("A", NewDate(2026, 6, 2), 3); got != "ST-A-20260602-3" {
		t.Error(got)
	}
	one := ComputationID("state", []Input{{Key: "k", SHA256: "1"}}, "rules", "program")
	for _, other := range []string{
		ComputationID("state2", []Input{{Key: "k", SHA256: "1"}}, "rules", "program"),
		ComputationID("state", []Input{{Key: "k", SHA256: "2"}}, "rules", "program"),
		ComputationID("state", []Input{{Key: "k", SHA256: "1", State: Held}}, "rules", "program"),
		ComputationID("state", nil, "rules", "program"),
		ComputationID("state", []Input{{Key: "k", SHA256: "1"}}, "rules2", "program"),
		ComputationID("state", []Input{{Key: "k", SHA256: "1"}}, "rules", "program2"),
	} {
		if one == other {
			t.Error("different computations have one id")
		}
	}
}

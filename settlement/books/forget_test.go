package books

import (
	"strings"
	"testing"

	"alliance/settlement"
	"alliance/settlement/storage"
)

// forget commits a forget of "anna" that replaces one object.
func forget(t *testing.T, ledger *Ledger, object, content string) FileRecord {
	t.Helper()
	attempt := begin(t, ledger)
	file, err := attempt.Create(t.Context(), "state/new", strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	through := ""
	if last, settled := ledger.LastSettled(); settled {
		through = last.String()
	}
	record := Record{Kind: Forget, Reason: "asked for it", Forgotten: &Forgotten{Pseudonym: "\x01forgotten-" + attempt.ID(),
		MemberDigest: MemberDigest(attempt.ID(), "anna"), Through: through, Substitutes: []Substitute{{object, file}}}}
	if err := attempt.Commit(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestForget(t *testing.T) {
	bucket := storage.NewMemory()
	ledger := open(t, bucket)
	settle(t, ledger, firstDate, "anna")
	settled, _ := ledger.Settled(firstDate)
	old := settled.State.Objects[0].FileRecord
	first := forget(t, ledger, old.Object, "somebody")
	settle(t, ledger, firstDate+1, "anna again")
	second := forget(t, ledger, first.Object, "nobody")

	ledger = open(t, bucket)
	settled, _ = ledger.Settled(firstDate)
	if content, err := ledger.Read(t.Context(), settled.State.Objects[0].FileRecord); err != nil || string(content) != "nobody" {
		t.Errorf("read %q, %v", content, err)
	}
	if current := ledger.StateAfter(firstDate).Objects[0]; current.SHA256 != second.SHA256 || current.Name != old.Name || current.Role != Accounts {
		t.Errorf("the state is %+v", current)
	}
	if settled.State.Objects[0].Object != old.Object {
		t.Error("the record was changed")
	}
	for _, test := range []struct {
		date   settlement.Date
		member string
		want   int64 // the record that forgot it
	}{{firstDate, "anna", 2}, {firstDate + 1, "anna", 4}, {firstDate + 2, "anna", 0}, {firstDate, "bo", 0}} {
		var name string
		for _, pseudonym := range ledger.Pseudonyms(test.date) {
			if found, known := pseudonym.Name(test.member); known {
				name = found
				break
			}
		}
		want := ""
		if test.want > 0 {
			want = "\x01forgotten-" + ledger.Records()[test.want-1].Attempt
		}
		if name != want {
			t.Errorf("%s on %s is %q, want %q", test.member, test.date, name, want)
		}
	}

	faults := func() (list []string) {
		if err := ledger.Verify(t.Context(), func(fault error) { list = append(list, fault.Error()) }); err != nil {
			t.Fatal(err)
		}
		return list
	}
	if list := faults(); len(list) != 2 || !strings.Contains(list[0], old.Object) || !strings.Contains(list[0], "still there") {
		t.Errorf("before the clean-up: %q", list)
	}
	if waste, err := ledger.Waste(t.Context()); err != nil || len(waste.Replaced) != 2 {
		t.Errorf("%+v, %v", waste, err)
	}
	for want := 2; want >= 0; want -= 2 {
		if removed, err := ledger.RemoveReplaced(t.Context()); err != nil || len(removed) != want {
			t.Errorf("removed %q, %v", removed, err)
		}
	}
	if list := faults(); len(list) != 0 {
		t.Errorf("after the clean-up: %q", list)
	}
	if err := bucket.Replace(t.Context(), second.Object, strings.NewReader("nobodY")); err != nil {
		t.Fatal(err)
	}
	if list := faults(); len(list) != 1 || !strings.Contains(list[0], second.Object) {
		t.Errorf("an altered substitute: %q", list)
	}
}

func TestForgetIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(r *Record, old string){
		"nobody":        func(r *Record, _ string) { r.Forgotten = nil },
		"no substitute": func(r *Record, _ string) { r.Forgotten.Substitutes = nil },
		"unknown":       func(r *Record, _ string) { r.Forgotten.Substitutes[0].Object = "runs/x" },
		"itself":        func(r *Record, old string) { r.Forgotten.Substitutes[0].By.Object = old },
		"twice":         func(r *Record, _ string) { s := &r.Forgotten.Substitutes; *s = append(*s, (*s)[0]) },
		"not stored":    func(r *Record, _ string) { r.Forgotten.Substitutes[0].By.Object += "x" },
		"a close":       func(r *Record, _ string) { r.Kind = Close; r.Through = firstDate.String() },
	} {
		t.Run(name, func(t *testing.T) {
			ledger := open(t, storage.NewMemory())
			settle(t, ledger, firstDate, "anna")
			settled, _ := ledger.Settled(firstDate)
			old := settled.State.Objects[0].Object
			attempt := begin(t, ledger)
			file, err := attempt.Create(t.Context(), "state/new", strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			record := Record{Kind: Forget, Forgotten: &Forgotten{Pseudonym: "p", MemberDigest: "d", Substitutes: []Substitute{{old, file}}}}
			spoil(&record, old)
			if err := attempt.Commit(t.Context(), record); err == nil {
				t.Error("it was committed")
			}
		})
	}
	ledger := open(t, storage.NewMemory())
	settle(t, ledger, firstDate, "anna")
	settled, _ := ledger.Settled(firstDate)
	old := settled.State.Objects[0].Object
	forget(t, ledger, old, "x")
	attempt := begin(t, ledger)
	file, err := attempt.Create(t.Context(), "again", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	record := Record{Kind: Forget, Forgotten: &Forgotten{Pseudonym: "p", MemberDigest: "d", Substitutes: []Substitute{{old, file}}}}
	if err := attempt.Commit(t.Context(), record); err == nil || !strings.Contains(err.Error(), "replaced before") {
		t.Errorf("replacing what was replaced: %v", err)
	}
}

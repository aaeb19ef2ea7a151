package books

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"alliance/settlement"
	"alliance/settlement/storage"
)

// packedRecord stores what a publish of one date names, the statements' files in one pack, and returns its record.
func packedRecord(t *testing.T, ledger *Ledger, attempt *Attempt, date settlement.Date, text string) Record {
	t.Helper()
	record, err := prepare(t.Context(), ledger, attempt, date, text)
	if err != nil {
		t.Fatal(err)
	}
	files := record.Dates[0].Statements[0].Files
	var bodies []Packed
	for _, file := range files {
		bodies = append(bodies, Packed{file.Name, []byte("packed " + file.Name + " " + text)})
	}
	packed, err := attempt.CreatePack(t.Context(), "pack", bodies)
	if err != nil {
		t.Fatal(err)
	}
	record.Dates[0].Statements[0].Files = packed
	return record
}

func settlePacked(t *testing.T, ledger *Ledger, date settlement.Date, text string) {
	t.Helper()
	attempt := begin(t, ledger)
	if err := attempt.Commit(t.Context(), packedRecord(t, ledger, attempt, date, text)); err != nil {
		t.Fatal(err)
	}
}

// packedFiles are those of the bakery's statement of a date.
func packedFiles(ledger *Ledger, date settlement.Date) []FileRecord {
	settled, _ := ledger.Settled(date)
	return settled.Statements[0].Files
}

func TestPack(t *testing.T) {
	bucket := storage.NewMemory()
	ledger := open(t, bucket)
	settlePacked(t, ledger, firstDate, "one")
	again := open(t, bucket)
	files := packedFiles(again, firstDate)
	if len(files) != 3 {
		t.Fatalf("%d files", len(files))
	}
	for i, file := range files {
		want := "packed " + file.Name + " one"
		content, err := again.Read(t.Context(), file)
		if err != nil || string(content) != want || file.Object != files[0].Object || i > 0 && file.Offset != files[i-1].Offset+files[i-1].Bytes {
			t.Errorf("%+v: %q, %v", file, content, err)
		}
		reader := again.ReaderAt(t.Context(), file)
		part := make([]byte, 100)
		n, err := reader.ReadAt(part, 3)
		if closed := reader.Close(); string(part[:n]) != want[3:] || err != io.EOF || closed != nil {
			t.Errorf("a part of %s is %q, %v, %v", file.Name, part[:n], err, closed)
		}
	}
	verifyAll(t, again)
	// Of the ledger that stored them they are published from memory, of another from the pack.
	for _, ledger := range []*Ledger{ledger, again} {
		statements := storage.NewMemory()
		project(t, ledger, statements)
		expectProjected(t, ledger, statements)
		if ledger.kept.bytes != 0 || len(ledger.kept.contents) > 0 {
			t.Errorf("%d bytes are still kept", ledger.kept.bytes)
		}
	}
}

// TestPackIsReadOnce publishes more files than are kept in memory with one read of each pack.
func TestPackIsReadOnce(t *testing.T) {
	bucket := storage.NewMemory()
	for i := range 3 {
		settlePacked(t, open(t, bucket), firstDate+settlement.Date(i), fmt.Sprint("date ", i))
	}
	reads := make(map[string]int)
	ledger := open(t, faulty(bucket, func(operation, key string, run func() error) error {
		if operation == "open" && strings.HasSuffix(key, "/pack") {
			reads[key]++
		}
		return run()
	}))
	project(t, ledger, storage.NewMemory())
	if got := slices.Collect(maps.Values(reads)); !slices.Equal(got, []int{1, 1, 1}) {
		t.Errorf("packs were read %v", reads)
	}
}

func TestPackDamaged(t *testing.T) {
	flip := func(at int) func(string) string {
		return func(content string) string { return content[:at] + string(content[at]^1) + content[at+1:] }
	}
	first := len(packHead)
	for name, test := range map[string]struct {
		damage func(content string) string
		faults []string
		// readable is how many of the three files can still be read.
		readable int
	}{
		"flipped in a file":   {flip(first + 3), []string{"file _statement.json in object runs/", "instead of"}, 2},
		"flipped in the head": {flip(0), []string{"does not begin as one"}, 3},
		"truncated": {func(content string) string { return content[:len(content)-1] },
			[]string{"file detail-00002.parquet", "bytes instead of"}, 2},
		"longer": {func(content string) string { return content + "x" }, []string{"bytes instead of"}, 3},
		"empty":  {func(string) string { return "" }, []string{"does not begin", "_statement.json", "summary", "detail", "0 bytes instead of"}, 0},
		"gone":   {nil, []string{"pack runs/", "missing"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bucket := storage.NewMemory()
			settlePacked(t, open(t, bucket), firstDate, "one")
			ledger := open(t, bucket)
			files := packedFiles(ledger, firstDate)
			if test.damage == nil {
				if err := bucket.Delete(t.Context(), files[0].Object); err != nil {
					t.Fatal(err)
				}
			} else if err := bucket.Replace(t.Context(), files[0].Object, strings.NewReader(test.damage(contents(t, bucket)[files[0].Object]))); err != nil {
				t.Fatal(err)
			}
			var found []string
			if err := ledger.Verify(t.Context(), func(fault error) {
				if !errors.Is(fault, ErrBroken) {
					t.Error(fault)
				}
				found = append(found, fault.Error())
			}); err != nil {
				t.Fatal(err)
			}
			for _, want := range test.faults {
				if !strings.Contains(strings.Join(found, "\n"), want) {
					t.Errorf("no %q in %q", want, found)
				}
			}
			readable := 0
			for _, file := range files {
				_, err := ledger.Read(t.Context(), file)
				if err == nil {
					readable++
				} else if !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), file.Object) {
					t.Error(err)
				}
			}
			if readable != test.readable {
				t.Errorf("%d files can be read", readable)
			}
			statements := storage.NewMemory()
			err := ledger.ProjectAll(t.Context(), statements)
			if (err == nil) != (readable == 3) || err != nil && !errors.Is(err, ErrBroken) {
				t.Errorf("projecting: %v", err)
			}
			if _, published := contents(t, statements)[StatementFolder("bakery", firstDate)+"/"+statementName]; published != (readable == 3) {
				t.Errorf("the statement's last file was published: %t", published)
			}
		})
	}
}

func TestCommitRefusesWrongPacks(t *testing.T) {
	for name, test := range map[string]struct {
		change func(files []FileRecord) []FileRecord
		want   string
	}{
		"another offset":  {func(files []FileRecord) []FileRecord { files[1].Offset++; return files }, "not stored with that content"},
		"another length":  {func(files []FileRecord) []FileRecord { files[1].Bytes--; return files }, "not stored with that content"},
		"another content": {func(files []FileRecord) []FileRecord { files[1].SHA256 = files[0].SHA256; return files }, "not stored with that content"},
		"as one file":     {func(files []FileRecord) []FileRecord { files[1].Offset = 0; return files }, "not stored with that content"},
		"not all files":   {func(files []FileRecord) []FileRecord { return files[:2] }, "2 of the 3 files in pack"},
	} {
		t.Run(name, func(t *testing.T) {
			ledger := open(t, storage.NewMemory())
			attempt := begin(t, ledger)
			record := packedRecord(t, ledger, attempt, firstDate, "one")
			record.Dates[0].Statements[0].Files = test.change(record.Dates[0].Statements[0].Files)
			if err := attempt.Commit(t.Context(), record); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestPackLimits(t *testing.T) {
	attempt := begin(t, open(t, storage.NewMemory()))
	for name, bodies := range map[string][]Packed{
		"none":      nil,
		"empty":     {{"a", []byte("a")}, {"b", nil}},
		"too large": {{"a", make([]byte, PackBytes)}, {"b", []byte("b")}},
	} {
		if _, err := attempt.CreatePack(t.Context(), "pack", bodies); err == nil {
			t.Errorf("%s: a pack was stored", name)
		}
	}
	// What was refused did not take the name; what was stored did.
	full := []Packed{{"a", make([]byte, PackBytes)}}
	if _, err := attempt.CreatePack(t.Context(), "pack", full); err != nil {
		t.Error(err)
	}
	if _, err := attempt.CreatePack(t.Context(), "pack", full); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("got %v", err)
	}
}

// TestPackWhoseAnswerWasLost stores a pack through a store that does so and reports a failure.
func TestPackWhoseAnswerWasLost(t *testing.T) {
	bucket := storage.NewMemory()
	lost := 0
	ledger := open(t, faulty(bucket, func(operation, key string, run func() error) error {
		err := run()
		if operation == "create" && strings.HasSuffix(key, "/pack") && err == nil {
			lost++
			return errTimeout
		}
		return err
	}))
	settlePacked(t, ledger, firstDate, "one")
	if lost != 1 {
		t.Errorf("%d answers were lost", lost)
	}
	verifyAll(t, open(t, bucket))
}

// TestPackNamedAgain restates a date of which one file stays, in a pack of which the other files are superseded.
func TestPackNamedAgain(t *testing.T) {
	bucket := storage.NewMemory()
	ledger := open(t, bucket)
	settlePacked(t, ledger, firstDate, "one")
	first := packedFiles(ledger, firstDate)
	attempt := begin(t, ledger)
	record := packedRecord(t, ledger, attempt, firstDate, "two")
	record.Dates[0].Alliance.Files = append(record.Dates[0].Alliance.Files, first[1])
	if err := attempt.Commit(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	// What a run left that stored a pack and was killed is removed, and nothing else.
	killed := begin(t, ledger)
	packedRecord(t, ledger, killed, firstDate, "three")
	settlePacked(t, open(t, bucket), firstDate+1, "next")
	ledger = open(t, bucket)
	removed, err := ledger.CleanUp(t.Context())
	if err != nil || !slices.Equal(removed, []string{killed.ID()}) {
		t.Fatalf("%v, %v", removed, err)
	}
	verifyAll(t, ledger)
	statements := storage.NewMemory()
	project(t, ledger, statements)
	expectProjected(t, ledger, statements)
	if content, err := ledger.Read(t.Context(), first[1]); err != nil || string(content) != "packed summary.parquet one" {
		t.Errorf("%q, %v", content, err)
	}
	// A date alone is verified with all versions of its packs.
	objects, err := ledger.VerifyDate(t.Context(), firstDate, func(fault error) { t.Error(fault) })
	if err != nil || objects != 8 {
		t.Errorf("%d objects, %v", objects, err)
	}
}

// TestPackClashes reads records that say two things about one place.
func TestPackClashes(t *testing.T) {
	pack := FileRecord{Name: "a", Object: "runs/x/pack", Offset: 12, Bytes: 3, SHA256: "1"}
	for name, other := range map[string]FileRecord{
		"content": {Name: "a", Object: pack.Object, Offset: 12, Bytes: 3, SHA256: "2"},
		"length":  {Name: "a", Object: pack.Object, Offset: 12, Bytes: 4, SHA256: "1"},
		"whole":   {Name: "a", Object: pack.Object, Bytes: 15, SHA256: "1"},
	} {
		for _, order := range [][]FileRecord{{pack, other}, {other, pack}} {
			ledger := open(t, storage.NewMemory())
			if !ledger.name(&order[0]) || ledger.name(&order[1]) {
				t.Errorf("%s: no clash", name)
			}
		}
	}
	ledger := open(t, storage.NewMemory())
	next := FileRecord{Name: "b", Object: pack.Object, Offset: 15, Bytes: 1, SHA256: "2"}
	if !ledger.name(&pack) || !ledger.name(&next) || !ledger.name(&pack) || len(ledger.packs[pack.Object]) != 2 {
		t.Error("files of one pack clash, or one that is named again is there twice")
	}
}

// TestForgetRefusesToReplacePacks: a pack holds what belongs to many.
func TestForgetRefusesToReplacePacks(t *testing.T) {
	ledger := open(t, storage.NewMemory())
	settlePacked(t, ledger, firstDate, "one")
	attempt := begin(t, ledger)
	by, err := attempt.Create(t.Context(), "substitute", strings.NewReader("else"))
	if err != nil {
		t.Fatal(err)
	}
	err = attempt.Commit(t.Context(), Record{Kind: Forget, Forgotten: &Forgotten{Pseudonym: "\x01x", MemberDigest: "y",
		Substitutes: []Substitute{{Object: packedFiles(ledger, firstDate)[0].Object, By: by}}}})
	if err == nil || !strings.Contains(err.Error(), "not on record") {
		t.Errorf("got %v", err)
	}
}

// TestRecordOfAWholeObject: what was written before there were packs is what is written now.
func TestRecordOfAWholeObject(t *testing.T) {
	text, err := encodeLine(FileRecord{Name: "a", Object: "runs/x/a", Bytes: 1, SHA256: "2", Rows: 3})
	if want := `{"name":"a","object":"runs/x/a","bytes":1,"sha256":"2","rows":3}` + "\n"; err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
}

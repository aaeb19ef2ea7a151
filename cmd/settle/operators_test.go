package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"alliance/settlement"
	"alliance/settlement/faults"
	"alliance/settlement/storage"
	"alliance/settlement/storage/s3test"
)

// firstNight is the first date that is settled.
var firstNight = settlement.NewDate(2026, 3, 1)

var nightMerchants = []string{"A", "B", "C"}

// TestFaultD_OperatorsAndReaders has two operators and a nightly job at work at once, and readers
// all the while. Of each round's night and of each correction there must be one version, and
// nobody may ever pull a folder that is a mixture.
func TestFaultD_OperatorsAndReaders(t *testing.T) {
	root := t.TempDir()
	o := &operators{t: t, root: root, rules: t.TempDir()}
	o.campaign(faults.Count(3, 60), 2, "two operators, a nightly job and readers, in directories")
}

// TestFaultD_OperatorsAndReadersOnS3 does so in a bucket of a real S3 server.
func TestFaultD_OperatorsAndReadersOnS3(t *testing.T) {
	if !s3test.Enabled(t) {
		return
	}
	server := s3test.Start(t)
	o := &operators{t: t, root: server.URL(server.NewBucket(), "alliance", s3test.Root), rules: t.TempDir()}
	o.campaign(faults.Count(4, 30), 3, "two operators, a nightly job and readers, in a bucket of an S3 server")
}

// operators work on one alliance, at the same time.
type operators struct {
	t           *testing.T
	root, rules string
	readers     *readers
	// rulebooks are all that were used.
	rulebooks []string

	mutex sync.Mutex
	// runs counts processes by exit code.
	runs map[int]int
}

func (o *operators) campaign(rounds, readers int, what string) {
	o.runs = make(map[int]int)
	o.deliver(firstNight)
	base := o.rulebook("first", firstNight, "1.00")
	inProcess(o.t, "run", "--root", o.root, "--rules", base, "--date", firstNight.String())
	o.readers = startReaders(o.t, o.root, readers)
	versions := 0
	for round := 1; round <= rounds; round++ {
		versions += o.round(round, base)
	}
	o.readers.end()
	arguments := []string{"verify", "--root", o.root, "--deep"}
	for _, path := range o.rulebooks {
		arguments = append(arguments, "--rules", path)
	}
	if said := inProcess(o.t, arguments...); !strings.Contains(said, ": sound") {
		o.t.Error(said)
	}
	inProcess(o.t, "gc", "--root", o.root)
	inProcess(o.t, "verify", "--root", o.root)
	if o.readers.whole < rounds {
		o.t.Errorf("%d folders were pulled in %d rounds", o.readers.whole, rounds)
	}
	faults.Record(o.t, "D", what, rounds, o.readers.violations, fmt.Sprintf(
		"%d processes (gc and repair are among them) ended with 0, %d with 4 to run again; %d new versions, one for each night and correction; %d folders pulled meanwhile, of which %d were mixed; %d asked for too early",
		o.runs[0], o.runs[4], versions, o.readers.whole, o.readers.violations, o.readers.early))
}

// round has the nightly job settle the next date while two operators restate the one before, with
// the same correction or with two; or one of them settles the next date by hand. Meanwhile a third
// one clears up, or repairs. It returns how many records of the round gave a statement a version.
func (o *operators) round(round int, base string) (records int) {
	date := firstNight + settlement.Date(round)
	o.deliver(date)
	before := o.log()
	one := o.rulebook(fmt.Sprintf("one-%d", round), date-1, fmt.Sprintf("0.%02d", 10+round%80))
	two, corrections := one, 1
	if round%3 == 2 {
		two, corrections = o.rulebook(fmt.Sprintf("two-%d", round), date-1, fmt.Sprintf("1.%02d", 10+round%80)), 2
	}
	restate := func(rules string) []string {
		return []string{"run", "--root", o.root, "--rules", rules, "--date", (date - 1).String(), "--restate", "--reason", "a wrong price"}
	}
	settle := []string{"run", "--root", o.root, "--rules", base, "--date", date.String()}
	second := restate(two)
	if round%3 == 0 {
		second = settle
	}
	var group sync.WaitGroup
	for _, arguments := range [][]string{append(settle[:len(settle):len(settle)], "--catch-up"), restate(one), second} {
		wait := rand.N(50 * time.Millisecond)
		group.Go(func() {
			time.Sleep(wait)
			o.untilDone(arguments)
		})
	}
	group.Go(func() {
		o.untilDone([]string{[]string{"gc", "repair"}[round%2], "--root", o.root})
	})
	group.Wait()
	o.readers.published(date-1, 1+corrections)
	o.readers.published(date, 1)
	records = o.log() - before
	if records != 1+corrections {
		o.t.Errorf("round %d: %d records with new versions instead of one for the night and %d for corrections", round, records, corrections)
	}
	for _, merchant := range nightMerchants {
		o.expectVersions(merchant, date-1, 1+corrections)
		o.expectVersions(merchant, date, 1)
	}
	return records
}

// untilDone runs a command, again if another run won.
func (o *operators) untilDone(arguments []string) {
	for range 20 {
		process, output := program(arguments...)
		code := exitCode(o.t, process.Run())
		o.mutex.Lock()
		o.runs[code]++
		o.mutex.Unlock()
		switch code {
		case 0:
			return
		case 4:
		default:
			o.t.Errorf("settle %v: exit code %d: %s", arguments, code, output)
			return
		}
	}
	o.t.Errorf("settle %v: others won 20 times", arguments)
}

// expectVersions pulls version 1 to the last one of a statement, and checks that there is no other.
func (o *operators) expectVersions(merchant string, date settlement.Date, last int) {
	for version := range last + 1 {
		to := filepath.Join(o.t.TempDir(), "pulled")
		inProcess(o.t, "pull", "--root", o.root, "--merchant", merchant, "--date", date.String(), "--to", to, "--version", fmt.Sprint(version))
		wanted := version
		if version == 0 { // the one in force
			wanted = last
		}
		if err := checkPulled(to, merchant, date, wanted); err != nil {
			o.t.Errorf("version %d of %s for %s: %v", version, merchant, date, err)
		}
	}
	process, output := program("pull", "--root", o.root, "--merchant", merchant, "--date", date.String(), "--to", filepath.Join(o.t.TempDir(), "pulled"),
		"--version", fmt.Sprint(last+1))
	if code := exitCode(o.t, process.Run()); code != 2 {
		o.t.Errorf("version %d of %s for %s: exit code %d: %s", last+1, merchant, date, code, output)
	}
}

// log returns how many records gave a statement a version. A correction that is made again after
// another rulebook has settled the next date leaves a record, too, as that date is recomputed
// under the correction's rulebook, but changes no statement.
func (o *operators) log() (changing int) {
	var records []struct {
		Dates []struct {
			New int `json:"new_statements"`
		}
	}
	if err := json.Unmarshal([]byte(inProcess(o.t, "log", "--root", o.root, "--json")), &records); err != nil {
		o.t.Fatal(err)
	}
	for _, record := range records {
		for _, date := range record.Dates {
			if date.New > 0 {
				changing++
				break
			}
		}
	}
	return changing
}

// rulebook writes a rulebook with a price of its own for one date.
func (o *operators) rulebook(name string, date settlement.Date, price string) string {
	text := fmt.Sprintf(`alliance: {id: HUB, name: Hub, currency: EUR, time_zone: UTC, cycle: daily}
prices:
  - {id: %s, from: %s, to: %s, price: "%s", per_points: 100}
  - {id: base, price: "1.00", per_points: 100}
merchants:
  - {id: A, delivers: on_activity}
  - {id: B, delivers: on_activity}
  - {id: C, delivers: on_activity}
`, name, date, date, price)
	path := filepath.Join(o.rules, name+".yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		o.t.Fatal(err)
	}
	o.rulebooks = append(o.rulebooks, path)
	return path
}

// deliver puts the files of a date into the inbox: a member of its own spends A's points at the others.
func (o *operators) deliver(date settlement.Date) {
	inbox := o.inbox()
	for merchant, row := range map[string]string{"A": "issue,1000", "B": "redeem,300", "C": "redeem,200"} {
		content := fmt.Sprintf("transaction_id,member_id,kind,points,occurred_at\n%s-%s,of-%s,%s,%sT%s:00:00Z\n", merchant, date, date, row, date,
			map[string]string{"A": "08", "B": "10", "C": "11"}[merchant])
		key := fmt.Sprintf("merchant=%s/date=%s/rows.csv", merchant, date)
		if err := inbox.Create(o.t.Context(), key, strings.NewReader(content)); err != nil {
			o.t.Fatal(err)
		}
	}
}

func (o *operators) inbox() storage.Bucket {
	location := storage.Below(o.root, "inbox")
	open := func() (storage.Bucket, error) { return storage.CreateDirectory(location) }
	if strings.HasPrefix(location, "s3://") {
		open = func() (storage.Bucket, error) { return storage.OpenURL(o.t.Context(), location) }
	}
	bucket, err := open()
	if err != nil {
		o.t.Fatal(err)
	}
	return bucket
}

package batch_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/batch"
	deliveries "alliance/settlement/intake"
	"alliance/settlement/statement"
	"alliance/settlement/storage"

	"golang.org/x/sync/errgroup"
)

// hostileRulebook is the agreement of three merchants, of which the Mill delivers what it likes.
// Its members are nobody else's, and the points that it may issue nobody redeems.
const hostileRulebook = `
alliance: {id: HUB, currency: EUR, time_zone: Europe/Berlin, cycle: daily}
intake: {accept_late_days: 3, wait_days: 1}
ledger: {lots: tracked, attribution: pro_rata, reversal_days: 30}
prices: [{id: base, price: "1.00", per_points: 100}]
fees: [{id: clearing, payer: redeemer, rate: "0.015", per_transaction: "0.02"}]
netting: {mode: multilateral, holdback: {rate: "0.05", release_after: 1}}
merchants:
  - {id: Bakery, joined: 2026-01-01}
  - {id: Cinema, joined: 2026-01-01}
  - {id: Mill, joined: 2026-01-01, delivers: on_activity, may_issue_for: [HUB]}
`

// The Mill delivers late, so that a file which is held leaves the night complete: nothing at all
// of the others' statements has a reason to change.
const (
	hostileDateText = "2026-07-02"
	hostileFolder   = "merchant=Mill/date=" + hostileDateText + "/"
)

// fileTime bounds what one file may cost, on a machine that is busy with other tests.
const fileTime = 30 * time.Second

// A hostileFile is one file of the Mill.
type hostileFile struct {
	// format and mutation say what it is, in the table; what names it among those.
	format, mutation, what string
	name, content          string
	// control, if not "", lies beside it.
	control string
	// mustHold says that whatever is wrong with it can be seen.
	mustHold bool
}

// hostileSample is how many files there are for each one that make test takes.
const hostileSample = 41

// A hostileNight is a good night, to be settled again and again with another file of the Mill.
type hostileNight struct {
	rulebook *rules.Rulebook
	good     map[string]string
	// wanted is what is published for the others when the Mill delivers nothing, and wantedText
	// what that is written from.
	wanted     map[string]string
	wantedText string

	mutex sync.Mutex
	tally map[[2]string]*hostileTally
}

// A hostileTally counts the files of one format and mutation by what became of them.
type hostileTally struct {
	files, accepted, rejected int64
	held                      map[settlement.Code]int64
	slowest                   time.Duration
}

func newHostileNight(t testing.TB) *hostileNight {
	t.Helper()
	good := goodFiles()
	return goodNight(t, good, memoryOf(good, nil))
}

// goodFiles are what the other merchants deliver, by key.
func goodFiles() map[string]string {
	files := map[string]string{}
	for i, merchant := range []string{"Bakery", "Cinema"} {
		row := func(id, member, kind, points, hour string) map[string]string {
			return map[string]string{"transaction_id": merchant + id, "member_id": member, "kind": kind, "points": points, "occurred_at": laneStartText + "T" + hour + ":00:00+02:00"}
		}
		rows := []map[string]string{
			row("1", "ada", "issue", fmt.Sprint(900+i), "08"), row("2", "ben", "issue", "333", "09"), row("3", "ada", "redeem", "855", "20"),
			row("4", "ben", "redeem", "320", "21"), row("5", "ben", "redeem", "0", "22"), row("6", "cleo", "redeem", "70", "22"),
		}
		files[fmt.Sprintf("merchant=%s/date=%s/tills.csv", merchant, laneStartText)] = asCSV(rows[:3])
		files[fmt.Sprintf("merchant=%s/date=%s/web.jsonl", merchant, laneStartText)] = asJSONLines(rows[3:])
	}
	return files
}

// goodNight settles the good night from an inbox that has the good files only.
func goodNight(t testing.TB, good map[string]string, inbox storage.Bucket) *hostileNight {
	t.Helper()
	n := &hostileNight{rulebook: mustRulebook(t, hostileRulebook), good: good, tally: map[[2]string]*hostileTally{}}
	night, err := n.settle(t.Context(), inbox)
	if err != nil {
		t.Fatal(err)
	}
	if len(night.Lines) < 2 || len(night.Positions) < 3 || !night.Statements[0].Complete {
		t.Fatalf("the good night is not worth much: %d lines, %d positions", len(night.Lines), len(night.Positions))
	}
	if n.wanted, err = n.others(t.Context(), night); err != nil {
		t.Fatal(err)
	}
	n.wantedText = n.othersText(night)
	return n
}

// memoryOf returns an inbox with some files and more files in it.
func memoryOf(good, more map[string]string) storage.Bucket {
	inbox := storage.NewMemory()
	for _, files := range []map[string]string{good, more} {
		for key, content := range files {
			if err := inbox.Create(context.Background(), key, strings.NewReader(content)); err != nil {
				panic(err)
			}
		}
	}
	return inbox
}

func (n *hostileNight) settle(ctx context.Context, inbox storage.Bucket) (*settlement.Night, error) {
	computation := batch.Computation{Inbox: inbox, Rulebook: n.rulebook, Date: laneStart, Workers: 1, Partitions: 2}
	opening := batch.Opening{History: deliveries.NewHistory(), Points: map[settlement.Party]int64{}, Adjustments: map[string]bool{}}
	night, _, err := batch.Compute(ctx, computation, opening)
	return night, err
}

// others returns the published files of everybody but the Mill and the alliance. The computation
// id is that of all inputs of the night: it is the one thing that has to differ.
func (n *hostileNight) others(ctx context.Context, night *settlement.Night) (map[string]string, error) {
	copied := *night
	copied.ComputationID = strings.Repeat("0", len(night.ComputationID))
	files := map[string]string{}
	_, err := statement.Write(ctx, &copied, statement.Options{Workers: 1}, func(_ context.Context, path string, body io.ReadSeeker) error {
		if strings.HasPrefix(path, "merchant=Mill/") || strings.HasPrefix(path, "alliance/") {
			return nil
		}
		content, err := io.ReadAll(body)
		files[path] = string(content)
		return err
	})
	return files, err
}

// othersText is what the files of everybody but the Mill and the alliance are written from.
func (n *hostileNight) othersText(night *settlement.Night) string {
	var text strings.Builder
	concerned := func(parties ...settlement.Party) bool {
		return !slices.ContainsFunc(parties, func(party settlement.Party) bool { return night.Parties.ID(party) == "Mill" })
	}
	for i := range night.Lines {
		if line := &night.Lines[i]; concerned(line.Issuer, line.Redeemer) {
			fmt.Fprintln(&text, *line, night.Detail[i])
		}
	}
	for _, allocation := range night.OnUs {
		if concerned(allocation.Issuer) {
			fmt.Fprintln(&text, allocation)
		}
	}
	for _, position := range night.Positions {
		if concerned(position.Party) && position.Party != night.Alliance {
			fmt.Fprintln(&text, position)
		}
	}
	for _, exception := range night.Exceptions {
		if concerned(exception.Merchant) {
			fmt.Fprintf(&text, "%+v\n", exception)
		}
	}
	for _, input := range night.Inputs {
		if concerned(input.Merchant) {
			fmt.Fprintf(&text, "%+v\n", input)
		}
	}
	for _, head := range night.Statements {
		if concerned(head.Merchant) {
			fmt.Fprintf(&text, "%+v\n", head)
		}
	}
	return text.String()
}

// deliver settles the night with a file of the Mill, and says what is wrong with what came of it.
// toTheByte says to compare the published files too, which takes most of the time.
func (n *hostileNight) deliver(file *hostileFile, toTheByte bool) error {
	more := map[string]string{hostileFolder + file.name: file.content}
	if file.control != "" {
		more[hostileFolder+"_control.json"] = file.control
	}
	began := time.Now()
	verdict, err := n.examine(file, memoryOf(n.good, more), toTheByte)
	if err == nil {
		n.count(file, verdict, time.Since(began))
	}
	return err
}

// examine settles the night of an inbox that has a file of the Mill beside the good files.
func (n *hostileNight) examine(file *hostileFile, inbox storage.Bucket, toTheByte bool) (*settlement.Input, error) {
	ctx, cancel := context.WithTimeout(context.Background(), fileTime)
	defer cancel()
	night, err := n.settle(ctx, inbox)
	if err != nil {
		return nil, err
	}
	verdict, err := verdictOn(night, file)
	if err != nil {
		return nil, err
	}
	if found := n.othersText(night); found != n.wantedText {
		return nil, fmt.Errorf("what the others get is\n%s\nwithout the file it is\n%s", found, n.wantedText)
	}
	if !toTheByte {
		return verdict, nil
	}
	published, err := n.others(ctx, night)
	if err == nil && !maps.Equal(published, n.wanted) {
		err = errors.New("the statements of others changed")
	}
	return verdict, err
}

// verdictOn returns what became of the Mill's data file.
func verdictOn(night *settlement.Night, file *hostileFile) (*settlement.Input, error) {
	var verdict *settlement.Input
	for i := range night.Inputs {
		if night.Inputs[i].Key == hostileFolder+file.name {
			verdict = &night.Inputs[i]
		}
	}
	if verdict == nil {
		return nil, errors.New("the file is not among the inputs")
	}
	codes := map[settlement.Code]int64{}
	rejected := int64(0)
	for i := range night.Exceptions {
		exception := &night.Exceptions[i]
		if exception.File != verdict.Key {
			continue
		}
		codes[exception.Code]++
		if exception.State == settlement.Rejected && exception.Code != settlement.Unfunded {
			rejected++
		}
		if exception.Code == settlement.NoCode || exception.Message == "" || len(exception.Value) > 64 || len(exception.Message) > 4096 {
			return nil, fmt.Errorf("an exception that helps nobody: %+v", *exception)
		}
	}
	switch {
	case verdict.State == settlement.Held:
		if verdict.Code == settlement.NoCode || codes[verdict.Code] == 0 || verdict.Rows != 0 || rejected != 0 {
			return nil, fmt.Errorf("held, but %+v with exceptions %v", *verdict, codes)
		}
	case verdict.State != settlement.Consumed || verdict.Rejected != rejected || verdict.Accepted+verdict.Deferred+verdict.Rejected != verdict.Rows:
		return nil, fmt.Errorf("%+v with exceptions %v", *verdict, codes)
	case file.mustHold:
		return nil, fmt.Errorf("not held: %+v with exceptions %v", *verdict, codes)
	}
	return verdict, nil
}

func (n *hostileNight) count(file *hostileFile, verdict *settlement.Input, took time.Duration) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	key := [2]string{file.format, file.mutation}
	tally := n.tally[key]
	if tally == nil {
		tally = &hostileTally{held: map[settlement.Code]int64{}}
		n.tally[key] = tally
	}
	tally.files++
	tally.slowest = max(tally.slowest, took)
	switch {
	case verdict.State == settlement.Held:
		tally.held[verdict.Code]++
	case verdict.Rejected > 0:
		tally.rejected++
	default:
		tally.accepted++
	}
}

// log prints what became of the files.
func (n *hostileNight) log(t *testing.T) {
	t.Helper()
	var text strings.Builder
	row := func(columns ...any) { fmt.Fprintf(&text, "\n%-18s %-12s %7v %9v %9v %9v  %s", columns...) }
	row("format", "mutation", "files", "accepted", "rejected", "slowest", "held")
	keys := slices.SortedFunc(maps.Keys(n.tally), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	var all hostileTally
	for _, key := range keys {
		tally := n.tally[key]
		var held []string
		for _, code := range slices.SortedFunc(maps.Keys(tally.held), func(a, b settlement.Code) int { return cmp.Compare(a, b) }) {
			held = append(held, fmt.Sprintf("%d %s", tally.held[code], code))
		}
		row(key[0], key[1], tally.files, tally.accepted, tally.rejected, tally.slowest.Round(time.Millisecond), strings.Join(held, ", "))
		all.files += tally.files
		all.accepted += tally.accepted
		all.rejected += tally.rejected
	}
	row("all", "", all.files, all.accepted, all.rejected, "", fmt.Sprint(all.files-all.accepted-all.rejected))
	t.Log(text.String())
}

// TestHostileFiles settles a good night with each of many bad files in it: the file is held with
// a code, or its rows are taken or rejected with codes, and nobody else's statement changes.
// make hostile runs all of them, make test some.
func TestHostileFiles(t *testing.T) {
	n := newHostileNight(t)
	all, every, number := os.Getenv("SETTLE_HOSTILE") == "all", hostileSample, 0
	if all {
		every = 1
	}
	group, _ := errgroup.WithContext(t.Context())
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, files := range []iter.Seq[hostileFile]{mutated(t), odd(t), noise(), names(t)} {
		for file := range files {
			if number++; number%every != 0 {
				continue
			}
			number := number / every
			group.Go(func() error {
				if err := n.deliver(&file, all || number%5 == 0); err != nil {
					t.Errorf("%s, %s, %s: %v", file.format, file.mutation, file.what, err)
				}
				return nil
			})
		}
	}
	group.Wait()
	n.log(t)
}

package batch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
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
)

// hostileRulebook is the agreement of two good merchants and of three that deliver what they like:
// the Mill in the common form, the Mint and the Mole in layouts of their own. Their members are
// nobody else's, and the points that they may issue nobody else redeems.
const hostileRulebook = `
alliance: {id: HUB, currency: EUR, time_zone: Europe/Berlin, cycle: daily}
intake: {accept_late_days: 3, wait_days: 1}
ledger: {lots: tracked, attribution: pro_rata, reversal_days: 30}
prices: [{id: base, price: "1.00", per_points: 100}]
fees: [{id: clearing, payer: redeemer, rate: "0.015", per_transaction: "0.02"}]
netting: {mode: multilateral, holdback: {rate: "0.05", release_after: 1}}
profiles:
  till:
    encoding: gb18030
    delimiter: ";"
    columns: {transaction_id: 流水号, member_id: 会员号, kind: 类型, points: 积分, amount: 金额, original_transaction_id: 原流水号}
    ignore: [备注]
    trim: true
    empty: ["NULL", "-"]
    kinds: {"S": issue, "R": redeem}
    points: {scale: 10, group: ",", sign: negative_is_reversal}
    amount: {decimal: ".", group: ",", scale: 1}
    occurred_at: {date_column: 日期, time_column: 时间, pattern: "YYYY-M-D hh:mm[:ss]", zone: Asia/Shanghai}
    constants: {currency: CNY, reason: purchase}
  app:
    encoding: utf-16
    header: false
    quote: false
    fields: [id, member, points, ms, store]
    columns: {transaction_id: id, member_id: member, points: points, occurred_at: ms, store_id: store}
    points: {decimal: ".", sign: negative_is_redeem}
    occurred_at: {epoch: milliseconds}
    constants: {kind: issue}
merchants:
  - {id: Bakery, joined: 2026-01-01}
  - {id: Cinema, joined: 2026-01-01}
  - {id: Mill, joined: 2026-01-01, delivers: on_activity, may_issue_for: [HUB]}
  - {id: Mint, joined: 2026-01-01, delivers: on_activity, profile: till}
  - {id: Mole, joined: 2026-01-01, delivers: on_activity, profile: app}
`

// isHostile reports whether a merchant delivers what it likes.
func isHostile(merchant string) bool {
	return merchant == "Mill" || merchant == "Mint" || merchant == "Mole"
}

// hostileDateText is the date under which they deliver. It is the one before, so that a file which
// is held leaves the night complete: nothing at all of the others' statements has a reason to change.
const hostileDateText = "2026-07-02"

// fileTime bounds what one file may cost, on a machine that is busy with other tests.
const fileTime = 30 * time.Second

// A hostileFile is one file of a merchant that delivers what it likes.
type hostileFile struct {
	merchant string
	// format and mutation say what it is, in the table; what names it among those.
	format, mutation, what string
	name, content          string
	// control, if not "", lies beside it.
	control string
	// mustHold says that whatever is wrong with it can be seen.
	mustHold bool
}

// A hostileNight is a good night, to be settled again and again with another bad file.
type hostileNight struct {
	rulebook *rules.Rulebook
	good     map[string]string
	// wanted is what is published for the others when nothing bad is delivered, and wantedText
	// what that is written from.
	wanted     map[string]string
	wantedText string

	mutex sync.Mutex
	tally map[[2]string]*hostileTally
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
			row("1", "ada-whom-nobody-guesses", "issue", fmt.Sprint(900+i), "08"), row("2", "ben-whom-nobody-guesses", "issue", "333", "09"), row("3", "ada-whom-nobody-guesses", "redeem", "855", "20"),
			row("4", "ben-whom-nobody-guesses", "redeem", "320", "21"), row("5", "ben", "redeem", "0", "22"), row("6", "cleo", "redeem", "70", "22"),
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

// others returns the published files of everybody but them and the alliance. The computation
// id is that of all inputs of the night: it is the one thing that has to differ.
func (n *hostileNight) others(ctx context.Context, night *settlement.Night) (map[string]string, error) {
	copied := *night
	copied.ComputationID = strings.Repeat("0", len(night.ComputationID))
	files := map[string]string{}
	_, err := statement.Write(ctx, &copied, statement.Options{Workers: 1}, func(_ context.Context, path string, body io.ReadSeeker) error {
		folder, _, _ := strings.Cut(path, "/")
		if merchant, ok := strings.CutPrefix(folder, "merchant="); !ok || isHostile(merchant) {
			return nil
		}
		content, err := io.ReadAll(body)
		files[path] = string(content)
		return err
	})
	return files, err
}

// othersText is what the files of everybody but them and the alliance are written from.
func (n *hostileNight) othersText(night *settlement.Night) string {
	var text strings.Builder
	concerned := func(parties ...settlement.Party) bool {
		return !slices.ContainsFunc(parties, func(party settlement.Party) bool { return isHostile(night.Parties.ID(party)) })
	}
	for i := range night.Lines {
		if line := &night.Lines[i]; concerned(line.Issuer, line.Redeemer) {
			fmt.Fprintln(&text, *line, allocationsOf(night.Detail.Line(i)))
		}
	}
	for party := range settlement.Party(night.Parties.Len()) {
		for _, allocation := range allocationsOf(night.Detail.Own(party)) {
			if concerned(allocation.Issuer) {
				fmt.Fprintln(&text, allocation)
			}
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

// deliver settles the night with a bad file, and says what is wrong with what came of it.
// toTheByte says to compare the published files too, which takes most of the time.
func (n *hostileNight) deliver(file *hostileFile, toTheByte bool) error {
	more := map[string]string{file.folder() + file.name: file.content}
	if file.control != "" {
		more[file.folder()+"_control.json"] = file.control
	}
	began := time.Now()
	verdict, err := n.examine(file, memoryOf(n.good, more), toTheByte)
	if err == nil {
		n.count(file, verdict, time.Since(began))
	}
	return err
}

// examine settles the night of an inbox that has a bad file beside the good files.
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

// verdictOn returns what became of the file.
func verdictOn(night *settlement.Night, file *hostileFile) (*settlement.Input, error) {
	var verdict *settlement.Input
	for i := range night.Inputs {
		if night.Inputs[i].Key == file.folder()+file.name {
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

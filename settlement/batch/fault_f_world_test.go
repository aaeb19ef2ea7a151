package batch_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/batch"
	"alliance/settlement/books"
	"alliance/settlement/storage"
)

// lyingRulebook is the agreement of two merchants that say in control files what they deliver.
const lyingRulebook = `
alliance: {id: HUB, currency: EUR, time_zone: Europe/Berlin, cycle: daily}
intake: {accept_late_days: 3, wait_days: 1, missing: {max_share: "1"}, max_rejected: {share: "0.5", rows: 10}}
ledger: {lots: tracked, attribution: fifo}
prices: [{id: base, price: "1.00", per_points: 100}]
fees: [{id: service, payer: redeemer, rate: "0.02"}]
netting: {mode: multilateral, holdback: {rate: "0.05", release_after: 1}}
merchants:
  - {id: Bakery, joined: 2026-01-01, control: required}
  - {id: Cinema, joined: 2026-01-01, control: required}
`

// lyingNight is what arrives for a night: for each merchant two files and their control, and an
// adjustment of the alliance.
func lyingNight(night settlement.Date) map[string]string {
	date := (laneStart + night).String()
	inbox := make(map[string]string)
	for i, merchant := range []string{"Bakery", "Cinema"} {
		row := func(id, member, kind string, points int, hour string) map[string]string {
			return map[string]string{"transaction_id": id + date, "member_id": member, "kind": kind, "points": fmt.Sprint(points), "occurred_at": date + "T" + hour + ":00:00+02:00"}
		}
		files := map[string]string{
			"tills.csv": asCSV([]map[string]string{row("i1", "ada", "issue", 900+i, "08"), row("i2", "ben", "issue", 333+i, "09"), row("r1", "ada", "redeem", 455+i, "20")}),
			"web.jsonl": asJSONLines([]map[string]string{row("r2", "ben", "redeem", 123+i, "21"), row("r3", "cleo", "redeem", 70, "22"), row("bad", "cleo", "issue", -5, "22")}),
		}
		folder := fmt.Sprintf("merchant=%s/date=%s/", merchant, date)
		inbox[folder+"_control.json"] = controlWithDigests(files)
		for name, content := range files {
			inbox[folder+name] = content
		}
	}
	inbox["alliance/adjustments/date="+date+"/by-hand.csv"] = fmt.Sprintf("adjustment_id,payer_id,payee_id,amount,reason,reference\nadj-%s,Bakery,Cinema,1.25,posters,none\n", date)
	return inbox
}

// controlWithDigests writes a control file that names files and their digests.
func controlWithDigests(files map[string]string) string {
	type entry struct {
		Name   string `json:"name"`
		SHA256 string `json:"sha256"`
	}
	var said struct {
		Files []entry `json:"files"`
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		sum := sha256.Sum256([]byte(files[name]))
		said.Files = append(said.Files, entry{name, hex.EncodeToString(sum[:])})
	}
	text, err := json.Marshal(said)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// A liarsWorld is three stores, and what was really delivered to the inbox.
type liarsWorld struct {
	stores
	rulebook  *rules.Rulebook
	delivered map[string]string
	honest    map[string]map[string]string // see tables
}

const liarsNights = 4

func newLiarsWorld(t *testing.T) *liarsWorld {
	return &liarsWorld{stores: memoryStores(), rulebook: mustRulebook(t, lyingRulebook), delivered: map[string]string{}, honest: map[string]map[string]string{}}
}

func (w *liarsWorld) clone(t *testing.T) *liarsWorld {
	return &liarsWorld{w.stores.clone(t), w.rulebook, maps.Clone(w.delivered), w.honest}
}

func (w *liarsWorld) deliver(t *testing.T, night settlement.Date) {
	files := lyingNight(night)
	maps.Copy(w.delivered, files)
	fill(t, w.inbox, files)
}

// job is a run up to a night; the acknowledgements lie in the inbox.
func (w *liarsWorld) job(night settlement.Date) batch.Job {
	job := catchUp(w.stores.job(w.rulebook, laneStart+night))
	job.AllowMissing, job.Acknowledgements = true, storage.Under(job.Inbox, "ack")
	return job
}

// lied is the job with stores that lie, some or all of them.
func (w *liarsWorld) lied(job batch.Job, l *liar, past stores) batch.Job {
	which := 1 + l.intN(7)
	if which&1 != 0 {
		job.Inbox = &lyingBucket{job.Inbox, l, past.inbox}
	}
	if which&2 != 0 {
		job.Ledger = &lyingBucket{job.Ledger, l, past.ledger}
	}
	if which&4 != 0 {
		job.Statements = &lyingBucket{job.Statements, l, past.statements}
	}
	job.Acknowledgements = storage.Under(job.Inbox, "ack")
	return job
}

// exceptional reports whether the third night holds a file or misses somebody.
func (w *liarsWorld) exceptional(t *testing.T) bool {
	ledger, err := books.Open(t.Context(), w.ledger)
	if err != nil {
		t.Fatal(err)
	}
	settled, _ := ledger.Settled(laneStart + 2)
	return settled == nil || !settled.Complete || len(settled.Adjustments) == 0
}

// judge compares what is on record and published up to a night with what was delivered. last says that
// every file has to be settled by then.
func (w *liarsWorld) judge(t *testing.T, nights settlement.Date, last bool) (wrong []string) {
	t.Helper()
	report, err := batch.Verify(t.Context(), batch.VerifyJob{Ledger: w.ledger, Statements: w.statements, Acknowledgements: storage.Under(w.inbox, "ack"), Date: settlement.NoDate})
	if err != nil {
		return []string{fmt.Sprint("verify: ", err)}
	}
	for _, fault := range report.Faults {
		wrong = append(wrong, "verify: "+fault.String())
	}
	ledger, err := books.Open(t.Context(), w.ledger)
	if err != nil {
		return append(wrong, err.Error())
	}
	consumed, seen := make([]map[string]string, nights+1), map[string]bool{}
	for night := range nights + 1 {
		settled, _ := ledger.Settled(laneStart + night)
		if settled == nil {
			return append(wrong, fmt.Sprintf("%s is not settled", laneStart+night))
		}
		consumed[night] = map[string]string{}
		said := map[string]bool{} // inputs that the date says something of
		for _, input := range settled.Inputs {
			said[input.Key] = true
			if input.State != settlement.Consumed || strings.HasSuffix(input.Key, "/_control.json") {
				continue
			}
			seen[input.Key] = true
			consumed[night][input.Key] = w.delivered[input.Key]
			if sum := sha256.Sum256([]byte(w.delivered[input.Key])); input.SHA256 != hex.EncodeToString(sum[:]) && !strings.HasPrefix(input.Key, "alliance/") {
				wrong = append(wrong, fmt.Sprintf("%s consumed %s with other bytes than were delivered", settled.Date, input.Key))
			}
		}
		wrong = append(wrong, w.unsaid(t, settled, said, seen)...)
	}
	for key := range w.delivered {
		if last && !seen[key] && !strings.HasSuffix(key, "/_control.json") && !strings.HasPrefix(key, "alliance/") {
			wrong = append(wrong, key+" is not settled after a night more")
		}
	}
	return append(wrong, w.compareTables(t, consumed)...)
}

// unsaid returns what was delivered for a date and is neither settled nor said to be missing or held.
func (w *liarsWorld) unsaid(t *testing.T, settled *books.DateRecord, said, seen map[string]bool) (wrong []string) {
	for key := range w.delivered {
		if !strings.Contains(key, "/date="+settled.Date.String()+"/") || said[key] || seen[key] || strings.HasSuffix(key, "/_control.json") {
			continue
		}
		if !strings.HasPrefix(key, "alliance/") {
			if settled.Complete {
				wrong = append(wrong, fmt.Sprintf("%s was not settled, and %s says that it is complete", key, settled.Date))
			}
			continue
		}
		// Nothing promises adjustments; whoever runs the date again is told.
		job := w.job(settled.Date - laneStart)
		report, err := batch.Run(t.Context(), job)
		if err != nil || !slices.ContainsFunc(report.Dates[0].Changed, func(text string) bool { return strings.Contains(text, key) }) {
			wrong = append(wrong, fmt.Sprintf("nobody is told that %s was not booked: %+v, %v", key, report.Dates, err))
		}
	}
	return wrong
}

// compareTables compares the published tables with those of a world in which the files arrived when
// they were settled, and nobody lied.
func (w *liarsWorld) compareTables(t *testing.T, consumed []map[string]string) (wrong []string) {
	t.Helper()
	id, err := json.Marshal(consumed)
	if err != nil {
		t.Fatal(err)
	}
	wanted := w.honest[string(id)]
	if wanted == nil {
		s := memoryStores()
		rulebook := mustRulebook(t, strings.ReplaceAll(lyingRulebook, ", control: required", ""))
		for night := range consumed {
			fill(t, s.inbox, consumed[night])
			job := s.job(rulebook, laneStart+settlement.Date(night))
			job.AllowMissing = true
			mustRun(t, job)
		}
		wanted = tablesOf(contentsOf(t, s.statements))
		w.honest[string(id)] = wanted
	}
	found := tablesOf(contentsOf(t, w.statements))
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		if found[key] != wanted[key] {
			wrong = append(wrong, key+" is not what it must be")
		}
	}
	if len(found) != len(wanted) {
		wrong = append(wrong, fmt.Sprintf("%d tables are published, want %d", len(found), len(wanted)))
	}
	return wrong
}

// tablesOf returns the published tables that do not say what was delivered when under which version.
func tablesOf(contents map[string]string) map[string]string {
	return maps.Collect(func(yield func(string, string) bool) {
		for key, content := range contents {
			name := key[strings.LastIndexByte(key, '/')+1:]
			if !strings.HasSuffix(name, ".parquet") || name == "inputs.parquet" || name == "exceptions.parquet" || name == "summary.parquet" {
				continue
			}
			if !yield(key, content) {
				return
			}
		}
	})
}

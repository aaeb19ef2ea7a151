package batch_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"

	"alliance/settlement/batch"
	"alliance/settlement/storage"
)

// acknowledged returns what a bucket of acknowledgements holds, but for the mark.
func acknowledged(t *testing.T, bucket storage.Bucket) map[string]string {
	contents := contentsOf(t, bucket)
	delete(contents, "_projected.json")
	return contents
}

// A deafBucket does not take acknowledgements.
type deafBucket struct{ storage.Bucket }

func (deafBucket) Replace(context.Context, string, io.ReadSeeker) error {
	return errors.New("permission denied")
}

func TestAnInboxThatCannotBeWrittenIsFinishedLater(t *testing.T) {
	s := lane(t, 1, false)
	job := s.job(mustRulebook(t, laneRulebook), laneStart)
	job.Acknowledgements = deafBucket{storage.Under(s.inbox, "ack")}
	for range 2 {
		_, err := batch.Run(t.Context(), job)
		if err == nil || !strings.Contains(err.Error(), "--acks") || !strings.Contains(err.Error(), "permission denied") {
			t.Fatalf("got %v, want what to do", err)
		}
	}
	elsewhere := storage.NewMemory()
	job.Acknowledgements = elsewhere
	if report := mustRun(t, job); !report.Dates[0].Already {
		t.Error("the date was settled twice")
	}
	got := acknowledged(t, elsewhere)
	rejected := got["merchant=Cinema/date="+laneStartText+"/rejected.csv"]
	if len(got) != 3 || !strings.Contains(rejected, "\nbad"+laneStartText+",cleo,issue,none,") {
		t.Errorf("acknowledged: %v", got)
	}
}

func TestARestatementReplacesAcknowledgements(t *testing.T) {
	s := lane(t, 3, false)
	rulebook := mustRulebook(t, laneRulebook)
	acks := storage.NewMemory()
	for date := laneStart; date < laneStart+3; date++ {
		job := s.job(rulebook, date)
		job.Acknowledgements = acks
		mustRun(t, job)
	}
	before := acknowledged(t, acks)
	key := "merchant=Cinema/date=" + laneStartText + "/"
	tickets := contentsOf(t, s.inbox)[key+"tickets.jsonl"]
	fill(t, s.inbox, map[string]string{key + "tickets.jsonl": strings.Replace(tickets, `"none"`, `"70"`, 1)})
	job := s.job(rulebook, laneStart)
	job.Restate, job.Reason, job.Acknowledgements = true, "the cinema mended its file", acks
	mustRun(t, job)

	after := acknowledged(t, acks)
	if _, there := after[key+"rejected.csv"]; there || !strings.Contains(after[key+"ack.json"], `"version": 2`) || !strings.Contains(after[key+"ack.json"], `"rejected": 0`) {
		t.Errorf("after the restatement: %v", after[key+"ack.json"])
	}
	fresh := storage.NewMemory()
	job = s.job(rulebook, laneStart)
	job.Acknowledgements = fresh
	mustRun(t, job)
	if !maps.Equal(acknowledged(t, fresh), after) {
		t.Error("acknowledgements written night by night and all at once differ")
	}
	other := "merchant=Bakery/date=" + laneStartText + "/ack.json"
	if before[other] != after[other] {
		t.Errorf("the bakery's acknowledgement changed:\n%s, was\n%s", after[other], before[other])
	}
}

package batch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/batch"
	deliveries "alliance/settlement/intake"
	"alliance/settlement/storage"
	"alliance/settlement/storage/s3test"
)

// s3Stores are three buckets of three users, each opened with its own credentials.
func s3Stores(t *testing.T, server *s3test.Server) stores {
	t.Helper()
	open := func(name string) storage.Bucket {
		server.AddUser(name)
		server.AddBucket(name+"-bucket", name)
		bucket, err := storage.OpenURL(t.Context(), server.URL(name+"-bucket", "alliance", name))
		if err != nil {
			t.Fatal(err)
		}
		return bucket
	}
	return stores{open("merchants"), open("settlement"), open("finance")}
}

// A versionedBucket shows objects under the versions that they have in another bucket.
type versionedBucket struct {
	storage.Bucket
	versions map[string]string
}

func versionedLike(t *testing.T, bucket, other storage.Bucket) storage.Bucket {
	t.Helper()
	objects, err := other.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	like := versionedBucket{bucket, map[string]string{}}
	for _, object := range objects {
		like.versions[object.Key] = object.Version
	}
	return like
}

func (b versionedBucket) List(ctx context.Context, prefix string) ([]storage.Object, error) {
	objects, err := b.Bucket.List(ctx, prefix)
	for i := range objects {
		objects[i].Version = b.versions[objects[i].Key]
	}
	return objects, err
}

func (b versionedBucket) Open(ctx context.Context, key, version string) (io.ReadCloser, storage.Object, error) {
	if version != "" && version != b.versions[key] {
		return nil, storage.Object{}, fmt.Errorf("%s: %w", key, storage.ErrChanged)
	}
	reader, object, err := b.Bucket.Open(ctx, key, "")
	object.Version = b.versions[key]
	return reader, object, err
}

// sampleDeliveries are what the sample alliance's merchants deliver in its week.
func sampleDeliveries(t *testing.T) map[string]string {
	t.Helper()
	inbox := os.DirFS("../../fixtures/sample/inbox")
	delivered := map[string]string{}
	err := fs.WalkDir(inbox, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(inbox, name)
		delivered[name] = string(content)
		return err
	})
	if err != nil || len(delivered) == 0 {
		t.Fatalf("%d files, %v", len(delivered), err)
	}
	return delivered
}

// TestS3Nights settles the sample alliance's week from, in and to buckets of an S3 server: what
// is published is the same to the byte as from memory.
func TestS3Nights(t *testing.T) {
	if !s3test.Enabled(t) {
		return
	}
	rulebook, err := rules.Parse("sample.yaml", rules.Sample())
	if err != nil {
		t.Fatal(err)
	}
	sunday, err := settlement.ParseDate("2026-06-07")
	if err != nil {
		t.Fatal(err)
	}
	s3, memory := s3Stores(t, s3test.Start(t)), memoryStores()
	fill(t, s3.inbox, sampleDeliveries(t))
	fill(t, memory.inbox, sampleDeliveries(t))
	memory.inbox = versionedLike(t, memory.inbox, s3.inbox)
	run := func(s stores) batch.Report {
		job := s.job(rulebook, sunday)
		job.CatchUp = true
		return mustRun(t, job)
	}
	found, wanted := run(s3), run(memory)
	if len(found.Dates) != 7 {
		t.Errorf("%d dates settled", len(found.Dates))
	}
	for i := range wanted.Dates {
		if found.Dates[i].ComputationID != wanted.Dates[i].ComputationID {
			t.Errorf("%s: computation ids differ", wanted.Dates[i].Date)
		}
	}
	expectSame(t, contentsOf(t, s3.statements), contentsOf(t, memory.statements))
	expectSame(t, stateSums(t, s3.ledger), stateSums(t, memory.ledger))
	if again := run(s3); !again.Dates[0].Already {
		t.Error("a settled date was settled again")
	}
}

// TestS3ManyMerchants lists and reads the files of 500 merchants.
func TestS3ManyMerchants(t *testing.T) {
	if !s3test.Enabled(t) {
		return
	}
	const merchants = 500
	var text strings.Builder
	text.WriteString(laneRulebook)
	delivered := map[string]string{}
	for i := range merchants {
		fmt.Fprintf(&text, "  - {id: M%03d, joined: 2026-01-01}\n", i)
		row := map[string]string{"transaction_id": "a", "member_id": fmt.Sprint("member ", i), "kind": "issue", "points": "10", "occurred_at": laneStartText + "T08:00:00+02:00"}
		delivered[fmt.Sprintf("merchant=M%03d/date=%s/sales.csv", i, laneStartText)] = asCSV([]map[string]string{row})
	}
	inbox := s3Stores(t, s3test.Start(t)).inbox
	fill(t, inbox, delivered)
	computation := batch.Computation{Inbox: inbox, Rulebook: mustRulebook(t, text.String()), Date: laneStart, Workers: 4, Partitions: 8}
	opening := batch.Opening{History: deliveries.NewHistory(), Points: map[settlement.Party]int64{}, Adjustments: map[string]bool{}}
	night, _, err := batch.Compute(t.Context(), computation, opening)
	if missing := new(batch.MissingError); errors.As(err, &missing) {
		computation.AllowMissing = true
		night, _, err = batch.Compute(t.Context(), computation, opening)
	}
	if err != nil {
		t.Fatal(err)
	}
	accepted := int64(0)
	for _, input := range night.Inputs {
		accepted += input.Accepted
	}
	if accepted != merchants {
		t.Errorf("%d rows of %d merchants accepted", accepted, merchants)
	}
}

// TestS3NightsOnABadNetwork settles the week while every seventh request goes wrong in one way
// or another. A run may give up; one of the next ones settles, and nothing differs in the end.
func TestS3NightsOnABadNetwork(t *testing.T) {
	if !s3test.Enabled(t) {
		return
	}
	server := s3test.Start(t)
	proxy := s3test.StartProxy(t, server)
	var s stores
	for _, bucket := range []*storage.Bucket{&s.inbox, &s.ledger, &s.statements} {
		options := storage.S3Options{Endpoint: proxy.Endpoint, Region: s3test.Region, Profile: s3test.Root, Stall: 200 * time.Millisecond}
		opened, err := storage.OpenS3(t.Context(), server.NewBucket(), "", options)
		if err != nil {
			t.Fatal(err)
		}
		*bucket = opened
	}
	clean := lane(t, 3, false)
	fill(t, s.inbox, contentsOf(t, clean.inbox))
	clean.inbox = versionedLike(t, clean.inbox, s.inbox)
	rulebook := mustRulebook(t, laneRulebook)
	job := func(s stores) batch.Job {
		job := s.job(rulebook, laneStart+2)
		job.CatchUp = true
		return job
	}
	mustRun(t, job(clean))

	faults := []s3test.Fault{s3test.AnswerLost, s3test.ShortBody, s3test.OverloadedAfter, s3test.ResetBefore, s3test.StalledBody, s3test.FlippedUpload}
	proxy.Decide(func(n int64, _ *http.Request) s3test.Fault {
		if n%7 != 0 {
			return s3test.NoFault
		}
		return faults[n/7%int64(len(faults))]
	})
	settled := false
	for run := 0; run < 5 && !settled; run++ {
		_, err := batch.Run(t.Context(), job(s))
		t.Logf("run %d: %v", run, err)
		settled = err == nil
	}
	requests := proxy.Requests.Load()
	proxy.Decide(func(int64, *http.Request) s3test.Fault { return s3test.NoFault })
	if !settled {
		t.Fatal("five runs did not settle the nights")
	}
	t.Logf("%d requests", requests)
	expectSame(t, contentsOf(t, s.statements), contentsOf(t, clean.statements))
	expectSame(t, stateSums(t, s.ledger), stateSums(t, clean.ledger))
}

package batch_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"alliance/settlement/batch"
	"alliance/settlement/faults"
	"alliance/settlement/storage"
	"alliance/settlement/storage/s3test"
)

// A requestWorker plays trials on an S3 server, whose requests go through a proxy of its own.
type requestWorker struct {
	t      *testing.T
	server *s3test.Server
	proxy  *s3test.Proxy
	bucket string
	worlds *atomic.Int64
}

// stores returns empty stores, as they are and as a run sees them through the proxy.
func (w *requestWorker) stores() (direct, viaProxy stores) {
	prefix := fmt.Sprint("world-", w.worlds.Add(1), "/")
	open := func(endpoint, name string) storage.Bucket {
		options := storage.S3Options{Endpoint: endpoint, Region: s3test.Region, Profile: s3test.Root, PathStyle: true, Stall: 5 * time.Second, Attempts: 3}
		bucket, err := storage.OpenS3(context.Background(), w.bucket, prefix+name, options)
		if err != nil {
			w.t.Fatal(err)
		}
		return bucket
	}
	at := func(endpoint string) stores {
		return stores{open(endpoint, "inbox"), open(endpoint, "ledger"), open(endpoint, "statements")}
	}
	return at(w.server.Endpoint), at(w.proxy.Endpoint)
}

// TestFaultB_EachRequestFails lets the k-th request to a real S3 server go wrong in each way, for every
// k until a run meets no fault: what the client gets over does not show, the rest is an error that says
// truly whether the night is on record.
func TestFaultB_EachRequestFails(t *testing.T) {
	if !faults.All() || !s3test.Enabled(t) {
		return
	}
	const workers = 4
	server, worlds := s3test.Start(t), new(atomic.Int64)
	bucket := server.NewBucket()
	free := make(chan *requestWorker, workers)
	for range workers {
		free <- &requestWorker{t, server, s3test.StartProxy(t, server), bucket, worlds}
	}
	scene := faultScenes(t)[0]
	scene.name = "S3 server"
	first := <-free
	direct, _ := first.stores()
	fill(t, direct.inbox, contentsOf(t, scene.before.inbox))
	mustRun(t, scene.job(direct))
	scene.wanted = publishedIn(t, direct)
	free <- first

	kinds := map[string]s3test.Fault{}
	maps.Copy(kinds, s3test.Refusals)
	for _, name := range []string{"broken", "overloaded", "silent before", "silent after", "reset before", "answer lost"} {
		kinds[name] = s3test.Faults[name]
	}
	for number, name := range slices.Sorted(maps.Keys(kinds)) {
		var (
			running            sync.WaitGroup
			mutex              sync.Mutex
			trials, violations int
			outcomes           = make(map[string]int)
			clean              atomic.Bool
		)
		// Every second request, the even or the odd ones.
		for k := int64(1 + number%2); !clean.Load(); k += 2 {
			worker := <-free
			running.Go(func() {
				defer func() { free <- worker }()
				outcome, hit, failed := worker.eachRequest(scene, k, name, kinds[name])
				mutex.Lock()
				defer mutex.Unlock()
				if !hit {
					clean.Store(true)
					return
				}
				trials++
				outcomes[outcome]++
				if failed {
					violations++
				}
			})
		}
		running.Wait()
		faults.Record(t, "B", "the k-th request: "+name+", S3 server", trials, violations, describeOutcomes(outcomes))
	}
}

// eachRequest lets one request go wrong; hit is false if there were fewer.
func (w *requestWorker) eachRequest(scene *faultScene, k int64, name string, kind s3test.Fault) (outcome string, hit, failed bool) {
	w.proxy.Once(0, s3test.NoFault)
	direct, viaProxy := w.stores()
	fill(w.t, direct.inbox, contentsOf(w.t, scene.before.inbox))
	tr := &trial{t: w.t, scene: scene, stores: direct, name: fmt.Sprintf("request %d, %s", k, name)}
	w.proxy.Once(k, kind)
	_, err := batch.Run(context.Background(), scene.job(viaProxy))
	hit = w.proxy.Requests.Load() >= k
	outcome = outcomeOf(err)
	if !hit && err != nil {
		tr.violated("nothing went wrong, and: %v", err)
	}
	tr.reported(err)
	if found := publishedIn(w.t, direct); err == nil && kind == s3test.Absent && !maps.Equal(found, scene.wanted) {
		// A file that is gone when it is read is held, and the night goes on without it.
		outcome = "a file held"
		tr.sound()
	} else {
		tr.finished()
	}
	return outcome, hit, tr.failed
}

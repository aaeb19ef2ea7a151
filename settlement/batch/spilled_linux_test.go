package batch_test

import (
	"context"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"alliance/settlement"
	"alliance/settlement/batch"
	"alliance/settlement/storage"
)

// A watchedBucket notes before each write how many files of a directory the process has open, also such as have no name any more.
type watchedBucket struct {
	storage.Bucket
	directory string
	mutex     sync.Mutex
	most      int
	writes    int
}

func (b *watchedBucket) Create(ctx context.Context, key string, body io.ReadSeeker) error {
	b.look()
	return b.Bucket.Create(ctx, key, body)
}

func (b *watchedBucket) Replace(ctx context.Context, key string, body io.ReadSeeker) error {
	b.look()
	return b.Bucket.Replace(ctx, key, body)
}

func (b *watchedBucket) look() {
	links, _ := filepath.Glob("/proc/self/fd/*")
	open := 0
	for _, link := range links {
		if name, err := os.Readlink(link); err == nil && strings.HasPrefix(name, b.directory+"/") {
			open++
		}
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.writes++
	b.most = max(b.most, open)
}

// TestNothingIsSpilledWhenStatementsArePublished settles and restates nights that spill all. When statements are published nothing of
// it is left: publishing forces a file system to disk, and what was spilled would be written for nobody.
func TestNothingIsSpilledWhenStatementsArePublished(t *testing.T) {
	s := memoryStores()
	rulebook := mustRulebook(t, streetRulebook)
	settle := func(date settlement.Date, change func(*batch.Job)) {
		t.Helper()
		job := s.job(rulebook, date)
		job.Memory, job.SpillDirectory = 1, t.TempDir()
		ledger := &watchedBucket{Bucket: s.ledger, directory: job.SpillDirectory}
		statements := &watchedBucket{Bucket: s.statements, directory: job.SpillDirectory}
		job.Ledger, job.Statements = ledger, statements
		change(&job)
		if _, err := batch.Run(t.Context(), job); err != nil {
			t.Fatal(err)
		}
		if ledger.most == 0 || statements.most > 0 || statements.writes == 0 {
			t.Errorf("%s: %d files open at most while the ledger was written; %d in %d writes of statements, want none",
				date, ledger.most, statements.most, statements.writes)
		}
	}
	nights := streetDeliveries()
	for i := range settlement.Date(2) {
		fill(t, s.inbox, nights[i])
		settle(streetStart+i, func(*batch.Job) {})
	}
	for _, key := range slices.Sorted(maps.Keys(nights[0])) {
		if content := nights[0][key]; strings.HasSuffix(key, ".csv") && strings.Count(content, "\n") > 3 {
			lines := strings.SplitAfter(content, "\n")
			fill(t, s.inbox, map[string]string{key: strings.Join(lines[:len(lines)-2], "")})
			break
		}
	}
	settle(streetStart, func(job *batch.Job) { job.Restate, job.Reason = true, "a file was corrected" })
}

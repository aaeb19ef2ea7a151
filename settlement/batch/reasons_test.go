package batch

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

// TestReasonsComeBack sends more reasons than have numbers, by several goroutines.
func TestReasonsComeBack(t *testing.T) {
	var known reasons
	var hurry sync.WaitGroup
	for worker := range 4 {
		hurry.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(worker)))
			for range 5000 {
				reason := fmt.Sprint("reason_", random.IntN(2*mostReasons))
				content := known.append(nil, reason)
				if found := known.read(&byteReader{content, 0}); found != reason {
					t.Errorf("%s came back as %s", reason, found)
				}
			}
		})
	}
	hurry.Wait()
	if texts := known.known.Load().texts; len(texts) != mostReasons {
		t.Errorf("%d reasons have numbers", len(texts))
	}
	for i, text := range known.known.Load().texts {
		if content := known.append(nil, text); len(content) != 1 || int(content[0]) != i+1 {
			t.Errorf("%s is sent as %x", text, content)
		}
	}
}

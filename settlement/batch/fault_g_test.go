package batch_test

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/batch"
	"alliance/settlement/faults"
	deliveries "alliance/settlement/intake"
)

// TestFaultG_VerifyNoticesEveryByte damages every byte of record, state, statements and
// acknowledgements of a small night. settle verify finds each.
func TestFaultG_VerifyNoticesEveryByte(t *testing.T) {
	w := newByteWorld(t)
	tally := w.together(t, w.settledFiles, func(w *byteWorld, _ damage) string {
		found, panicked := w.verify(false)
		switch {
		case panicked != nil:
			return fmt.Sprint("panic: ", panicked)
		case found == "":
			return "verify says that all is sound"
		}
		return ""
	})
	tally.record(t, "record, state, statements, acknowledgements damaged", fmt.Sprintf("every byte of the %d files of a night settled on a directory; settle verify finds each", len(w.settledFiles)))
}

// TestFaultG_DeepVerifyNoticesEveryByteOfInputs damages the inputs of a night that is settled. settle
// verify --deep finds each.
func TestFaultG_DeepVerifyNoticesEveryByteOfInputs(t *testing.T) {
	w := newByteWorld(t)
	tally := w.together(t, w.inboxFiles, func(w *byteWorld, _ damage) string {
		found, panicked := w.verify(true)
		switch {
		case panicked != nil:
			return fmt.Sprint("panic: ", panicked)
		case found == "":
			return "verify --deep says that all is sound"
		}
		return ""
	})
	tally.record(t, "inputs of a settled date damaged", "settle verify --deep finds each")
}

// TestFaultG_NextRunRefusesDamagedBooks lets the next date be settled after record and state were
// damaged: it is refused and nothing is written, or what was damaged is not needed for it and it
// comes out as it must.
func TestFaultG_NextRunRefusesDamagedBooks(t *testing.T) {
	w := newByteWorld(t)
	straight := w.copy(t, true)
	next := func(w *byteWorld) batch.Job {
		job := w.job()
		job.Date++
		job.AllowMissing = true
		return job
	}
	wanted := mustRun(t, next(straight)).Dates[0]
	paths := slices.DeleteFunc(slices.Clone(w.settledFiles), func(path string) bool {
		return !strings.HasPrefix(path, filepath.Join("ledger", "log")) && !strings.Contains(path, string(filepath.Separator)+"state"+string(filepath.Separator))
	})
	refused := 0
	var mutex sync.Mutex
	tally := w.together(t, paths, func(w *byteWorld, d damage) (wrong string) {
		defer func() {
			if panicked := recover(); panicked != nil {
				wrong = fmt.Sprint("panic: ", panicked)
			}
		}()
		if strings.HasPrefix(d.path, filepath.Join("ledger", "log")) && d.gone {
			return "" // the only record is gone: the ledger is one that was never begun
		}
		job := next(w)
		job.DryRun = true
		report, err := batch.Run(context.Background(), job)
		if err == nil && report.Dates[0].ComputationID != wanted.ComputationID {
			return "the next date is settled, and comes out otherwise"
		}
		if err != nil {
			mutex.Lock()
			refused++
			mutex.Unlock()
		}
		return ""
	})
	if refused*2 < tally.flips+tally.cuts {
		t.Errorf("only %d were refused", refused)
	}
	tally.record(t, "record and state damaged before the next date is settled", fmt.Sprintf("%d refused, else not needed and the same result", refused))
}

// TestFaultG_NotesMayBeDamaged damages what is on no record: what attempts and projections note for
// themselves. The next run publishes what it must, or refuses.
func TestFaultG_NotesMayBeDamaged(t *testing.T) {
	w := newByteWorld(t)
	straight := w.copy(t, true)
	next := func(w *byteWorld) batch.Job {
		job := w.job()
		job.Date++
		job.AllowMissing = true
		return job
	}
	mustRun(t, next(straight))
	wanted := contentsOf(t, straight.statements)
	tally, refused := &damageTally{}, 0
	w.damages(t, w.otherFiles, faults.Count(101, 1), func(d damage) {
		damaged := w.copy(t, true)
		damaged.apply(t, d)
		_, err := batch.Run(t.Context(), next(damaged))
		wrong := ""
		switch found := contentsOf(t, damaged.statements); {
		case err != nil:
			refused++
		case !maps.Equal(found, wanted):
			wrong = "what is published is not what it must be"
		}
		tally.count(t, d, wrong)
	})
	tally.record(t, "notes that are on no record damaged", fmt.Sprintf("%d refused as the store is unsafe, else published as ever", refused))
}

// TestFaultG_ControlledInputs damages a controlled file, and its control, before the night: every bit of
// every byte, and every length. The file is held with a code, or says the same: a digest in capitals.
func TestFaultG_ControlledInputs(t *testing.T) {
	rulebook, good := mustRulebook(t, byteRulebook), byteInbox()
	wanted, err := settleBytes(rulebook, good)
	if err != nil || len(wanted.Lines) != 1 {
		t.Fatalf("%+v, %v", wanted, err)
	}
	tally, same := &damageTally{}, 0
	try := func(key, what, content string) {
		inbox := maps.Clone(good)
		inbox[key] = content
		night, err := settleBytes(rulebook, inbox)
		wrong := ""
		switch {
		case err != nil:
			wrong = err.Error()
		case isHeld(night, byteFolder+"sales.csv"):
			if len(night.Lines) > 0 || ownAllocations(night) > 0 || night.Statements[0].Complete {
				wrong = "held, but the night has lines, or is complete"
			}
		case strings.HasSuffix(key, "_control.json") && strings.EqualFold(content, good[key]) && slices.EqualFunc(night.Lines, wanted.Lines, func(a, b settlement.Line) bool {
			return a.LineKey == b.LineKey && a.Points == b.Points && a.Value.Equal(b.Value)
		}):
			same++
		case strings.TrimSpace(content) == strings.TrimSpace(good[key]):
			same++
		default:
			wrong = fmt.Sprintf("it is taken: %+v", night.Inputs)
		}
		tally.count(t, damage{path: key, what: what}, wrong)
	}
	step, number := faults.Count(11, 1), 0
	for _, key := range slices.Sorted(maps.Keys(good)) {
		content := good[key]
		for at := range len(content) {
			for bit := range 8 {
				if number++; number%step != 0 {
					continue
				}
				altered := []byte(content)
				altered[at] ^= 1 << bit
				try(key, fmt.Sprintf("bit %d of byte %d flipped", bit, at), string(altered))
			}
			if number++; number%step == 0 {
				try(key, fmt.Sprintf("cut after %d bytes", at), content[:at])
			}
		}
	}
	tally.record(t, "a controlled input and its control damaged", fmt.Sprintf("every bit; held with a code, but for %d that say the same: a digest in capitals, a line end left out", same))
}

func isHeld(night *settlement.Night, key string) bool {
	return slices.ContainsFunc(night.Inputs, func(input settlement.Input) bool {
		return input.Key == key && input.State == settlement.Held && input.Code != settlement.NoCode
	})
}

// settleBytes settles the night of an inbox; a panic is an error.
func settleBytes(rulebook *rules.Rulebook, inbox map[string]string) (night *settlement.Night, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("panic: %v", panicked)
		}
	}()
	night, _, err = batch.Compute(context.Background(), batch.Computation{Inbox: memoryOf(inbox, nil), Rulebook: rulebook, Date: laneStart, Workers: 1, Partitions: 1},
		batch.Opening{History: deliveries.NewHistory(), Points: map[settlement.Party]int64{}, Adjustments: map[string]bool{}})
	return night, err
}

package batch

import (
	"slices"
	"time"
)

// A Stage is a part of the work on one settlement date.
type Stage string

// The stages, in order.
const (
	stageRead        Stage = "read"
	stageDeduplicate Stage = "deduplicate"
	stageAttribute   Stage = "attribute"
	stagePrice       Stage = "price"
	stageNet         Stage = "net"
	stageState       Stage = "state"
	stageStatements  Stage = "statements"
	stageAcknowledge Stage = "acknowledge"
	stageCommit      Stage = "commit"
	stageProject     Stage = "project"
)

var stages = []Stage{stageRead, stageDeduplicate, stageAttribute, stagePrice, stageNet, stageState, stageStatements, stageAcknowledge, stageCommit, stageProject}

// Stages returns every stage that a date may go through, in order.
func Stages() []Stage { return slices.Clone(stages) }

// Progress tells how far a stage has come.
type Progress struct {
	// Date is the settlement date, "" while lots are opened.
	Date string
	// Attempt is the id of the attempt on the ledger, which the log's record will have, once there is one.
	Attempt string
	// DateNumber of Dates is the date's place among those of the run, from 1.
	DateNumber, Dates int
	Stage             Stage
	// Done of Total: files while reading, or bytes of the file of opening lots; partitions or folders later.
	// Total is 0 if it is not known.
	Done, Total int64
	// Finished is true on the last report of a stage; Elapsed is what it took.
	Finished bool
	Elapsed  time.Duration
	// Warning, if not "", is what the operator should know before the work goes on; nothing else is told then but the stage.
	Warning string
}

// stage and advance tell the observer, if there is one.
func (r *run) stage(stage Stage, total int64) {
	if r.started == nil {
		r.started = make(map[Stage]time.Time)
	}
	if _, running := r.started[stage]; !running {
		r.started[stage] = time.Now()
	}
	r.done.Store(0)
	r.total.Store(total)
	r.observe(Progress{Stage: stage, Total: total})
}

func (r *run) advance(stage Stage, by int64) {
	r.observe(Progress{Stage: stage, Done: r.done.Add(by), Total: r.total.Load()})
}

func (r *run) finish(stage Stage) {
	r.observe(Progress{Stage: stage, Done: r.done.Load(), Total: r.total.Load(), Finished: true, Elapsed: time.Since(r.started[stage])})
}

func (r *run) observe(progress Progress) {
	if r.Observe != nil {
		progress.Date = r.Date.String()
		r.Observe(progress)
	}
}

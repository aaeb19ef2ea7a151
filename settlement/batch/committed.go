package batch

import "fmt"

// A CommittedError says that something went wrong after the commit: what was to be done is on
// record, but not all of what follows from it is done. Running again finishes it.
type CommittedError struct {
	// Record is the number of the record.
	Record int64
	Err    error
}

func (e *CommittedError) Error() string {
	return fmt.Sprintf("record %d is committed, %v", e.Record, e.Err)
}

// Unwrap returns what went wrong.
func (e *CommittedError) Unwrap() error { return e.Err }

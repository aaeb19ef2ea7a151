// Package crash names the places at which the tests of the fault campaign kill the program, as kill -9
// or a power failure does: a process that dies there must leave nothing that the next run does not
// finish or clear away.
//
// In a production build [At] does nothing and costs nothing: there is no code behind it, and nothing
// in the environment can reach it. In a build with the tag faults
//
//	go build -tags faults ./cmd/settle
//
// the program looks at two settings of the environment:
//
//	SETTLE_CRASH_AT=record-sent       die by SIGKILL when that place is reached
//	SETTLE_CRASH_AT=file-projected:3  die when it is reached for the third time
//	SETTLE_CRASH_TRACE=FILE           append the name of each place reached to FILE
//
// The package has no dependency, so that every layer that writes may name its places.
package crash

// A Point is a place in the program, in the order in which a night comes to them.
type Point string

// In settlement/storage, of each object that is written to a directory.
const (
	// TemporaryCreated: there is an empty temporary file.
	TemporaryCreated Point = "temporary-created"
	// TemporaryWritten: the temporary file is complete and forced to disk; it has no name yet.
	TemporaryWritten Point = "temporary-written"
	// ObjectPlaced: the object has its name, and after a link the temporary file its own, too. The
	// folder is not forced to disk yet.
	ObjectPlaced Point = "object-placed"
)

// In settlement/books.
const (
	// ProbeCreated: the probe of the store is there, and nothing else.
	ProbeCreated Point = "probe-created"
	// IntentCreated: the attempt has its intent, and nothing else.
	IntentCreated Point = "intent-created"
	// ObjectCreated: an object of the attempt is stored.
	ObjectCreated Point = "object-created"
	// RecordReady: all objects are stored and the record is checked; it was not sent.
	RecordReady Point = "record-ready"
	// RecordSent: the store has taken the record, and nobody has heard of it.
	RecordSent Point = "record-sent"
	// FileProjected: a file was copied to where finance, or a merchant, reads; not the last of its folder.
	FileProjected Point = "file-projected"
	// FileRemoved: a file that only an earlier version had is gone from a folder.
	FileRemoved Point = "file-removed"
	// FolderFinished: a folder's last file is written.
	FolderFinished Point = "folder-finished"
	// FoldersProjected: every folder is finished, and the mark that says so is not written yet.
	FoldersProjected Point = "folders-projected"
	// ProjectionMarked: the mark is written.
	ProjectionMarked Point = "projection-marked"
)

// In settlement/batch, of each date.
const (
	// NightComputed: a date is computed; nothing of it is stored.
	NightComputed Point = "night-computed"
	// StateStored: the state after the date is stored.
	StateStored Point = "state-stored"
	// StatementsStored: so are the statements' files.
	StatementsStored Point = "statements-stored"
	// AcknowledgementsStored: so is what merchants are told.
	AcknowledgementsStored Point = "acknowledgements-stored"
	// Committed: the date is on record, and nothing is projected.
	Committed Point = "committed"
	// StatementsProjected: statements are where finance reads them; merchants have not been told.
	StatementsProjected Point = "statements-projected"
	// AcknowledgementsProjected: everything of the date is done.
	AcknowledgementsProjected Point = "acknowledgements-projected"
)

// Points are all of them. A test sees to it that each is reached.
var Points = []Point{
	NightComputed, TemporaryCreated, TemporaryWritten, ObjectPlaced, ProbeCreated, IntentCreated, ObjectCreated,
	StateStored, StatementsStored, AcknowledgementsStored, RecordReady, RecordSent, Committed,
	FileProjected, FileRemoved, FolderFinished, FoldersProjected, ProjectionMarked, StatementsProjected, AcknowledgementsProjected,
}

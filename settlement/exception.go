package settlement

// A Code says why a row or a file was not simply taken. The list is closed.
type Code uint8

// The codes of files, in the order in which the first that applies decides; then the codes of
// rows, in that order; then those that only inform.
const (
	NoCode Code = iota

	UnknownFormat
	ReplacedFile
	DuplicateFile
	BadControl
	NotInControl
	UnreadableFile
	MissingColumn
	WrongType
	ControlMismatch
	TooManyRejects
	HoldExpired

	Malformed
	MissingField
	InvalidValue
	WrongMerchant
	InactiveMerchant
	Future
	TooLate
	UnknownIssuer
	NotAgreed
	IssuerRequired
	Conflict
	Duplicate
	UnknownOriginal
	OriginalMismatch
	ReversalExceedsOriginal

	Uncovered
	Unfunded
	ClawbackShortfall
	UnknownColumn
	UnknownMerchant
	UnknownFolder
	codes
)

var codeNames = [codes]string{"",
	"unknown_format", "replaced_file", "duplicate_file", "bad_control", "not_in_control", "unreadable_file",
	"missing_column", "wrong_type", "control_mismatch", "too_many_rejects", "hold_expired",
	"malformed", "missing_field", "invalid_value", "wrong_merchant", "inactive_merchant", "future", "too_late",
	"unknown_issuer", "not_agreed", "issuer_required", "conflict", "duplicate", "unknown_original",
	"original_mismatch", "reversal_exceeds_original",
	"uncovered", "unfunded", "clawback_shortfall", "unknown_column", "unknown_merchant", "unknown_folder"}

// String returns the code as the published tables show it.
func (c Code) String() string { return codeNames[c] }

// MarshalText writes the code's name.
func (c Code) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads a code's name.
func (c *Code) UnmarshalText(text []byte) error {
	for code, name := range codeNames {
		if name == string(text) {
			*c = Code(code)
			return nil
		}
	}
	return &UnknownNameError{What: "code", Name: string(text)}
}

// A State says what became of a row or a file.
type State uint8

// The states of an exception and of an input.
const (
	NoState State = iota
	// Consumed files were read and their rows settled, deferred or rejected. Final.
	Consumed
	// DuplicateState files repeat a consumed one and are never read again. Final.
	DuplicateState
	// Held files are looked at again every night of their window.
	Held
	// Pending files belong to a later night.
	Pending
	// Missing stands for what a merchant should have delivered.
	Missing
	// Noticed exceptions only inform.
	Noticed
	// DeferredState rows are tried again on a later night.
	DeferredState
	// Rejected rows are not settled.
	Rejected
	states
)

var stateNames = [states]string{"", "consumed", "duplicate", "held", "pending", "missing", "noticed", "deferred", "rejected"}

// String returns the state as the published tables show it.
func (s State) String() string { return stateNames[s] }

// MarshalText writes the state's name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a state's name.
func (s *State) UnmarshalText(text []byte) error {
	for state, name := range stateNames {
		if name == string(text) {
			*s = State(state)
			return nil
		}
	}
	return &UnknownNameError{What: "state", Name: string(text)}
}

// An UnknownNameError is returned for a name that is not on a closed list.
type UnknownNameError struct{ What, Name string }

func (e *UnknownNameError) Error() string { return "unknown " + e.What + " " + e.Name }

// An Exception is one thing that a merchant should know about what it delivered.
type Exception struct {
	// Merchant is whose delivery it is about, or NoParty for a folder of nobody in the register.
	Merchant Party
	// File is the object's key below the inbox.
	File string
	// Row is the record's number from 1, or 0 for a whole file.
	Row           int64
	TransactionID string
	Code          Code
	State         State
	// Column and Value say what was found; never a member id, and cut to 64 bytes.
	Column, Value string
	// Points is given for uncovered, unfunded and clawback_shortfall, else 0 (published as null).
	Points  int64
	Message string
}

// CompareExceptions orders a merchant's exceptions: by file, row (none first), code by name,
// then by the rest so that the order is total.
func CompareExceptions(a, b *Exception) int {
	switch {
	case a.Merchant != b.Merchant:
		return compare(a.Merchant, b.Merchant)
	case a.File != b.File:
		return compare(a.File, b.File)
	case a.Row != b.Row:
		return compare(a.Row, b.Row)
	case a.Code != b.Code:
		return compare(a.Code.String(), b.Code.String())
	case a.State != b.State:
		return compare(a.State.String(), b.State.String())
	case a.TransactionID != b.TransactionID:
		return compare(a.TransactionID, b.TransactionID)
	case a.Column != b.Column:
		return compare(a.Column, b.Column)
	case a.Value != b.Value:
		return compare(a.Value, b.Value)
	default:
		return compare(a.Points, b.Points)
	}
}

// An Input is one object of the inbox as a run found it, or a merchant that delivered none.
type Input struct {
	Merchant Party
	// Key is the object's key below the inbox.
	Key string
	// Version is the store's version of the object; SHA256 its content, in hex.
	Version string
	Bytes   int64
	SHA256  string
	State   State
	Code    Code
	// The counts are those of this night; zero unless the object was consumed tonight.
	Rows, Accepted, Deferred, Rejected int64
	IssuedPoints, RedeemedPoints       int64
	// Reason says what a missing merchant did not deliver.
	Reason string
}

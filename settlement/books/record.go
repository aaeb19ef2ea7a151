package books

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	stdhash "hash"
	"io"
	"strings"

	"alliance/settlement"
)

// A Kind says what a record does.
type Kind string

// The kinds of a record.
const (
	// OpenLots puts a file of opening lots on record, before the first date.
	OpenLots Kind = "open_lots"
	// Publish settles dates.
	Publish Kind = "publish"
	// Abort fills the slot of an attempt that gave up.
	Abort Kind = "abort"
	// Close makes all dates up to one final.
	Close Kind = "close"
	// Forget removes a member from the state.
	Forget Kind = "forget"
)

// A Record is an entry of the log.
type Record struct {
	// Seq counts records from 1. Seq, Previous, Attempt and Seal are set by [Attempt.Commit].
	Seq int64 `json:"seq"`
	// Previous is the SHA-256 of the record before, in hex; "" in the first.
	Previous string `json:"previous"`
	// Attempt is the id of the attempt that wrote the record.
	Attempt string `json:"attempt"`
	Kind    Kind   `json:"kind"`
	// Operator is who ran the program, as claimed; Time when, RFC 3339 in UTC.
	Operator string `json:"operator,omitempty"`
	Time     string `json:"time,omitempty"`
	// Reason is why, for a restatement; Approval who agreed.
	Reason   string `json:"reason,omitempty"`
	Approval string `json:"approval,omitempty"`
	// Program and RulebookDigest say what computed the record.
	Program        string `json:"program,omitempty"`
	RulebookDigest string `json:"rulebook_digest,omitempty"`
	// Fixed is what may never change in this ledger; in the first record that has a rulebook.
	Fixed json.RawMessage `json:"fixed,omitempty"`
	// Through is the last date that a close makes final, YYYY-MM-DD.
	Through string `json:"through,omitempty"`
	// Opening is the state of the opening lots, for open_lots.
	Opening *StateRecord `json:"opening,omitempty"`
	// Forgotten says what a forget replaced.
	Forgotten *Forgotten `json:"forgotten,omitempty"`
	// Dates are the dates that a publish settles, in order.
	Dates []DateRecord `json:"dates,omitempty"`
	// Seal is the SHA-256, in hex, of the record's bytes as they are with an empty seal.
	Seal string `json:"seal"`
}

// A DateRecord is everything on record about one settled date. It is complete in itself: what a
// restatement did not change is named again.
type DateRecord struct {
	Date          settlement.Date `json:"date"`
	ComputationID string          `json:"computation_id"`
	// CycleClosed is true if the date netted a cycle.
	CycleClosed bool `json:"cycle_closed"`
	// Complete is false if a merchant was missing or a file held.
	Complete bool `json:"complete"`
	// Inputs are the objects of the inbox, in the order of the night's inputs.
	Inputs []InputRecord `json:"inputs,omitempty"`
	// Adjustments are the ids of the adjustments that the date settled, in order.
	Adjustments []string `json:"adjustments,omitempty"`
	// Statements are in order of merchant.
	Statements []StatementRecord `json:"statements,omitempty"`
	// Alliance is the operator's folder.
	Alliance FolderRecord `json:"alliance"`
	// Acknowledgements are in order of merchant.
	Acknowledgements []AcknowledgementRecord `json:"acknowledgements,omitempty"`
	State            StateRecord             `json:"state"`
	// UsedPrices and UsedFees map the ids of the prices and fees that were used to their content.
	UsedPrices map[string]string `json:"used_prices,omitempty"`
	UsedFees   map[string]string `json:"used_fees,omitempty"`
	Totals     Totals            `json:"totals"`
}

// Totals sum up a date. Amounts are decimal texts in the ledger's currency.
type Totals struct {
	RowsAccepted int64 `json:"rows_accepted"`
	RowsDeferred int64 `json:"rows_deferred"`
	RowsRejected int64 `json:"rows_rejected"`
	Lines        int64 `json:"lines"`
	Allocations  int64 `json:"allocations"`
	Exceptions   int64 `json:"exceptions"`
	// Points are the points redeemed across merchants, net of reversals.
	Points int64  `json:"points"`
	Value  string `json:"value,omitempty"`
	Fees   string `json:"fees,omitempty"`
	Tax    string `json:"tax,omitempty"`
	// Due is the sum of the payments.
	Due string `json:"due,omitempty"`
}

// An InputRecord is one object of the inbox as a night found it, or a missing merchant.
type InputRecord struct {
	Merchant       string           `json:"merchant"`
	Key            string           `json:"key,omitempty"`
	Version        string           `json:"version,omitempty"`
	Bytes          int64            `json:"bytes,omitempty"`
	SHA256         string           `json:"sha256,omitempty"`
	State          settlement.State `json:"state"`
	Code           settlement.Code  `json:"code,omitempty"`
	Rows           int64            `json:"rows,omitempty"`
	Accepted       int64            `json:"accepted,omitempty"`
	Deferred       int64            `json:"deferred,omitempty"`
	Rejected       int64            `json:"rejected,omitempty"`
	IssuedPoints   int64            `json:"issued_points,omitempty"`
	RedeemedPoints int64            `json:"redeemed_points,omitempty"`
}

// NewInputRecord puts an input on record. Its parties become ids.
func NewInputRecord(parties settlement.Parties, in settlement.Input) InputRecord {
	return InputRecord{parties.ID(in.Merchant), in.Key, in.Version, in.Bytes, in.SHA256, in.State, in.Code,
		in.Rows, in.Accepted, in.Deferred, in.Rejected, in.IssuedPoints, in.RedeemedPoints}
}

// Input returns the input; its merchant is [settlement.NoParty] if the register has it no more.
func (r InputRecord) Input(parties settlement.Parties) settlement.Input {
	return settlement.Input{Merchant: parties.Find(r.Merchant), Key: r.Key, Version: r.Version, Bytes: r.Bytes, SHA256: r.SHA256,
		State: r.State, Code: r.Code, Rows: r.Rows, Accepted: r.Accepted, Deferred: r.Deferred, Rejected: r.Rejected,
		IssuedPoints: r.IssuedPoints, RedeemedPoints: r.RedeemedPoints}
}

// A FolderRecord is the files of one published folder, `_statement.json` among them.
type FolderRecord struct {
	Files []FileRecord `json:"files,omitempty"`
}

// A StatementRecord is one version of a merchant's statement of a date.
type StatementRecord struct {
	// Merchant is the merchant's id.
	Merchant string `json:"merchant"`
	// Version counts the changes of this statement from 1; Supersedes is the version before, or 0.
	Version    int          `json:"version"`
	Supersedes int          `json:"supersedes,omitempty"`
	Files      []FileRecord `json:"files,omitempty"`
}

// An AcknowledgementRecord is what a merchant is told about what it delivered for a date: ack.json
// and, if rows were rejected, rejected.csv.
type AcknowledgementRecord struct {
	// Merchant is the merchant's id.
	Merchant string       `json:"merchant"`
	Files    []FileRecord `json:"files"`
}

// A FileRecord is a file of the ledger: an object, or one of the files in a pack.
type FileRecord struct {
	// Name is the file's name in its folder, or the object's below its attempt.
	Name string `json:"name"`
	// Object is the key in the ledger's bucket.
	Object string `json:"object"`
	// Offset is where the file begins in a pack, in bytes; 0 of a file that is an object of its own.
	Offset int64 `json:"offset,omitempty"`
	Bytes  int64 `json:"bytes"`
	// SHA256 is in hex.
	SHA256 string `json:"sha256"`
	// Rows is the number of rows of a table, else 0.
	Rows int64 `json:"rows,omitempty"`
	// IndexSHA256 is, of a run of accounts, the SHA-256, in hex, of the part that has the digests of its blocks.
	IndexSHA256 string `json:"index_sha256,omitempty"`
}

// A Role says what a state object holds.
type Role string

// The roles of state objects.
const (
	// Accounts are members with the lots and redemptions that rows of any night may ask for, and their deferred rows: a run
	// of [accounts]. Those of one partition are a stack, the newest first.
	Accounts Role = "accounts"
	// PutAway are settled redemptions and lots that are used up, which only reversals ask for, as the date put them away: a
	// bundle of runs of [accounts], one for each partition of the date's state whose remainder is Partition, when divided
	// by the number of these objects.
	PutAway Role = "put_away"
	// IDs are the transaction ids of rows settled on the date: [ReadIDs].
	IDs Role = "ids"
	// WaitingIDs are the transaction ids of all rows that wait: [ReadIDs].
	WaitingIDs Role = "waiting_ids"
	// BalancesRole is money carried and held, and points per issuer: [ReadBalances].
	BalancesRole Role = "balances"
)

// A StateRecord is the state after a date.
type StateRecord struct {
	// Partitions is the number of partitions that members are spread over.
	Partitions int `json:"partitions,omitempty"`
	// Parties are the ids of those that what was put away names, in order: a register that lacks one cannot settle a date on
	// which that may still be asked for.
	Parties []string `json:"parties,omitempty"`
	// ExpiredBefore is the date before which a lot had to expire to be put away with points that expired, YYYY-MM-DD; "" if nothing is put away.
	ExpiredBefore string        `json:"expired_before,omitempty"`
	Objects       []StateObject `json:"objects,omitempty"`
}

// Of returns the objects of one role, in the order on record.
func (s *StateRecord) Of(role Role) []StateObject {
	var found []StateObject
	for _, object := range s.Objects {
		if object.Role == role {
			found = append(found, object)
		}
	}
	return found
}

// A StateObject is one object of the state.
type StateObject struct {
	Role Role `json:"role"`
	// Partition is from 0.
	Partition int `json:"partition,omitempty"`
	// Night is the settlement date whose run wrote the object, YYYY-MM-DD; "" if it does not matter.
	Night string `json:"night,omitempty"`
	FileRecord
}

// files calls visit for every file that the record names.
func (r *Record) files(visit func(*FileRecord)) {
	ofState := func(state *StateRecord) {
		for i := range state.Objects {
			visit(&state.Objects[i].FileRecord)
		}
	}
	if r.Opening != nil {
		ofState(r.Opening)
	}
	if r.Forgotten != nil {
		for i := range r.Forgotten.Substitutes {
			visit(&r.Forgotten.Substitutes[i].By)
		}
	}
	for i := range r.Dates {
		date := &r.Dates[i]
		for j := range date.Statements {
			for k := range date.Statements[j].Files {
				visit(&date.Statements[j].Files[k])
			}
		}
		for k := range date.Alliance.Files {
			visit(&date.Alliance.Files[k])
		}
		for j := range date.Acknowledgements {
			for k := range date.Acknowledgements[j].Files {
				visit(&date.Acknowledgements[j].Files[k])
			}
		}
		ofState(&date.State)
	}
}

// seal sets the record's seal and returns its bytes.
func (r *Record) seal() ([]byte, error) {
	r.Seal = ""
	text, err := encodeLine(r)
	if err != nil {
		return nil, fmt.Errorf("encode record %d: %w", r.Seq, err)
	}
	r.Seal = digest(text)
	return encodeLine(r)
}

// sumsOf returns the SHA-256 of a record's text, in hex, and the seal that it should have: the text has one, as its last value.
func sumsOf(text []byte, seal string) (sum, rightSeal string) {
	const end = "\"}\n"
	sealed := bytes.TrimSuffix(text, []byte(seal+end))
	hash := sha256.New()
	hash.Write(sealed)
	unsealed, err := hash.(stdhash.Cloner).Clone()
	if err != nil {
		panic(err) // SHA-256 can be copied
	}
	io.WriteString(unsealed, end)
	hash.Write(text[len(sealed):])
	return hex.EncodeToString(hash.Sum(nil)), hex.EncodeToString(unsealed.Sum(nil))
}

// encodeLine returns the one JSON text of a value, with LF at the end.
func encodeLine(value any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return buffer.Bytes(), err
}

// decodeLine reads what encodeLine wrote of a value, and nothing else.
func decodeLine(text []byte, value any) error {
	if err := json.Unmarshal(text, value); err != nil {
		return err
	}
	same := sameBytes{rest: text}
	encoder := json.NewEncoder(&same)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err
	}
	if same.differ || len(same.rest) > 0 {
		return whyNotOurs(text, value)
	}
	return nil
}

// whyNotOurs says what is wrong with the text of a value that this program would write otherwise.
func whyNotOurs(text []byte, value any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(value); err != nil && strings.Contains(err.Error(), "unknown field") {
		return fmt.Errorf("%w: %w", err, errNewerProgram)
	}
	return fmt.Errorf("the bytes are not those that this program writes")
}

// A sameBytes compares what is written to it with bytes that are there.
type sameBytes struct {
	rest   []byte
	differ bool
}

func (s *sameBytes) Write(part []byte) (int, error) {
	if s.differ = s.differ || !bytes.HasPrefix(s.rest, part); !s.differ {
		s.rest = s.rest[len(part):]
	}
	return len(part), nil
}

// restoreRecord is what to do about a record that is missing or altered.
const restoreRecord = "restore this object from a copy of the ledger: a record is never written again"

// errNewerProgram says that a text is one that this program cannot have written.
var errNewerProgram = errors.New("a newer version of this program wrote it; use that one")

// decodeRecord reads the record of a slot and verifies its seal. It returns the text's SHA-256 as well, in hex.
func decodeRecord(seq int64, text []byte) (record *Record, sum string, err error) {
	record = new(Record)
	if err := decodeLine(text, record); err != nil {
		if errors.Is(err, errNewerProgram) {
			return nil, "", fmt.Errorf("%w: %s: %w", ErrBroken, logKey(seq), err)
		}
		return nil, "", fmt.Errorf("%w: %s: %w; %s", ErrBroken, logKey(seq), err, restoreRecord)
	}
	if sum, err = record.checkSlot(seq, text); err != nil {
		return nil, "", err
	}
	record.shareTexts()
	return record, sum, nil
}

// checkSlot sees to it that a record is the one of its slot, and that its text is as it was sealed. It returns the text's SHA-256, in hex.
func (r *Record) checkSlot(seq int64, text []byte) (sum string, err error) {
	if r.Seq != seq {
		return "", fmt.Errorf("%w: %s says that it is record %d; %s", ErrBroken, logKey(seq), r.Seq, restoreRecord)
	}
	sum, seal := sumsOf(text, r.Seal)
	if seal != r.Seal {
		return "", fmt.Errorf("%w: %s does not agree with its seal; %s", ErrBroken, logKey(seq), restoreRecord)
	}
	return sum, nil
}

// shareTexts gives texts that files have in common the same memory: all records stay in memory, and of a night's files most have one of
// few names, and lie in one of few packs.
func (r *Record) shareTexts() {
	shared := make(map[string]string)
	share := func(text *string) {
		first, known := shared[*text]
		if !known {
			first = *text
			shared[first] = first
		}
		*text = first
	}
	r.files(func(file *FileRecord) {
		share(&file.Name)
		share(&file.Object)
	})
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

package accounts

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"alliance/settlement"
	"alliance/settlement/sections"

	"github.com/pierrec/lz4/v4"
	"github.com/zeebo/xxh3"
)

const (
	// blockBytes is the size at which a block is full, before compression.
	blockBytes = 16 << 10
	// maxBlockBytes is the most that a block may hold, which matters for one huge account alone.
	maxBlockBytes = 1 << 30
	// maxTexts is the most texts that a block may have.
	maxTexts = 1<<24 - 1
	// maxRatio is the most that a compressed block may expand; LZ4 reaches 255.
	maxRatio = 256
	// maxPartyBytes and maxNameBytes bound the parts of a file name that is kept in parts.
	maxPartyBytes = 128
	maxNameBytes  = 1024
)

// ErrTooLarge says that an account does not fit into a block, which is of 1 GiB at most and has 2^24-1
// different file names, reasons and price ids at most.
var ErrTooLarge = errors.New("the account is too large")

// Facts are what is known of a run without reading its blocks. Equal facts are equal runs.
type Facts struct {
	// Accounts is the number of accounts, Removed that of members whose account is gone.
	Accounts, Removed int64
	// Lots is the number of the accounts' lots.
	Lots int64
	// Bytes is the length of the run.
	Bytes int64
	// Blocks is the number of its blocks.
	Blocks int64
	// IndexSHA256 is the SHA-256, in hex, of index and footer. As the index has the digest of
	// every block, it stands for the run.
	IndexSHA256 string
}

// A Writer writes a run. After an error it is of no use.
type Writer struct {
	w       io.Writer
	encoder encoder
	index   indexBuilder
	err     error
	closed  bool

	last    []byte // the member added last
	started bool

	// The block that is being filled.
	entries []byte
	first   []byte
	due     settlement.Date
	count   int

	raw, packed []byte
	compressor  lz4.Compressor
	// pays says that compression saved a third at least when it was tried last.
	pays bool
}

// NewWriter returns a Writer of a run that starts at the beginning of w, for accounts whose parties
// are those of a register.
func NewWriter(w io.Writer, parties settlement.Parties) *Writer {
	writer := new(Writer)
	writer.encoder.parties = newPartyTable(parties)
	writer.Reset(w)
	return writer
}

// Reset makes the writer one of a new run, under the same register and in the same memory. What was
// not closed is given up.
func (w *Writer) Reset(to io.Writer) {
	w.w, w.err, w.closed = to, nil, false
	w.last, w.started, w.pays = w.last[:0], false, false
	w.encoder.parties.reset()
	w.index = indexBuilder{encoded: w.index.encoded[:0], dues: make(map[settlement.Date]*dueList)}
	w.startBlock()
}

func (w *Writer) startBlock() {
	w.encoder.resetBlock()
	w.entries, w.first = w.entries[:0], w.first[:0]
	w.due, w.count = settlement.Never, 0
}

// Add writes an account and the first date on which it has to be looked at even without rows,
// [settlement.Never] if there is none. Members must ascend by byte and due be a date, else Add
// panics. It keeps nothing of account. Errors: w's, ErrTooLarge, [settlement.ErrOutOfRange] if the open points of
// all accounts are too many.
func (w *Writer) Add(account *settlement.Account, due settlement.Date) error {
	if due == settlement.NoDate {
		panic(fmt.Sprintf("accounts: no due date was given for an account after %q", w.last))
	}
	if err := w.begin(account.Member); err != nil {
		return err
	}
	if w.count == 0 {
		w.encoder.base = baseOf(account)
	}
	w.encoder.account(account, due)
	if err := w.countPoints(account); err != nil {
		return err
	}
	w.index.facts.Accounts++
	w.index.facts.Lots += int64(len(account.Lots))
	w.index.addDue(due)
	w.due = min(w.due, due)
	return w.end()
}

// Remove writes that the member's account in older runs is gone. Order and errors are those of Add.
func (w *Writer) Remove(member string) error {
	if err := w.begin(member); err != nil {
		return err
	}
	if w.count == 0 {
		w.encoder.base = 0
	}
	w.encoder.removal(member)
	w.index.facts.Removed++
	return w.end()
}

// baseOf returns a date to which others of the account's block are probably close.
func baseOf(account *settlement.Account) settlement.Date {
	switch {
	case len(account.Redemptions) > 0:
		return account.Redemptions[0].BusinessDate
	case len(account.Lots) > 0:
		return account.Lots[0].Key.BusinessDate
	default:
		return 0
	}
}

func (w *Writer) begin(member string) error {
	if w.closed {
		panic("accounts: a run that is closed was written to")
	}
	if w.started && string(w.last) >= member {
		panic(fmt.Sprintf("accounts: member %q was added after %q", member, w.last))
	}
	if w.err != nil {
		return w.err
	}
	w.started = true
	w.last = append(w.last[:0], member...)
	if w.count == 0 {
		w.first = append(w.first, member...)
	}
	return nil
}

// end takes what was encoded into the block.
func (w *Writer) end() error {
	e := &w.encoder
	w.entries = binary.AppendUvarint(w.entries, uint64(e.at))
	w.entries = append(w.entries, e.buffer[:e.at]...)
	w.count++
	size := len(w.entries) + len(e.texts.encoded) + len(e.files.encoded) + len(e.prices.encoded)
	if size > maxBlockBytes-64 || len(e.texts.spans) > maxTexts {
		w.err = fmt.Errorf("account of a member with %d bytes of lots, redemptions and deferred rows, and %d different texts: %w", size, len(e.texts.spans), ErrTooLarge)
		return w.err
	}
	if size >= blockBytes {
		w.err = w.flush()
	}
	return w.err
}

func (w *Writer) countPoints(account *settlement.Account) error {
	parties := &w.encoder.parties
	for i := range account.Lots {
		lot := &account.Lots[i]
		if lot.Open == 0 || lot.Issuer == settlement.NoParty {
			continue
		}
		sum := &parties.named[parties.number(lot.Issuer)-1].open
		total, err := settlement.AddPoints(*sum, lot.Open)
		if err != nil {
			w.err = fmt.Errorf("open points of %s: %w", parties.parties.ID(lot.Issuer), err)
			return w.err
		}
		*sum = total
	}
	return nil
}

// NamedParties returns the ids of the parties that the accounts written until now name, in the order in which they came.
func (w *Writer) NamedParties() (ids []string) {
	for _, party := range w.encoder.parties.named {
		if party.required {
			ids = append(ids, party.id)
		}
	}
	return ids
}

// flush writes the block, if it holds anything.
func (w *Writer) flush() error {
	if w.count == 0 {
		return nil
	}
	e := &w.encoder
	raw := binary.AppendUvarint(w.raw[:0], sections.Zigzag(int64(e.base)))
	raw = binary.AppendUvarint(raw, uint64(len(e.texts.spans)))
	raw = append(raw, e.texts.encoded...)
	raw = binary.AppendUvarint(raw, uint64(len(e.files.keys)))
	raw = append(raw, e.files.encoded...)
	raw = binary.AppendUvarint(raw, uint64(len(e.prices.keys)))
	raw = append(raw, e.prices.encoded...)
	raw = append(raw, w.entries...)
	w.raw = raw

	stored := w.pack(raw)
	if _, err := w.w.Write(stored); err != nil {
		return fmt.Errorf("write a block of accounts: %w", err)
	}
	w.index.addBlock(blockFacts{stored: len(stored), raw: len(raw), entries: w.count, due: w.due, digest: xxh3.Hash(stored)}, w.first)
	w.startBlock()
	return nil
}

// tryEvery is of how many blocks one is compressed on trial while compression does not pay.
const tryEvery = 16

// pack compresses a block, unless that does not pay: ids of transactions are most of what is
// left in a block, and whether these have anything in common is up to those who give them. The
// lengths tell whether a block is compressed.
func (w *Writer) pack(raw []byte) []byte {
	if !w.pays && w.index.blocks%tryEvery != 0 {
		return raw
	}
	w.pays = false
	if bound := lz4.CompressBlockBound(len(raw)); cap(w.packed) < bound {
		w.packed = make([]byte, bound)
	}
	size, err := w.compressor.CompressBlock(raw, w.packed[:cap(w.packed)])
	if err != nil || size == 0 || size > len(raw)-len(raw)/3 || len(raw) > maxRatio*size {
		return raw
	}
	w.pays = true
	return w.packed[:size]
}

// Close writes what is left, the index and the footer. The underlying writer stays open. Same
// accounts and due dates give the same bytes, whatever the numbers of the parties.
func (w *Writer) Close() (Facts, error) {
	if w.closed {
		panic("accounts: a run was closed twice")
	}
	w.closed = true
	if w.err != nil {
		return Facts{}, w.err
	}
	if err := w.flush(); err != nil {
		return Facts{}, err
	}
	end := w.index.encode(w.encoder.parties.named)
	if _, err := w.w.Write(end); err != nil {
		return Facts{}, fmt.Errorf("write the index of a run of accounts: %w", err)
	}
	facts := w.index.facts
	facts.Blocks = int64(w.index.blocks)
	facts.Bytes = w.index.offset + int64(len(end))
	facts.IndexSHA256 = sections.IndexSHA256(end)
	return facts, nil
}

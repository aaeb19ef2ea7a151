package batch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"sync"

	"alliance/settlement/books"
)

// An attempt is one on the ledger that begins with its first object, or, to discard, one that
// never begins: it takes everything and writes nothing.
type attempt struct {
	ledger  *books.Ledger
	discard bool

	mutex sync.Mutex
	begun *books.Attempt
	// beginning is closed when the attempt that one caller begins for all has begun, or has not.
	beginning chan struct{}
	failed    error
}

// begin returns the attempt on the ledger, which is one and the same from the first call on.
func (a *attempt) begin(ctx context.Context) (*books.Attempt, error) {
	a.mutex.Lock()
	begun, wait := a.begun, a.beginning
	if begun == nil && wait == nil {
		a.beginning = make(chan struct{})
		a.mutex.Unlock()
		return a.beginForAll(ctx)
	}
	a.mutex.Unlock()
	if begun != nil {
		return begun, nil
	}
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-wait:
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.begun, a.failed
}

// beginForAll begins the attempt without holding up those who only ask for its id.
func (a *attempt) beginForAll(ctx context.Context) (*books.Attempt, error) {
	begun, err := a.ledger.Begin(ctx)
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.begun, a.failed = begun, err
	close(a.beginning)
	a.beginning = nil
	return begun, err
}

// id returns the attempt's id on the ledger, "" if it has not begun.
func (a *attempt) id() string {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.begun == nil {
		return ""
	}
	return a.begun.ID()
}

// create stores an object, several goroutines at a time.
func (a *attempt) create(ctx context.Context, name string, body io.ReadSeeker) (books.FileRecord, error) {
	if a.discard {
		hash := sha256.New()
		size, err := io.Copy(hash, body)
		return books.FileRecord{Name: name, Bytes: size, SHA256: hex.EncodeToString(hash.Sum(nil))}, err
	}
	begun, err := a.begin(ctx)
	if err != nil {
		return books.FileRecord{}, err
	}
	return begun.Create(ctx, name, body)
}

// createPack stores small files together, several goroutines at a time.
func (a *attempt) createPack(ctx context.Context, name string, bodies []books.Packed) ([]books.FileRecord, error) {
	if !a.discard {
		begun, err := a.begin(ctx)
		if err != nil {
			return nil, err
		}
		return begun.CreatePack(ctx, name, bodies)
	}
	files := make([]books.FileRecord, len(bodies))
	for i, body := range bodies {
		files[i] = books.FileRecord{Name: body.Name, Bytes: int64(len(body.Content)), SHA256: sha256Hex(body.Content)}
	}
	return files, nil
}

// withdraw removes what the attempt stored, as nothing is going to name it.
func (a *attempt) withdraw(ctx context.Context) error {
	if a.id() == "" {
		return nil
	}
	return a.begun.Withdraw(ctx)
}

// commit puts a record on the ledger.
func (a *attempt) commit(ctx context.Context, record books.Record) error {
	if a.discard {
		return errors.New("commit of an attempt that is discarded")
	}
	begun, err := a.begin(ctx)
	if err != nil {
		return err
	}
	return begun.Commit(ctx, record)
}

package books

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"alliance/settlement/crash"
	"alliance/settlement/storage"
)

// PackBytes is how many bytes of files a pack has at most.
const PackBytes = 1 << 20

// packHead begins every pack: no file in one begins at offset 0, as an object that is a file does.
const packHead = "settle pack\n"

// A place is where a file begins: in an object, so many bytes from its start.
type place struct {
	object string
	offset int64
}

func (f *FileRecord) place() place { return place{f.Object, f.Offset} }

// Place says where the file lies, for messages: the object's key and, of a file in a pack, which bytes of it.
func (f *FileRecord) Place() string {
	if f.Offset == 0 {
		return f.Object
	}
	return fmt.Sprintf("%s (%d bytes from %d on)", f.Object, f.Bytes, f.Offset)
}

// A Packed body is a small file that is to be stored together with others.
type Packed struct {
	// Name is what is left of the file in its record; it may be another's as well.
	Name    string
	Content []byte
}

// CreatePack stores files together as one object of the attempt, in their order, and returns each as
// [Attempt.Create] does: with the object, where it begins in it, size and SHA-256. They have at least one
// byte each and at most [PackBytes] together. A record that names one of them has to name all of them.
func (a *Attempt) CreatePack(ctx context.Context, name string, bodies []Packed) ([]FileRecord, error) {
	key := attemptPrefix(a.id) + name
	pack, files, err := assemble(key, bodies)
	if err != nil {
		return nil, fmt.Errorf("store %s of attempt %s: %w", name, a.id, err)
	}
	if err := a.reserve(key); err != nil {
		return nil, err
	}
	_, err = a.ledger.put(ctx, key, newSentBody(bytes.NewReader(pack)))
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if err != nil {
		a.gone(key)
		return nil, fmt.Errorf("store %s of attempt %s: %w", name, a.id, err)
	}
	a.packs[key] = len(files)
	for i := range files {
		file := &files[i]
		a.created[file.place()] = *file
		a.ledger.kept.add(file.place(), pack[file.Offset:file.Offset+file.Bytes])
	}
	crash.At(crash.ObjectCreated)
	return files, nil
}

// assemble returns the bytes of a pack and the files in it, whose sums are of these very bytes.
func assemble(key string, bodies []Packed) (pack []byte, files []FileRecord, err error) {
	size := len(packHead)
	for _, body := range bodies {
		size += len(body.Content)
		if len(body.Content) == 0 {
			return nil, nil, fmt.Errorf("%s is empty: it cannot be part of a pack", body.Name)
		}
	}
	if size > PackBytes+len(packHead) || len(bodies) == 0 {
		return nil, nil, fmt.Errorf("%d files of %d bytes cannot be a pack: it has at least one file, and at most %d bytes of files",
			len(bodies), size-len(packHead), PackBytes)
	}
	pack = append(make([]byte, 0, size), packHead...)
	files = make([]FileRecord, len(bodies))
	for i, body := range bodies {
		offset := len(pack)
		pack = append(pack, body.Content...)
		files[i] = FileRecord{Name: body.Name, Object: key, Offset: int64(offset), Bytes: int64(len(body.Content)), SHA256: digest(pack[offset:])}
	}
	return pack, files, nil
}

// checkPacks sees to it that the files of the attempt's packs, of which a record names so many, are all of them:
// otherwise nobody could tell later that a pack is whole.
func (a *Attempt) checkPacks(named map[string]int) error {
	for key, count := range named {
		if all, mine := a.packs[key]; mine && count != all {
			return fmt.Errorf("it names %d of the %d files in pack %q", count, all, key)
		}
	}
	return nil
}

// readFile reads a file on record without comparing it with its sum.
func (l *Ledger) readFile(ctx context.Context, file FileRecord) ([]byte, error) {
	if file.Offset == 0 {
		return l.readObject(ctx, file.Object)
	}
	content := make([]byte, file.Bytes)
	err := storage.ReadRange(ctx, l.bucket, file.Object, "", file.Offset, content)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("%w: pack %s is shorter than on record: %w", ErrBroken, file.Object, err)
	}
	return content, err
}

// verifyPack reads a pack and reports every file in it that is not what is on record, and any byte that belongs to none.
// An error is the store's.
func (l *Ledger) verifyPack(ctx context.Context, key string, report func(fault error)) error {
	content, err := l.readObject(ctx, key)
	if errors.Is(err, storage.ErrNotFound) {
		if err = l.missing(ctx, "pack "+key); errors.Is(err, ErrBroken) || errors.Is(err, ErrLost) {
			report(err)
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("read pack %s: %w", key, err)
	}
	end := int64(len(packHead))
	if !bytes.HasPrefix(content, []byte(packHead)) {
		report(fmt.Errorf("%w: pack %s does not begin as one", ErrBroken, key))
	}
	files := slices.SortedFunc(slices.Values(l.packs[key]), func(a, b *FileRecord) int { return cmp.Compare(a.Offset, b.Offset) })
	for _, file := range files {
		if file.Offset != end {
			report(fmt.Errorf("%w: in pack %s a file begins at %d where the one before ends at %d", ErrBroken, key, file.Offset, end))
		}
		end = file.Offset + file.Bytes
		if err := checkPart(content, *file); err != nil {
			report(err)
		}
	}
	if int64(len(content)) != end {
		report(fmt.Errorf("%w: pack %s has %d bytes instead of %d", ErrBroken, key, len(content), end))
	}
	return nil
}

// checkPart compares a file in a pack with its record.
func checkPart(pack []byte, file FileRecord) error {
	part, err := partOf(pack, file)
	if err != nil {
		return err
	}
	if sum := digest(part); sum != file.SHA256 {
		return fmt.Errorf("%w: file %s in object %s is not what is on record: SHA-256 %s instead of %s", ErrBroken, file.Name, file.Place(), sum, file.SHA256)
	}
	return nil
}

// partOf returns the bytes of a file in a pack.
func partOf(pack []byte, file FileRecord) ([]byte, error) {
	if file.Offset < 0 || file.Bytes < 0 || file.Offset > int64(len(pack))-file.Bytes {
		return nil, fmt.Errorf("%w: file %s in object %s is not there: the pack has %d bytes", ErrBroken, file.Name, file.Place(), len(pack))
	}
	return pack[file.Offset : file.Offset+file.Bytes], nil
}

// packsAtHand is how many packs a projection has in memory: the folders that it writes at a time lie in few of them.
const packsAtHand = 8

// packs are those that a projection has read last, each of them once for all who want a file of it.
type packs struct {
	mutex  sync.Mutex
	recent []*readPack
}

type readPack struct {
	key     string
	read    sync.Once
	content []byte
	err     error
}

// open returns a reader of a file in a pack.
func (p *packs) open(ctx context.Context, bucket storage.Bucket, file FileRecord) (io.ReadCloser, int64, error) {
	found := p.find(file.Object)
	found.read.Do(func() { found.content, found.err = readObject(ctx, bucket, file.Object) })
	if found.err != nil {
		p.drop(found)
		return nil, 0, found.err
	}
	part, err := partOf(found.content, file)
	return io.NopCloser(bytes.NewReader(part)), int64(len(part)), err
}

func (p *packs) find(key string) *readPack {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	at := slices.IndexFunc(p.recent, func(one *readPack) bool { return one.key == key })
	found := &readPack{key: key}
	if at >= 0 {
		found = p.recent[at]
		p.recent = slices.Delete(p.recent, at, at+1)
	}
	p.recent = append(p.recent, found)
	if len(p.recent) > packsAtHand {
		p.recent = slices.Delete(p.recent, 0, 1)
	}
	return found
}

// drop lets the next one who wants a pack read it again.
func (p *packs) drop(failed *readPack) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.recent = slices.DeleteFunc(p.recent, func(one *readPack) bool { return one == failed })
}

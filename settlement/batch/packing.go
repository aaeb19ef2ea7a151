package batch

import (
	"context"
	"fmt"
	"io"
	"sync"

	"alliance/settlement/books"
)

// A packing stores files of a date as they are handed to it, in order: small ones together, as many as
// a pack takes, large ones alone. What goes together depends on the files and their order alone.
type packing struct {
	publication *publication
	// kind is the folder of the files in the attempt.
	kind    string
	storing *storing

	// paths and bodies are those that wait for more, of so many bytes.
	paths  []string
	bodies []books.Packed
	bytes  int64
	// packs is how many packs were handed to the store.
	packs int

	mutex sync.Mutex
	// stored are the files that are stored, by path.
	stored map[string]books.FileRecord
}

// packedFileBytes is the size up to which a file is stored together with others: to store or to ask for a small one
// takes the same time whatever is in it.
const packedFileBytes = 64 << 10

func (p *publication) newPacking(kind string, storing *storing) *packing {
	return &packing{publication: p, kind: kind, storing: storing, stored: make(map[string]books.FileRecord)}
}

// add stores a file sooner or later.
func (p *packing) add(path string, body io.ReadSeeker) error {
	size, err := sizeOf(body)
	if err != nil {
		return err
	}
	if size > packedFileBytes {
		return p.storing.add(size, func(ctx context.Context) error {
			file, err := p.publication.attempt.create(ctx, p.publication.objectName(p.kind, path), body)
			p.take([]string{path}, []books.FileRecord{file})
			return err
		})
	}
	if p.bytes+size > books.PackBytes {
		if err := p.flush(); err != nil {
			return err
		}
	}
	content := make([]byte, size)
	if _, err := io.ReadFull(body, content); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	p.paths = append(p.paths, path)
	p.bodies = append(p.bodies, books.Packed{Name: path, Content: content})
	p.bytes += size
	return nil
}

// flush stores what waits for more.
func (p *packing) flush() error {
	if len(p.paths) == 0 {
		return nil
	}
	p.packs++
	name := p.publication.objectName(p.kind, fmt.Sprintf("pack-%05d", p.packs))
	paths, bodies, size := p.paths, p.bodies, p.bytes
	p.paths, p.bodies, p.bytes = nil, nil, 0
	return p.storing.add(size, func(ctx context.Context) error {
		files, err := p.publication.attempt.createPack(ctx, name, bodies)
		if err == nil {
			p.take(paths, files)
		}
		return err
	})
}

func (p *packing) take(paths []string, files []books.FileRecord) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for i, path := range paths {
		p.stored[path] = files[i]
	}
}

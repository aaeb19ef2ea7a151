package spool

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"
)

// read copies a piece, from an offset within it, to the whole of buffer.
func (p *Pool) read(from *piece, offset int, buffer []byte) error {
	if from.memory != nil {
		copy(buffer, (*from.memory)[offset:])
		return nil
	}
	file, err := p.openFile()
	if err != nil {
		return err
	}
	if from.stored == from.length && offset == 0 && len(buffer) == from.length {
		if err := file.read(buffer, from.offset); err != nil {
			return err
		}
		return from.check(buffer, file)
	}
	stored := packedBuffers.take()
	defer packedBuffers.giveBack(stored)
	content := stored.room(from.stored)
	if err := file.read(content, from.offset); err != nil {
		return err
	}
	if offset == 0 && len(buffer) == from.length {
		return from.unpack(content, buffer, file)
	}
	whole := p.take(from.length)[:from.length]
	defer p.giveBack(whole)
	if err := from.unpack(content, whole, file); err != nil {
		return err
	}
	copy(buffer, whole[offset:])
	return nil
}

// unpack checks what is stored of a piece and leaves what it stands for in the whole of buffer.
func (k *piece) unpack(stored, buffer []byte, file *stripes) error {
	if err := k.check(stored, file); err != nil {
		return err
	}
	if k.stored == k.length {
		copy(buffer, stored)
		return nil
	}
	if err := expand(stored, buffer); err != nil {
		return fmt.Errorf("what was spilled to the disk at %s cannot be expanded: %w", file.name(k.offset), err)
	}
	return nil
}

func (k *piece) check(stored []byte, file *stripes) error {
	if xxh3.Hash(stored) != k.checksum {
		return fmt.Errorf("%d bytes that were spilled to the disk at %s came back changed", k.stored, file.name(k.offset))
	}
	return nil
}

func (p *Pool) openFile() (*stripes, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.file == nil {
		return nil, errors.New("read what was spilled to the disk: it was given back already")
	}
	return p.file, nil
}

// readsAtOnce is how many stretches are read from the disk at a time: they lie scattered over the file, and a disk
// that is asked for one after the other takes its time for each.
const readsAtOnce = 8

// A destination is where a piece in the file goes.
type destination struct {
	piece *piece
	to    []byte
}

// readAll copies pieces one after the other to the whole of buffer.
func (p *Pool) readAll(pieces []piece, buffer []byte) error {
	var wanted []destination
	for i := range pieces {
		from, to := &pieces[i], buffer[:pieces[i].length:pieces[i].length]
		buffer = buffer[len(to):]
		if from.memory != nil {
			copy(to, *from.memory)
			continue
		}
		wanted = append(wanted, destination{from, to})
	}
	if len(wanted) == 0 {
		return nil
	}
	file, err := p.openFile()
	if err != nil {
		return err
	}
	// Pieces of several writers may stand in another order than their places in the file.
	slices.SortFunc(wanted, func(a, b destination) int { return cmp.Compare(a.piece.offset, b.piece.offset) })
	var reads errgroup.Group
	reads.SetLimit(readsAtOnce)
	for len(wanted) > 0 {
		together := adjoining(wanted)
		some := wanted[:together]
		wanted = wanted[together:]
		reads.Go(func() error { return readTogether(file, some) })
	}
	return reads.Wait()
}

// adjoining returns how many of the first pieces lie one after the other, within an extent.
func adjoining(wanted []destination) int {
	count, bytes := 1, wanted[0].piece.stored
	for ; count < len(wanted); count++ {
		last, next := wanted[count-1].piece, wanted[count].piece
		if bytes += next.stored; last.offset+int64(last.stored) != next.offset || bytes > extentBytes {
			break
		}
	}
	return count
}

// readTogether reads pieces that lie one after the other.
func readTogether(file *stripes, wanted []destination) error {
	first, last := wanted[0].piece, wanted[len(wanted)-1].piece
	stored := extentBuffers.take()
	defer extentBuffers.giveBack(stored)
	content := stored.room(int(last.offset-first.offset) + last.stored)
	if err := file.read(content, first.offset); err != nil {
		return err
	}
	for _, one := range wanted {
		if err := one.piece.unpack(content[:one.piece.stored], one.to, file); err != nil {
			return err
		}
		content = content[one.piece.stored:]
	}
	return nil
}

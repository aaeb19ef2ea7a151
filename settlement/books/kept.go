package books

import (
	"bytes"
	"io"
	"sync"
)

const (
	// keptObjectBytes is the size up to which a file is kept in memory until it is published:
	// of small ones the request to the store costs more than the bytes.
	keptObjectBytes = 64 << 10
	// keptBytes is how much is kept altogether. What is more is read from the store again.
	keptBytes = 64 << 20
)

// kept are small files that this process has stored and not published yet.
type kept struct {
	mutex    sync.Mutex
	bytes    int64
	contents map[place][]byte
}

func newKept() *kept { return &kept{contents: make(map[place][]byte)} }

// add keeps a file, if there is room.
func (k *kept) add(file place, content []byte) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if content == nil || k.bytes+int64(len(content)) > keptBytes {
		return
	}
	k.contents[file] = content
	k.bytes += int64(len(content))
}

// remove gives up a file.
func (k *kept) remove(file place) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.bytes -= int64(len(k.contents[file]))
	delete(k.contents, file)
}

// has reports whether a file is kept.
func (k *kept) has(file place) bool {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.contents[file] != nil
}

// open returns a reader of a file that is kept, or nil.
func (k *kept) open(file place) (io.ReadCloser, int64) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	content := k.contents[file]
	if content == nil {
		return nil, 0
	}
	return io.NopCloser(bytes.NewReader(content)), int64(len(content))
}

// retain gives up all files but these.
func (k *kept) retain(wanted map[place]bool) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	for file, content := range k.contents {
		if !wanted[file] {
			k.bytes -= int64(len(content))
			delete(k.contents, file)
		}
	}
}

// published returns the places of the files of a record that are copied to other buckets.
func (r *Record) published() map[place]bool {
	places := make(map[place]bool)
	add := func(files []FileRecord) {
		for _, file := range files {
			places[file.place()] = true
		}
	}
	for i := range r.Dates {
		date := &r.Dates[i]
		add(date.Alliance.Files)
		for j := range date.Statements {
			add(date.Statements[j].Files)
		}
		for j := range date.Acknowledgements {
			add(date.Acknowledgements[j].Files)
		}
	}
	return places
}

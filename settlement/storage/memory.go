package storage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// NewMemory returns an empty bucket that lives in memory, for tests.
func NewMemory() Bucket {
	return &memory{objects: make(map[string]memoryObject)}
}

type memory struct {
	mutex   sync.RWMutex
	objects map[string]memoryObject
}

// A memoryObject is never changed: whoever reads its content may go on while the key gets another.
type memoryObject struct {
	content []byte
	version string
}

func (m *memory) List(ctx context.Context, prefix string) ([]Object, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if _, _, err := checkPrefix(prefix); err != nil {
		return nil, err
	}
	m.mutex.RLock()
	defer m.mutex.RUnlock()
	var found []Object
	for key, object := range m.objects {
		if strings.HasPrefix(key, prefix) {
			found = append(found, Object{key, int64(len(object.content)), object.version})
		}
	}
	sortObjects(found)
	return found, nil
}

func sortObjects(objects []Object) {
	slices.SortFunc(objects, func(a, b Object) int { return strings.Compare(a.Key, b.Key) })
}

func (m *memory) Folders(ctx context.Context, prefix string) ([]string, error) {
	objects, err := m.List(ctx, prefix)
	if err != nil {
		return nil, err
	}
	var folders []string
	for _, object := range objects {
		if name, _, inside := strings.Cut(object.Key[len(prefix):], "/"); inside {
			folders = append(folders, name)
		}
	}
	slices.Sort(folders)
	return slices.Compact(folders), nil
}

func (m *memory) Open(ctx context.Context, key, version string) (io.ReadCloser, Object, error) {
	if err := checkOpen(ctx, key); err != nil {
		return nil, Object{}, err
	}
	m.mutex.RLock()
	object, found := m.objects[key]
	m.mutex.RUnlock()
	switch {
	case !found:
		return nil, Object{}, fmt.Errorf("%s: %w", key, ErrNotFound)
	case version != "" && version != object.version:
		return nil, Object{}, fmt.Errorf("%s: %w", key, ErrChanged)
	}
	reader := contextReader{ctx, bytes.NewReader(object.content)}
	return io.NopCloser(reader), Object{key, int64(len(object.content)), object.version}, nil
}

func (m *memory) Create(ctx context.Context, key string, body io.ReadSeeker) error {
	return m.put(ctx, key, body, false)
}

func (m *memory) Replace(ctx context.Context, key string, body io.ReadSeeker) error {
	return m.put(ctx, key, body, true)
}

func (m *memory) put(ctx context.Context, key string, body io.ReadSeeker, replace bool) error {
	if err := check(ctx, key); err != nil {
		return err
	}
	size, err := length(body)
	if err != nil {
		return fmt.Errorf("store %s: %w", key, err)
	}
	content, err := io.ReadAll(contextReader{ctx, body})
	if err != nil {
		return fmt.Errorf("store %s: %w", key, err)
	}
	if int64(len(content)) != size {
		return fmt.Errorf("store %s: got %d bytes instead of %d", key, len(content), size)
	}
	sum := sha256.Sum256(content)
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if _, taken := m.objects[key]; taken && !replace {
		return fmt.Errorf("%s: %w", key, ErrExists)
	}
	m.objects[key] = memoryObject{content, hex.EncodeToString(sum[:16])}
	return nil
}

func (m *memory) Delete(ctx context.Context, key string) error {
	if err := check(ctx, key); err != nil {
		return err
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	delete(m.objects, key)
	return nil
}

func check(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return CheckKey(key)
}

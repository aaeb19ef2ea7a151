package batch

import (
	"errors"
	"sync"
	"testing"

	"alliance/settlement/storage"
)

// A closeCounter counts how often it was closed.
type closeCounter struct {
	storage.ReadAtCloser
	closed int
}

func (c *closeCounter) Close() error { c.closed++; return nil }

func TestSharedStacksAreOpenedOnce(t *testing.T) {
	const users = 4
	shared := sharedStacks{users: users}
	content := new(closeCounter)
	opened := 0
	var group sync.WaitGroup
	for range users - 1 {
		group.Go(func() {
			stack, err := shared.open(5, func() (*openedStack, error) {
				opened++
				return &openedStack{contents: []storage.ReadAtCloser{content}}, nil
			})
			if stack == nil || err != nil {
				t.Error(stack, err)
			}
			shared.leave(5)
		})
	}
	group.Wait()
	if opened != 1 || content.closed != 0 {
		t.Errorf("opened %d times, and closed %d times while somebody may need it", opened, content.closed)
	}
	if _, err := shared.open(5, nil); err != nil {
		t.Error(err)
	}
	shared.leave(5)
	shared.close()
	if content.closed != 1 || len(shared.stacks) != 0 {
		t.Errorf("closed %d times, %d stacks are kept", content.closed, len(shared.stacks))
	}
}

func TestSharedStacksCloseWhatIsLeft(t *testing.T) {
	shared := sharedStacks{users: 2}
	content, broken := new(closeCounter), errors.New("broken")
	if _, err := shared.open(1, func() (*openedStack, error) { return &openedStack{contents: []storage.ReadAtCloser{content}}, nil }); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if stack, err := shared.open(2, func() (*openedStack, error) { return nil, broken }); stack != nil || !errors.Is(err, broken) {
			t.Error(stack, err)
		}
		shared.leave(2)
	}
	shared.leave(1)
	shared.close()
	if content.closed != 1 {
		t.Errorf("closed %d times", content.closed)
	}
}

package batch

import "sync"

// sharedStacks are the stacks of the partitions before a night, each of which is opened, and so read, once for all partitions
// after the night that come of it.
type sharedStacks struct {
	// users is how many partitions come of one; each opens it, and leaves it.
	users  int
	mutex  sync.Mutex
	stacks map[int]*sharedStack
}

type sharedStack struct {
	once  sync.Once
	stack *openedStack
	err   error
	users int
}

// open returns the stack of a partition before the night, opened by the first who asks for it.
func (s *sharedStacks) open(partition int, open func() (*openedStack, error)) (*openedStack, error) {
	shared := s.of(partition)
	shared.once.Do(func() { shared.stack, shared.err = open() })
	return shared.stack, shared.err
}

func (s *sharedStacks) of(partition int) *sharedStack {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.stacks == nil {
		s.stacks = make(map[int]*sharedStack)
	}
	shared := s.stacks[partition]
	if shared == nil {
		shared = &sharedStack{users: s.users}
		s.stacks[partition] = shared
	}
	return shared
}

// leave says that one of the users is done with a stack. It is closed after the last.
func (s *sharedStacks) leave(partition int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	shared := s.stacks[partition]
	if shared.users--; shared.users == 0 {
		delete(s.stacks, partition)
		shared.close()
	}
}

// close closes the stacks that somebody has not left, which nobody may use any more: the night failed.
func (s *sharedStacks) close() {
	for _, shared := range s.stacks {
		shared.close()
	}
}

func (s *sharedStack) close() {
	if s.stack != nil {
		s.stack.close()
	}
}

package spool

// Spilled reports whether a part of the records is on the disk.
func (s *Spool) Spilled() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for i := range s.partitions {
		if disk := &s.partitions[i].disk; len(disk.starts)+len(disk.huge) > 0 {
			return true
		}
	}
	return false
}

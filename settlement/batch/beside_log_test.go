package batch

import "testing"

// TestOldLedgersTakeNoMoreMemory: all of a ledger's log is in memory while a night is settled, and what is on its way has that much less.
func TestOldLedgersTakeNoMoreMemory(t *testing.T) {
	for _, test := range []struct{ memory, log, want int64 }{
		{1 << 30, 0, 1 << 30},
		{1 << 30, 300 << 20, 724 << 20},
		{1 << 30, 1000 << 20, 128 << 20}, // a night goes on, with more on the disk
		{1 << 30, 2 << 30, 128 << 20},
		{1, 1 << 20, 0},
	} {
		if got := besideLog(test.memory, test.log); got != test.want {
			t.Errorf("of %d bytes %d are left beside a log of %d, want %d", test.memory, got, test.log, test.want)
		}
	}
}

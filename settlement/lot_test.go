package settlement

import (
	"fmt"
	"testing"
)

// TestFindLot asks lists of every length up to the double of where the way of looking changes for each of their lots, and for others.
func TestFindLot(t *testing.T) {
	var lots []Lot
	for i := range 2 * fewLots {
		for at := range lots {
			if place, found := FindLot(lots, &lots[at].Key); !found || place != at {
				t.Fatalf("lot %d of %d was found at %d, %v", at, len(lots), place, found)
			}
			other := lots[at].Key
			other.Imported = !other.Imported
			if place, found := FindLot(lots, &other); found {
				t.Fatalf("a lot that differs from lot %d of %d was found at %d", at, len(lots), place)
			}
		}
		key := LotKey{Merchant: Party(i / 7), BusinessDate: Date(i / 3), TransactionID: fmt.Sprintf("lot-%03d", i), Imported: i%4 == 0}
		if _, found := FindLot(lots, &key); found {
			t.Fatalf("lot %d was found before it was there", i)
		}
		lots = append(lots, Lot{Key: key})
	}
}

package storage

import "testing"

func TestNamesOfUnfinishedObjects(t *testing.T) {
	for key, unfinished := range map[string]bool{
		".k.sgwtmp.1795308691440359323":     true,
		"log/.0001.json.sgwtmp.17953086914": true,
		"k.sgwtmp.1795308691440359323":      false,
		".k.sgwtmp.":                        false,
		".k.sgwtmp.x1":                      false,
		".sgwtmp/k":                         false,
		"merchant=A/date=2026-06-01/a.csv":  false,
	} {
		if isUnfinished(key) != unfinished {
			t.Errorf("%q is unfinished: %v", key, !unfinished)
		}
	}
}

package batch

import (
	"errors"
	"testing"

	"alliance/settlement"
)

// nightOfLines returns a night whose lines have so many points each, and no detail.
func nightOfLines(points ...int64) *settlement.Night {
	night := &settlement.Night{Detail: &settlement.MemoryDetail{Of: make([][]settlement.Allocation, len(points))}}
	for i := range points {
		night.Lines = append(night.Lines, settlement.Line{Points: points[i]})
	}
	return night
}

// TestPointsOfANightDoNotWrap: each line fits 64 bits, their sum may not.
func TestPointsOfANightDoNotWrap(t *testing.T) {
	const many = 5_000_000_000_000_000_000
	if totals, err := totalsOf(nightOfLines(many, many)); !errors.Is(err, settlement.ErrOutOfRange) {
		t.Errorf("%d points, %v", totals.PointsAcross, err)
	}
	totals, err := totalsOf(nightOfLines(many, -many, many))
	if err != nil || totals.PointsAcross != many {
		t.Errorf("%d points, %v", totals.PointsAcross, err)
	}
}

package clearing

import "alliance/settlement"

// TallyLines adds up all allocations at a time: a [Tally] in order of lines.
func TallyLines(allocations []settlement.Allocation) ([]LineTally, error) {
	var tally Tally
	if err := tally.Add(allocations, nil); err != nil {
		return nil, err
	}
	lines := tally.Lines()
	sortTallies(lines)
	return lines, nil
}

// PriceAllocations divides the value of a line among all its allocations at a time.
func PriceAllocations(money settlement.Money, line *settlement.Line, sorted []settlement.Allocation) error {
	pricer := NewLinePricer(money, line)
	if err := pricer.Price(sorted); err != nil {
		return err
	}
	pricer.Finish()
	return nil
}

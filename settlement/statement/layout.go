package statement

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// A grid is a table of text whose columns are as wide as they must be.
type grid struct {
	// right marks the columns whose cells end at the same place instead of starting there.
	right []bool
	rows  [][]string
}

func newGrid(right ...bool) *grid { return &grid{right: right} }

func (g *grid) row(cells ...string) { g.rows = append(g.rows, cells) }

// rule draws a line under the last column, as over a sum.
func (g *grid) rule() { g.rows = append(g.rows, nil) }

func (g *grid) print(p *page) {
	widths := make([]int, len(g.right))
	for _, row := range g.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range g.rows {
		var line strings.Builder
		for i := range widths {
			cell := ""
			switch {
			case row != nil:
				cell = row[i]
			case i == len(widths)-1:
				cell = strings.Repeat("-", widths[i])
			}
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i > 0 {
				line.WriteString("  ")
			}
			if g.right[i] {
				line.WriteString(space + cell)
			} else {
				line.WriteString(cell + space)
			}
		}
		p.printf("%s\n", strings.TrimRight(line.String(), " "))
	}
}

// grouped writes a whole number with a comma between thousands.
func grouped(digits string) string {
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return sign + digits
}

// decimals writes a decimal with a comma between thousands and without the zeros at its end, but
// at least two decimals.
func decimals(text string) string {
	whole, fraction, _ := strings.Cut(text, ".")
	fraction = strings.TrimRight(fraction, "0")
	for len(fraction) < 2 {
		fraction += "0"
	}
	return grouped(whole) + "." + fraction
}

// negated writes minus the decimal.
func negated(text string) string {
	if isZero(text) {
		return decimals(text)
	}
	if strings.HasPrefix(text, "-") {
		return decimals(text[1:])
	}
	return decimals("-" + text)
}

func isZero(text string) bool { return strings.Trim(text, "-0.") == "" }

// difference returns a - b, both decimals as a table holds them.
func difference(a, b string) string {
	return decimal.RequireFromString(a).Sub(decimal.RequireFromString(b)).String()
}

// printable writes what came from a merchant's file so that it cannot steer a terminal.
func printable(text string) string {
	for _, r := range text {
		if !strconv.IsPrint(r) || r == utf8.RuneError {
			quoted := strconv.QuoteToGraphic(text)
			return quoted[1 : len(quoted)-1]
		}
	}
	return text
}

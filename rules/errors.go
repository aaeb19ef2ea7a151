package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// An Error is one thing that is wrong with a rulebook.
type Error struct {
	// Name is the file's name as given to [Parse].
	Name string
	// Line counts from 1.
	Line int
	// Message says where in the rulebook, what was found and what to do.
	Message string
}

// Error returns "name:line: message".
func (e *Error) Error() string { return fmt.Sprintf("%s:%d: %s", e.Name, e.Line, e.Message) }

// Errors is everything that is wrong with a rulebook, in order of line. It is what [Parse]
// returns as its error; it is never empty.
type Errors []*Error

// mostErrorsShown is how many errors are printed; the rest are counted.
const mostErrorsShown = 20

// Error returns one error a line.
func (e Errors) Error() string {
	var lines []string
	for i, one := range e {
		if i == mostErrorsShown {
			lines = append(lines, fmt.Sprintf("and %d more errors", len(e)-i))
			break
		}
		lines = append(lines, one.Error())
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the errors one by one, for errors.As.
func (e Errors) Unwrap() []error {
	list := make([]error, len(e))
	for i, one := range e {
		list[i] = one
	}
	return list
}

func (e Errors) sorted() Errors {
	slices.SortStableFunc(e, func(a, b *Error) int { return cmp.Compare(a.Line, b.Line) })
	return e
}

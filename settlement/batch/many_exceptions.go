package batch

import "fmt"

const (
	// manyExceptions is how many exceptions in a night the operator is told of.
	manyExceptions = 1_000_000
	// exception_bytes is about what each of them takes of memory until the night is published: they are together in the tables and in
	// what merchants get back.
	exception_bytes = 400
)

// tellOfManyExceptions warns of a night with so many exceptions that a run may end for want of memory, as whoever ends it does not say
// why. The limit of rejected rows in a file does not keep them away: it counts what is rejected before ids are compared.
func (r *run) tellOfManyExceptions(many, exceptions int) {
	if exceptions < many {
		return
	}
	r.observe(Progress{Stage: stageAttribute, Warning: fmt.Sprintf("%d exceptions are reported tonight, %d of them of rows whose id is taken; they are in memory until the night is published, "+
		"which takes about %d MiB besides what --memory says. If a merchant delivers again what was settled before, agree with it that a file has only what is new",
		exceptions, r.refusals.count, exceptions*exception_bytes>>20)})
}

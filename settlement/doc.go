// Package settlement is the vocabulary of an alliance's settlement, and the map of the system.
//
// A coalition loyalty alliance is a group of merchants of different trades that share one points
// currency: a member earns points at one merchant and spends them at another. Whoever issued the
// points owes whoever redeemed them. Every night the merchants deliver their transactions; a run
// settles them for one settlement date: it works out whose points were redeemed where, prices and
// nets what everybody owes or is owed, and publishes statements.
//
// # Words
//
//   - alliance: the operator and clearing house; a party with an id of its own. It may issue
//     points (campaigns) but delivers no rows.
//   - merchant: a partner; the issuer of the points it funds, the redeemer of those it accepts.
//   - member: a customer. The member id is the alliance's: equal ids at two merchants are one member.
//   - points: whole numbers; a row carries 1 … 10^12.
//   - lot: points issued by one row: issuer, member, issued at, expires on, points issued, open,
//     spent, expired.
//   - allocation: the part of one redemption charged to one lot; negative when given back.
//   - on-us: issuer and redeemer are the same: counted, never settled in money.
//   - business date: the date on the alliance's wall clock at occurred_at, or the day before if that
//     wall clock is before day_starts_at ([Calendar]).
//   - settlement date: the date that a run settles; one run per date, versions 1, 2, … of it.
//   - late: settled on a date after its business date.
//   - line: all allocations of one settlement date with the same issuer, redeemer, activity,
//     business date and price.
//   - cycle: the settlement dates between two nettings: a day, a week from Monday to Sunday, a month;
//     by the calendar, also when the first one is partial.
//   - position: what a party owes or is owed after netting. Positions sum to zero.
//   - rulebook: the alliance's agreement as data: register of merchants, policy, prices, fees, netting.
//
// # The way of a row
//
//	discover -> read -> validate -> deduplicate (by id) -> attribute (a member at a time, with the
//	lots on record) -> add up by line -> price each line once -> fees, net -> write state, detail,
//	statements -> read back and compare -> commit -> project to where finance reads
//
// # The house
//
//   - alliance/settlement (this package): terms, their order and their arithmetic.
//   - alliance/rules: the rulebook: parse, check, look up.
//   - alliance/settlement/clearing: the pure core: validate, deduplicate, attribute, price, net.
//     Values in, values out; the date is an argument, nothing is read or written.
//   - alliance/settlement/intake: what merchants delivered, file by file and row by row.
//   - alliance/settlement/layout: a merchant's own way to write files, turned into the common one.
//   - alliance/settlement/accounts, identifiers: runs of members' accounts, and of the ids that rows have
//     taken, of which a part can be read; sections is what they have in common.
//   - alliance/settlement/books: what is on record: the log, the state, the one commit.
//   - alliance/settlement/statement: the published tables.
//   - alliance/settlement/acknowledgement: what merchants are told about their deliveries.
//   - alliance/settlement/storage: buckets of objects.
//   - alliance/settlement/access: who may do what in these buckets, as their policies.
//   - alliance/settlement/spool: what is on its way between stages, in memory or spilled to the disk.
//   - alliance/settlement/batch: the driver on one machine: stages, partitions, workers.
//   - alliance/settlement/crash: the places at which tests kill the program; no code in production.
//   - alliance/settlement/faults: what the fault campaign's tests share.
//   - alliance/settlement/metrics: what Prometheus is told of a run.
//   - alliance/cmd/settle: the command.
//   - alliance/scripts/kubernetes: the nightly CronJob, from which settle k8s makes the Job of a rerun.
//   - alliance/fixtures: readable cases, a sample alliance; alliance/fixtures/generate: a made-up
//     alliance of any size.
//
// Imports go one way; a test in cmd/settle holds the table. The rules that a package implements
// are in its own documentation, in full.
//
// # Exactness
//
// Points are int64 and added with a check. Prices are exact decimals and never rounded; a line's
// value is rounded once to the currency's minor unit, and the detail of the line shares it out so
// that it always adds up. Every order is written down: the same inputs give the same bytes,
// whatever the machine, the order in which the store lists files, or the number of workers.
//
// # Three kinds of failure
//
// A bad row or file is data: an [Exception] with a [Code] of the closed list. A bad world (network,
// disk, rulebook) is an error, wrapped with what was being done. Our own mistake is a panic on an
// invariant: points in = points out, positions sum to zero, detail adds up to its line.
//
// # Errors of this package
//
// [ErrOutOfRange] when a sum leaves int64 or DECIMAL(18,4); [UnknownNameError] for a name that is
// not on a closed list; plain errors for texts that are no dates.
package settlement

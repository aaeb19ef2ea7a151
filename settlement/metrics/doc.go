// Package metrics tells Prometheus how a run went and how far the ledger has come: as a file for
// the textfile collector of the node exporter, and to a Pushgateway.
//
// A run is over before anybody scrapes it, so every metric is a gauge that keeps its value until a
// later run replaces it, and every age is told as the moment it began: time() minus the metric is
// the age, and it grows also while nothing runs. A moment of 0 means that there is none. Dates are
// told as 00:00 UTC of the day, in seconds since 1970. Each metric has the label alliance.
//
// What a run does not know stays as an earlier one told it: one that is refused says so and
// leaves the numbers of the last settled date alone. A Pushgateway works that way; the file is
// read before it is replaced.
//
// # About the run, told by every run
//
//   - settle_build_info{version, computes_as}: 1.
//   - settle_run_exit_code: 0 done; 1 failed, 2 wrong use or rulebook, 3 refused, 4 another run won, 5 unknown.
//   - settle_run_started_timestamp_seconds, settle_run_ended_timestamp_seconds.
//   - settle_run_wait_seconds: how long it waited for merchants.
//   - settle_run_stage_seconds{stage}: how long each stage took, all dates together.
//   - settle_run_dates: how many dates it settled; 0 if there was nothing to do.
//   - settle_run_missing_merchants: how many merchants were missing on the last date that it
//     settled, or was refused for.
//
// # About what the last run that settled dates settled, all of them together
//
//   - settle_settled_dates: how many.
//   - settle_settled_files, settle_settled_files_held.
//   - settle_settled_rows{state}: accepted, deferred, rejected.
//   - settle_settled_exceptions{code}: every code, also those that did not occur.
//   - settle_settled_statements, settle_settled_lines, settle_settled_points.
//   - settle_settled_value_minor_units{currency}: the sum of the values of all lines;
//     settle_settled_fees_minor_units, settle_settled_tax_minor_units: what the merchants pay for
//     closed cycles; settle_settled_due_minor_units: the sum of the payments.
//   - settle_currency_minor_digits{currency}: how many digits the minor unit has; minor units
//     divided by ten to that power are the amount.
//
// A restatement leaves them alone: it settles nothing anew.
//
// # About the ledger after the run
//
//   - settle_open_claims, settle_open_claim_points: redemptions that no lot has covered yet, as the
//     last run left them that settled or restated a date; settle_open_claim_oldest_timestamp_seconds:
//     the earliest date that settled one of them.
//   - settle_last_settled_date_timestamp_seconds: the newest settled date.
//   - settle_last_settled_timestamp_seconds: when it was put on record.
//   - settle_next_cutoff_timestamp_seconds: when the date after it is over by the alliance's
//     clock. How long that is ago is how late the ledger is.
//   - settle_missing_merchants: how many were missing on the newest settled date.
//   - settle_merchant_missing_nights{merchant}: for how many nights in a row, the newest settled
//     one the last, a merchant did not deliver although it was expected to.
//   - settle_held_files: how many files the newest settled date held;
//     settle_held_oldest_timestamp_seconds: the earliest date that one of them was delivered for.
//   - settle_merchant_held_files{merchant}, settle_merchant_held_oldest_timestamp_seconds{merchant}.
//   - settle_merchant_rows{merchant, state}: rows of the newest settled date.
//
// # Money and floating point
//
// A sample of Prometheus is a 64-bit floating-point number. Amounts are told as whole minor units
// (cents), which such a number holds exactly up to 2^53, some 90 trillion in a currency with cents;
// beyond it is the nearest one. Amounts are added up as exact decimals and become floating point
// in one place, the last one before they are told; nothing is ever computed from it. Whoever needs the amount
// to the cent reads the statements. The same holds for points.
//
// # Errors
//
// Those of the file system and of HTTP, wrapped with what was being done. A password in the
// address of a Pushgateway is in none of them.
package metrics

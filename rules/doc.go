// Package rules reads the alliance's agreement: the rulebook. It is the register of merchants,
// the policy of the ledger, prices, fees and netting, as data. [Parse] checks all of it, so that
// a rulebook that it returns can settle a night; a [Pricer] looks prices up.
//
// # Form
//
// A rulebook is one YAML document or one JSON value, UTF-8, at most 4 MiB. Reading is strict:
//
//   - An unknown key, a key twice, a key without a value and a wrong type are errors. Aliases
//     (*x), merge keys (<<) and tags of one's own are not taken.
//   - Amounts, prices, rates and shares are texts, in quotes: digits, and decimals after a point;
//     no sign, no exponent. A bare number there is an error, even a whole one: texts stay exact.
//   - Numbers of days, months, points, rows and closes are whole numbers without quotes, in
//     plain decimal digits. true and false are written so.
//   - Dates are YYYY-MM-DD, in quotes or not. A span's from and to are inclusive, either may be
//     left out, and from must not be after to.
//   - Names, reasons, and the ids of prices and fees are texts of 1 to 128 bytes in Unicode's
//     normal form NFC, without control characters. A text that looks like a number, a date or
//     true or false must be in quotes.
//   - The ids of merchants and of the alliance are [A-Za-z0-9][A-Za-z0-9_-]{0,63}. Ids compare
//     as bytes.
//
// Every error names the file and the line; all errors are reported together. Their type is
// [Errors], a list of [Error].
//
// The tables of ISO 4217 (the decimals of each currency's minor unit), of time zones (IANA,
// release 2025c) and of Unicode are compiled in; those of the machine are not asked.
//
// # Keys
//
// In brackets the standard value of a key that may be left out, and the limits.
//
// alliance, required:
//
//   - id, required: the alliance is a party too; it may issue points but delivers no rows
//   - name [the id]
//   - currency, required: an active code of ISO 4217; one currency per ledger
//   - time_zone, required: a name of the IANA database
//   - day_starts_at ["00:00"], hh:mm: an instant belongs to the business date of the wall clock
//     in time_zone, or to the day before if that wall clock is before day_starts_at. Wall clocks
//     are compared, not instants
//   - cycle [daily]: daily, weekly (Monday to Sunday) or monthly; how often positions are netted.
//     Cycles follow the calendar, the first one of a ledger may be partial
//
// rounding [half_up]: half_up (away from zero) or half_even; where an amount goes that is
// exactly between two minor units.
//
// intake, numbers of days 0 to 3660:
//
//   - accept_late_days [35]: rows and files dated so many days before the settlement date are taken
//   - accept_early_days [2]: rows dated so many days after it are taken and wait for their date
//   - duplicate_days [7]: for so many settlement dates a transaction id stays taken; those of the
//     row's own business date always are
//   - wait_days [7]: on so many further nights open claims, and reversals without their original,
//     are tried again
//   - missing.max_share ["1"], 0 to 1: the run is refused if a greater share of the expected
//     merchants is missing
//   - max_rejected.share ["0.05"], 0 to 1, and max_rejected.rows [10], 0 to 1,000,000,000: a
//     file is held if more of its rows are bad than both
//
// ledger:
//
//   - lots [tracked]: tracked or untracked. An untracked ledger keeps no lots and no balances,
//     and needs attribution: stated
//   - attribution [fifo]: from which lots a redemption takes. fifo: the oldest first;
//     first_expiring: the first to expire first; own_first: the redeemer's own first; pro_rata:
//     a share of every issuer's; stated: those of the issuer that the row names
//   - unfunded [suspense]: who pays points that no lot covered in the end. suspense: nobody;
//     alliance: the alliance
//   - expiry [points never expire]: {months, end_of_month}. months is required, 0 to 1200: points
//     can be used until so many months after their business date (the day is clamped to the
//     month's length); end_of_month [false]: until the end of that month
//   - reversal_days [180], 0 to 3660: for so many days a row can be reversed
//
// prices, required, 1 to 2,000 entries: see Prices.
//
//   - id, required, unique among prices
//   - from, to: business dates of the redemption
//   - when: a condition
//   - price, required: at most 8 decimals, less than 10,000,000,000; zero is a price
//   - per_points, required, 1 to 1,000,000,000
//
// fees [none], at most 1,000 entries: see Fees.
//
//   - id, required, unique among fees
//   - payer, required: redeemer or issuer
//   - rate ["0"], tax_rate ["0"]: 0 to 1, at most 8 decimals
//   - per_transaction ["0"], min ["0"], max [none]: amounts; min is not more than max
//   - from, to: the last day of the cycle
//   - when: a condition, which knows no reason
//
// netting:
//
//   - mode [multilateral]: multilateral (each merchant one position with the alliance) or
//     bilateral (one payment for each pair; threshold, holdback and holds have no effect)
//   - payout_threshold ["0"], an amount: a balance of less is carried to the next close
//   - holdback: {rate, release_after} [nothing is held]: rate, required, 0 to 1, is the share of
//     a credit that is held; release_after [1], 1 to 1200, after how many further closes it is
//     released
//   - holds [none], at most 10,000 entries {merchant, from, to, reason}: a credit of the merchant
//     is carried, not paid, while a hold covers the settlement date. merchant is required and in
//     the register
//
// merchants, required, 1 to 10,000 entries, in any order: the register.
//
//   - id, required, unique, not the alliance's
//   - name [the id], category [""]
//   - joined, left: business dates on which it is active, both inclusive
//   - delivers [daily]: daily, on_activity, or a list of mon, tue, wed, thu, fri, sat, sun: when
//     a delivery is expected
//   - required [false]: the run is refused if an expected delivery of it is missing
//   - control [optional]: optional or required: every file must be named by a control file
//   - may_issue_for [nobody]: ids of parties that fund points which this merchant hands out; its
//     own it always may
//   - profile [the common form]: how its files are written: the name of an entry of profiles, or
//     the keys of one
//   - may_redeem_from [everyone]: ids of parties whose points it accepts; its own it always does,
//     so an empty list means: only its own
//
// profiles [none], at most 1,000 names, each with the keys of a profile: see Profiles.
//
// Amounts are less than 100,000,000,000,000 and fit the currency's minor unit. With prices
// within DECIMAL(18,8) and amounts within DECIMAL(18,4) all arithmetic is exact.
//
// # Profiles
//
// A profile says how a merchant's files are written, as far as that is not the common form. The
// rows come to the same whichever way they are delivered. Package alliance/settlement/layout
// states the rules of each conversion in full. All keys are optional:
//
//   - columns: the names in the files of transaction_id, member_id, kind, points, occurred_at,
//     merchant_id, issuer_id, original_transaction_id, original_date, expires_on, amount,
//     currency, reason, store_id: {points: 积分, …}. Those left out keep their own. A name can be
//     that of one column only
//   - ignore [none]: names of columns in the files that have no meaning here; others that are
//     not known are reported as unknown_column
//   - header [true]: false if CSV files have none; then fields, a list of all their columns'
//     names in order, is required
//   - delimiter [","] of CSV: "," ";" "\t" or "|"
//   - quote [true]: false if a quote in CSV is a character like any other
//   - encoding [utf-8] of CSV and JSON lines: utf-8, utf-16, utf-16le, utf-16be, gb18030, gbk, big5,
//     shift_jis, euc-jp, euc-kr, windows-1250 to windows-1258, windows-874, iso-8859-1, -2, -5, -7,
//     -9, -15, koi8-r, koi8-u, ibm437, ibm850, ibm852, ibm866, macintosh
//   - trim [false]: whether blanks around names and values are stripped
//   - empty [none]: a list of texts that stand for no value, such as NULL
//   - kinds [the common names]: what the merchant's words mean: {S: issue, R: redeem, …}; a word
//     that is not there is an invalid value
//   - points: {decimal, group, scale, sign}. decimal ["."]: "." or ","; group [none]: ",", ".", " "
//     or "'", between groups of three digits; scale [1], 1 to 1,000,000: how many of the file's
//     units are a point, and points must come out whole; sign [positive]: positive, absolute,
//     negative_is_reversal or negative_is_redeem
//   - amount: {decimal, group, scale}, the same; scale is 100 for amounts in cents
//   - occurred_at: {pattern, zone} such as {pattern: "DD.MM.YYYY hh:mm[:ss]", zone: Europe/Berlin};
//     zone [the alliance's time_zone] is for times without an offset. If date and time have a
//     column each, these are date_column and time_column, and the pattern is of date, blank, time.
//     Or {epoch}: seconds, milliseconds or microseconds since 1970-01-01T00:00:00Z
//   - dates: the pattern of original_date and expires_on
//   - constants: values of columns that the files do not have: kind, issuer_id, currency, reason,
//     store_id. A column of the files with such a name is an unknown one
//
// Parquet files have their own types; of a profile names, kinds, patterns of texts, and scale and
// sign of points apply to them.
//
// # Prices
//
// The price of a redemption is the first entry whose from and to hold the redemption's business
// date and whose condition is true. The last entry has neither from, to nor when, and no other
// entry has none of them; so there always is a price and no entry is shadowed by an
// unconditional one. A price is so much money for per_points points; the quotient is never
// rounded, so "1.00" for 150 points is a price. The value of a line is points × price /
// per_points, rounded once.
//
// # Conditions
//
// A condition (when) is an expression of CEL, the Common Expression Language, of at most 4096
// bytes that is true or false. It knows the texts issuer.id, issuer.category, redeemer.id,
// redeemer.category and, for prices, reason, the row's reason. The alliance's category and
// whatever was not given are "".
//
// A condition must have an outcome for every redemption that a night may bring, so only
// operations that cannot fail are taken: == != < <= > >= (of texts or whole numbers) && || !
// ?: + (of texts and lists), in a list, size, contains, startsWith, endsWith, matches with a
// pattern that is written out, and the macros exists, all, map and filter, not within each
// other. Division, conversions, indexes and maps are not.
//
// # Fees
//
// At the close of a cycle each fee whose from and to hold the cycle's last day is paid to the
// alliance by the merchants in the role of its payer. Its base is the sum of the values of the
// merchant's lines in that role over the cycle for which the condition holds: reversals count
// negative, adjustments not at all. Its count is the sum of those lines' transactions. If the
// base is positive, the fee is round(base × rate) + per_transaction × count, at least min, at
// most max, and the tax is round(fee × tax_rate); else there is none. The alliance pays none.
//
// # Identity
//
// [Rulebook.Digest] identifies the meaning: the order of keys, comments, quotes, spelled-out
// standard values, zeros at the end of decimals, blanks and comments in conditions, and the
// order of merchants and of holds do not change it, nor do the names of profiles, and profiles that
// nobody uses. Everything else does.
//
// A ledger is bound to what [Rulebook.Fixed] returns from its first run on: the alliance's id,
// currency, time zone, start of the day, lots, rounding and cycle. An id of a price or a fee
// that was used keeps its [PriceRule.Content] or [FeeRule.Content]: a new price gets a new id.
package rules

package rules

import "alliance/settlement"

// A shape is the form that a key's value must have.
type shape uint8

const (
	nameShape      shape = iota // text of 1 to 128 bytes
	partyShape                  // the id of a merchant or the alliance
	conditionShape              // a CEL expression
	dateShape                   // YYYY-MM-DD
	clockShape                  // hh:mm
	zoneShape                   // a name of the IANA time zone database
	currencyShape               // a code of ISO 4217
	choiceShape                 // one of key.choices
	moneyShape                  // text: an amount that fits the minor unit
	priceShape                  // text: an amount of at most 8 decimals
	shareShape                  // text: 0 to 1, at most 8 decimals
	wholeShape                  // a whole number from key.least to key.most
	truthShape                  // true or false
	partiesShape                // a list of ids
	deliveryShape               // daily, on_activity or a list of weekdays
	tableShape                  // the keys of key.of
	tablesShape                 // a list of entries with the keys of key.of
	columnShape                 // text of 1 to 128 bytes: a name in a merchant's file
	reasonShape                 // [a-z][a-z0-9_]{0,31}
	patternShape                // a pattern of dates and times
	textsShape                  // a list of texts of at most 128 bytes
	kindsShape                  // a table of words and the choices that they stand for
	profilesShape               // a table of names, each with the keys of key.of
	profileShape                // the name of such an entry, or the keys of key.of
)

// A key is one that the rulebook may have: parser, schema and errors read the same entry.
type key struct {
	name     string
	shape    shape
	required bool
	// standard is the value of a key that is left out, written as in the rulebook.
	standard string
	choices  []string
	// least and most bound whole numbers and the length of lists.
	least, most int64
	of          []key
	about       string
}

// The limits of a rulebook's numbers. They keep all arithmetic exact and within what is published.
const (
	maxDays       = 3660
	maxMonths     = 1200
	maxCloses     = 1200
	maxPerPoints  = 1_000_000_000
	maxRows       = 1_000_000_000
	maxMerchants  = 10_000
	maxPrices     = 2_000
	maxFees       = 1_000
	maxHolds      = 10_000
	maxNameBytes  = 128
	maxProfiles   = 1_000
	maxFields     = 1_000
	maxWords      = 1_000
	maxScale      = 1_000_000
	maxCondition  = 4096
	shareDecimals = 8
	// priceDigits are the digits before a price's decimal point: DECIMAL(18,8).
	priceDigits = 18 - settlement.PriceDecimals
	// moneyDigits are those of an amount: DECIMAL(18,4).
	moneyDigits = 18 - settlement.MoneyDecimals
)

func days(name string, standard, about string) key {
	return key{name: name, shape: wholeShape, standard: standard, least: 0, most: maxDays, about: about}
}

func choice(name, about string, choices ...string) key {
	return key{name: name, shape: choiceShape, standard: choices[0], choices: choices, about: about}
}

var rulebookKeys = []key{
	{name: "alliance", shape: tableShape, required: true, of: allianceKeys, about: "Who settles, in which currency, by which calendar."},
	choice("rounding", "Where an amount exactly between two minor units goes.", "half_up", "half_even"),
	{name: "intake", shape: tableShape, of: intakeKeys, about: "What is read and for how long things wait."},
	{name: "ledger", shape: tableShape, of: ledgerKeys, about: "How points are kept."},
	{name: "prices", shape: tablesShape, required: true, least: 1, most: maxPrices, of: priceKeys,
		about: "The price table: the first entry that holds is the price; the last one always holds."},
	{name: "fees", shape: tablesShape, least: 0, most: maxFees, of: feeKeys, about: "What merchants pay the alliance at the close of a cycle."},
	{name: "netting", shape: tableShape, of: nettingKeys, about: "How a cycle is closed."},
	{name: "profiles", shape: profilesShape, least: 0, most: maxProfiles, of: profileKeys, about: "Layouts of merchants' files, by name."},
	{name: "merchants", shape: tablesShape, required: true, least: 1, most: maxMerchants, of: merchantKeys, about: "The register."},
}

var allianceKeys = []key{
	{name: "id", shape: partyShape, required: true, about: "The alliance's own id; it is a party and may issue points."},
	{name: "name", shape: nameShape, about: "The name to print; the id if left out."},
	{name: "currency", shape: currencyShape, required: true, about: "The currency of the ledger, ISO 4217."},
	{name: "time_zone", shape: zoneShape, required: true, about: "The time zone of business dates."},
	{name: "day_starts_at", shape: clockShape, standard: "00:00", about: "The wall-clock time at which a business date starts."},
	choice("cycle", "How often the alliance nets; weeks run from Monday to Sunday.", "daily", "weekly", "monthly"),
}

var intakeKeys = []key{
	days("accept_late_days", "35", "How many days before the settlement date rows and files may be dated."),
	days("accept_early_days", "2", "How many days after the settlement date rows may be dated."),
	days("duplicate_days", "7", "For how many settlement dates a transaction id stays taken."),
	days("wait_days", "7", "For how many nights claims and reversals without their original are tried again."),
	{name: "missing", shape: tableShape, of: missingKeys, about: "When missing deliveries refuse the run."},
	{name: "max_rejected", shape: tableShape, of: maxRejectedKeys, about: "A file is held if more of its rows are bad than both."},
}

var missingKeys = []key{
	{name: "max_share", shape: shareShape, standard: "1", about: "The share of expected merchants that may be missing."},
}

var maxRejectedKeys = []key{
	{name: "share", shape: shareShape, standard: "0.05", about: "The share of a file's rows that may be bad."},
	{name: "rows", shape: wholeShape, standard: "10", least: 0, most: maxRows, about: "The number of a file's rows that may be bad."},
}

var ledgerKeys = []key{
	choice("lots", "Whether lots are kept.", "tracked", "untracked"),
	choice("attribution", "From which lots a redemption takes.", "fifo", "first_expiring", "own_first", "pro_rata", "stated"),
	choice("unfunded", "Who pays points that no lot covered: nobody, or the alliance.", "suspense", "alliance"),
	{name: "expiry", shape: tableShape, of: expiryKeys, about: "When points expire; left out, they never do."},
	days("reversal_days", "180", "For how many days a row may be reversed."),
}

var expiryKeys = []key{
	{name: "months", shape: wholeShape, required: true, least: 0, most: maxMonths, about: "Months after the business date."},
	{name: "end_of_month", shape: truthShape, standard: "false", about: "Whether points last to the end of that month."},
}

var priceKeys = []key{
	{name: "id", shape: nameShape, required: true, about: "Names the price on every line."},
	{name: "from", shape: dateShape, about: "The first business date of redemption, inclusive."},
	{name: "to", shape: dateShape, about: "The last business date of redemption, inclusive."},
	{name: "when", shape: conditionShape, about: "The condition, CEL over issuer.id, issuer.category, redeemer.id, redeemer.category, reason."},
	{name: "price", shape: priceShape, required: true, about: "The money for per_points points."},
	{name: "per_points", shape: wholeShape, required: true, least: 1, most: maxPerPoints, about: "How many points the price is for."},
}

var feeKeys = []key{
	{name: "id", shape: nameShape, required: true, about: "Names the fee."},
	{name: "payer", shape: choiceShape, required: true, choices: []string{"redeemer", "issuer"}, about: "The role in which a merchant pays."},
	{name: "rate", shape: shareShape, standard: "0", about: "The share of the base."},
	{name: "per_transaction", shape: moneyShape, standard: "0", about: "The amount for each redemption."},
	{name: "min", shape: moneyShape, standard: "0", about: "The least fee of a cycle with a base."},
	{name: "max", shape: moneyShape, about: "The most of a cycle; left out, there is none."},
	{name: "tax_rate", shape: shareShape, standard: "0", about: "The tax on the fee."},
	{name: "from", shape: dateShape, about: "The first last day of a cycle that pays, inclusive."},
	{name: "to", shape: dateShape, about: "The last last day of a cycle that pays, inclusive."},
	{name: "when", shape: conditionShape, about: "Which lines count, CEL over issuer.id, issuer.category, redeemer.id, redeemer.category."},
}

var nettingKeys = []key{
	choice("mode", "One position with the alliance, or one payment per pair.", "multilateral", "bilateral"),
	{name: "payout_threshold", shape: moneyShape, standard: "0", about: "What is less is carried to the next close."},
	{name: "holdback", shape: tableShape, of: holdbackKeys, about: "What is kept back of a credit."},
	{name: "holds", shape: tablesShape, least: 0, most: maxHolds, of: holdKeys, about: "Merchants that are not paid for a while."},
}

var holdbackKeys = []key{
	{name: "rate", shape: shareShape, required: true, about: "The share of a credit that is held."},
	{name: "release_after", shape: wholeShape, standard: "1", least: 1, most: maxCloses, about: "After how many further closes it is released."},
}

var holdKeys = []key{
	{name: "merchant", shape: partyShape, required: true, about: "Whose payouts are held."},
	{name: "from", shape: dateShape, about: "The first settlement date, inclusive."},
	{name: "to", shape: dateShape, about: "The last settlement date, inclusive."},
	{name: "reason", shape: nameShape, about: "Why, for people."},
}

var merchantKeys = []key{
	{name: "id", shape: partyShape, required: true, about: "The id, in keys of the inbox too."},
	{name: "name", shape: nameShape, about: "The name to print; the id if left out."},
	{name: "category", shape: nameShape, about: "The trade, for conditions."},
	{name: "joined", shape: dateShape, about: "The first business date, inclusive."},
	{name: "left", shape: dateShape, about: "The last business date, inclusive."},
	{name: "delivers", shape: deliveryShape, standard: "daily", about: "When a delivery is expected."},
	{name: "required", shape: truthShape, standard: "false", about: "Whether a missing delivery refuses the run."},
	choice("control", "Whether every file must be named by a control file.", "optional", "required"),
	{name: "may_issue_for", shape: partiesShape, least: 0, most: maxMerchants, about: "Whose points it may issue besides its own."},
	{name: "may_redeem_from", shape: partiesShape, least: 0, most: maxMerchants, about: "Whose points it accepts besides its own; left out, everyone's."},
	{name: "profile", shape: profileShape, of: profileKeys, about: "The layout of its files: the name of an entry of profiles, or the keys of one; left out, the common form."},
}

// The days of the week as the rulebook writes them, by time.Weekday.
var weekdays = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

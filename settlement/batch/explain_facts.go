package batch

import "alliance/settlement"

// An Explanation says why a transaction, or one of its allocations, came to what it came to on a
// settlement date. Amounts and prices are decimal texts. It names the member only if asked to.
type Explanation struct {
	Date settlement.Date `json:"date"`
	// Record is the number of the log's record that settles the date.
	Record   int64         `json:"record"`
	Rulebook RulebookFacts `json:"rulebook"`
	// Recomputed says that the member's night was computed again from the files, and came to
	// what is published. If not, Notes say why, and only what is on record is told.
	Recomputed bool     `json:"recomputed"`
	Notes      []string `json:"notes,omitempty"`
	Merchant   string   `json:"merchant_id"`
	// TransactionID is the merchant's id for it.
	TransactionID string `json:"transaction_id"`
	// Member is given only if asked for.
	Member string    `json:"member_id,omitempty"`
	Row    *RowFacts `json:"row,omitempty"`
	// Exceptions are what the date published about the transaction, on all of its rows.
	Exceptions []ExceptionFacts `json:"exceptions,omitempty"`
	// Steps are those of the transaction, in the order in which they were taken.
	Steps []StepFacts `json:"steps,omitempty"`
	// Allocations are those that the date published of the transaction, in order of number; only
	// the one asked for, if one was.
	Allocations []AllocationFacts `json:"allocations,omitempty"`
	// LotsBefore and LotsAfter are the member's, as the date began and when it was closed.
	LotsBefore []LotFacts `json:"lots_before,omitempty"`
	LotsAfter  []LotFacts `json:"lots_after,omitempty"`
	// Night lists all steps of the member's night, in order.
	Night []NightStep `json:"night,omitempty"`
	// AlsoOn are other settled dates that published allocations of the transaction.
	AlsoOn []settlement.Date `json:"also_on,omitempty"`
}

// RulebookFacts compares the rulebook given with the one that settled the date.
type RulebookFacts struct {
	OnRecord string `json:"on_record"`
	Given    string `json:"given"`
	Same     bool   `json:"same"`
}

// SourceFacts say where something was delivered.
type SourceFacts struct {
	File string `json:"file"`
	// Row counts records from 1.
	Row int64 `json:"row"`
	// ReadOn is the settlement date that read the file, and SHA256 its digest on record; absent
	// for opening lots.
	ReadOn *settlement.Date `json:"read_on,omitempty"`
	SHA256 string           `json:"sha256,omitempty"`
}

// RowFacts is the transaction as it was delivered.
type RowFacts struct {
	TransactionID string          `json:"transaction_id"`
	Kind          string          `json:"kind,omitempty"`
	Points        int64           `json:"points,omitempty"`
	OccurredAt    string          `json:"occurred_at,omitempty"`
	BusinessDate  settlement.Date `json:"business_date"`
	// Issuer is who the row names as issuer.
	Issuer       string          `json:"issuer_id,omitempty"`
	OriginalID   string          `json:"original_transaction_id,omitempty"`
	OriginalDate settlement.Date `json:"original_date"`
	Reason       string          `json:"reason,omitempty"`
	Source       SourceFacts     `json:"source"`
}

// ExceptionFacts is an exception as published.
type ExceptionFacts struct {
	File    string `json:"file"`
	Row     string `json:"row,omitempty"`
	Code    string `json:"code"`
	State   string `json:"state"`
	Column  string `json:"column,omitempty"`
	Value   string `json:"value,omitempty"`
	Points  string `json:"points,omitempty"`
	Message string `json:"message"`
}

// StepFacts is what was decided about the transaction, and on what.
type StepFacts struct {
	Decision string `json:"decision"`
	// Policy is the policy of attribution, if lots were chosen.
	Policy string `json:"policy,omitempty"`
	// Asked is how many points were to be taken from lots, Uncovered what they left.
	Asked     int64 `json:"asked,omitempty"`
	Uncovered int64 `json:"uncovered,omitempty"`
	// Shares say what each issuer bears, under the policy pro_rata.
	Shares []IssuerShare `json:"shares,omitempty"`
	// Candidates are the lots that could be taken from, in the order of the policy.
	Candidates []CandidateFacts `json:"candidates,omitempty"`
	// Excluded are the member's other lots, and why.
	Excluded []ExclusionFacts `json:"excluded,omitempty"`
	Changes  []ChangeFacts    `json:"changes,omitempty"`
	Reason   string           `json:"reason,omitempty"`
}

// IssuerShare is what one issuer bears of a redemption under pro_rata: its part, by its available
// points, of what is taken in all; floored, the points left over going to the largest remainders.
type IssuerShare struct {
	Issuer    string `json:"issuer_id"`
	Available int64  `json:"available"`
	// Exact is taken in all × available / available in all.
	Exact string `json:"exact"`
	Taken int64  `json:"taken"`
}

// CandidateFacts is a lot that a redemption could take from, as it was before.
type CandidateFacts struct {
	Lot       LotFacts `json:"lot"`
	Available int64    `json:"available"`
	Taken     int64    `json:"taken"`
}

// ExclusionFacts is a lot that a redemption could not take from, and why.
type ExclusionFacts struct {
	Lot    LotFacts `json:"lot"`
	Reason string   `json:"reason"`
}

// ChangeFacts is a lot before and after a step; Before is absent if the step opened it.
type ChangeFacts struct {
	Before *LotFacts `json:"before,omitempty"`
	After  LotFacts  `json:"after"`
}

// LotFacts is a lot. Issued = Open + Spent + Expired + Reversed + Voided.
type LotFacts struct {
	Merchant string `json:"lot_merchant_id"`
	ID       string `json:"lot_id"`
	// IssuedOn is the business date on which the points were issued.
	IssuedOn  settlement.Date `json:"lot_issued_on"`
	Imported  bool            `json:"imported,omitempty"`
	Issuer    string          `json:"issuer_id"`
	IssuedAt  string          `json:"issued_at"`
	ExpiresOn settlement.Date `json:"expires_on"`
	Issued    int64           `json:"issued"`
	Open      int64           `json:"open"`
	Spent     int64           `json:"spent"`
	Expired   int64           `json:"expired"`
	Reversed  int64           `json:"reversed"`
	Voided    int64           `json:"voided"`
	Shortfall int64           `json:"shortfall"`
	Source    SourceFacts     `json:"source"`
}

// AllocationFacts is an allocation with what it came from and what it is worth.
type AllocationFacts struct {
	ID       string `json:"allocation_id"`
	Activity string `json:"activity"`
	Issuer   string `json:"issuer_id"`
	Redeemer string `json:"redeemer_id"`
	// OnUs allocations are counted, never settled in money: they have neither price nor line.
	OnUs   bool  `json:"on_us"`
	Points int64 `json:"points"`
	// Lot is as the date left it, or, if it has no points left that anybody can ask for, as the
	// last step left it. It is absent if no lot was charged.
	Lot *LotFacts `json:"lot,omitempty"`
	// LotName is the lot as the issuer's statement names it, if Lot is not known any more.
	LotName string          `json:"lot_name,omitempty"`
	Price   *PriceFacts     `json:"price,omitempty"`
	Line    *AllocationLine `json:"line,omitempty"`
}

// PriceFacts is a price and why it is the one.
type PriceFacts struct {
	ID        string `json:"price_id"`
	Price     string `json:"price"`
	PerPoints int64  `json:"per_points"`
	// Why says in words why this price holds.
	Why string `json:"why"`
	// Steps are the entries of the table up to the one that holds, if it was looked up tonight.
	Steps []PriceStepFacts `json:"steps,omitempty"`
}

// PriceStepFacts is an entry of the price table that was looked at.
type PriceStepFacts struct {
	ID             string          `json:"price_id"`
	From           settlement.Date `json:"from"`
	To             settlement.Date `json:"to"`
	When           string          `json:"when,omitempty"`
	DatesHold      bool            `json:"dates_hold"`
	ConditionHolds bool            `json:"condition_holds"`
}

// AllocationLine is the line that an allocation belongs to, and its share of it. Values are
// positive when the issuer owes the redeemer.
type AllocationLine struct {
	BusinessDate settlement.Date `json:"business_date"`
	// The line's place on the two statements; the alliance has none.
	IssuerStatement   string `json:"issuer_statement_no,omitempty"`
	IssuerLine        int    `json:"issuer_line_no,omitempty"`
	RedeemerStatement string `json:"redeemer_statement_no"`
	RedeemerLine      int    `json:"redeemer_line_no"`
	Points            int64  `json:"points"`
	Exact             string `json:"exact"`
	Value             string `json:"value"`
	// Of counts the line's allocations.
	Of    int       `json:"allocations"`
	Share ShareStep `json:"share"`
}

// ShareStep is one allocation's share of its line's value: what the rounded value of all points
// up to it grows by.
type ShareStep struct {
	// Place is the allocation's among those of the line, from 1.
	Place        int   `json:"place"`
	PointsBefore int64 `json:"points_before"`
	PointsUpTo   int64 `json:"points_up_to"`
	// The values of those points: exact, cut after twelve decimals with "…", and rounded.
	ExactBefore   string `json:"exact_before"`
	RoundedBefore string `json:"rounded_before"`
	ExactUpTo     string `json:"exact_up_to"`
	RoundedUpTo   string `json:"rounded_up_to"`
	Amount        string `json:"amount"`
}

// NightStep is one step of the member's night in short.
type NightStep struct {
	Decision      string `json:"decision"`
	Merchant      string `json:"merchant_id,omitempty"`
	TransactionID string `json:"transaction_id,omitempty"`
	Kind          string `json:"kind,omitempty"`
	Points        int64  `json:"points,omitempty"`
	OccurredAt    string `json:"occurred_at,omitempty"`
	Allocations   int    `json:"allocations,omitempty"`
	Reason        string `json:"reason,omitempty"`
}

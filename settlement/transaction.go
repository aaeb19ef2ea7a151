package settlement

// A Kind says what a transaction does. Kinds are ordered: of rows at the same instant, an
// issue applies before a redeem, that before a reversal.
type Kind uint8

// The kinds of a transaction, in the order in which they apply.
const (
	Issue Kind = iota
	Redeem
	RedeemReversal
	IssueReversal
)

var kindNames = [...]string{"issue", "redeem", "redeem_reversal", "issue_reversal"}

// String returns the kind as merchants write it.
func (k Kind) String() string { return kindNames[k] }

// ParseKind returns the kind that merchants write as text.
func ParseKind(text string) (Kind, bool) {
	switch text {
	case "issue":
		return Issue, true
	case "redeem":
		return Redeem, true
	case "redeem_reversal":
		return RedeemReversal, true
	case "issue_reversal":
		return IssueReversal, true
	}
	return 0, false
}

// A Column is a column of a merchant's file that has a meaning.
type Column uint8

// The columns of a merchant's file, in the order in which their values are checked.
const (
	TransactionID Column = iota
	MemberID
	KindColumn
	PointsColumn
	OccurredAt
	MerchantID
	IssuerID
	OriginalTransactionID
	OriginalDate
	ExpiresOn
	Amount
	CurrencyColumn
	Reason
	StoreID
	// Columns is the number of columns.
	Columns
)

var columnNames = [Columns]string{"transaction_id", "member_id", "kind", "points", "occurred_at", "merchant_id",
	"issuer_id", "original_transaction_id", "original_date", "expires_on", "amount", "currency", "reason", "store_id"}

// String returns the column's name in a merchant's file.
func (c Column) String() string { return columnNames[c] }

// FindColumn returns the column of a name.
func FindColumn(name string) (Column, bool) {
	for column, known := range columnNames {
		if known == name {
			return Column(column), true
		}
	}
	return 0, false
}

// A Source is where a row was read: the file's key below the inbox, and the row's number from 1.
type Source struct {
	File string
	Row  int64
}

// A Digest is a 128-bit digest of an id or of a row's content.
type Digest [16]byte

// A Transaction is a row that passed every check that needs nothing but the row and the rulebook.
type Transaction struct {
	Source   Source
	Merchant Party
	ID       string
	Member   string
	Kind     Kind
	// Points is between 1 and [MaxPoints].
	Points       int64
	OccurredAt   Instant
	BusinessDate Date
	// Issuer is who the row names as issuer, or NoParty.
	Issuer Party
	// OriginalID is the transaction that a reversal reverses.
	OriginalID string
	// OriginalDate is the only business date where the original is looked for, or NoDate.
	OriginalDate Date
	// ExpiresOn is the last business date of use that an issue names, or NoDate.
	ExpiresOn Date
	Reason    string
	// Content digests the row as parsed: rows of one id and one content are duplicates.
	Content Digest
	// FirstRead is the settlement date of the run that read the row.
	FirstRead Date
	// OccurredAtText is what stands in the file as occurred_at, for the night that reads a row of a later business date to report it; else "".
	OccurredAtText string
}

// MaxPoints is the most points that one row may carry.
const MaxPoints = 1_000_000_000_000

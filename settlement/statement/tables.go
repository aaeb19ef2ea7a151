package statement

// The structs of this file are the schemas of a merchant's tables: one struct a table, one
// field a column, in the order of publication. A pointer is a column that may be null. Columns
// of text that repeats from row to row are encoded by dictionary.

type summaryRow struct {
	StatementNo   string `parquet:"name=statement_no, type=BYTE_ARRAY, convertedtype=UTF8"`
	Version       int32  `parquet:"name=version, type=INT32"`
	Supersedes    *int32 `parquet:"name=supersedes, type=INT32"`
	MerchantID    string `parquet:"name=merchant_id, type=BYTE_ARRAY, convertedtype=UTF8"`
	SettlementOn  int32  `parquet:"name=settlement_date, type=INT32, convertedtype=DATE"`
	CycleStart    int32  `parquet:"name=cycle_start, type=INT32, convertedtype=DATE"`
	CycleEnd      int32  `parquet:"name=cycle_end, type=INT32, convertedtype=DATE"`
	CycleClosed   bool   `parquet:"name=cycle_closed, type=BOOLEAN"`
	Currency      string `parquet:"name=currency, type=BYTE_ARRAY, convertedtype=UTF8"`
	Receivable    int64  `parquet:"name=receivable, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
	Payable       int64  `parquet:"name=payable, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
	CycleReceived int64  `parquet:"name=cycle_receivable, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
	CyclePayable  int64  `parquet:"name=cycle_payable, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
	Fees          int64  `parquet:"name=fees, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
	Tax           int64  `parquet:"name=tax, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
	Net           int64  `parquet:"name=net, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
	CarriedIn     int64  `parquet:"name=carried_in, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
	Held          int64  `parquet:"name=held, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
	Released      int64  `parquet:"name=released, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
	CarriedOut    int64  `parquet:"name=carried_out, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
	Due           int64  `parquet:"name=due, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`

	PointsOpening           *int64 `parquet:"name=points_opening, type=INT64"`
	PointsIssued            int64  `parquet:"name=points_issued, type=INT64"`
	PointsIssueReversed     int64  `parquet:"name=points_issue_reversed, type=INT64"`
	PointsRedeemedOwn       int64  `parquet:"name=points_redeemed_own, type=INT64"`
	PointsRedeemedElsewhere int64  `parquet:"name=points_redeemed_elsewhere, type=INT64"`
	PointsRestored          int64  `parquet:"name=points_restored, type=INT64"`
	PointsExpired           int64  `parquet:"name=points_expired, type=INT64"`
	PointsClosing           *int64 `parquet:"name=points_closing, type=INT64"`
	PointsRedeemedHere      int64  `parquet:"name=points_redeemed_here, type=INT64"`

	RowsAccepted   int64  `parquet:"name=rows_accepted, type=INT64"`
	RowsDeferred   int64  `parquet:"name=rows_deferred, type=INT64"`
	RowsRejected   int64  `parquet:"name=rows_rejected, type=INT64"`
	IsComplete     bool   `parquet:"name=is_complete, type=BOOLEAN"`
	RulebookDigest string `parquet:"name=rulebook_digest, type=BYTE_ARRAY, convertedtype=UTF8"`
	ComputationID  string `parquet:"name=computation_id, type=BYTE_ARRAY, convertedtype=UTF8"`
}

type statementRow struct {
	StatementNo    string `parquet:"name=statement_no, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	Version        int32  `parquet:"name=version, type=INT32"`
	LineNo         int32  `parquet:"name=line_no, type=INT32"`
	Role           string `parquet:"name=role, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	CounterpartyID string `parquet:"name=counterparty_id, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	Activity       string `parquet:"name=activity, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	BusinessDate   int32  `parquet:"name=business_date, type=INT32, convertedtype=DATE"`
	Late           bool   `parquet:"name=late, type=BOOLEAN"`
	PriceID        string `parquet:"name=price_id, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	Price          *int64 `parquet:"name=price, type=INT64, convertedtype=DECIMAL, scale=8, precision=18"`
	PerPoints      *int64 `parquet:"name=per_points, type=INT64"`
	Currency       string `parquet:"name=currency, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	Transactions   int64  `parquet:"name=transactions, type=INT64"`
	Points         int64  `parquet:"name=points, type=INT64"`
	Value          int64  `parquet:"name=value, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
}

type exceptionRow struct {
	File          string  `parquet:"name=file, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	Row           *int64  `parquet:"name=row, type=INT64"`
	TransactionID *string `parquet:"name=transaction_id, type=BYTE_ARRAY, convertedtype=UTF8"`
	Code          string  `parquet:"name=code, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	State         string  `parquet:"name=state, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	Column        *string `parquet:"name=column, type=BYTE_ARRAY, convertedtype=UTF8"`
	Value         *string `parquet:"name=value, type=BYTE_ARRAY, convertedtype=UTF8"`
	Points        *int64  `parquet:"name=points, type=INT64"`
	Message       string  `parquet:"name=message, type=BYTE_ARRAY, convertedtype=UTF8"`
}

type inputRow struct {
	Key            *string `parquet:"name=key, type=BYTE_ARRAY, convertedtype=UTF8"`
	Version        *string `parquet:"name=version, type=BYTE_ARRAY, convertedtype=UTF8"`
	Bytes          *int64  `parquet:"name=bytes, type=INT64"`
	SHA256         *string `parquet:"name=sha256, type=BYTE_ARRAY, convertedtype=UTF8"`
	State          string  `parquet:"name=state, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	Code           *string `parquet:"name=code, type=BYTE_ARRAY, convertedtype=UTF8"`
	Rows           int64   `parquet:"name=rows, type=INT64"`
	Accepted       int64   `parquet:"name=accepted, type=INT64"`
	Deferred       int64   `parquet:"name=deferred, type=INT64"`
	Rejected       int64   `parquet:"name=rejected, type=INT64"`
	IssuedPoints   int64   `parquet:"name=issued_points, type=INT64"`
	RedeemedPoints int64   `parquet:"name=redeemed_points, type=INT64"`
}

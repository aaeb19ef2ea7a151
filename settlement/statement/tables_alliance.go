package statement

// The structs of this file are the schemas of the alliance's tables.

type lineRow struct {
	IssuerID     string `parquet:"name=issuer_id, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	RedeemerID   string `parquet:"name=redeemer_id, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	Activity     string `parquet:"name=activity, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	BusinessDate int32  `parquet:"name=business_date, type=INT32, convertedtype=DATE"`
	Late         bool   `parquet:"name=late, type=BOOLEAN"`
	PriceID      string `parquet:"name=price_id, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	Price        *int64 `parquet:"name=price, type=INT64, convertedtype=DECIMAL, scale=8, precision=18"`
	PerPoints    *int64 `parquet:"name=per_points, type=INT64"`
	Currency     string `parquet:"name=currency, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	Transactions int64  `parquet:"name=transactions, type=INT64"`
	Points       int64  `parquet:"name=points, type=INT64"`
	Value        int64  `parquet:"name=value, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
}

type positionRow struct {
	PartyID    string `parquet:"name=party_id, type=BYTE_ARRAY, convertedtype=UTF8"`
	Currency   string `parquet:"name=currency, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	Receivable int64  `parquet:"name=receivable, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
	Payable    int64  `parquet:"name=payable, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
	Fees       int64  `parquet:"name=fees, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
	Tax        int64  `parquet:"name=tax, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
	Net        int64  `parquet:"name=net, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
	CarriedIn  int64  `parquet:"name=carried_in, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
	Held       int64  `parquet:"name=held, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
	Released   int64  `parquet:"name=released, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
	CarriedOut int64  `parquet:"name=carried_out, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
	Due        int64  `parquet:"name=due, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
}

type feeRow struct {
	MerchantID   string `parquet:"name=merchant_id, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	FeeID        string `parquet:"name=fee_id, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	Currency     string `parquet:"name=currency, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	Base         int64  `parquet:"name=base, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
	Transactions int64  `parquet:"name=transactions, type=INT64"`
	Fee          int64  `parquet:"name=fee, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
	TaxRate      int64  `parquet:"name=tax_rate, type=INT64, convertedtype=DECIMAL, scale=8, precision=18"`
	Tax          int64  `parquet:"name=tax, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
}

type paymentRow struct {
	PaymentID   string `parquet:"name=payment_id, type=BYTE_ARRAY, convertedtype=UTF8"`
	PayerID     string `parquet:"name=payer_id, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	PayeeID     string `parquet:"name=payee_id, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	Currency    string `parquet:"name=currency, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	Amount      int64  `parquet:"name=amount, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
	StatementNo string `parquet:"name=statement_no, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
}

type pointsRow struct {
	IssuerID          string `parquet:"name=issuer_id, type=BYTE_ARRAY, convertedtype=UTF8"`
	Opening           *int64 `parquet:"name=opening, type=INT64"`
	Issued            int64  `parquet:"name=issued, type=INT64"`
	IssueReversed     int64  `parquet:"name=issue_reversed, type=INT64"`
	RedeemedOwn       int64  `parquet:"name=redeemed_own, type=INT64"`
	RedeemedElsewhere int64  `parquet:"name=redeemed_elsewhere, type=INT64"`
	Restored          int64  `parquet:"name=restored, type=INT64"`
	Expired           int64  `parquet:"name=expired, type=INT64"`
	Closing           *int64 `parquet:"name=closing, type=INT64"`
}

// allianceExceptionRow is exceptionRow with the merchant first; the library takes no embedded
// structs, so the columns are written out.
type allianceExceptionRow struct {
	MerchantID    *string `parquet:"name=merchant_id, type=BYTE_ARRAY, convertedtype=UTF8"`
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

// allianceInputRow is inputRow with the merchant first.
type allianceInputRow struct {
	MerchantID     *string `parquet:"name=merchant_id, type=BYTE_ARRAY, convertedtype=UTF8"`
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

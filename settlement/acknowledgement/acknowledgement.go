package acknowledgement

import (
	"slices"

	"alliance/settlement"
)

// The names of the files.
const (
	// Name is the file that says what became of the delivery.
	Name = "ack.json"
	// RejectedName is the file of the rows to be mended.
	RejectedName = "rejected.csv"
)

// An Acknowledgement is the content of [Name]; see the package's documentation.
type Acknowledgement struct {
	MerchantID     string          `json:"merchant_id"`
	SettlementDate settlement.Date `json:"settlement_date"`
	StatementNo    string          `json:"statement_no"`
	Version        int             `json:"version"`
	RowsAccepted   int64           `json:"rows_accepted"`
	RowsDeferred   int64           `json:"rows_deferred"`
	RowsRejected   int64           `json:"rows_rejected"`
	Files          []File          `json:"files,omitempty"`
	EarlierFiles   []EarlierFile   `json:"earlier_files,omitempty"`
	Notices        []Notice        `json:"notices,omitempty"`
	RejectedFile   *RejectedFile   `json:"rejected_file,omitempty"`
	NotAvailable   []NotAvailable  `json:"not_available,omitempty"`
}

// A File is what became of one object.
type File struct {
	Key            string           `json:"key,omitempty"`
	Bytes          int64            `json:"bytes"`
	SHA256         string           `json:"sha256,omitempty"`
	State          settlement.State `json:"state"`
	Code           string           `json:"code,omitempty"`
	Column         string           `json:"column,omitempty"`
	Value          string           `json:"value,omitempty"`
	Message        string           `json:"message,omitempty"`
	Rows           int64            `json:"rows"`
	Accepted       int64            `json:"accepted"`
	Deferred       int64            `json:"deferred"`
	Rejected       int64            `json:"rejected"`
	IssuedPoints   int64            `json:"issued_points"`
	RedeemedPoints int64            `json:"redeemed_points"`
	RowsByCode     map[string]int64 `json:"rows_by_code,omitempty"`
	Notices        []Notice         `json:"notices,omitempty"`
}

// An EarlierFile was read on an earlier date; rows of it that waited were rejected now.
type EarlierFile struct {
	Key            string           `json:"key"`
	SettlementDate settlement.Date  `json:"settlement_date"`
	SHA256         string           `json:"sha256"`
	Rejected       int64            `json:"rejected"`
	RowsByCode     map[string]int64 `json:"rows_by_code"`
}

// A Notice is something to know about a file or a folder.
type Notice struct {
	Key     string `json:"key,omitempty"`
	Code    string `json:"code"`
	Column  string `json:"column,omitempty"`
	Value   string `json:"value,omitempty"`
	Message string `json:"message"`
}

// A RejectedFile describes [RejectedName].
type RejectedFile struct {
	Name string `json:"name"`
	Rows int64  `json:"rows"`
	// ColumnsLeftOut is how many columns without a meaning were too many.
	ColumnsLeftOut int    `json:"columns_left_out,omitempty"`
	SHA256         string `json:"sha256"`
}

// NotAvailable are rejected rows of a file that could not be given back.
type NotAvailable struct {
	Key     string `json:"key"`
	Rows    int64  `json:"rows"`
	Message string `json:"message"`
}

// describe fills in everything but what is given back.
func (d *delivery) describe() Acknowledgement {
	id := d.night.Parties.ID(d.merchant)
	ack := Acknowledgement{MerchantID: id, SettlementDate: d.night.Date, StatementNo: settlement.StatementNo(id, d.night.Date, d.version), Version: d.version}
	for _, statement := range partOf(d.night.Statements, d.merchant, func(s *settlement.Statement) settlement.Party { return s.Merchant }) {
		ack.RowsAccepted, ack.RowsDeferred, ack.RowsRejected = statement.RowsAccepted, statement.RowsDeferred, statement.RowsRejected
	}
	byFile := make(map[string][]settlement.Exception)
	for rest := d.exceptions; len(rest) > 0; {
		file := rest[0].File
		mine := 1 + slices.IndexFunc(rest[1:], func(e settlement.Exception) bool { return e.File != file })
		if mine == 0 {
			mine = len(rest)
		}
		byFile[file] = rest[:mine]
		rest = rest[mine:]
	}
	for i := range d.exceptions {
		if exception := &d.exceptions[i]; exception.Code == settlement.UnknownFolder {
			ack.Notices = append(ack.Notices, notice(exception.File, exception))
		}
	}
	for i := range d.inputs {
		ack.Files = append(ack.Files, describeFile(&d.inputs[i], byFile[d.inputs[i].Key]))
	}
	return ack
}

func notice(key string, e *settlement.Exception) Notice {
	return Notice{Key: key, Code: e.Code.String(), Column: e.Column, Value: e.Value, Message: e.Message}
}

func describeFile(input *settlement.Input, exceptions []settlement.Exception) File {
	file := File{
		Key: input.Key, Bytes: input.Bytes, SHA256: input.SHA256, State: input.State, Code: input.Code.String(), Message: input.Reason,
		Rows: input.Rows, Accepted: input.Accepted, Deferred: input.Deferred, Rejected: input.Rejected,
		IssuedPoints: input.IssuedPoints, RedeemedPoints: input.RedeemedPoints,
	}
	for i := range exceptions {
		exception := &exceptions[i]
		switch {
		case exception.Row > 0:
			if file.RowsByCode == nil {
				file.RowsByCode = make(map[string]int64)
			}
			file.RowsByCode[exception.Code.String()]++
		case exception.Code == input.Code:
			file.Column, file.Value, file.Message = exception.Column, exception.Value, exception.Message
		default:
			file.Notices = append(file.Notices, notice("", exception))
		}
	}
	return file
}

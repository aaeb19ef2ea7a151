package batch

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/clearing"
	"alliance/settlement/spool"
)

// A modelOpening is the simplest reader of a file of opening lots, a second opinion on the real one: one
// goroutine, encoding/csv, everything in maps.
type modelOpening struct {
	accounts map[string]*settlement.Account
	rowOf    map[string]int64
	faults   LotsError
}

func readModelOpening(t *testing.T, rulebook *rules.Rulebook, name, content string) *modelOpening {
	t.Helper()
	model := &modelOpening{accounts: make(map[string]*settlement.Account), rowOf: make(map[string]int64), faults: LotsError{File: name}}
	reader := csv.NewReader(strings.NewReader(strings.TrimPrefix(content, "\uFEFF")))
	reader.FieldsPerRecord = -1
	header, err := reader.Read()
	if err != nil {
		t.Fatal(err)
	}
	for row := int64(1); ; row++ {
		record, err := reader.Read()
		var broken *csv.ParseError
		if errors.As(err, &broken) {
			model.add(LotFault{Row: row, Line: broken.StartLine, Message: fmt.Sprintf("is no CSV: %v; the rows after it were not looked at", broken.Err)})
			break
		} else if err == io.EOF {
			break
		}
		line, _ := reader.FieldPos(0)
		if fault := model.read(rulebook, name, row, header, record); fault != nil {
			model.add(LotFault{row, line, fault.Column, fault.Value, fault.Message})
		}
	}
	return model
}

func (m *modelOpening) add(fault LotFault) {
	if len(m.faults.Faults) < 20 {
		m.faults.Faults = append(m.faults.Faults, fault)
	} else {
		m.faults.More++
	}
}

func (m *modelOpening) read(rulebook *rules.Rulebook, name string, row int64, header, record []string) *clearing.OpeningFault {
	if len(record) != len(header) {
		return &clearing.OpeningFault{Message: fmt.Sprintf("has %d fields, but the header has %d; quote values with commas", len(record), len(header))}
	}
	var values [clearing.OpeningColumns]string
	for i, column := range header {
		values[slices.Index(clearing.OpeningColumnNames[:], column)] = record[i]
	}
	member, lot, fault := clearing.ReadOpeningLot(rulebook, settlement.Source{File: name, Row: row}, values)
	if fault != nil {
		return fault
	}
	issuer := rulebook.Parties.ID(lot.Issuer)
	key := fmt.Sprint(issuer, " ", lot.Key.BusinessDate, " ", lot.Key.TransactionID)
	if first := m.rowOf[key]; first != 0 {
		return &clearing.OpeningFault{Column: "lot_id", Value: lot.Key.TransactionID, Message: fmt.Sprintf(
			"is the lot of row %d already: issuer %s and business date %s are the same; give one of them another lot_id", first, issuer, lot.Key.BusinessDate)}
	}
	m.rowOf[key] = row
	account := m.accounts[member]
	if account == nil {
		account = &settlement.Account{Member: member}
		m.accounts[member] = account
	}
	account.Lots = append(account.Lots, lot)
	return nil
}

// partitions is how many a state of so many members has.
func (m *modelOpening) partitions() int {
	partitions := 1
	for partitions*65536 < len(m.accounts) {
		partitions *= 2
	}
	return partitions
}

// runs writes the accounts as so many runs and returns their hashes by partition.
func (m *modelOpening) runs(t *testing.T, parties settlement.Parties, partitions int) map[int]string {
	t.Helper()
	var all []*settlement.Account
	for _, account := range m.accounts {
		slices.SortFunc(account.Lots, func(a, b settlement.Lot) int { return settlement.CompareLotKeys(&a.Key, &b.Key) })
		all = append(all, account)
	}
	slices.SortFunc(all, func(a, b *settlement.Account) int { return compareText(a.Member, b.Member) })
	pool := spool.NewPool("", 1<<40)
	writers := make(map[int]*runWriter)
	for _, account := range all {
		to := partitionOf(account.Member, partitions)
		if writers[to] == nil {
			writers[to] = newRunWriter(pool, parties)
		}
		due := settlement.Never
		for i := range account.Lots {
			due = min(due, account.Lots[i].ExpiresOn)
		}
		if err := writers[to].Add(account, due); err != nil {
			t.Fatal(err)
		}
	}
	hashes := make(map[int]string)
	for partition, writer := range writers {
		run, _, err := writer.finish(partition)
		if err != nil {
			t.Fatal(err)
		}
		if hashes[partition], err = run.sum(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return hashes
}

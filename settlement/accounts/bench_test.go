package accounts

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"alliance/settlement"
)

// benchmarkAccounts makes accounts as they are in life: 3 lots and 3 redemptions with a charge each,
// of 200 merchants and a year.
func benchmarkAccounts(n int) (settlement.Parties, []settlement.Account) {
	random := rand.New(rand.NewPCG(1, 2))
	ids := make([]string, 200)
	for i := range ids {
		ids[i] = fmt.Sprintf("M%04d", i)
	}
	parties := settlement.NewParties(ids)
	prices := make([]settlement.Price, 20)
	for i := range prices {
		prices[i] = settlement.Price{ID: fmt.Sprintf("price-%d", i), Amount: 1e6 + int64(i), PerPoints: 1}
	}
	members := make([]settlement.Account, n)
	for i := range members {
		member := &members[i]
		member.Member = fmt.Sprintf("member-%09d", 3*i)
		for range 3 {
			merchant, date := settlement.Party(random.IntN(200)), settlement.Date(20000+random.IntN(365))
			points := 10 + random.Int64N(5000)
			lot := settlement.Lot{Key: settlement.LotKey{Merchant: merchant, BusinessDate: date, TransactionID: fmt.Sprintf("I%010d", random.IntN(1e9))},
				Issuer: merchant, IssuedAt: settlement.Instant(int64(date)*microsecondsPerDay + random.Int64N(86400)*1e6), ExpiresOn: date + 365,
				Issued: 2 * points, Open: points, Spent: points, Source: source(parties, merchant, date, random)}
			member.Lots = append(member.Lots, lot)
		}
		for j := range 3 {
			merchant, lot := settlement.Party(random.IntN(200)), &member.Lots[j]
			date := lot.Key.BusinessDate + settlement.Date(random.IntN(60))
			member.Redemptions = append(member.Redemptions, settlement.Redemption{Source: source(parties, merchant, date, random), Merchant: merchant, BusinessDate: date,
				TransactionID: fmt.Sprintf("R%010d", random.IntN(1e9)), OccurredAt: settlement.Instant(int64(date)*microsecondsPerDay + random.Int64N(86400)*1e6),
				Issuer: settlement.NoParty, Reason: "purchase", Points: lot.Spent, SettledOn: date,
				Charges: []settlement.Charge{{Lot: lot.Key, Issuer: lot.Issuer, Points: lot.Spent, Price: prices[random.IntN(len(prices))]}}})
		}
	}
	return parties, members
}

func source(parties settlement.Parties, merchant settlement.Party, date settlement.Date, random *rand.Rand) settlement.Source {
	return settlement.Source{File: fmt.Sprintf("merchant=%s/date=%s/transactions.parquet", parties.ID(merchant), date), Row: 1 + random.Int64N(100_000)}
}

const benchmarkSize = 50_000

func benchmarkRun(b *testing.B) (settlement.Parties, []byte) {
	parties, members := benchmarkAccounts(benchmarkSize)
	var buffer bytes.Buffer
	writer := NewWriter(&buffer, parties)
	for i := range members {
		if err := writer.Add(&members[i], members[i].Lots[0].ExpiresOn); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := writer.Close(); err != nil {
		b.Fatal(err)
	}
	return parties, buffer.Bytes()
}

// measure starts to measure, and returns what reports lots for each second of processor time.
func measure(b *testing.B, accounts int) func() {
	start := processorTime(b)
	return func() {
		lots := 3 * float64(accounts) * float64(b.N)
		b.ReportMetric(lots/(processorTime(b)-start).Seconds()/1e6, "Mlots/cpu-s")
		b.ReportMetric(0, "ns/op")
	}
}

// processorTime is what the process has used of all processors: the machine may do other things.
func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func BenchmarkEncode(b *testing.B) {
	parties, members := benchmarkAccounts(benchmarkSize)
	b.ReportAllocs()
	done := measure(b, benchmarkSize)
	for b.Loop() {
		writer := NewWriter(io.Discard, parties)
		for i := range members {
			if err := writer.Add(&members[i], members[i].Lots[0].ExpiresOn); err != nil {
				b.Fatal(err)
			}
		}
		facts, err := writer.Close()
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(facts.Bytes)/benchmarkSize, "bytes/account")
	}
	done()
}

func BenchmarkDecode(b *testing.B) {
	parties, content := benchmarkRun(b)
	var arena Arena
	b.ReportAllocs()
	done := measure(b, benchmarkSize)
	for b.Loop() {
		run, err := Open(bytes.NewReader(content), int64(len(content)), parties)
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		err = Stack{run}.All(&arena, func(account *settlement.Account, due settlement.Date) error {
			if n++; n%1000 == 0 {
				arena.Reset()
			}
			return nil
		})
		if err != nil || n != benchmarkSize {
			b.Fatal(n, err)
		}
	}
	done()
}

// BenchmarkSelect takes every k-th member; a lot is one of a member that was selected.
func BenchmarkSelect(b *testing.B) {
	parties, content := benchmarkRun(b)
	run, err := Open(bytes.NewReader(content), int64(len(content)), parties)
	if err != nil {
		b.Fatal(err)
	}
	for _, every := range []int{1, 20, 1000} {
		b.Run(fmt.Sprintf("one-of-%d", every), func(b *testing.B) {
			var members []string
			for i := 0; i < benchmarkSize; i += every {
				members = append(members, fmt.Sprintf("member-%09d", 3*i))
			}
			var arena Arena
			b.ReportAllocs()
			done := measure(b, len(members))
			for b.Loop() {
				n := 0
				err := Stack{run}.Select(members, 0, &arena, func(*settlement.Account, settlement.Date) error {
					if n++; n%1000 == 0 {
						arena.Reset()
					}
					return nil
				})
				if err != nil || n != len(members) {
					b.Fatal(n, err)
				}
			}
			done()
		})
	}
}

// BenchmarkMerge merges a base with a run of a twentieth of its members.
func BenchmarkMerge(b *testing.B) {
	parties, content := benchmarkRun(b)
	base, err := Open(bytes.NewReader(content), int64(len(content)), parties)
	if err != nil {
		b.Fatal(err)
	}
	var buffer bytes.Buffer
	writer := NewWriter(&buffer, parties)
	n := 0
	var arena Arena
	err = Stack{base}.All(&arena, func(account *settlement.Account, due settlement.Date) error {
		defer arena.Reset()
		if n++; n%20 == 0 {
			return writer.Add(account, due)
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := writer.Close(); err != nil {
		b.Fatal(err)
	}
	night, err := Open(bytes.NewReader(buffer.Bytes()), int64(buffer.Len()), parties)
	if err != nil {
		b.Fatal(err)
	}
	writer = NewWriter(io.Discard, parties)
	b.ReportAllocs()
	done := measure(b, benchmarkSize)
	for b.Loop() {
		writer.Reset(io.Discard)
		if err := Merge(writer, Stack{night, base}, true); err != nil {
			b.Fatal(err)
		}
		if _, err := writer.Close(); err != nil {
			b.Fatal(err)
		}
	}
	done()
}

package batch_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"alliance/settlement"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// profileColumns are the columns of the rows that a profile's file holds.
var profileColumns = []string{"transaction_id", "member_id", "kind", "points", "occurred_at", "original_transaction_id", "original_date", "expires_on", "amount", "reason"}

// A profileCase is a layout and how a merchant's system writes it.
type profileCase struct {
	name, profile, ending string
	write                 func(t testing.TB, rows []formatRow) string
}

// profileRows are formatRows at whole minutes, which every layout can tell.
func profileRows(random *rand.Rand, merchant string, date settlement.Date) []formatRow {
	rows := formatRows(random, merchant, date)
	for i := range rows {
		if at := rows[i].OccurredAt; at != nil {
			minutes := *at / 60_000_000
			if *at < 0 {
				minutes--
			}
			rows[i].OccurredAt = new(minutes * 60_000_000)
		}
	}
	return rows
}

func lines(rows []formatRow, delimiter, end string, header []string, line func(row *formatRow, values map[string]string) []string) string {
	var text strings.Builder
	if header != nil {
		text.WriteString(strings.Join(header, delimiter) + end)
	}
	for i := range rows {
		text.WriteString(strings.Join(line(&rows[i], rows[i].values()), delimiter) + end)
	}
	return text.String()
}

func encoded(t testing.TB, text string, to encoding.Encoding) string {
	out, err := to.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// wall writes an instant on the clocks of a zone, "" if there is none.
func wall(t testing.TB, row *formatRow, zone, form string) string {
	location, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	if row.OccurredAt == nil {
		return ""
	}
	return time.UnixMicro(*row.OccurredAt).In(location).Format(form)
}

// civil rewrites YYYY-MM-DD.
func civil(text, form string) string {
	date, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return ""
	}
	return date.Format(form)
}

func grouped(number int64, group string) string {
	text := fmt.Sprint(number)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + group + text[at:]
	}
	return text
}

var profileCases = []profileCase{
	{name: "common form in other hands", ending: ".csv", profile: `{}`, write: func(_ testing.TB, rows []formatRow) string {
		return lines(rows, ",", "\r\n", profileColumns, func(_ *formatRow, values map[string]string) []string {
			line := make([]string, len(profileColumns))
			for i, column := range profileColumns {
				line[i] = values[column]
			}
			return line
		})
	}},
	{name: "GB18030 with Chinese headers, date and time apart", ending: ".csv", profile: `
      encoding: gb18030
      columns: {transaction_id: 流水号, member_id: 会员号, kind: 交易类型, points: 积分, original_transaction_id: 原流水号, original_date: 原交易日期, expires_on: 有效期, amount: 金额（元）, reason: 原因}
      kinds: {发放: issue, 消费: redeem, 消费撤销: redeem_reversal, 发放撤销: issue_reversal}
      empty: ["无"]
      occurred_at: {date_column: 交易日期, time_column: 交易时间, pattern: "YYYY年M月D日 hh:mm", zone: Asia/Shanghai}
      dates: YYYY/MM/DD`,
		write: func(t testing.TB, rows []formatRow) string {
			words := map[string]string{"issue": "发放", "redeem": "消费", "redeem_reversal": "消费撤销", "issue_reversal": "发放撤销"}
			header := []string{"流水号", "会员号", "交易类型", "积分", "交易日期", "交易时间", "原流水号", "原交易日期", "有效期", "金额（元）", "原因"}
			return encoded(t, lines(rows, ",", "\r\n", header, func(row *formatRow, values map[string]string) []string {
				reason := values["reason"]
				if reason == "" {
					reason = "无"
				}
				return []string{values["transaction_id"], values["member_id"], words[row.Kind], values["points"], wall(t, row, "Asia/Shanghai", "2006年1月2日"),
					wall(t, row, "Asia/Shanghai", "15:04"), values["original_transaction_id"], civil(values["original_date"], "2006/01/02"), civil(values["expires_on"], "2006/01/02"), values["amount"], reason}
			}), simplifiedchinese.GB18030)
		}},
	{name: "UTF-16, tabs, blanks, American times", ending: ".csv", profile: `
      encoding: utf-16
      delimiter: "\t"
      quote: false
      trim: true
      occurred_at: {pattern: "M/D/YYYY h:mm A", zone: America/New_York}`,
		write: func(t testing.TB, rows []formatRow) string {
			return encoded(t, lines(rows, "\t", "\n", profileColumns, func(row *formatRow, values map[string]string) []string {
				line := make([]string, len(profileColumns))
				for i, column := range profileColumns {
					line[i] = values[column] + "  "
				}
				line[4] = " " + wall(t, row, "America/New_York", "1/2/2006 3:04 PM")
				return line
			}), unicode.UTF16(unicode.LittleEndian, unicode.UseBOM))
		}},
	{name: "semicolons, decimal comma, DD.MM.YYYY", ending: ".csv", profile: `
      encoding: windows-1252
      delimiter: ";"
      columns: {transaction_id: Beleg, points: Punkte, amount: Betrag, occurred_at: Gebucht für}
      amount: {decimal: ",", group: "."}
      points: {decimal: ",", group: "."}
      occurred_at: {pattern: "DD.MM.YYYY hh:mm[:ss]"}
      dates: DD.MM.YYYY`,
		write: func(t testing.TB, rows []formatRow) string {
			header := slices.Clone(profileColumns)
			header[0], header[3], header[4], header[8] = "Beleg", "Punkte", "Gebucht f\xfcr", "Betrag"
			return lines(rows, ";", "\n", header, func(row *formatRow, values map[string]string) []string {
				amount := ""
				if row.Amount != nil {
					amount = fmt.Sprintf("%s,%02d", grouped(*row.Amount/100, "."), *row.Amount%100)
				}
				return []string{`"` + values["transaction_id"] + `"`, values["member_id"], row.Kind, grouped(row.Points, ".") + ",000", wall(t, row, "Europe/Berlin", "02.01.2006 15:04"),
					values["original_transaction_id"], civil(values["original_date"], "02.01.2006"), civil(values["expires_on"], "02.01.2006"), amount, values["reason"]}
			})
		}},
	{name: "JSON lines with own names and milliseconds", ending: ".jsonl", profile: `
      columns: {transaction_id: id, member_id: customer, kind: type, points: value, occurred_at: ts, amount: cents}
      kinds: {"1": issue, "2": redeem, "3": redeem_reversal, "4": issue_reversal}
      amount: {scale: 100}
      occurred_at: {epoch: milliseconds}`,
		write: func(_ testing.TB, rows []formatRow) string {
			codes := map[string]int{"issue": 1, "redeem": 2, "redeem_reversal": 3, "issue_reversal": 4}
			return lines(rows, "", "\n", nil, func(row *formatRow, values map[string]string) []string {
				text := fmt.Sprintf(`{"type":%d,"id":%q,"customer":%q,"value":%d`, codes[row.Kind], row.ID, row.Member, row.Points)
				if row.OccurredAt != nil {
					text += fmt.Sprintf(`,"ts":%d`, *row.OccurredAt/1000)
				}
				if row.Amount != nil {
					text += fmt.Sprintf(`,"cents":"%d"`, *row.Amount)
				}
				for _, column := range []string{"original_transaction_id", "original_date", "expires_on", "reason"} {
					if values[column] != "" {
						text += fmt.Sprintf(`,%q:%q`, column, values[column])
					}
				}
				return []string{text + "}"}
			})
		}},
	{name: "no header, tenths with signs", ending: ".csv", profile: `
      header: false
      delimiter: "|"
      fields: [store, ref, card, k, pts, when, of, of_date, until, paid, why]
      columns: {transaction_id: ref, member_id: card, kind: k, points: pts, occurred_at: when, original_transaction_id: of, original_date: of_date, expires_on: until, amount: paid, reason: why}
      kinds: {S: issue, R: redeem}
      points: {scale: 10, sign: negative_is_reversal}
      occurred_at: {pattern: "YYYYMMDDhhmmssZ"}
      dates: YYYYMMDD`,
		write: func(t testing.TB, rows []formatRow) string {
			return lines(rows, "|", "\n", nil, func(row *formatRow, values map[string]string) []string {
				points := fmt.Sprintf("%d0", row.Points)
				kind := map[string]string{"issue": "S", "redeem": "R", "redeem_reversal": "R", "issue_reversal": "S"}[row.Kind]
				if strings.HasSuffix(row.Kind, "reversal") || row.Points < 0 {
					points = "-" + points // twice, if they were negative: that is no number
				}
				return []string{"7", values["transaction_id"], values["member_id"], kind, points, wall(t, row, "Asia/Tokyo", "20060102150405Z0700"),
					values["original_transaction_id"], civil(values["original_date"], "20060102"), civil(values["expires_on"], "20060102"), values["amount"], values["reason"]}
			})
		}},
	{name: "Parquet with own names, words and halves", ending: ".parquet", profile: `
      columns: {transaction_id: id, kind: type, points: halves}
      ignore: [till]
      kinds: {earn: issue, burn: redeem, unburn: redeem_reversal, unearn: issue_reversal}
      points: {scale: 2}`,
		write: func(t testing.TB, rows []formatRow) string {
			words := map[string]string{"issue": "earn", "redeem": "burn", "redeem_reversal": "unburn", "issue_reversal": "unearn"}
			rows = slices.Clone(rows)
			for i := range rows {
				rows[i].Kind, rows[i].Points = words[rows[i].Kind], rows[i].Points*2
			}
			columns := slices.Clone(formatColumns)
			rename := map[string]string{"transaction_id": "id", "kind": "type", "points": "halves"}
			for i := range columns {
				if name, other := rename[columns[i].Name]; other {
					columns[i].Name = name
				}
			}
			return arrowFile(t, columns, rows, rename)
		}},
}

// TestEveryProfileSettlesTheSame settles the same nights plainly and through each profile, and
// plainly with a last file through the profile, which repeats rows that were delivered plainly.
func TestEveryProfileSettlesTheSame(t *testing.T) {
	plain := profileCases[0]
	want := settleProfile(t, plain, plain)
	all := fmt.Sprint(want)
	for _, code := range []string{"invalid_value", "missing_field", "too_late", "|future|", "|duplicate|", "|conflict|", "unknown_original", "|redemption|", "|redemption_reversal|"} {
		if !strings.Contains(all, code) {
			t.Errorf("no row shows %s", code)
		}
	}
	for _, one := range profileCases[1:] {
		t.Run(one.name, func(t *testing.T) {
			compareTables(t, "delivered so", settleProfile(t, one, one), want)
			compareTables(t, "repeated so", settleProfile(t, plain, one), want)
		})
	}
}

// settleProfile settles two nights of files written one way, and a third whose files repeat the
// second's rows another way.
func settleProfile(t *testing.T, first, then profileCase) map[string]string {
	s := memoryStores()
	random := rand.New(rand.NewPCG(3, 4))
	files := map[string]string{}
	for _, merchant := range []string{"Bakery", "Cinema"} {
		for night := range settlement.Date(2) {
			rows := profileRows(random, merchant, laneStart+night)
			files[fmt.Sprintf("merchant=%s/date=%s/rows%s", merchant, laneStart+night, first.ending)] = first.write(t, rows)
			if night == 1 {
				files[fmt.Sprintf("merchant=%s/date=%s/rows%s", merchant, laneStart+2, then.ending)] = then.write(t, rows[:150])
			}
		}
	}
	for night, form := range []profileCase{first, first, then} {
		text := strings.ReplaceAll(laneRulebook, "joined: 2026-01-01}", "joined: 2026-01-01, profile: it}") + "profiles:\n  it: " + form.profile + "\n"
		date := laneStart + settlement.Date(night)
		for key, content := range files {
			if strings.Contains(key, date.String()) {
				fill(t, s.inbox, map[string]string{key: content})
			}
		}
		mustRun(t, s.job(mustRulebook(t, text), date))
	}
	return publishedTables(t, s, "column", "value", "message", "rulebook_digest")
}

// compareTables compares published tables.
func compareTables(t *testing.T, how string, got, want map[string]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d tables, want %d", how, len(got), len(want))
	}
	for key, table := range want {
		gotRows, wantRows := strings.Split(got[key], "\n"), strings.Split(table, "\n")
		for row := range max(len(gotRows), len(wantRows)) {
			if row >= len(gotRows) || row >= len(wantRows) || gotRows[row] != wantRows[row] {
				t.Fatalf("%s: %s differs from row %d on:\n%s\nplainly it is\n%s", how, key, row, strings.Join(gotRows[row:min(row+2, len(gotRows))], "\n"), strings.Join(wantRows[row:min(row+2, len(wantRows))], "\n"))
			}
		}
	}
}

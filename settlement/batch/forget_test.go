package batch

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/layout"
	"alliance/settlement/storage"
)

// forgets makes the ledger forget a member, and checks that none of its objects holds the id.
func (w *verifiedWorld) forgets(t *testing.T, member string) ForgetReport {
	t.Helper()
	report := must[ForgetReport](t)(ForgetMember(t.Context(), ForgetJob{Ledger: w.ledger, Member: member, Reason: "asked for it", Operator: "olga"}))
	w.holdsNot(t, member)
	return report
}

func (w *verifiedWorld) holdsNot(t *testing.T, member string) {
	t.Helper()
	// Columns of few rows are not compressed: what is there can be seen.
	for key, content := range contentsOf(t, w.ledger) {
		if bytes.Contains(content, []byte(member)) {
			t.Errorf("%s holds %s", key, member)
		}
	}
}

const memberOne, memberTwo = "member-number-one", "member-number-two"

// forgottenWorld has two settled dates. The first member has lots, a claim, a reversal that waits
// and rejected rows, one of them malformed.
func forgottenWorld(t *testing.T) *verifiedWorld {
	w := &verifiedWorld{inbox: storage.NewMemory(), ledger: storage.NewMemory(), statements: storage.NewMemory()}
	w.rulebook = smallWorld(t).rulebook
	w.deliver(t, "A", "2026-01-05", "a1,"+memberOne+",issue,300,2026-01-05T08:00:00Z", "a2,"+memberTwo+",issue,200,2026-01-05T08:30:00Z")
	w.deliver(t, "B", "2026-01-05", "b1,"+memberOne+",redeem,400,2026-01-05T10:00:00Z", "b2,"+memberTwo+",redeem,125,2026-01-05T11:00:00Z",
		"b3,"+memberOne+",redeem,x,2026-01-05T11:00:00Z", "b4,"+memberOne+",too,many,fields,here,and,there")
	w.deliver(t, "A", "2026-01-06", "a3,"+memberOne+",issue,50,2026-01-06T08:00:00Z")
	w.deliver(t, "B", "2026-01-06", "b5,"+memberOne+",redeem,10,2026-01-06T10:00:00Z")
	w.settle(t, "2026-01-06")
	return w
}

func TestForgetMember(t *testing.T) {
	w := forgottenWorld(t)
	before := contentsOf(t, w.statements)
	found := false
	for _, content := range contentsOf(t, w.ledger) {
		found = found || bytes.Contains(content, []byte(memberOne))
	}
	if !found {
		t.Fatal("the ledger does not hold the member in the first place")
	}
	report := w.forgets(t, memberOne)
	if !report.Found || report.Pseudonym == "" || report.Objects < 2 || report.Deleted != report.Objects {
		t.Errorf("%+v", report)
	}
	w.sound(t, true)
	after := contentsOf(t, w.statements)
	for key := range before {
		if !bytes.Equal(before[key], after[key]) {
			t.Errorf("%s changed", key)
		}
	}

	again := w.forgets(t, memberOne)
	if again.Found || again.Head != report.Head {
		t.Errorf("forgotten again: %+v", again)
	}

	// Claims of the forgotten go on under the pseudonym; a row of the old id opens a new account.
	w.deliver(t, "A", "2026-01-07", "a4,"+memberOne+",issue,70,2026-01-07T08:00:00Z")
	w.deliver(t, "B", "2026-01-07", "b6,"+memberOne+",redeem,30,2026-01-07T10:00:00Z")
	w.settle(t, "2026-01-08")
	w.sound(t, true)
	second := w.forgets(t, memberOne)
	if !second.Found || second.Pseudonym == report.Pseudonym {
		t.Errorf("the second time: %+v", second)
	}
	w.sound(t, true)
	w.forgets(t, memberTwo)
	w.sound(t, true)
}

func TestForgetIsRefusedIfTheLogWouldHoldTheMember(t *testing.T) {
	w := forgottenWorld(t)
	for _, job := range []ForgetJob{
		{Ledger: w.ledger, Member: memberOne, Reason: "for " + memberOne},
		{Ledger: w.ledger, Member: memberOne, Operator: memberOne},
		{Ledger: w.ledger},
		{Ledger: w.ledger, Member: "11", Reason: "118, and (11)"},
	} {
		_, err := ForgetMember(t.Context(), job)
		var refused *RefusedError
		if !errors.As(err, &refused) {
			t.Errorf("got %v", err)
		}
	}
}

func TestNamesAMember(t *testing.T) {
	for text, want := range map[string]bool{"": false, "request 118": false, "11": true, "of 11": true, "a11": false, "11é": false, "111 11": true, "(11)": true} {
		if names(text, "11") != want {
			t.Errorf("%q names 11: %t", text, !want)
		}
	}
}

// TestForgetIsFinishedLater has the process die between the commit and the clean-up.
func TestForgetIsFinishedLater(t *testing.T) {
	w := forgottenWorld(t)
	whole := w.ledger
	w.ledger = undeletable{whole}
	_, err := ForgetMember(t.Context(), ForgetJob{Ledger: w.ledger, Member: memberOne, Reason: "asked for it"})
	if err == nil || !strings.Contains(err.Error(), "is committed") {
		t.Fatalf("got %v", err)
	}
	w.ledger = whole
	faultsContain(t, w.verify(t, nil), "still there; run settle gc")
	if report := w.forgets(t, memberOne); report.Found || report.Deleted == 0 {
		t.Errorf("%+v", report)
	}
	w.sound(t, true)
}

// TestForgetRemovesAbandonedAttempts has the member in what a run left that lost.
func TestForgetRemovesAbandonedAttempts(t *testing.T) {
	w := forgottenWorld(t)
	ledger := must[*books.Ledger](t)(books.Open(t.Context(), w.ledger))
	attempt := must[*books.Attempt](t)(ledger.Begin(t.Context()))
	must[books.FileRecord](t)(attempt.Create(t.Context(), "state/x", strings.NewReader("of "+memberOne)))
	if report := w.forgets(t, memberOne); report.Attempts != 1 {
		t.Errorf("%+v", report)
	}
}

// TestForgottenMembersStayForgotten restates a date whose rejected rows name a forgotten member: the
// files of the inbox have the id still, the ledger must not get it back.
func TestForgottenMembersStayForgotten(t *testing.T) {
	w := forgottenWorld(t)
	report := w.forgets(t, memberOne)
	again := w.restate(t, "2026-01-05")
	if !again.Same || again.Head != report.Head {
		t.Errorf("restated without any change: %+v", again)
	}
	w.holdsNot(t, memberOne)

	// The merchant mends one row of three. The others are rejected still.
	const key = "merchant=B/date=2026-01-05/rows.csv"
	text := "transaction_id,member_id,kind,points,occurred_at,note\n" +
		"b1," + memberOne + ",redeem,400,2026-01-05T10:00:00Z,\nb2," + memberTwo + ",redeem,125,2026-01-05T11:00:00Z,\n" +
		"b3," + memberOne + ",redeem,40,2026-01-05T11:00:00Z,\nb4," + memberOne + ",too,many,fields,here,and,there\n" +
		"b7," + memberTwo + ",redeem,x,2026-01-05T11:00:00Z," + memberOne + "\nb8,\"" + memberOne + "\",redeem,y,2026-01-05T11:00:00Z,\n"
	if err := w.inbox.Replace(t.Context(), key, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	if again := w.restate(t, "2026-01-05"); again.Same {
		t.Errorf("nothing changed: %+v", again)
	}
	w.holdsNot(t, memberOne)
	kept := false
	for key, content := range contentsOf(t, w.ledger) {
		kept = kept || strings.HasSuffix(key, "rejected.csv") && bytes.Contains(content, []byte(memberTwo))
	}
	if !kept {
		t.Error("the other member's rejected row is not given back")
	}
	w.sound(t, true)
	if again := w.restate(t, "2026-01-05"); !again.Same {
		t.Errorf("restated again: %+v", again)
	}
	if again := w.forgets(t, memberOne); again.Found {
		t.Errorf("there was something left to forget: %+v", again)
	}

	// Rows of later dates under the old id are another account's, which nobody has forgotten.
	w.deliver(t, "B", "2026-01-07", "b9,"+memberOne+",redeem,x,2026-01-07T10:00:00Z")
	w.settle(t, "2026-01-07")
	w.forgets(t, memberOne)
	w.restate(t, "2026-01-05")
	w.holdsNot(t, memberOne)
}

// TestForgetRewritesEveryAcknowledgement has two records name the same rejected rows: a restatement at
// another price leaves them as they are and tells the merchant of another version.
func TestForgetRewritesEveryAcknowledgement(t *testing.T) {
	w := forgottenWorld(t)
	changed := strings.ReplaceAll(smallRulebook, `price: "1.00"`, `price: "1.25"`)
	w.rulebook = must[*rules.Rulebook](t)(rules.Parse("changed.yaml", []byte(changed)))
	if report := w.restate(t, "2026-01-05"); report.Same {
		t.Fatal("another price changes nothing")
	}
	w.forgets(t, memberOne)
	ledger := must[*books.Ledger](t)(books.Open(t.Context(), w.ledger))
	looked := 0
	for _, record := range ledger.Records() {
		for _, date := range record.Dates {
			for _, one := range date.Acknowledgements {
				if len(one.Files) < 2 {
					continue
				}
				looked++
				letter := must[[]byte](t)(ledger.Read(t.Context(), ledger.Current(one.Files[1])))
				if sum := ledger.Current(one.Files[0]).SHA256; !bytes.Contains(letter, []byte(sum)) {
					t.Errorf("record %d: the rejected rows of %s have SHA-256 %s, its acknowledgement says\n%s", record.Seq, one.Merchant, sum, letter)
				}
			}
		}
	}
	if looked != 2 {
		t.Errorf("%d acknowledgements with rejected rows", looked)
	}
	if report := w.restate(t, "2026-01-05"); !report.Same {
		t.Errorf("restated without any change: %+v", report)
	}
}

func (w *verifiedWorld) restate(t *testing.T, date string) Report {
	t.Helper()
	return must[Report](t)(Run(t.Context(), Job{Inbox: w.inbox, Ledger: w.ledger, Statements: w.statements, Rulebook: w.rulebook, Restate: true, Reason: "a check",
		Date: must[settlement.Date](t)(settlement.ParseDate(date))}))
}

func TestTextsThatMayBeMembers(t *testing.T) {
	own := &layout.Layout{Encoding: "gbk", Delimiter: '#', Unquoted: true}
	for name, test := range map[string]struct {
		content string
		layout  *layout.Layout
		want    string
	}{
		"cell":             {"a,b\n11,\"x, y\"\n", nil, "x, y"},
		"formula":          {"a,b\n11,'=1\n", nil, "=1"},
		"malformed CSV":    {"raw\n\"b4, 11 ,\"\"x\"\n", nil, "11"},
		"malformed JSON":   {"raw\n\"{\"\"m\"\":\"\"4711-08\"\",\"\"x\"\n", nil, "4711-08"},
		"own layout":       {"a#b\n11#\"\xd5\xc5\xc8\xfd\n", own, "\"张三"},
		"own, in the text": {"a#b\n11;\xd5\xc5\xc8\xfd;x#\n", own, "张三"},
	} {
		texts, err := textsIn([]byte(test.content), test.layout)
		if err != nil || !texts[test.want] {
			t.Errorf("%s: %v, %v, want %q", name, texts, err, test.want)
		}
	}
}

// An undeletable bucket fails to delete.
type undeletable struct{ storage.Bucket }

func (undeletable) Delete(context.Context, string) error { return errors.New("the network is down") }

func TestRejectedRowsLoseTheMember(t *testing.T) {
	const own = ",file,row,code,column,message,raw\n"
	for name, test := range map[string]struct{ content, member, want string }{
		"common":           {"transaction_id,member_id,points,note" + own + "11,11,11,11,f,11,c,p,m,\n", "11", "transaction_id,member_id,points,note" + own + "11,,11,,f,11,c,p,m,\n"},
		"formula":          {"transaction_id,member_id" + own + "a,'=1,f,1,c,p,m,\n", "=1", "transaction_id,member_id" + own + "a,,f,1,c,p,m,\n"},
		"malformed":        {"transaction_id,member_id" + own + ",,f,1,malformed,,m,\"a,11,\"\"x\"\n", "11", "transaction_id,member_id" + own + ",,f,1,malformed,,m,\n"},
		"not there":        {"transaction_id,member_id" + own + "11,110,f,11,c,p,m,\n", "11", ""},
		"own layout":       {"Beleg;Kunde;file;row\n11;4711;f;1\n12;11;f;2\n", "11", "Beleg;Kunde;file;row\n;4711;f;1\n12;;f;2\n"},
		"own encoding":     {"Kunde;x\nM\xfcller;1\n", "Müller", "Kunde;x\n;1\n"},
		"gbk":              {"k|x\n\xd5\xc5\xc8\xfd|1\n", "张三", "k|x\n|1\n"},
		"utf-16":           {"\xff\xfe;\x00a\x001\x00;\x00", "a1", "\xff\xfe;\x00;\x00"},
		"own, not there":   {"Kunde;x\nMüllerin;1\n", "Müller", ""},
		"own, twice in it": {"k;x\n111;111 11 11;1\n", "11", "k;x\n111;111  ;1\n"},
	} {
		without, err := withoutMember([]byte(test.content), test.member)
		if err != nil || string(without) != test.want {
			t.Errorf("%s: %q, %v, want %q", name, without, err, test.want)
		}
	}
}

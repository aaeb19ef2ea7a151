package access_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"alliance/settlement"
	"alliance/settlement/access"
	"alliance/settlement/books"
)

var update = flag.Bool("update", false, "write the policies into testdata")

const account = "arn:aws:iam::123456789012:"

// plan is that of an alliance with some merchants.
func plan(merchants ...string) *access.Plan {
	p := &access.Plan{
		Inbox: access.Place{Bucket: "deliveries", Prefix: "inbox"}, Acknowledgements: access.Place{Bucket: "deliveries", Prefix: "inbox/ack"},
		Ledger: access.Place{Bucket: "private"}, Statements: access.Place{Bucket: "published", Prefix: "statements"},
		Format: access.AWS, Grant: access.ByBucket,
		Principals: access.Principals{Batch: []string{account + "role/settle"}, Finance: []string{account + "role/finance", account + "user/auditor"},
			Merchants: map[string][]string{}},
	}
	for _, id := range merchants {
		p.Principals.Merchants[id] = []string{account + "user/" + id}
	}
	return p
}

func write(t *testing.T, p *access.Plan) []access.Policy {
	t.Helper()
	policies, err := p.Policies()
	if err != nil {
		t.Fatal(err)
	}
	for _, policy := range policies {
		if !json.Valid(policy.Text) {
			t.Errorf("%s%s: no JSON: %s", policy.Bucket, policy.Merchant, policy.Text)
		}
	}
	return policies
}

// TestPolicies compares the policies of a small alliance, in all forms, with what was read and found right.
func TestPolicies(t *testing.T) {
	oneBucket := plan("A", "AB")
	for _, place := range []*access.Place{&oneBucket.Inbox, &oneBucket.Ledger, &oneBucket.Statements, &oneBucket.Acknowledgements} {
		place.Bucket = "alliance"
	}
	oneBucket.Ledger.Prefix, oneBucket.Acknowledgements.Prefix = "ledger", "told"
	oneBucket.Principals.Operator = []string{account + "role/operator"}
	identity := plan("A", "AB")
	identity.Grant = access.ByIdentity
	portable := plan("A", "AB")
	portable.Format = access.Portable
	china := plan("A")
	china.Principals = access.Principals{Batch: []string{"arn:aws-cn:iam::123456789012:role/settle"}, Merchants: map[string][]string{"A": {"arn:aws-cn:iam::123456789012:user/A"}}}
	for name, p := range map[string]*access.Plan{"buckets": plan("A", "AB"), "one-bucket": oneBucket, "identities": identity, "portable": portable, "china": china} {
		t.Run(name, func(t *testing.T) {
			var text bytes.Buffer
			for _, policy := range write(t, p) {
				fmt.Fprintf(&text, "# %s%s %d of %d %s\n%s\n", policy.Bucket, policy.Merchant, policy.Size, policy.Limit, strings.Join(policy.Principals, " "), policy.Text)
			}
			path := "testdata/" + name + ".txt"
			if *update {
				if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(text.Bytes(), want) {
				t.Errorf("the policies are not those of %s (-update writes them):\n%s", path, &text)
			}
		})
	}
}

// TestPrefixesAreThoseOfTheProgram compares merchants' prefixes with the keys that the program makes.
func TestPrefixesAreThoseOfTheProgram(t *testing.T) {
	p := plan("CEDAR")
	p.Grant = access.ByIdentity
	policies := write(t, p)
	text := string(policies[len(policies)-1].Text)
	key := books.StatementFolder("CEDAR", settlement.NewDate(2026, 6, 1))
	folder, _, _ := strings.Cut(key, "/")
	for _, want := range []string{"published/statements/" + folder + "/*", "deliveries/inbox/ack/" + folder + "/*", "deliveries/inbox/" + folder + "/*"} {
		if !strings.Contains(text, `"arn:aws:s3:::`+want+`"`) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
	if !strings.HasPrefix(books.VersionFolder("CEDAR", settlement.NewDate(2026, 6, 1), 1), folder+"/") {
		t.Error("earlier versions lie elsewhere")
	}
}

func alliance(count int) (ids []string) {
	for i := range count {
		ids = append(ids, fmt.Sprintf("MERCHANT-%04d", i))
	}
	return ids
}

// TestSizeLimits adds merchants until the policies do not fit any more.
func TestSizeLimits(t *testing.T) {
	fits := 0
	for count := 1; count < 100; count++ {
		policies, err := plan(alliance(count)...).Policies()
		var large *access.TooLargeError
		if errors.As(err, &large) {
			if large.Policy.Bucket != "deliveries" || large.Policy.Size <= access.BucketPolicyLimit || large.Merchants != count {
				t.Errorf("%+v", large)
			}
			if want := fmt.Sprintf("the policy of bucket deliveries has %d bytes, more than the 20480 that AWS takes, with the rights of %d merchants in it: grant", large.Policy.Size, count); !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%v", err)
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, policy := range policies {
			if policy.Size != len(policy.Text) || policy.Size > access.BucketPolicyLimit {
				t.Errorf("%d merchants: %s has %d bytes, it says %d", count, policy.Bucket, len(policy.Text), policy.Size)
			}
		}
		fits = count
	}
	t.Logf("%d merchants fit", fits)
	if fits < 25 || fits > 50 {
		t.Errorf("%d merchants fit", fits)
	}

	many := plan(alliance(5000)...)
	many.Grant = access.ByIdentity
	policies := write(t, many)
	if len(policies) != 3+5000 || policies[0].Size > 4<<10 || policies[3].Merchant != "MERCHANT-0000" || policies[5002].Size > 1<<10 {
		t.Errorf("%d policies, the first of %d bytes, the last of %d", len(policies), policies[0].Size, policies[len(policies)-1].Size)
	}

	id := strings.Repeat("M", 64)
	long := plan(id)
	long.Grant = access.ByIdentity
	for _, place := range []*access.Place{&long.Inbox, &long.Statements, &long.Acknowledgements} {
		place.Bucket, place.Prefix = strings.Repeat("b", 63), strings.Repeat("deeper/", 160)+place.Prefix
	}
	var large *access.TooLargeError
	if _, err := long.Policies(); !errors.As(err, &large) || large.Policy.Merchant != id || large.Policy.Size <= access.IdentityPolicyLimit ||
		!strings.Contains(err.Error(), "more than the 6144 that AWS takes: use shorter prefixes") {
		t.Errorf("prefixes of more than 1,024 bytes: %v", err)
	}
}

// TestPlansThatAreRefused says what is wrong with each.
func TestPlansThatAreRefused(t *testing.T) {
	cases := map[string]struct {
		change func(*access.Plan)
		want   string
	}{
		"no batch":               {func(p *access.Plan) { p.Principals.Batch = nil }, "no principal for the batch"},
		"a session as batch":     {func(p *access.Plan) { p.Principals.Batch[0] = "arn:aws:sts::123456789012:assumed-role/settle/x" }, "name the user or the role"},
		"an account as batch":    {func(p *access.Plan) { p.Principals.Batch[0] = account + "root" }, "name the user or the role"},
		"everybody":              {func(p *access.Plan) { p.Principals.Finance[0] = "*" }, `finance: "*" is no principal`},
		"a pattern":              {func(p *access.Plan) { p.Principals.Merchants["A"][0] = account + "user/*" }, "merchant A"},
		"a variable":             {func(p *access.Plan) { p.Principals.Merchants["A"][0] = account + "user/${aws:username}" }, "merchant A"},
		"no ARN":                 {func(p *access.Plan) { p.Principals.Merchants["A"][0] = "AKIAEXAMPLE" }, "arn:aws:iam::123456789012:role/name"},
		"an empty one":           {func(p *access.Plan) { p.Principals.Merchants["A"][0] = "" }, `merchant A: "" is no principal`},
		"a bucket's ARN":         {func(p *access.Plan) { p.Principals.Merchants["A"][0] = "arn:aws:s3:::bucket" }, "no principal of AWS"},
		"another partition":      {func(p *access.Plan) { p.Principals.Merchants["A"][0] = "arn:aws-cn:iam::123456789012:user/A" }, "another partition"},
		"one for two merchants":  {func(p *access.Plan) { p.Principals.Merchants["A"] = p.Principals.Merchants["AB"] }, "merchant A and merchant AB have the same principal"},
		"the same but for case":  {func(p *access.Plan) { p.Principals.Merchants["A"][0] = account + "user/ab" }, "the same principal"},
		"a merchant as batch":    {func(p *access.Plan) { p.Principals.Merchants["A"][0] = account + "role/settle" }, "batch and merchant A have the same principal"},
		"a bad merchant id":      {func(p *access.Plan) { p.Principals.Merchants["A/B"] = nil }, `"A/B" is no merchant id`},
		"another format":         {func(p *access.Plan) { p.Format = "minio" }, `no format "minio"`},
		"another grant":          {func(p *access.Plan) { p.Grant = "group" }, `not of "group"`},
		"no bucket":              {func(p *access.Plan) { p.Ledger = access.Place{} }, "no bucket for the ledger"},
		"a pattern as prefix":    {func(p *access.Plan) { p.Statements.Prefix = "a*b" }, `"*" has a meaning in policies`},
		"a variable as prefix":   {func(p *access.Plan) { p.Statements.Prefix = "${aws:username}" }, `"$" has a meaning in policies`},
		"the same place":         {func(p *access.Plan) { p.Statements = p.Inbox }, "lie in each other"},
		"ledger in the inbox":    {func(p *access.Plan) { p.Ledger = access.Place{Bucket: "deliveries", Prefix: "inbox/ledger"} }, "lie in each other"},
		"inbox in the ledger":    {func(p *access.Plan) { p.Ledger = access.Place{Bucket: "deliveries"} }, "lie in each other"},
		"told in statements":     {func(p *access.Plan) { p.Acknowledgements = p.Statements }, "lie in each other"},
		"told as the inbox":      {func(p *access.Plan) { p.Acknowledgements = p.Inbox }, "lie in each other"},
		"told at a merchant's":   {func(p *access.Plan) { p.Acknowledgements.Prefix = "inbox/merchant=A/ack" }, "where others deliver"},
		"told among adjustments": {func(p *access.Plan) { p.Acknowledgements.Prefix = "inbox/alliance" }, "where others deliver"},
	}
	for name, one := range cases {
		p := plan("A", "AB")
		one.change(p)
		if _, err := p.Policies(); err == nil || !strings.Contains(err.Error(), one.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	beside := plan("A")
	beside.Ledger = access.Place{Bucket: "deliveries", Prefix: "inbox2"}
	if _, err := beside.Policies(); err != nil {
		t.Errorf("prefixes of which one's name begins the other's: %v", err)
	}
	none := plan("A", "AB")
	none.Principals.Merchants["A"] = nil
	for _, policy := range write(t, none) {
		if bytes.Contains(policy.Text, []byte("merchant=A/")) {
			t.Errorf("a merchant without a principal has rights: %s", policy.Text)
		}
	}
}

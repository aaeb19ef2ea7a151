package command

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	iam       = "arn:aws:iam::123456789012:"
	whoIsWho  = "batch: " + iam + "role/settle\nfinance: [" + iam + "role/finance, " + iam + "user/auditor]\nmerchants:\n  A: " + iam + "user/alder\n  B: none\n"
	byPattern = "--principal-pattern=" + iam + "user/m-{merchant}"
)

// policies runs settle policies for the world's rulebook and a bucket for everything.
func (w *world) policies(code int, arguments ...string) string {
	w.t.Helper()
	all := append([]string{"policies", "--rules", w.rules, "--root", "s3://alliance/all?region=eu-central-1"}, arguments...)
	got, stdout, stderr := settle(all...)
	if got != code || code != exitDone && stdout != "" {
		w.t.Errorf("settle %s: exit code %d, want %d\n%s%s", strings.Join(all, " "), got, code, stdout, stderr)
	}
	return stdout + stderr
}

func TestPoliciesSayWhoIsWho(t *testing.T) {
	w := newWorld(t)
	w.write("who.yaml", whoIsWho)
	who := "--principals=" + filepath.Join(w.root, "who.yaml")
	text := w.policies(exitDone, who, byPattern)
	contains(t, text, "# bucket alliance, ", " of at most 20480 bytes", `"AWS":"`+iam+`role/settle"`, iam+"user/auditor", `"s3:prefix":"all/statements/*"`,
		iam+`user/alder"},"Action":["s3:PutObject","s3:AbortMultipartUpload"],"Resource":"arn:aws:s3:::alliance/all/inbox/merchant=A/*"`,
		iam+`user/m-C"},"Action":"s3:ListBucket","Resource":"arn:aws:s3:::alliance","Condition":{"StringLike":{"s3:prefix":["all/inbox/ack/merchant=C/*","all/statements/merchant=C/*"]}}`)
	if strings.Contains(text, "merchant=B/") {
		t.Errorf("B, whom the file gives nothing, has rights: %s", text)
	}
	contains(t, w.policies(exitDone, who, byPattern, "--acks=s3://told"), "# bucket told, ", "arn:aws:s3:::told/merchant=C/*")

	contains(t, w.policies(exitUsage, who), "no principal is named for C")
	contains(t, w.policies(exitUsage, byPattern), "who runs the batch?")
	contains(t, w.policies(exitUsage, who, "--principal-pattern=x"), `"x": there is no {merchant}`)
	for text, want := range map[string]string{
		"":                             "the file is empty",
		"batch: x\n---\nbatch: y":      "more than one document",
		"butch: x":                     "field butch not found",
		"batch: [[x]]":                 "cannot unmarshal",
		"batch: x\nmerchants: {A: }":   `merchant A has no principal; write "none"`,
		"batch: x\nmerchants: {A: []}": `merchant A has no principal; write "none"`,
		"batch: x\nmerchants: {A: ''}": "a principal is missing",
		"batch: " + iam + "role/settle\nmerchants: {D: x}": "D is no merchant of the rulebook",
		"batch: x": "no principal of AWS",
		"batch: " + iam + "role/settle\nmerchants: {A: " + iam + "user/m-B}": "merchant A and merchant B have the same principal",
	} {
		w.write("who.yaml", text)
		contains(t, w.policies(exitUsage, who, byPattern), want)
	}
	contains(t, w.policies(exitUsage, "--principals=nowhere.yaml"), "--principals: open nowhere.yaml")
}

func TestPoliciesOfOtherPlaces(t *testing.T) {
	w := newWorld(t)
	batch := "--batch-principal=" + iam + "role/settle"
	for _, one := range []struct {
		arguments []string
		want      string
	}{
		{[]string{"--ledger=ledger"}, `--ledger: storage location "ledger" does not lie in an object store: write s3://bucket/prefix`},
		{[]string{"--statements=s3://xxx/y?endpint=z"}, `--statements: storage location s3://xxx/y: there is no option "endpint"`},
		{[]string{"--acks=s3://alliance/all"}, "lie in each other"},
		{[]string{"--format=gcp"}, `there is no format "gcp"; there are aws and portable`},
		{[]string{"--merchant-rights=group"}, `not of "group"`},
		{[]string{"--batch-principal="}, `batch: "" is no principal`},
	} {
		contains(t, w.policies(exitUsage, append(one.arguments, batch, byPattern)...), one.want)
	}
	code, _, stderr := settle("policies", "--rules", w.rules, batch, byPattern)
	if code != exitUsage {
		t.Error(code)
	}
	contains(t, stderr, "--root is needed")
}

func TestPoliciesForOtherStores(t *testing.T) {
	w := newWorld(t)
	code, stdout, stderr := settle("policies", "--rules", w.rules, "--root", "s3://alliance", "--format", "portable", "--batch-principal", "batch-key", "--principal-pattern", "{merchant}-key")
	if code != exitDone {
		t.Fatal(code, stderr)
	}
	contains(t, stdout, `{"AWS":"A-key"}`, "NobodyDeletesTheLog")
	contains(t, stderr, "leave out", "nothing in the ledger is written over", "TLS")
	for _, key := range []string{"s3:if-none-match", "aws:PrincipalArn", "aws:SecureTransport"} {
		if strings.Contains(stdout, key) {
			t.Errorf("%s is in %s", key, stdout)
		}
	}
}

func TestPoliciesAreWrittenToADirectory(t *testing.T) {
	w := newWorld(t)
	to := filepath.Join(w.root, "policies")
	arguments := []string{"--to=" + to, "--batch-principal=" + iam + "role/settle", byPattern, "--merchant-rights=identity"}
	contains(t, w.policies(exitDone, arguments...), to+"/bucket-alliance.json: bucket alliance, ", to+"/merchant-C.json: merchant C, ", " of at most 6144 characters, for "+iam+"user/m-C")
	printed := w.policies(exitDone, arguments[1:]...)
	names, err := filepath.Glob(to + "/*")
	if err != nil || len(names) != 4 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil || !json.Valid(text) || !strings.Contains(printed, string(text)) {
			t.Errorf("%s: %v: %s", name, err, text)
		}
	}
	contains(t, w.policies(exitUsage, arguments...), "the directory is not empty")
	arguments[0] = "--to=" + filepath.Join(w.root, "no", "where")
	contains(t, w.policies(exitUsage, arguments...), "no such file or directory")
}

func TestPoliciesAsJSON(t *testing.T) {
	w := newWorld(t)
	var report struct {
		Format             string
		Rights             string `json:"merchant_rights"`
		Buckets, Merchants []struct {
			Bucket, Merchant string
			Principals       []string
			Size, Limit      int
			Policy           struct{ Statement []map[string]any }
		}
	}
	text := w.policies(exitDone, "--batch-principal="+iam+"role/settle", byPattern, "--merchant-rights=identity", "--json")
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		t.Fatal(err)
	}
	if report.Format != "aws" || report.Rights != "identity" || len(report.Buckets) != 1 || len(report.Merchants) != 3 ||
		report.Buckets[0].Bucket != "alliance" || report.Merchants[1].Merchant != "B" || report.Merchants[1].Principals[0] != iam+"user/m-B" ||
		len(report.Merchants[1].Policy.Statement) != 3 || report.Buckets[0].Limit != 20480 || report.Buckets[0].Size < 1000 {
		t.Errorf("%+v", report)
	}
}

// TestPoliciesOfManyMerchants are more than AWS takes, and say what to do; that is then enough.
func TestPoliciesOfManyMerchants(t *testing.T) {
	w := newWorld(t)
	var many strings.Builder
	many.WriteString(rulebook)
	for i := range 60 {
		fmt.Fprintf(&many, "  - {id: M%d, joined: 2026-01-01}\n", i)
	}
	w.write("rules.yaml", many.String())
	arguments := []string{"--batch-principal=" + iam + "role/settle", byPattern}
	contains(t, w.policies(exitUsage, arguments...), "the policy of bucket alliance has ", "more than the 20480 that AWS takes, with the rights of 63 merchants in it", "(--merchant-rights identity)")
	contains(t, w.policies(exitDone, append(arguments, "--merchant-rights=identity")...), "# merchant M59, ")
}

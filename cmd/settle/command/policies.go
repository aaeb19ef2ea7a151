package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"alliance/rules"
	"alliance/settlement/access"
	"alliance/settlement/storage"

	"github.com/spf13/cobra"
)

// policiesFlags are the flags of settle policies.
type policiesFlags struct {
	stores
	rules, format, grant         string
	principals, principalPattern string
	batch, finance, operator     []string
	to                           string
	asJSON                       bool
}

func newPolicies() *cobra.Command {
	var flags policiesFlags
	command := &cobra.Command{
		Use:   "policies",
		Short: "Print the policies of the buckets: who may read and write what",
		Long: `policies prints what to load into the buckets of an object store, so that each merchant may only write
below its own prefix of the inbox and read its own statements and acknowledgements, finance reads statements, the
batch alone writes ledger, statements and acknowledgements, and nobody deletes the log. It reads the register of the
rulebook and changes nothing at the store. A policy takes the place of the one that the bucket has.

Principals are ARNs of users or roles. They stand in a file:

  batch: arn:aws:iam::123456789012:role/settle
  finance: [arn:aws:iam::123456789012:role/finance]
  operator: arn:aws:iam::123456789012:role/operator     # books adjustments; there need not be one
  merchants:
    CEDAR: arn:aws:iam::123456789012:user/cedar
    ELM: none                                           # gets no rights

or come by --batch-principal, --finance-principal and --operator-principal (which may be repeated) and, for merchants
that are not in the file, by --principal-pattern.

--format aws is for Amazon S3. --format portable is for other stores that know bucket policies (principals are whatever
these take, such as access keys); it leaves out what needs condition keys of AWS: it says so.

AWS takes bucket policies of 20 KiB. With more merchants than fit, --merchant-rights identity prints a policy for each
merchant's own user or role, which has to be in the account of the buckets.

--to writes a file for each policy: bucket-<name>.json, merchant-<id>.json; the directory must be empty, or not be there.`,
		Example: `  settle policies --rules rulebook.yaml --inbox s3://deliveries/inbox --ledger s3://alliance-ledger --statements s3://finance/statements --principals principals.yaml --to policies
  settle policies --rules rulebook.yaml --root s3://alliance --batch-principal arn:aws:iam::123456789012:role/settle --principal-pattern 'arn:aws:iam::123456789012:user/{merchant}'
  aws s3api put-bucket-policy --bucket deliveries --policy file://policies/bucket-deliveries.json`,
		Args: exactly(0, "no arguments"),
		RunE: func(command *cobra.Command, _ []string) error { return flags.run(command) },
	}
	flags.stores.flags(command)
	set := command.Flags()
	set.StringVar(&flags.rules, "rules", "", "the rulebook, whose register says who the merchants are")
	set.StringVar(&flags.format, "format", string(access.AWS), "for which stores: aws, or portable for others")
	set.StringVar(&flags.grant, "merchant-rights", string(access.ByBucket), "where merchants' rights stand: in the policy of the bucket, or of the merchant's identity")
	set.StringVar(&flags.principals, "principals", "", "a YAML file that says who is who at the store")
	set.StringVar(&flags.principalPattern, "principal-pattern", "", "the principal of each merchant that is not in the file, with {merchant} for its id")
	set.StringArrayVar(&flags.batch, "batch-principal", nil, "a principal of the batch")
	set.StringArrayVar(&flags.finance, "finance-principal", nil, "a principal of the alliance's finance")
	set.StringArrayVar(&flags.operator, "operator-principal", nil, "a principal of whoever books adjustments")
	set.StringVar(&flags.to, "to", "", "the directory to write the policies to, a file for each")
	set.BoolVar(&flags.asJSON, "json", false, "print all policies as one JSON object")
	return command
}

// leftOut says what portable policies cannot.
const leftOut = `the portable policies leave out what needs condition keys of AWS; see to it by other means of the store:
- nobody but the batch writes or deletes in ledger, statements and acknowledgements, even if policies elsewhere allow it
- nothing in the ledger is written over, even with the credentials of the batch
- requests without TLS are refused
`

func (f *policiesFlags) run(command *cobra.Command) error {
	if err := required(command, "rules"); err != nil {
		return err
	}
	rulebook, err := readRulebook(f.rules)
	if err != nil {
		return err
	}
	plan, err := f.plan(rulebook)
	if err != nil {
		return err
	}
	policies, err := plan.Policies()
	var large *access.TooLargeError
	if errors.As(err, &large) && plan.Grant == access.ByBucket {
		return usage("%w (--merchant-rights identity)", err)
	}
	if err != nil {
		return usage("%w", err)
	}
	if plan.Format == access.Portable {
		fmt.Fprint(command.ErrOrStderr(), leftOut)
	}
	if f.to != "" {
		if err := f.write(policies); err != nil {
			return err
		}
	}
	if f.asJSON {
		return printPolicies(command, plan, policies)
	}
	var text strings.Builder
	for _, policy := range policies {
		what := "bucket " + policy.Bucket + fmt.Sprintf(", %d of at most %d bytes", policy.Size, policy.Limit)
		if policy.Merchant != "" {
			what = "merchant " + policy.Merchant + fmt.Sprintf(", %d of at most %d characters, for ", policy.Size, policy.Limit) + strings.Join(policy.Principals, ", ")
		}
		if f.to != "" {
			fmt.Fprintf(&text, "%s: %s\n", filepath.Join(f.to, fileOf(&policy)), what)
		} else {
			fmt.Fprintf(&text, "# %s\n%s\n", what, policy.Text)
		}
	}
	return printText(command, &text)
}

// plan puts together what the policies say.
func (f *policiesFlags) plan(rulebook *rules.Rulebook) (*access.Plan, error) {
	plan := &access.Plan{Format: access.Format(f.format), Grant: access.Grant(f.grant)}
	acknowledgements := f.acknowledgements
	for _, one := range []struct {
		name, own string
		place     *access.Place
	}{{"inbox", f.inbox, &plan.Inbox}, {"ledger", f.ledger, &plan.Ledger}, {"statements", f.statements, &plan.Statements}} {
		location, err := f.place(one.own, one.name)
		if err != nil {
			return nil, err
		}
		if err := s3Place(one.name, location, one.place); err != nil {
			return nil, err
		}
		if one.name == "inbox" && acknowledgements == "" {
			acknowledgements = storage.Below(location, "ack")
		}
	}
	if err := s3Place("acks", acknowledgements, &plan.Acknowledgements); err != nil {
		return nil, err
	}
	var err error
	plan.Principals, err = f.readPrincipals(rulebook)
	return plan, err
}

func s3Place(name, location string, place *access.Place) (err error) {
	place.Bucket, place.Prefix, err = storage.S3Place(location)
	if err != nil {
		return usage("--%s: %w", name, err)
	}
	return nil
}

func fileOf(policy *access.Policy) string {
	if policy.Merchant != "" {
		return "merchant-" + policy.Merchant + ".json"
	}
	return "bucket-" + policy.Bucket + ".json"
}

// write writes each policy to a file of an empty directory: one that is left from another time would be loaded, too.
func (f *policiesFlags) write(policies []access.Policy) error {
	if err := os.Mkdir(f.to, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return usage("--to: %w", err)
	}
	entries, err := os.ReadDir(f.to)
	if err != nil {
		return usage("--to: %w", err)
	}
	if len(entries) > 0 {
		return usage("--to %s: the directory is not empty; name another, or empty it", f.to)
	}
	for _, policy := range policies {
		if err := writeFile(filepath.Join(f.to, fileOf(&policy)), bytes.NewReader(policy.Text)); err != nil {
			return fmt.Errorf("write a policy: %w", err)
		}
	}
	return syncDirectory(f.to)
}

// printPolicies prints policies for programs.
func printPolicies(command *cobra.Command, plan *access.Plan, policies []access.Policy) error {
	type printed struct {
		Bucket     string          `json:"bucket,omitempty"`
		Merchant   string          `json:"merchant,omitempty"`
		Principals []string        `json:"principals,omitempty"`
		Size       int             `json:"size"`
		Limit      int             `json:"limit"`
		Policy     json.RawMessage `json:"policy"`
	}
	report := struct {
		Format    access.Format `json:"format"`
		Grant     access.Grant  `json:"merchant_rights"`
		Buckets   []printed     `json:"buckets"`
		Merchants []printed     `json:"merchants"`
	}{plan.Format, plan.Grant, []printed{}, []printed{}}
	for _, policy := range policies {
		one := printed{policy.Bucket, policy.Merchant, policy.Principals, policy.Size, policy.Limit, policy.Text}
		if policy.Merchant != "" {
			report.Merchants = append(report.Merchants, one)
		} else {
			report.Buckets = append(report.Buckets, one)
		}
	}
	return printJSON(command, report)
}

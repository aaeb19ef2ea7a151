package access

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"alliance/settlement"
)

// A Format is the dialect of the policies.
type Format string

const (
	// AWS is Amazon S3.
	AWS Format = "aws"
	// Portable is any other store that knows AWS's language of policies, without the newer condition
	// keys.
	Portable Format = "portable"
)

// Formats are all formats.
var Formats = []Format{AWS, Portable}

// A Grant says where merchants' rights stand.
type Grant string

const (
	// ByBucket puts merchants' rights into the policies of the buckets.
	ByBucket Grant = "bucket"
	// ByIdentity makes a policy for each merchant's user or role.
	ByIdentity Grant = "identity"
)

// Grants are all ways to grant merchants their rights.
var Grants = []Grant{ByBucket, ByIdentity}

// A Place is where a location lies in a store.
type Place struct {
	Bucket string
	// Prefix has no "/" at its end; it is empty if the location is the bucket.
	Prefix string
}

// String returns the place as a location.
func (p Place) String() string {
	return "s3://" + strings.TrimSuffix(p.Bucket+"/"+p.Prefix, "/")
}

// below returns the beginning of all keys of a folder of the place; folder is empty or ends with "/".
func (p Place) below(folder string) string {
	if p.Prefix == "" {
		return folder
	}
	return p.Prefix + "/" + folder
}

// holds reports whether the other place lies in this one, or is the same.
func (p Place) holds(other Place) bool {
	return p.Bucket == other.Bucket && strings.HasPrefix(other.below(""), p.below(""))
}

// Principals are the users and roles of the store, as its policies name them: ARNs on AWS,
// access keys at some other stores.
type Principals struct {
	Batch, Finance []string
	// Operator books adjustments; there need not be one.
	Operator []string
	// Merchants are those of each merchant, by its id. One without principals gets no rights.
	Merchants map[string][]string
}

// A Plan is what policies are written from.
type Plan struct {
	Inbox, Ledger, Statements, Acknowledgements Place
	Principals                                  Principals
	Format                                      Format
	Grant                                       Grant
}

// merchants returns the ids in their order.
func (p *Plan) merchants() (ids []string) {
	for id := range p.Principals.Merchants {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// check says what is wrong with the plan.
func (p *Plan) check() error {
	if !slices.Contains(Formats, p.Format) {
		return fmt.Errorf("there is no format %q; there are %s and %s", p.Format, AWS, Portable)
	}
	if !slices.Contains(Grants, p.Grant) {
		return fmt.Errorf("merchants' rights stand in a policy of the %s or of the merchant's %s, not of %q", ByBucket, ByIdentity, p.Grant)
	}
	if err := p.checkPlaces(); err != nil {
		return err
	}
	return p.checkPrincipals()
}

func (p *Plan) checkPlaces() error {
	named := []struct {
		name  string
		place Place
	}{{"inbox", p.Inbox}, {"ledger", p.Ledger}, {"statements", p.Statements}, {"acknowledgements", p.Acknowledgements}}
	for i, one := range named {
		if one.place.Bucket == "" {
			return fmt.Errorf("there is no bucket for the %s", one.name)
		}
		if at := strings.IndexAny(one.place.Prefix, "*?$"); at >= 0 {
			return fmt.Errorf("%s (%s): %q has a meaning in policies and cannot be in a prefix: name another", one.place, one.name, one.place.Prefix[at:at+1])
		}
		for _, other := range named[:i] {
			// Acknowledgements may lie in the inbox, beside what merchants deliver.
			if one.name == "acknowledgements" && other.name == "inbox" && one.place != other.place && other.place.holds(one.place) {
				continue
			}
			if one.place.holds(other.place) || other.place.holds(one.place) {
				return fmt.Errorf("%s (%s) and %s (%s) lie in each other, so that rights to the one are rights to the other: give each a prefix of its own",
					other.place, other.name, one.place, one.name)
			}
		}
	}
	if p.Inbox.holds(p.Acknowledgements) {
		inside := strings.TrimPrefix(p.Acknowledgements.below(""), p.Inbox.below(""))
		if folder, _, _ := strings.Cut(inside, "/"); strings.HasPrefix(folder, "merchant=") || folder == "alliance" {
			return fmt.Errorf("%s (acknowledgements) lies where others deliver: give it a prefix of its own, such as %s/ack", p.Acknowledgements, p.Inbox)
		}
	}
	return nil
}

// awsPrincipal is how AWS names a user, a role, a session or an account.
var awsPrincipal = regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov|aws-iso[a-z-]*|aws-eusc):(iam::[0-9]{12}:(root|(user|role)/[!-~]+)|sts::[0-9]{12}:(assumed-role|federated-user)/[!-~]+)$`)

// awsLasting is a user or a role, which a condition can tell from others.
var awsLasting = regexp.MustCompile(`^arn:[a-z-]+:iam::[0-9]{12}:(user|role)/`)

func (p *Plan) checkPrincipals() error {
	if len(p.Principals.Batch) == 0 {
		return fmt.Errorf("there is no principal for the batch, which alone writes ledger and statements")
	}
	if p.Format == AWS {
		for _, name := range p.Principals.Batch {
			if awsPrincipal.MatchString(name) && !awsLasting.MatchString(name) {
				return fmt.Errorf("batch: %s is a session or an account: name the user or the role, to which writing is kept", name)
			}
		}
	}
	seen := make(map[string]string)
	check := func(who string, names []string) error {
		for _, name := range names {
			if err := p.checkPrincipal(who, name); err != nil {
				return err
			}
			// IAM does not tell names apart by case.
			key := name
			if p.Format == AWS {
				key = strings.ToLower(name)
			}
			if other, taken := seen[key]; taken {
				return fmt.Errorf("%s and %s have the same principal, %s, so that each had the rights of both: give each its own", other, who, name)
			}
			seen[key] = who
		}
		return nil
	}
	for _, one := range []struct {
		who   string
		names []string
	}{{"batch", p.Principals.Batch}, {"finance", p.Principals.Finance}, {"operator", p.Principals.Operator}} {
		if err := check(one.who, one.names); err != nil {
			return err
		}
	}
	for _, id := range p.merchants() {
		if !settlement.ValidMerchantID(id) {
			return fmt.Errorf("%q is no merchant id", id)
		}
		if err := check("merchant "+id, p.Principals.Merchants[id]); err != nil {
			return err
		}
	}
	return nil
}

func (p *Plan) checkPrincipal(who, name string) error {
	switch {
	case name == "" || strings.ContainsAny(name, "*?$\" \t\r\n"):
		return fmt.Errorf("%s: %q is no principal: name one user or role", who, name)
	case p.Format != AWS:
		return nil
	case !awsPrincipal.MatchString(name):
		return fmt.Errorf("%s: %q is no principal of AWS: write an ARN such as arn:aws:iam::123456789012:role/name", who, name)
	case partition(name) != partition(p.Principals.Batch[0]):
		return fmt.Errorf("%s: %s belongs to another partition of AWS than the batch's %s", who, name, p.Principals.Batch[0])
	}
	return nil
}

// partition returns the part of AWS that an ARN belongs to.
func partition(arn string) string {
	parts := strings.SplitN(arn, ":", 3)
	if len(parts) < 3 || parts[0] != "arn" {
		return "aws"
	}
	return parts[1]
}

package access

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"
)

const (
	// BucketPolicyLimit is how many bytes AWS takes as the policy of a bucket.
	BucketPolicyLimit = 20 << 10
	// IdentityPolicyLimit is how many characters AWS takes as a managed policy, white space not counted.
	IdentityPolicyLimit = 6144
)

// A Policy is a document to be loaded.
type Policy struct {
	// Bucket is whose policy it is, or else Merchant is.
	Bucket, Merchant string
	// Principals are the users or roles that the merchant's policy is for.
	Principals []string
	// Text is the document: JSON, a statement on each line.
	Text []byte
	// Size of the text, as the store counts it, and what it takes at most: bytes of a bucket's, characters of a merchant's.
	Size, Limit int
}

// A TooLargeError says that a policy has more than the store takes.
type TooLargeError struct {
	// Policy is the one that is too large.
	Policy Policy
	// Merchants is how many merchants have rights.
	Merchants int
}

func (e *TooLargeError) Error() string {
	if e.Policy.Merchant != "" {
		return fmt.Sprintf("the policy of merchant %s has %d characters, more than the %d that AWS takes: use shorter prefixes", e.Policy.Merchant, e.Policy.Size, e.Policy.Limit)
	}
	return fmt.Sprintf("the policy of bucket %s has %d bytes, more than the %d that AWS takes, with the rights of %d merchants in it: "+
		"grant merchants by policies of their own users or roles, or divide inbox, statements and acknowledgements among more buckets",
		e.Policy.Bucket, e.Policy.Size, e.Policy.Limit, e.Merchants)
}

// Policies returns the policy of each bucket, in order of their names, and then those of the merchants, if
// they have their own, in order of their ids.
func (p *Plan) Policies() ([]Policy, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	var policies []Policy
	for _, bucket := range p.buckets() {
		text, err := document(p.statements(bucket))
		if err != nil {
			return nil, err
		}
		policies = append(policies, Policy{Bucket: bucket, Text: text, Size: len(text), Limit: BucketPolicyLimit})
	}
	if p.Grant == ByIdentity {
		for _, id := range p.merchants() {
			names := p.Principals.Merchants[id]
			if len(names) == 0 {
				continue
			}
			text, err := document(p.identity(id))
			if err != nil {
				return nil, err
			}
			policies = append(policies, Policy{Merchant: id, Principals: names, Text: text, Size: characters(text), Limit: IdentityPolicyLimit})
		}
	}
	for _, policy := range policies {
		if policy.Size > policy.Limit {
			return nil, &TooLargeError{policy, len(p.Principals.Merchants)}
		}
	}
	return policies, nil
}

func (p *Plan) buckets() (names []string) {
	for _, place := range []Place{p.Inbox, p.Ledger, p.Statements, p.Acknowledgements} {
		names = append(names, place.Bucket)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// characters counts those of a text that are no white space.
func characters(text []byte) int {
	return utf8.RuneCount(bytes.Join(bytes.Fields(text), nil))
}

// A statement of a policy. The order of the fields is the one in which people write them.
type statement struct {
	Sid       string                      `json:",omitempty"`
	Effect    string                      `json:""`
	Principal any                         `json:",omitempty"`
	Action    words                       `json:""`
	Resource  words                       `json:""`
	Condition map[string]map[string]words `json:",omitempty"`
}

// words are written as one text if there is one.
type words []string

// MarshalJSON writes a text or a list of texts.
func (w words) MarshalJSON() ([]byte, error) {
	if len(w) == 1 {
		return json.Marshal(w[0])
	}
	return json.Marshal([]string(w))
}

// document writes statements as a policy, each on a line: as short as JSON may be and still to be read.
func document(statements []statement) ([]byte, error) {
	var text bytes.Buffer
	text.WriteString(`{"Version":"2012-10-17","Statement":[` + "\n")
	for i, one := range statements {
		line, err := json.Marshal(one)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			text.WriteString(",\n")
		}
		text.Write(line)
	}
	text.WriteString("\n]}\n")
	return text.Bytes(), nil
}

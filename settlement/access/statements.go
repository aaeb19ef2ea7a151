package access

import (
	"slices"
	"strings"
)

// What a right lets its owner do, as S3 calls it.
var (
	toList   = words{"s3:ListBucket"}
	toRead   = words{"s3:GetObject"}
	toWrite  = words{"s3:PutObject", "s3:AbortMultipartUpload"}
	toDelete = words{"s3:DeleteObject"}
	// toSweep is to find the parts that a killed process left.
	toSweep = words{"s3:ListBucketMultipartUploads"}
	// toEdit is to read, write and delete.
	toEdit = words{"s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObject"}
)

const (
	listing  = "s3:prefix"
	allow    = "Allow"
	deny     = "Deny"
	everyone = "*"
)

// folder is where everything of a merchant lies.
func folder(merchant string) string { return "merchant=" + merchant + "/" }

// A draft is the policy of one bucket, or of one merchant, while it is written.
type draft struct {
	plan *Plan
	// bucket is the one whose policy it is; "" in a merchant's own policy.
	bucket     string
	statements []statement
}

// statements returns those of a bucket's policy.
func (p *Plan) statements(bucket string) []statement {
	d := &draft{plan: p, bucket: bucket}
	d.batch()
	if finance := p.Principals.Finance; len(finance) > 0 {
		d.list("FinanceLists", finance, p.Statements, "")
		d.grant("FinanceReads", finance, toRead, p.Statements, "")
	}
	if operator := p.Principals.Operator; len(operator) > 0 {
		d.list("OperatorLists", operator, p.Inbox, "alliance/adjustments/")
		d.grant("OperatorBooks", operator, toEdit, p.Inbox, "alliance/adjustments/")
	}
	if p.Grant == ByBucket {
		for _, id := range p.merchants() {
			if names := p.Principals.Merchants[id]; len(names) > 0 {
				d.merchant(id, names)
			}
		}
	}
	d.denials()
	return d.statements
}

// identity returns the statements of a merchant's own policy.
func (p *Plan) identity(merchant string) []statement {
	d := &draft{plan: p}
	d.merchant(merchant, nil)
	return d.statements
}

func (d *draft) batch() {
	p, batch := d.plan, d.plan.Principals.Batch
	for _, place := range []Place{p.Inbox, p.Ledger, p.Statements, p.Acknowledgements} {
		d.add(statement{Sid: "BatchLists", Effect: allow, Principal: principal(batch), Action: toList}, place, d.bucketOf(place))
		d.grant("BatchReads", batch, toRead, place, "")
	}
	for _, place := range []Place{p.Ledger, p.Statements, p.Acknowledgements} {
		d.grant("BatchWrites", batch, toWrite, place, "")
	}
	d.grant("BatchDeletes", batch, toDelete, p.Ledger, "runs/")
	d.grant("BatchDeletes", batch, toDelete, p.Statements, "")
	d.grant("BatchDeletes", batch, toDelete, p.Acknowledgements, "")
	d.add(statement{Sid: "BatchSweeps", Effect: allow, Principal: principal(batch), Action: toSweep}, p.Ledger, d.bucketOf(p.Ledger))
}

func (d *draft) merchant(id string, names []string) {
	p := d.plan
	d.grant("", names, toWrite, p.Inbox, folder(id))
	for _, place := range []Place{p.Acknowledgements, p.Statements} {
		d.list("", names, place, folder(id))
		d.grant("", names, toRead, place, folder(id))
	}
}

// denials hold against everybody, whatever else allows it to them.
func (d *draft) denials() {
	p := d.plan
	d.add(statement{Sid: "NobodyDeletesTheLog", Effect: deny, Principal: everyone, Action: words{"s3:DeleteObject", "s3:DeleteObjectVersion"}},
		p.Ledger, d.objects(p.Ledger, "log/"))
	if p.Format != AWS {
		return
	}
	// Uploads in parts carry the condition in the request that completes them, and in no other.
	d.add(statement{Sid: "NothingInTheLedgerIsOverwritten", Effect: deny, Principal: everyone, Action: words{"s3:PutObject"},
		Condition: map[string]map[string]words{"Null": {"s3:if-none-match": {"true"}}, "Bool": {"s3:ObjectCreationOperation": {"true"}}}},
		p.Ledger, d.objects(p.Ledger, ""))
	for _, place := range []Place{p.Ledger, p.Statements, p.Acknowledgements} {
		d.add(statement{Sid: "OnlyTheBatchWrites", Effect: deny, Principal: everyone, Action: words{"s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"},
			Condition: map[string]map[string]words{"StringNotEquals": {"aws:PrincipalArn": p.Principals.Batch}}},
			place, d.objects(place, ""))
	}
	d.add(statement{Sid: "OnlyOverTLS", Effect: deny, Principal: everyone, Action: words{"s3:*"},
		Condition: map[string]map[string]words{"Bool": {"aws:SecureTransport": {"false"}}}},
		Place{Bucket: d.bucket}, d.arn(d.bucket), d.arn(d.bucket+"/*"))
}

// grant allows actions on the objects of a folder.
func (d *draft) grant(sid string, names []string, actions words, place Place, folder string) {
	d.add(statement{Sid: sid, Effect: allow, Principal: principal(names), Action: actions}, place, d.objects(place, folder))
}

// list allows listing what lies in a folder, and nothing beside it.
func (d *draft) list(sid string, names []string, place Place, folder string) {
	one := statement{Sid: sid, Effect: allow, Principal: principal(names), Action: toList}
	if below := place.below(folder); below != "" {
		one.Condition = map[string]map[string]words{"StringLike": {listing: {below + "*"}}}
	}
	d.add(one, place, d.bucketOf(place))
}

// add puts a statement into the policy, if it is about its bucket. What says the same of other
// resources in the bucket becomes one with it.
func (d *draft) add(one statement, place Place, resources ...string) {
	if d.bucket != "" && place.Bucket != d.bucket {
		return
	}
	one.Resource = resources
	for i := range d.statements {
		if d.statements[i].join(&one) {
			return
		}
	}
	d.statements = append(d.statements, one)
}

// join takes over what the other statement says, if it is about the same right of the same principals.
func (s *statement) join(other *statement) bool {
	if s.Sid != other.Sid || s.Effect != other.Effect || !same(s.Principal, other.Principal) || !slices.Equal(s.Action, other.Action) {
		return false
	}
	mine, theirs := s.Condition["StringLike"][listing], other.Condition["StringLike"][listing]
	switch {
	case len(mine) > 0 && len(theirs) > 0:
		// Prefixes of one bucket stand in one condition; of different ones they must not.
		if !slices.Equal(s.Resource, other.Resource) {
			return false
		}
		s.Condition["StringLike"][listing] = union(mine, theirs)
	case len(mine) > 0 || len(theirs) > 0:
		return false
	}
	s.Resource = covering(union(s.Resource, other.Resource))
	return true
}

func same(one, other any) bool {
	mine, listed := one.(map[string]words)
	theirs, alsoListed := other.(map[string]words)
	if listed && alsoListed {
		return slices.Equal(mine["AWS"], theirs["AWS"])
	}
	return listed == alsoListed && one == other
}

func union(one, other words) words {
	joined := slices.Clone(one)
	for _, word := range other {
		if !slices.Contains(joined, word) {
			joined = append(joined, word)
		}
	}
	return joined
}

// covering leaves out what another pattern covers, as inbox/* does inbox/ack/*.
func covering(patterns words) (kept words) {
	for i, one := range patterns {
		covered := false
		for j, other := range patterns {
			beginning, open := strings.CutSuffix(other, "*")
			covered = covered || i != j && open && strings.HasPrefix(one, beginning)
		}
		if !covered {
			kept = append(kept, one)
		}
	}
	return kept
}

// principal names users and roles; a policy of their own does not.
func principal(names []string) any {
	if len(names) == 0 {
		return nil
	}
	return map[string]words{"AWS": names}
}

func (d *draft) arn(resource string) string {
	of := "aws"
	if d.plan.Format == AWS {
		of = partition(d.plan.Principals.Batch[0])
	}
	return "arn:" + of + ":s3:::" + resource
}

func (d *draft) bucketOf(place Place) string { return d.arn(place.Bucket) }

func (d *draft) objects(place Place, folder string) string {
	return d.arn(place.Bucket + "/" + place.below(folder) + "*")
}

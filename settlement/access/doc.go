// Package access writes the policies of the buckets that a settlement uses: who may list, read,
// write and delete what. It prints policies and grants nothing by itself; whoever administers the
// store loads them.
//
// # Who may do what
//
// Below, I, L, S and A are the locations of inbox, ledger, statements and acknowledgements, each a
// bucket and a prefix in it. A merchant's prefix ends with "/", so that the merchant A sees
// nothing of the merchant AB.
//
//	merchant   write I/merchant=<id>/, also over what lies there; read and list A/merchant=<id>/ and
//	           S/merchant=<id>/
//	finance    read and list S/
//	operator   read, list, write and delete I/alliance/adjustments/
//	batch      read I/; read, write and delete A/ and S/; read and write L/, delete L/runs/; list the buckets
//
// Nobody else may do anything, and nobody at all, the batch included, may delete below L/log/. A
// merchant cannot read or list what it has delivered, nor delete it; it delivers a mended file
// over a wrong one. Whoever may write may also abort uploads in parts below the same prefix, which
// programs do with what failed half way.
//
// The batch lists its buckets without a condition on the prefix. Where an object is absent, S3
// says so only to whoever may list the bucket, and the batch finds the end of its log by an absent
// object. For merchants and finance, who may list some prefixes only, an absent object is refused
// as one that they may not read.
//
// # Forms
//
// [AWS] is for Amazon S3 and says all of it. To the above it adds what a bucket's policy denies
// even to those whom their own policies allow it, such as the account's administrators: writing or
// deleting in L/, S/ and A/ by anybody but the batch; writing over anything in L/ (every write
// must carry If-None-Match); and requests without TLS.
//
// [Portable] is for other stores that know the language of policies. It leaves these denials out,
// because they need condition keys that such stores do not know. Who has no policy elsewhere is
// still refused; but nothing keeps the batch's own credentials from writing over the log. (The
// program never does; the store's versions or object lock can see to it.)
//
// # Where merchants' rights stand
//
// In the buckets' policies ([ByBucket]), which is the one way for principals of other AWS
// accounts; or in a policy for each merchant's user or role ([ByIdentity]), which has to be in the
// buckets' own account. AWS takes bucket policies of at most [BucketPolicyLimit] bytes, which is
// enough for some 30 merchants; beyond that [ByBucket] is an error. A merchant's own policy may
// have [IdentityPolicyLimit] characters.
//
// # Limits
//
// A policy for a bucket takes the place of the bucket's former one. The text of two policies is
// the same if the plan is. Prefixes with *, ? or $ are refused, because policies give these a
// meaning. Encryption with keys of AWS KMS needs rights to the key besides, which are not written
// here.
//
// # Errors
//
// [TooLargeError] says which policy has more bytes than the store takes. Other errors say what in
// the plan is wrong.
package access

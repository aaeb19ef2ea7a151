package storage

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"hash/crc64"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// nvme is the polynomial of CRC-64/NVME, which AWS's own tools use, with the low bit first.
const nvme = 0x9a6c9329ac4bc9b5

// checksumOf returns a hash and what it must come to for the whole object, or nil if the store
// gave no checksum of the whole: what other programs uploaded may have none, or one of its parts.
func checksumOf(output *s3.GetObjectOutput) (hash.Hash, []byte) {
	if output.ChecksumType == types.ChecksumTypeComposite {
		return nil, nil
	}
	for _, given := range []struct {
		value *string
		hash  func() hash.Hash
	}{
		{output.ChecksumCRC32C, func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) }},
		{output.ChecksumCRC32, func() hash.Hash { return crc32.NewIEEE() }},
		{output.ChecksumCRC64NVME, func() hash.Hash { return crc64.New(crc64.MakeTable(nvme)) }},
		{output.ChecksumSHA256, sha256.New},
		{output.ChecksumSHA1, sha1.New},
	} {
		// A checksum of parts ends with "-" and their number, which is no base64.
		want, err := base64.StdEncoding.DecodeString(aws.ToString(given.value))
		if sum := given.hash(); err == nil && len(want) == sum.Size() {
			return sum, want
		}
	}
	return nil, nil
}

// encodeCRC32 returns a CRC-32 as the store takes it.
func encodeCRC32(sum uint32) *string {
	return aws.String(base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum)))
}

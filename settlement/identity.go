package settlement

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
)

// AllocationID names an allocation, the same on the issuer's and the redeemer's statement: the
// first 32 hex digits of SHA-256 over merchant, business date, transaction id, settlement date
// and allocation number, each prefixed by its length as a big-endian uint32.
func AllocationID(merchant string, business Date, transaction string, settled Date, number int32) string {
	return digestOf(merchant, business.String(), transaction, settled.String(), strconv.Itoa(int(number)))
}

// An AllocationNamer names one allocation after the other as [AllocationID] does, without making strings. The zero AllocationNamer is
// ready; it is for one goroutine.
type AllocationNamer struct {
	// content is what is digested: a prefix that allocations have in common which come one after the other, then the rest.
	content           []byte
	prefix            int
	merchant          string
	business, settled Date
	// suffix is the settlement date's part.
	suffix []byte
}

// ID returns the 16 bytes that [AllocationID] returns in hex.
func (n *AllocationNamer) ID(merchant string, business Date, transaction string, settled Date, number int32) Digest {
	if n.prefix == 0 || merchant != n.merchant || business != n.business || settled != n.settled {
		n.content = appendPart(n.content[:0], merchant)
		n.content = appendPart(n.content, business.String())
		n.suffix = appendPart(n.suffix[:0], settled.String())
		n.prefix, n.merchant, n.business, n.settled = len(n.content), merchant, business, settled
	}
	n.content = appendPart(n.content[:n.prefix], transaction)
	n.content = append(n.content, n.suffix...)
	length := len(n.content)
	n.content = append(n.content, 0, 0, 0, 0)
	n.content = strconv.AppendInt(n.content, int64(number), 10)
	binary.BigEndian.PutUint32(n.content[length:], uint32(len(n.content)-length-4))
	sum := sha256.Sum256(n.content)
	return Digest(sum[:len(Digest{})])
}

// appendPart appends a text after its length.
func appendPart(buffer []byte, text string) []byte {
	buffer = binary.BigEndian.AppendUint32(buffer, uint32(len(text)))
	return append(buffer, text...)
}

// PaymentID names a payment, the same in every version of its date.
func PaymentID(payer, payee string, settled Date) string {
	return digestOf(payer, payee, settled.String())
}

// StatementNo names one version of one merchant's statement of a date.
func StatementNo(merchant string, settled Date, version int) string {
	return fmt.Sprintf("ST-%s-%s-%d", merchant, settled.Compact(), version)
}

// ComputationID digests what a run was computed from: the state before, the inputs in order,
// the rulebook and the program.
func ComputationID(stateBefore string, inputs []Input, rulebook, program string) string {
	parts := []string{stateBefore, rulebook, program}
	for _, input := range inputs {
		parts = append(parts, input.Key, input.SHA256, input.State.String(), input.Code.String())
	}
	return digestOf(parts...)
}

func digestOf(parts ...string) string {
	buffer := make([]byte, 0, 256)
	for _, part := range parts {
		buffer = binary.BigEndian.AppendUint32(buffer, uint32(len(part)))
		buffer = append(buffer, part...)
	}
	sum := sha256.Sum256(buffer)
	return hex.EncodeToString(sum[:16])
}

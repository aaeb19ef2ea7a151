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

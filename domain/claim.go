package domain

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// Claim is one attempt's right to turn one proof into a session.
type Claim struct {
	// Key names the proof.
	Key ProofKey
	// Owner is the attempt, so that a repeated command is recognized and nobody
	// releases another attempt's claim.
	Owner Owner
	// ProvenAt is the earliest time, by the bridge's clock, at which the ceremony can
	// have ended. A guard does not vouch for proofs from before its own memory begins.
	ProvenAt time.Time
	// Keep is how long the claim must be remembered from the moment it is won.
	Keep time.Duration
}

// Owner is a random number unique to one attempt. It is never the request id,
// which callers choose.
type Owner [16]byte

// ProofKey names a proof without telling who gave it.
type ProofKey [sha256.Size]byte

// String returns the key in hexadecimal.
func (k ProofKey) String() string { return hex.EncodeToString(k[:]) }

// ProofKeyOf returns the digest of authority, subject, action and proof id.
func ProofKeyOf(id Identity) ProofKey { return Digest(id.Authority, id.Subject, id.Action, id.ProofID) }

// Digest returns the SHA-256 over parts, each preceded by its length, so that no two lists
// of parts share an encoding.
func Digest(parts ...string) [sha256.Size]byte {
	var buf []byte
	for _, part := range parts {
		buf = binary.BigEndian.AppendUint64(buf, uint64(len(part)))
		buf = append(buf, part...)
	}
	return sha256.Sum256(buf)
}

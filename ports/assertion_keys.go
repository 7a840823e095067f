package ports

// AssertionKeys are the public keys that the bridge signs its own assertions with,
// at identity providers that open sessions by assertion (RFC 7523).
type AssertionKeys interface {
	// AssertionJWKS returns the keys as a JSON Web Key Set (RFC 7517), for the
	// provider to fetch. It must contain public keys only, and must never be merged
	// with IssuerKeys: who trusts one of these keys lets the bridge name any person.
	AssertionJWKS() []byte
}

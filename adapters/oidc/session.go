package oidc

import (
	"context"
	"fmt"

	"nativebridge/adapters/internal/oauth"
	"nativebridge/domain"
)

// tokens reads the provider's token responses.
func tokens() oauth.TokenReader {
	return oauth.TokenReader{
		Party:  "the provider",
		Bearer: "turn sender-constrained tokens (DPoP, mTLS) off for the client",
		Expiry: "give the access token a lifetime and have expires_in sent",
	}
}

// session reads a 200 from the token endpoint and, if there is an ID token, verifies
// it. Asked is the scope that the answer leaves out if it was granted. The subject
// is that of the ID token, byte for byte.
func (i *Issuer) session(ctx context.Context, provider *provider, body []byte, asked []string) (domain.Session, error) {
	session, err := tokens().Read(body, asked)
	if err != nil {
		return domain.Session{}, err
	}
	if session.IDToken.IsZero() {
		return session, nil
	}
	claims, err := i.verifier(provider).Verify(ctx, session.IDToken, session.AccessToken)
	if err != nil {
		return domain.Session{}, fmt.Errorf("the provider's session does not verify: %w", err)
	}
	session.Subject, session.AuthenticatedAt = claims.Subject, claims.AuthenticatedAt
	return session, nil
}

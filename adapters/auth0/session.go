package auth0

import (
	"context"
	"fmt"
	"strings"

	"nativebridge/adapters/internal/oauth"
	"nativebridge/domain"
)

// tokens reads Auth0's token responses.
func tokens() oauth.TokenReader {
	return oauth.TokenReader{
		Party: "auth0",
		Bearer: "set proof_of_possession of the API (Token Sender-Constraining) to none or allowed, " +
			"and require_proof_of_possession of the application to false",
		Expiry: "check that AUTH0_DOMAIN is the tenant's own domain and that nothing before it changes its answers",
	}
}

// session reads a 200 from the token endpoint and, if there is an ID token, verifies
// it. The answer leaves the scope out if it is the one that was asked for; an
// organization that was asked for must be in it ("Work with Tokens and
// Organizations", auth0.com/docs).
func (i *Issuer) session(ctx context.Context, body []byte, asked domain.Access) (domain.Session, error) {
	session, err := tokens().Read(body, asked.Scope)
	if err != nil {
		return domain.Session{}, err
	}
	if session.IDToken.IsZero() {
		return session, nil
	}
	claims, err := i.idTokens.Verify(ctx, session.IDToken, session.AccessToken)
	if err != nil {
		return domain.Session{}, fmt.Errorf("auth0's session does not verify: %w", err)
	}
	if asked.Organization != "" && claims.OrganizationID != asked.Organization {
		return domain.Session{}, fmt.Errorf("auth0's session is for the organization %.64q, not for %q", claims.OrganizationID, asked.Organization)
	}
	session.AuthenticatedAt = claims.AuthenticatedAt
	session.Subject = subjectOf(i.config.Subjects.Rule(), claims.Subject)
	return session, nil
}

// subjectOf writes an Auth0 "sub" as the authority writes its user ids, which meet rule. For bare ids it
// takes off the "auth0|" that Auth0 has put before them. A sub that stands for no bare id gets a "|" before
// it, so that it equals none.
func subjectOf(rule domain.SubjectRule, sub string) string {
	if rule.Prefix != "" {
		return sub
	}
	if bare, found := strings.CutPrefix(sub, subPrefix); found && rule.Accepts(bare) {
		return bare
	}
	return "|" + sub
}

package auth0

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"nativebridge/domain"
)

// session reads a 200 from the token endpoint (RFC 6749, section 5.1) and, if
// there is an ID token, verifies it. The answer leaves the scope out if it is the
// one that was asked for; an organization that was asked for must be in it ("Work
// with Tokens and Organizations", auth0.com/docs).
func (i *Issuer) session(ctx context.Context, body []byte, asked domain.Access) (domain.Session, error) {
	var answer struct {
		AccessToken  domain.Secret `json:"access_token"`
		IDToken      domain.Secret `json:"id_token"`
		RefreshToken domain.Secret `json:"refresh_token"`
		TokenType    string        `json:"token_type"`
		ExpiresIn    int64         `json:"expires_in"`
		Scope        *string       `json:"scope"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return domain.Session{}, fmt.Errorf("%w: auth0's answer is not a token response", domain.ErrUnavailable)
	}
	if answer.AccessToken.IsZero() || !strings.EqualFold(answer.TokenType, "Bearer") || answer.ExpiresIn <= 0 {
		return domain.Session{}, fmt.Errorf("%w: auth0's answer lacks a bearer access token or its expiry", domain.ErrUnavailable)
	}
	session := domain.Session{
		AccessToken:  answer.AccessToken,
		IDToken:      answer.IDToken,
		RefreshToken: answer.RefreshToken,
		Scope:        asked.Scope,
		ExpiresIn:    time.Duration(answer.ExpiresIn) * time.Second,
	}
	if answer.Scope != nil {
		session.Scope = strings.Fields(*answer.Scope)
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
	session.Subject = subjectOf(i.subjects, claims.Subject)
	return session, nil
}

// subjectOf writes an Auth0 "sub" as the authority does, whose ids meet the rule. Auth0 puts "auth0|" before
// the user_id of a custom database ("Identify users", auth0.com/docs), which bare
// ids do not have. A sub that stands for no bare id gets a "|" before it, which
// makes it equal to none.
func subjectOf(rule domain.SubjectRule, sub string) string {
	if rule.Prefix != "" {
		return sub
	}
	if bare, found := strings.CutPrefix(sub, "auth0|"); found && rule.Accepts(bare) {
		return bare
	}
	return "|" + sub
}

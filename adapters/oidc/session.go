package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"nativebridge/domain"
)

// session reads a 200 from the token endpoint (RFC 6749, section 5.1) and, if
// there is an ID token, verifies it. Asked is the scope that the answer leaves out
// if it was granted. The subject is that of the ID token, byte for byte.
func (i *Issuer) session(ctx context.Context, provider *provider, body []byte, asked []string) (domain.Session, error) {
	var answer struct {
		AccessToken  domain.Secret `json:"access_token"`
		IDToken      domain.Secret `json:"id_token"`
		RefreshToken domain.Secret `json:"refresh_token"`
		TokenType    string        `json:"token_type"`
		ExpiresIn    int64         `json:"expires_in"`
		Scope        *string       `json:"scope"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return domain.Session{}, fmt.Errorf("%w: the provider's answer is not a token response", domain.ErrUnavailable)
	}
	switch {
	case answer.AccessToken.IsZero():
		return domain.Session{}, fmt.Errorf("%w: the provider's answer has no access token", domain.ErrUnavailable)
	case !strings.EqualFold(answer.TokenType, "Bearer"):
		return domain.Session{}, errors.New("the provider's access token is no bearer token: turn sender-constrained tokens (DPoP, mTLS) off for the client")
	case answer.ExpiresIn <= 0:
		return domain.Session{}, errors.New("the provider does not say when the access token expires: give it a lifetime and have expires_in sent")
	}
	session := domain.Session{
		AccessToken:  answer.AccessToken,
		IDToken:      answer.IDToken,
		RefreshToken: answer.RefreshToken,
		Scope:        asked,
		ExpiresIn:    time.Duration(answer.ExpiresIn) * time.Second,
	}
	if answer.Scope != nil {
		session.Scope = strings.Fields(*answer.Scope)
	}
	if session.IDToken.IsZero() {
		return session, nil
	}
	claims, err := i.verifier(provider).Verify(ctx, session.IDToken, session.AccessToken)
	if err != nil {
		return domain.Session{}, fmt.Errorf("the provider's session does not verify: %w", err)
	}
	session.Subject = claims.Subject
	return session, nil
}

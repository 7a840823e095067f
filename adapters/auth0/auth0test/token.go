package auth0test

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// token serves POST /oauth/token: limits, client, then the grant.
func (s *Server) token(c *call) (answer, error) {
	if err := s.attacks.limitTokens(c); err != nil {
		return answer{}, err
	}
	client, err := s.authenticateClient(c)
	if err != nil {
		return answer{}, err
	}
	if err := s.limitClient(c, client.ID); err != nil {
		return answer{}, err
	}
	a, err := s.grant(c, client)
	s.logGrant(c, client, err)
	return a, err
}

// grant serves one grant type, if the application may use it.
func (s *Server) grant(c *call, client *Client) (answer, error) {
	switch grant := c.params["grant_type"]; grant {
	case GrantPassword, GrantPasswordRealm, GrantRefreshToken, GrantClientCredentials:
		if !slices.Contains(client.GrantTypes, grant) {
			return answer{}, refuse(http.StatusForbidden, "unauthorized_client", fmt.Sprintf("Grant type '%s' not allowed for the client.", grant))
		}
		switch grant {
		case GrantRefreshToken:
			return s.refreshGrant(c, client)
		case GrantClientCredentials:
			return s.clientCredentialsGrant(c, client)
		}
		return s.passwordGrant(c, client)
	case GrantTokenExchange:
		return s.tokenExchangeGrant(c, client)
	case "":
		return answer{}, missing("grant_type")
	default:
		return answer{}, refuse(http.StatusBadRequest, "unsupported_grant_type", "Unsupported grant type: "+grant)
	}
}

// authenticateClient takes the client's secret from the body or, form-encoded,
// from the Authorization header (RFC 6749 section 2.3.1), and the end user's
// address from auth0-forwarded-for if this client may send it.
func (s *Server) authenticateClient(c *call) (*Client, error) {
	id, secret, method, err := clientCredentials(c)
	if err != nil {
		return nil, err
	}
	if id == "" {
		return nil, missing("client_id")
	}
	client, ok := s.client(id)
	if !ok {
		return nil, c.unknownClient()
	}
	c.seen.ClientID = id
	if client.AuthMethod == AuthNone {
		return client, nil
	}
	if client.AuthMethod != "" && client.AuthMethod != method {
		return nil, c.unknownClient()
	}
	if subtle.ConstantTimeCompare([]byte(secret), []byte(client.Secret)) != 1 {
		return nil, c.unknownClient()
	}
	if forwarded, err := netip.ParseAddr(c.seen.ForwardedFor); err == nil && client.TrustForwardedFor {
		c.seen.ClientIP = forwarded.String()
	}
	return client, nil
}

func clientCredentials(c *call) (id, secret string, method AuthMethod, err error) {
	id, secret, method = c.params["client_id"], c.params["client_secret"], AuthPost
	if c.params["client_assertion"] != "" {
		return "", "", "", refuse(http.StatusUnauthorized, "invalid_client", "this emulator takes no client assertions, use a client secret")
	}
	user, password, ok := c.BasicAuth()
	if !ok {
		return id, secret, method, nil
	}
	user, userErr := url.QueryUnescape(user)
	password, passwordErr := url.QueryUnescape(password)
	if userErr != nil || passwordErr != nil || secret != "" || (id != "" && id != user) {
		return "", "", "", c.unknownClient()
	}
	return user, password, AuthBasic, nil
}

func (c *call) unknownClient() error {
	if c.faults.Variants.ClientAccessDenied {
		return refuse(http.StatusUnauthorized, "access_denied", "Unauthorized")
	}
	return refuse(http.StatusUnauthorized, "invalid_client", textInvalidClient)
}

// afterLogin applies what post-login Actions decide, at a sign-in and at a
// refresh, before anything is issued.
func (c *call) afterLogin() error {
	for _, f := range c.faults.Inject {
		if f.afterLogin() {
			return f.refusal(c.now)
		}
	}
	return nil
}

// tokenAnswer issues an access token, an ID token if there is to be one, and
// passes on the refresh token and the scope unless they are "".
func (s *Server) tokenAnswer(c *call, a access, refreshToken, scope string) (answer, error) {
	if c.fault(WrongSubject) {
		a.user.ID += "-other"
	}
	if told := c.fault(MoreScope); told || c.fault(MoreScopeUntold) {
		a.scope = append(slices.Clone(a.scope), "admin:everything")
		scope = ""
		if told {
			scope = strings.Join(a.scope, " ")
		}
	}
	accessToken, err := s.newAccessToken(c, a)
	if err != nil {
		return answer{}, err
	}
	var body claims
	if !c.fault(NoAccessToken) {
		body.set("access_token", accessToken)
	}
	if refreshToken != "" && !c.fault(NoRefreshToken) {
		body.set("refresh_token", refreshToken)
	}
	if a.idToken && !c.fault(NoIDToken) {
		idToken, err := s.newIDToken(c, a, accessToken)
		if err != nil {
			return answer{}, err
		}
		body.set("id_token", idToken)
	}
	if scope != "" {
		body.set("scope", scope)
	}
	body.set("expires_in", int(a.lifetime()/time.Second))
	body.set("token_type", "Bearer")
	if c.params["grant_type"] == GrantTokenExchange {
		body.set("issued_token_type", tokenTypeAccessToken) // RFC 8693 section 2.2.1
	}
	return jsonAnswer(body)
}

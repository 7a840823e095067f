package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// account describes one sign-in to a reader.
type account struct{ out io.Writer }

func newAccount(out io.Writer) account { return account{out} }

func (a account) say(format string, args ...any) { fmt.Fprintf(a.out, format+"\n", args...) }

// tellSignIn signs in with a software passkey, from nothing to a session, and
// tells each step. The error names the step that failed.
func (s *sandbox) tellSignIn(ctx context.Context, a account) error {
	a.say("Native Bridge sandbox: a passkey sign-in, with no account anywhere\n")
	if err := s.untilReady(ctx); err != nil {
		return err
	}
	s.hops.take()

	a.say("Jane creates a passkey")
	userID := s.phones.userID("jane")
	if _, err := s.phones.of(ctx, userID); err != nil {
		return err
	}
	made, _ := s.hops.take()
	a.hops(made)

	a.say("\nJane signs in with it, and the bridge turns that into a session")
	token, _, err := s.phones.token(ctx, wish{User: "jane"})
	if err != nil {
		return fmt.Errorf("sign in with the passkey: %w", err)
	}
	session, err := s.exchange(ctx, token)
	used, audit := s.hops.take()
	a.hops(used)
	if err != nil {
		return err
	}
	claims, err := decodeClaims(session.IDToken)
	if err != nil {
		return fmt.Errorf("decode the ID token: %w", err)
	}
	if claims["sub"] == nil {
		return errors.New("the ID token has no subject")
	}
	a.session(session, claims)
	for _, line := range audit {
		a.say("\nWhat the audit log says\n  %s", bytes.TrimSpace(line))
	}
	a.addresses(s)
	return nil
}

// untilReady waits until the bridge has warmed up.
func (s *sandbox) untilReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.opsURL+"/readyz", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return fmt.Errorf("ask the bridge whether it is ready: %w", err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("the bridge did not become ready")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// session is the bridge's answer, as an app reads it.
type session struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	IDToken      string `json:"id_token"`
	RefreshToken string `json:"refresh_token"`
	Scope        string `json:"scope"`
}

// exchange does what the app does: it posts the token to the bridge.
func (s *sandbox) exchange(ctx context.Context, token string) (session, error) {
	body, err := json.Marshal(map[string]string{"token": token})
	if err != nil {
		return session{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.bridgeURL+"/v1/sessions", bytes.NewReader(body))
	if err != nil {
		return session{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	start := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return session{}, fmt.Errorf("hand the token to the bridge: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	s.hops.atBridge(start, req.Method, req.URL.Path, resp.StatusCode)
	if err != nil {
		return session{}, fmt.Errorf("read the bridge's answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return session{}, fmt.Errorf("the bridge answered %d: %s", resp.StatusCode, answer)
	}
	var got session
	if err := json.Unmarshal(answer, &got); err != nil {
		return session{}, fmt.Errorf("the bridge's answer is no session: %w", err)
	}
	return got, nil
}

// decodeClaims reads the payload of a JWT whose signature the bridge has checked.
func decodeClaims(token string) (map[string]any, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("it is not a JWT")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	var claims map[string]any
	return claims, json.Unmarshal(payload, &claims)
}

func (a account) hops(list []hop) {
	for _, h := range list {
		status := ""
		if h.Status != 0 {
			status = fmt.Sprint(h.Status)
		}
		a.say("  %7.1f ms  %-12s → %-12s  %s %s\n              %s", h.Took, h.From, h.To, h.What, status, h.Meaning)
	}
}

func (a account) session(s session, claims map[string]any) {
	a.say("\nThe session")
	a.say("  access_token   %s", short(s.AccessToken))
	a.say("  token_type     %s", s.TokenType)
	a.say("  expires_in     %d", s.ExpiresIn)
	a.say("  id_token       %s", short(s.IDToken))
	if s.RefreshToken != "" {
		a.say("  refresh_token  %s", short(s.RefreshToken))
	}
	a.say("  scope          %s", s.Scope)
	text, _ := json.MarshalIndent(claims, "  ", "  ")
	a.say("\nIts ID token, decoded\n  %s", text)
}

func short(token string) string {
	if len(token) <= 24 {
		return token
	}
	return fmt.Sprintf("%s… (%d characters)", token[:20], len(token))
}

func (a account) addresses(s *sandbox) {
	a.say(`
Where to look
  page        %s
  bridge      %s (its probes: %s/readyz)
  authsignal  %s
%s

Sign in again, from a shell
  curl -s -X POST %s/dev/token |
    curl -s %s/v1/sessions -H 'Content-Type: application/json' -d @-

See a sign-up refused, because it is not a sign-in
  curl -s %s/dev/token -d '{"flaw":"sign_up"}' |
    curl -s %s/v1/sessions -H 'Content-Type: application/json' -d @-
`, s.pageURL, s.bridgeURL, s.opsURL, s.authsignal.APIURL(), s.issuerAddress(), s.pageURL, s.bridgeURL, s.pageURL, s.bridgeURL)
}

// issuerAddress says where the issuer is.
func (s *sandbox) issuerAddress() string {
	if s.hasProvider() {
		return "  provider    " + s.config.OIDC.IssuerURL()
	}
	return fmt.Sprintf("  auth0       %s (its CA: %s)", s.auth0.URL(), s.caFile)
}

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"

	"nativebridge/adapters/oidc/oidctest"
)

// issuerOIDC is the TOKEN_ISSUER with which an OpenID provider replaces Auth0, and
// issuerExchange the one with which Auth0 opens sessions by token exchange.
const (
	issuerOIDC     = "oidc"
	issuerExchange = "auth0-token-exchange"
)

// hasProvider reports whether an OpenID provider opens sessions: the emulated one, or that
// of OIDC_ISSUER.
func (s *sandbox) hasProvider() bool { return s.config.Issuer == issuerOIDC }

// startProvider starts an OpenID provider and returns the settings that lead a
// bridge to it, with a key of the bridge's own to sign assertions with.
func (s *sandbox) startProvider() (map[string]string, error) {
	secret := rand.Text()
	provider, err := oidctest.Start(oidctest.Options{
		ClientID: clientID, ClientSecret: secret, AssertionIssuer: clientID, AssertionKeys: []byte(`{"keys":[]}`),
		Observe: s.hops.atProvider,
	})
	if err != nil {
		return nil, err
	}
	s.provider = provider
	s.cleanUps = append(s.cleanUps, func() { _ = provider.Close() })
	key, err := newAssertionKey()
	return map[string]string{
		"OIDC_ISSUER": provider.Issuer(), "OIDC_CLIENT_ID": clientID, "OIDC_CLIENT_SECRET": secret,
		"OIDC_ASSERTION_KEY": key,
	}, err
}

func newAssertionKey() (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), err
}

// registerBridge tells the provider the bridge's keys, as an operator does.
func (s *sandbox) registerBridge(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.bridgeURL+"/assertion/jwks.json", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("fetch the keys of the bridge's assertions: %w", err)
	}
	defer resp.Body.Close()
	keys, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	return s.provider.TrustAssertionKeys(keys)
}

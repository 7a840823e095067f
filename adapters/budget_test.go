package adapters_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"nativebridge/adapters"
	"nativebridge/adapters/auth0"
	"nativebridge/adapters/authsignal"
	"nativebridge/adapters/jwt"
	"nativebridge/adapters/oidc"
	"nativebridge/adapters/redis"
	"nativebridge/app"
	"nativebridge/domain"
)

// choice is a way to choose adapters, and how long each part of an exchange may
// take then. A change of a limit changes docs/architecture.md too.
type choice struct {
	environ              map[string]string
	verify, claim, issue time.Duration
}

func choices() map[string]choice {
	with := func(environ map[string]string, more map[string]string) map[string]string {
		maps.Copy(environ, more)
		return environ
	}
	shared := map[string]string{"REPLAY_STORE": "redis://127.0.0.1:6379"}
	return map[string]choice{
		"authsignal, auth0":                {minimal(), authsignal.VerifyTimeout, 0, auth0.IssueTimeout},
		"authsignal, auth0, redis":         {with(minimal(), shared), authsignal.VerifyTimeout, redis.Patience, auth0.IssueTimeout},
		"authsignal, auth0-token-exchange": {with(minimal(), map[string]string{"TOKEN_ISSUER": "auth0-token-exchange"}), authsignal.VerifyTimeout, 0, auth0.IssueTimeout},
		"authsignal, oidc":                 {openID(), authsignal.VerifyTimeout, 0, oidc.IssueTimeout},
		"jwt, oidc":                        {with(withJWT(openID()), map[string]string{"IDENTITY_VERIFIER": "jwt"}), jwt.VerifyTimeout, 0, oidc.IssueTimeout},
		"both, oidc, redis": {with(withJWT(with(openID(), shared)), map[string]string{"IDENTITY_VERIFIER": "authsignal,jwt"}),
			max(authsignal.VerifyTimeout, jwt.VerifyTimeout), redis.Patience, oidc.IssueTimeout},
	}
}

func TestARequestLastsAsLongAsItsParts(t *testing.T) {
	for name, choice := range choices() {
		t.Run(name, func(t *testing.T) {
			sum := choice.verify + choice.claim + choice.issue
			choice.environ["REQUEST_TIMEOUT"] = sum.String()
			if _, err := adapters.LoadConfig(choice.environ); err != nil {
				t.Errorf("with %s: %v", sum, err)
			}
			choice.environ["REQUEST_TIMEOUT"] = (sum - 1).String()
			_, err := adapters.LoadConfig(choice.environ)
			faults, _ := errors.AsType[adapters.Faults](err)
			if len(faults) != 1 || faults[0].Name != "REQUEST_TIMEOUT" {
				t.Fatalf("with a nanosecond less: %v, want one fault, of REQUEST_TIMEOUT", err)
			}
			says := []string{"may take " + sum.String(), choice.verify.String() + " for IDENTITY_VERIFIER", choice.issue.String() + " for TOKEN_ISSUER"}
			if choice.claim > 0 {
				says = append(says, choice.claim.String()+" for REPLAY_STORE")
			} else if strings.Contains(faults[0].Problem, "REPLAY_STORE") {
				t.Errorf("%q gives the memory time", faults[0].Problem)
			}
			for _, says := range says {
				if !strings.Contains(faults[0].Problem, says) {
					t.Errorf("%q does not say %q", faults[0].Problem, says)
				}
			}
		})
	}
}

func TestTheDefaultIsLongEnoughForEveryChoice(t *testing.T) {
	for name, choice := range choices() {
		if _, err := adapters.LoadConfig(choice.environ); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// At the shortest REQUEST_TIMEOUT, verifier and guard take almost all that they
// may, and then Authsignal is too slow for the Login script: the script must still
// be heard, or else the log blames Auth0.
func TestASlowAuthsignalIsNotBlamedOnAuth0(t *testing.T) {
	for name, choice := range choices() {
		t.Run(name, func(t *testing.T) {
			choice.environ["REQUEST_TIMEOUT"] = (choice.verify + choice.claim + choice.issue).String()
			config, err := adapters.LoadConfig(choice.environ)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				exchange := slowExchange(config, choice)
				_, err := exchange.Execute(t.Context(), app.Exchange{})
				if !errors.Is(err, errScript) {
					t.Errorf("err = %v, want the script's own", err)
				}
			})
		})
	}
}

var errScript = errors.New("the script could not ask Authsignal in time")

// slowExchange has ports that take their time.
func slowExchange(config adapters.Config, choice choice) app.ExchangePasskeyForSession {
	policy := adapters.NewSignInPolicies(config)[0]
	slow := slow{choice: choice, identity: domain.Identity{
		Authority: policy.Authority, Subject: policy.Subjects.Prefix + "jane", Action: policy.Action, Method: domain.MethodPasskey, AuthenticatedAt: time.Now(),
	}}
	return app.ExchangePasskeyForSession{
		Verifier: slow, Admission: slow, Issuer: slow, Guard: slow, Audit: slow, SignIn: adapters.NewSignInPolicies(config), Access: adapters.NewAccessPolicy(config),
		Deadline: time.Duration(adapters.NewDeadline(config)), Now: time.Now, NewOwner: func() domain.Owner { return domain.Owner{} },
	}
}

type slow struct {
	choice   choice
	identity domain.Identity
}

func (s slow) Verify(ctx context.Context, _ domain.PasskeyToken) (domain.Identity, error) {
	return s.identity, take(ctx, s.choice.verify-1, nil)
}

func (s slow) Admit(context.Context, domain.Identity) error { return nil }

func (s slow) Claim(ctx context.Context, _ domain.Claim) error {
	if s.choice.claim == 0 {
		return nil
	}
	return take(ctx, s.choice.claim-1, nil)
}

func (s slow) Issue(ctx context.Context, _ domain.Grant) (domain.Session, error) {
	return domain.Session{}, take(ctx, s.choice.issue-1, errScript)
}

func (slow) Release(context.Context, domain.Claim) error  { return nil }
func (slow) Record(context.Context, domain.Attempt) error { return nil }
func (slow) Revoke(context.Context, domain.Secret) error  { return nil }

// take waits, and returns err unless ctx ends before.
func take(ctx context.Context, long time.Duration, err error) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("cut off: %w", ctx.Err())
	case <-time.After(long):
		return err
	}
}

// A script must give up before the issuer does that waits for it.
func TestTheScriptsGiveUpBeforeTheIssuer(t *testing.T) {
	for name, timeout := range map[string]time.Duration{"Login script": auth0.LoginScriptTimeout, "Action": auth0.ExchangeActionTimeout} {
		if timeout >= auth0.IssueTimeout {
			t.Errorf("the %s has %s, and the issuer that waits for it %s", name, timeout, auth0.IssueTimeout)
		}
	}
}

// assertionKey returns a private key as PEM, always the same.
var assertionKey = sync.OnceValue(func() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
})

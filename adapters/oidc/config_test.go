package oidc_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/fips140"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/oidc"
	"nativebridge/domain"
)

// ecKey and rsaKey return one key each, as PEM; freshKey another one at every call.
var (
	ecKey  = sync.OnceValue(freshKey)
	rsaKey = sync.OnceValue(func() string { return pemOf(newRSA(2048)) })
)

func freshKey() string { return pemOf(newEC(elliptic.P256())) }

func newEC(curve elliptic.Curve) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

func newRSA(bits int) *rsa.PrivateKey {
	var key *rsa.PrivateKey
	var err error
	fips140.WithoutEnforcement(func() { key, err = rsa.GenerateKey(rand.Reader, bits) })
	if err != nil {
		panic(err)
	}
	return key
}

// pemOf writes a key as openssl genpkey does.
func pemOf(key crypto.PrivateKey) string {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return block("PRIVATE KEY", der)
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

const (
	clientID     = "native bridge"                       // a blank must be encoded
	clientSecret = "a+client/secret=with%all:that%20can" // #nosec G101 -- of the emulator
)

// minimal returns the least that the adapter can be configured with.
func minimal() map[string]string {
	return map[string]string{
		"OIDC_ISSUER":        "https://id.example.com/realms/app",
		"OIDC_CLIENT_ID":     clientID,
		"OIDC_CLIENT_SECRET": clientSecret,
		"OIDC_ASSERTION_KEY": ecKey(),
	}
}

func load(env map[string]string, changes ...map[string]string) (oidc.Config, error) {
	env = maps.Clone(env)
	for _, change := range changes {
		maps.Copy(env, change)
	}
	var config oidc.Config
	err := settings.Load(env, &config)
	return config, err
}

func TestDefaults(t *testing.T) {
	config, err := load(minimal())
	if err != nil {
		t.Fatal(err)
	}
	if config.AudienceParameter != "resource" || !slices.Equal(config.Scope, []string{"openid", "profile", "email"}) {
		t.Errorf("config = %+v", config)
	}
}

func TestWhatTheBridgeIsToldOfTheProvider(t *testing.T) {
	config, err := load(minimal(), map[string]string{
		"OIDC_AUDIENCE": "https://api.example.com", "OIDC_AUDIENCES_ALLOWED": "https://api.example.com,https://other.example.com",
		"OIDC_SCOPE": "openid read", "OIDC_SCOPE_ALLOWED": "openid read write",
	})
	if err != nil {
		t.Fatal(err)
	}
	offer := config.Offer()
	if !slices.Equal(offer.Default.Scope, []string{"openid", "read"}) || offer.Default.Audience != "https://api.example.com" ||
		!slices.Equal(offer.Scopes, []string{"openid", "read", "write"}) || !slices.Equal(offer.Audiences, []string{"https://api.example.com", "https://other.example.com"}) {
		t.Errorf("offer = %+v", offer)
	}
	if config.ClientID() != clientID || config.IssuerURL() != "https://id.example.com/realms/app" || config.IssueTime() != oidc.IssueTimeout {
		t.Errorf("client %q, issuer %q, issuing takes %s", config.ClientID(), config.IssuerURL(), config.IssueTime())
	}
}

func TestTheIssuerIsKeptToTheLetter(t *testing.T) {
	for _, issuer := range []string{
		"https://id.example.com", "https://id.example.com/", "https://id.example.com/realms/app", "http://127.0.0.1:4444/",
	} {
		config, err := load(minimal(), map[string]string{"OIDC_ISSUER": issuer})
		if err != nil || string(config.Issuer) != issuer {
			t.Errorf("%s: issuer %q, %v", issuer, config.Issuer, err)
		}
	}
}

func TestEveryFormOfAKeyIsRead(t *testing.T) {
	sec1, err := x509.MarshalECPrivateKey(newEC(elliptic.P256()))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"EC as PKCS #8":                    ecKey(),
		"RSA as PKCS #8":                   rsaKey(),
		"EC as SEC 1":                      block("EC PRIVATE KEY", sec1),
		"EC with its parameters before it": block("EC PARAMETERS", []byte{6, 8}) + block("EC PRIVATE KEY", sec1),
		"RSA as PKCS #1":                   block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(newRSA(2048))),
		"something before it":              "Bag Attributes\n" + freshKey(),
	} {
		if _, err := load(minimal(), map[string]string{"OIDC_ASSERTION_KEY": text}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEachFaultIsNamed(t *testing.T) {
	ec := newEC(elliptic.P256())
	public, err := x509.MarshalPKIXPublicKey(ec.Public())
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ name, value, says string }{
		"no issuer":                     {"OIDC_ISSUER", "", "is not set"},
		"an issuer without TLS":         {"OIDC_ISSUER", "http://id.example.com", "loopback only"},
		"an issuer with a query":        {"OIDC_ISSUER", "https://id.example.com?x=1", "query"},
		"no client id":                  {"OIDC_CLIENT_ID", "", "is not set"},
		"no way to authenticate":        {"OIDC_CLIENT_SECRET", "", "OIDC_CLIENT_KEY neither"},
		"no key":                        {"OIDC_ASSERTION_KEY", "", "is not set"},
		"a key that is no PEM":          {"OIDC_ASSERTION_KEY", "c2VjcmV0", "no PEM block"},
		"a key that is public":          {"OIDC_ASSERTION_KEY", block("PUBLIC KEY", public), "public key"},
		"a certificate":                 {"OIDC_ASSERTION_KEY", block("CERTIFICATE", public), "public key"},
		"a key that is encrypted":       {"OIDC_ASSERTION_KEY", block("ENCRYPTED PRIVATE KEY", public), "encrypted"},
		"an RSA key that is too small":  {"OIDC_ASSERTION_KEY", pemOf(newRSA(1024)), "1024 bits"},
		"a key on another curve":        {"OIDC_ASSERTION_KEY", pemOf(newEC(elliptic.P384())), "P-384"},
		"a key of another kind":         {"OIDC_ASSERTION_KEY", pemOf(ed), "neither an EC nor an RSA key"},
		"something else in PEM":         {"OIDC_ASSERTION_KEY", block("DH PARAMETERS", nil), "another kind"},
		"a key that is damaged":         {"OIDC_ASSERTION_KEY", block("PRIVATE KEY", public), "does not hold what it says"},
		"a next key that is none":       {"OIDC_ASSERTION_KEY_NEXT", "s3cr3t", "no PEM block"},
		"a next key that is the first":  {"OIDC_ASSERTION_KEY_NEXT", ecKey(), "same key"},
		"a secret and a key":            {"OIDC_CLIENT_KEY", freshKey(), "too"},
		"an unknown audience parameter": {"OIDC_AUDIENCE_PARAMETER", "target", "neither resource nor audience"},
		"a scope without openid":        {"OIDC_SCOPE", "profile", "openid is not in it"},
		"a scope that is not allowed":   {"OIDC_SCOPE_ALLOWED", "openid email", `"profile"`},
		"no openid in what is allowed":  {"OIDC_SCOPE_ALLOWED", "profile", "openid is not in it"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := load(minimal(), map[string]string{tt.name: tt.value})
			faults, _ := errors.AsType[settings.Faults](err)
			if len(faults) != 1 || (faults[0].Name != tt.name && tt.name != "OIDC_CLIENT_KEY") || faults[0].Fix == "" || !strings.Contains(faults[0].Problem, tt.says) {
				t.Errorf("err = %v, want one fault, of %s, that says %q", err, tt.name, tt.says)
			}
			if err != nil && strings.Contains(tt.name, "KEY") && tt.value != "" && strings.Contains(err.Error(), tt.value) {
				t.Errorf("err = %v, which tells the key", err)
			}
		})
	}
}

func TestOneKeyIsNotForTwoPurposes(t *testing.T) {
	next := freshKey()
	for name, key := range map[string]string{"the assertions' key": ecKey(), "their next key": next} {
		_, err := load(minimal(), map[string]string{"OIDC_CLIENT_SECRET": "", "OIDC_CLIENT_KEY": key, "OIDC_ASSERTION_KEY_NEXT": next})
		faults, _ := errors.AsType[settings.Faults](err)
		if len(faults) != 1 || faults[0].Name != "OIDC_CLIENT_KEY" {
			t.Errorf("%s is the client's too: err = %v, want a fault of OIDC_CLIENT_KEY", name, err)
		}
	}
}

func TestEveryFaultOfAKeyFileIsToldAtOnce(t *testing.T) {
	directory := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	env := minimal()
	delete(env, "OIDC_ASSERTION_KEY")
	delete(env, "OIDC_CLIENT_SECRET")
	env["OIDC_ASSERTION_KEY_FILE"] = filepath.Join(directory, "nowhere")
	env["OIDC_ASSERTION_KEY_NEXT_FILE"] = file("small", pemOf(newRSA(1024)))
	env["OIDC_CLIENT_KEY_FILE"] = file("text", "no key")
	_, err := load(env)
	var names []string
	faults, _ := errors.AsType[settings.Faults](err)
	for _, fault := range faults {
		names = append(names, fault.Name)
	}
	slices.Sort(names)
	if want := []string{"OIDC_ASSERTION_KEY_FILE", "OIDC_ASSERTION_KEY_NEXT", "OIDC_CLIENT_KEY"}; !slices.Equal(names, want) {
		t.Errorf("faults of %q, want %q", names, want)
	}

	env["OIDC_ASSERTION_KEY_FILE"] = file("first", ecKey())
	env["OIDC_ASSERTION_KEY_NEXT_FILE"] = file("next", rsaKey())
	env["OIDC_CLIENT_KEY_FILE"] = file("client", freshKey())
	if _, err := load(env); err != nil {
		t.Errorf("the keys are mended: %v", err)
	}
}

func TestAKeyIsReadByItsTypeAlone(t *testing.T) {
	for name, tt := range map[string]struct{ text, says string }{
		"a key":           {ecKey(), ""},
		"a key in no PEM": {"c2VjcmV0", "no PEM block"},
	} {
		var key oidc.PrivateKey
		err := key.UnmarshalText([]byte(tt.text))
		if said := fmt.Sprint(err); (err != nil) != (tt.says != "") || !strings.Contains(said, tt.says) || key.Reveal() != tt.text {
			t.Errorf("%s: err = %v, want %q, and the text kept", name, err, tt.says)
		}
	}
}

func TestCheckChangesNothing(t *testing.T) {
	config := oidc.Config{Client: clientID, ClientSecret: settings.NewSecret(clientSecret)}
	if err := config.AssertionKey.UnmarshalText([]byte(ecKey())); err != nil {
		t.Fatal(err)
	}
	before := config
	if faults := config.Check(); len(faults) > 0 || !reflect.DeepEqual(config, before) {
		t.Errorf("after Check, with faults %v, config = %+v, want %+v", faults, config, before)
	}
}

func TestKeysAreNeverPrinted(t *testing.T) {
	key := newEC(elliptic.P256())
	scalar, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	text := pemOf(key)
	config, err := load(minimal(), map[string]string{"OIDC_ASSERTION_KEY": text, "OIDC_CLIENT_SECRET": "", "OIDC_CLIENT_KEY": freshKey()})
	if err != nil {
		t.Fatal(err)
	}
	issuer := oidc.NewIssuer(nil, config, 0, nil, nil)
	body := strings.Split(text, "\n")[1]
	told := []string{body, fmt.Sprintf("%x", scalar), new(big.Int).SetBytes(scalar).String(), fmt.Sprintf("%v", scalar)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for what, printed := range map[string]any{"config": config, "&config": &config, "issuer": issuer, "*issuer": *issuer, "key": config.AssertionKey, "a field": struct {
			key settings.Rotating[oidc.PrivateKey]
		}{config.AssertionKey}} {
			shown := fmt.Sprintf(verb, printed)
			if what == "key" && shown != "[redacted]" {
				t.Errorf("%s of the key is %s, want [redacted]", verb, shown)
			}
			for _, text := range told {
				if strings.Contains(shown, text) {
					t.Errorf("%s of %s tells the key", verb, what)
				}
			}
		}
	}
}

func TestMoreScopeThanIsAllowedIsAFaultThatNamesTheSetting(t *testing.T) {
	config, err := load(minimal(), map[string]string{"OIDC_SCOPE": "openid profile", "OIDC_SCOPE_ALLOWED": "openid profile read"})
	if err != nil {
		t.Fatal(err)
	}
	offer := config.Offer()
	if err := offer.CheckGranted([]string{"openid", "read"}); err != nil {
		t.Errorf("what is allowed: %v", err)
	}
	err = offer.CheckGranted([]string{"openid", "email"})
	if _, known := domain.ReasonOf(err); err == nil || known || !strings.Contains(err.Error(), `"email"`) || !strings.Contains(err.Error(), "OIDC_SCOPE_ALLOWED") {
		t.Errorf("err = %v, want a fault that names the scope and the setting", err)
	}
}

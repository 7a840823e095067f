package compact_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/adapters/internal/compact"
)

// signer makes tokens with go-jose.
type signer struct {
	algorithm       jose.SignatureAlgorithm
	private, public any
}

func signers(t testing.TB) map[string]signer {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]signer{
		compact.RS256: {jose.RS256, rsaKey, rsaKey.Public()},
		compact.PS256: {jose.PS256, rsaKey, rsaKey.Public()},
		compact.ES256: {jose.ES256, ecKey, ecKey.Public()},
	}
}

func (s signer) sign(t testing.TB, payload string, options *jose.SignerOptions) string {
	t.Helper()
	made, err := jose.NewSigner(jose.SigningKey{Algorithm: s.algorithm, Key: jose.JSONWebKey{Key: s.private, KeyID: "key-1"}}, options)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := made.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestWhatGoJoseSignsVerifies(t *testing.T) {
	all := signers(t)
	for name, s := range all {
		t.Run(name, func(t *testing.T) {
			token, err := compact.Parse(s.sign(t, `{"sub":"jane"}`, nil))
			if err != nil || token.Algorithm != name || token.KeyID != "key-1" || string(token.Payload) != `{"sub":"jane"}` {
				t.Fatalf("%+v, %v", token, err)
			}
			if err := token.Verify(s.public); err != nil {
				t.Error(err)
			}
			for other, o := range all {
				if verified := token.Verify(o.public) == nil; verified != (o.public == s.public) {
					t.Errorf("by the key of %s: %t", other, verified)
				}
			}
		})
	}
}

func TestNothingElseVerifies(t *testing.T) {
	s := signers(t)[compact.RS256]
	good := s.sign(t, `{"sub":"jane"}`, nil)
	parts := strings.Split(good, ".")
	encode := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	for name, text := range map[string]string{
		"another payload":            parts[0] + "." + encode(`{"sub":"john"}`) + "." + parts[2],
		"another header":             encode(`{"alg":"RS256","kid":"key-2"}`) + "." + parts[1] + "." + parts[2],
		"another algorithm":          encode(`{"alg":"PS256","kid":"key-1"}`) + "." + parts[1] + "." + parts[2],
		"alg none":                   encode(`{"alg":"none"}`) + "." + parts[1] + "." + parts[2],
		"alg HS256":                  encode(`{"alg":"HS256"}`) + "." + parts[1] + "." + parts[2],
		"half of the signature":      parts[0] + "." + parts[1] + "." + parts[2][:len(parts[2])/2],
		"no signature":               parts[0] + "." + parts[1] + ".",
		"two parts":                  parts[0] + "." + parts[1],
		"four parts":                 good + ".x",
		"a line break":               parts[0] + "." + parts[1] + "." + parts[2][:8] + "\n" + parts[2][8:],
		"a carriage return":          parts[0] + "\r." + parts[1] + "." + parts[2],
		"padding":                    parts[0] + "=." + parts[1] + "." + parts[2],
		"standard base64":            parts[0] + "." + parts[1] + "." + strings.NewReplacer("-", "+", "_", "/").Replace(parts[2]) + "+",
		"an extension":               encode(`{"alg":"RS256","kid":"key-1","crit":["exp"],"exp":1}`) + "." + parts[1] + "." + parts[2],
		"an extension of no payload": encode(`{"alg":"RS256","b64":false,"crit":["b64"]}`) + "." + parts[1] + "." + parts[2],
		"a doubled member":           encode(`{"alg":"RS256","alg":"none"}`) + "." + parts[1] + "." + parts[2],
		"a header that is a list":    encode(`["RS256"]`) + "." + parts[1] + "." + parts[2],
		"something after the header": encode(`{"alg":"RS256"}{}`) + "." + parts[1] + "." + parts[2],
		"nothing":                    "",
		"dots":                       "..",
	} {
		t.Run(name, func(t *testing.T) {
			if token, err := compact.Parse(text); err == nil && token.Verify(s.public) == nil {
				t.Error("it verifies")
			}
		})
	}
}

func TestAnES256SignatureHasTwoNumbersOf32Bytes(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := signers(t)[compact.ES256]
	good := s.sign(t, `{}`, nil)
	token, _ := compact.Parse(good)
	if token.Verify(p384.Public()) == nil {
		t.Error("a key of another curve verifies it")
	}
	parts := strings.Split(good, ".")
	signature, _ := base64.RawURLEncoding.DecodeString(parts[2])
	for _, wrong := range [][]byte{signature[:63], append(bytes.Clone(signature), 0), append([]byte{0}, signature...)} {
		token, err := compact.Parse(parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(wrong))
		if err == nil && token.Verify(s.public) == nil {
			t.Errorf("a signature of %d bytes verifies", len(wrong))
		}
	}
}

// FuzzVerify holds Parse and Verify against go-jose: what verifies here must verify there,
// with the same payload.
func FuzzVerify(f *testing.F) {
	all := signers(f)
	for _, s := range all {
		f.Add(s.sign(f, `{"sub":"jane"}`, nil))
		f.Add(s.sign(f, ``, (&jose.SignerOptions{}).WithType("JWT")))
	}
	f.Fuzz(func(t *testing.T, text string) {
		token, err := compact.Parse(text)
		if err != nil {
			return
		}
		for name, s := range all {
			if token.Verify(s.public) != nil {
				continue
			}
			theirs, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(token.Algorithm)})
			if err != nil {
				t.Fatalf("%s verifies what go-jose cannot read: %v", name, err)
			}
			payload, err := theirs.Verify(crypto.PublicKey(s.public))
			if err != nil || !bytes.Equal(payload, token.Payload) {
				t.Fatalf("%s: go-jose finds %q, %v, want %q", name, payload, err, token.Payload)
			}
		}
	})
}

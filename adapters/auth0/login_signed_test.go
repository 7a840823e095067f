package auth0_test

import (
	"crypto/fips140"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/auth0/auth0test/scripthost"
)

const (
	proofKey        = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	previousKey     = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff101112131415161718191a1b1c1d1e1f"
	foreignKey      = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	signedHeader    = `{"alg":"HS256","typ":"native-bridge-proof-v2+jwt"}`
	proofConnection = "authsignal"
)

// signing is the part of the settings that makes the script take signed passwords only. There is no key of Authsignal's.
func signing(changes ...string) map[string]string {
	settings := map[string]string{
		"AUTHSIGNAL_SECRET": "-",
		"NATIVE_BRIDGE_KEY": proofKey, "NATIVE_BRIDGE_CLIENT_ID": clientID, "NATIVE_BRIDGE_CONNECTION": proofConnection,
	}
	for change := range slices.Chunk(changes, 2) {
		settings[change[0]] = change[1]
	}
	return settings
}

// signedCases are those of AUTH0_PROOF=signed. Passwords are signed here by other code than the bridge's.
func signedCases() []loginCase {
	ago := func(d time.Duration) int64 { return time.Now().Add(-d).Unix() }
	cases := []loginCase{
		{name: "a signed password", password: signedWith(proofKey), want: scripthost.Profile},
		{name: "a signed password under the key before", password: signedWith(previousKey), settings: signing("NATIVE_BRIDGE_KEY_PREVIOUS", previousKey), want: scripthost.Profile},
		{name: "a signed password under the key after", password: signedWith(proofKey), settings: signing("NATIVE_BRIDGE_KEY_PREVIOUS", previousKey), want: scripthost.Profile},
		{name: "a signed password under the key that is no longer there", password: signedWith(previousKey), want: scripthost.Refused, message: "another key"},
		{name: "a signed password under a key that nobody knows", password: signedWith(foreignKey), settings: signing("NATIVE_BRIDGE_KEY_PREVIOUS", previousKey), want: scripthost.Refused, message: "another key"},
		{name: "a signed password under an empty key", password: signedWith(""), want: scripthost.Refused, message: "another key"},
		{name: "a signed password and an identifier that differs in case", password: signedWith(proofKey), identifier: "AUTH0|66F0C0DE", want: scripthost.Profile},

		{name: "a signed password beside a key of Authsignal's that was left there", password: signedWith(proofKey), settings: signing("AUTHSIGNAL_SECRET", apiSecret), want: scripthost.Profile},
		{name: "a signed password beside a key of Authsignal's that is empty", password: signedWith(proofKey), settings: signing("AUTHSIGNAL_SECRET", ""), want: scripthost.Profile},

		// Another release of the bridge, or of the script, signs in another form. That is not the person's fault.
		{name: "a signed password of the form before", password: signedUnder(`{"alg":"HS256","typ":"native-bridge-proof+jwt"}`), want: scripthost.Failed, message: "does not sign as this Login script reads (native-bridge-proof-v2+jwt): use the login.js of the bridge's own release"},
		{name: "a signed password of a form to come", password: signedUnder(`{"alg":"HS256","typ":"native-bridge-proof-v31+jwt"}`), want: scripthost.Failed, message: "use the login.js of the bridge's own release"},
		{name: "a signed password of the form before, where the script has no key", password: signedUnder(`{"alg":"HS256","typ":"native-bridge-proof+jwt"}`), settings: map[string]string{}, want: scripthost.Failed, message: "NATIVE_BRIDGE_KEY is missing"},
		{name: "a form that only begins like the bridge's", password: signedUnder(`{"alg":"HS256","typ":"native-bridge-proof-v2+jwt","kid":"1"}`), want: scripthost.Refused, message: "not signed by the bridge"},
		{name: "a form that is called otherwise", password: signedUnder(`{"alg":"HS256","typ":"native-bridge-proof-v+jwt"}`), want: scripthost.Refused, message: "not signed by the bridge"},

		// The key alone decides which kind of password counts.
		{name: "a token where passwords are signed", password: fixed(challengeToken), want: scripthost.Refused, message: "not signed by the bridge"},
		{name: "no password where passwords are signed", password: fixed(""), want: scripthost.Refused, message: "not signed by the bridge"},
		{name: "a signed password where the script has no key", password: signedWith(proofKey), settings: map[string]string{}, want: scripthost.Failed, message: "NATIVE_BRIDGE_KEY is missing"},
		{name: "a token where only the previous key is set", password: fixed(challengeToken), settings: signing("NATIVE_BRIDGE_KEY", "-", "NATIVE_BRIDGE_KEY_PREVIOUS", previousKey), want: scripthost.Refused, message: "not signed by the bridge"},
		{name: "a token where the key is empty", password: fixed(challengeToken), settings: signing("NATIVE_BRIDGE_KEY", ""), want: scripthost.Failed, message: "NATIVE_BRIDGE_KEY is not 64"},
		{name: "a key that is too short", password: signedWith("0001020304"), settings: signing("NATIVE_BRIDGE_KEY", "0001020304"), want: scripthost.Failed, message: "NATIVE_BRIDGE_KEY is not 64"},
		{name: "a key that is no hexadecimal text", password: signedWith(proofKey), settings: signing("NATIVE_BRIDGE_KEY", strings.Repeat("zz", 32)), want: scripthost.Failed, message: "NATIVE_BRIDGE_KEY is not 64"},
		{name: "a previous key of half a digit", password: signedWith(proofKey), settings: signing("NATIVE_BRIDGE_KEY_PREVIOUS", previousKey+"0"), want: scripthost.Failed, message: "NATIVE_BRIDGE_KEY_PREVIOUS is not 64"},
		{name: "no client id to compare with", password: signedWith(proofKey), settings: signing("NATIVE_BRIDGE_CLIENT_ID", "-"), want: scripthost.Failed, message: "the setting NATIVE_BRIDGE_CLIENT_ID is missing"},
		{name: "no connection to compare with", password: signedWith(proofKey), settings: signing("NATIVE_BRIDGE_CONNECTION", "-"), want: scripthost.Failed, message: "the setting NATIVE_BRIDGE_CONNECTION is missing"},

		// The signature covers every byte, in one spelling.
		{name: "a wrong signature", password: altered(func(p []string) { p[2] = flipped(p[2]) }), want: scripthost.Refused, message: "another key"},
		{name: "a signature that is cut off", password: altered(func(p []string) { p[2] = p[2][:20] }), want: scripthost.Refused, message: "another key"},
		{name: "a signature that is empty", password: altered(func(p []string) { p[2] = "" }), want: scripthost.Refused, message: "another key"},
		{name: "a signature with padding", password: altered(func(p []string) { p[2] += "=" }), want: scripthost.Refused, message: "another key"},
		{name: "a signature with text behind it", password: altered(func(p []string) { p[2] += "\n" }), want: scripthost.Refused, message: "another key"},
		{name: "a payload of another", password: altered(func(p []string) { p[1] = flipped(p[1]) }), want: scripthost.Refused, message: "another key"},
		{name: "a payload that is cut off", password: altered(func(p []string) { p[1] = p[1][:40] }), want: scripthost.Refused, message: "another key"},
		{name: "another header", password: signedUnder(`{"alg":"none","typ":"native-bridge-proof-v2+jwt"}`), want: scripthost.Refused, message: "not signed by the bridge"},
		{name: "another type of JWT under the same key", password: signedUnder(`{"alg":"HS256","typ":"JWT"}`), want: scripthost.Refused, message: "not signed by the bridge"},
		{name: "two parts", password: fixed(base64.RawURLEncoding.EncodeToString([]byte(signedHeader)) + ".e30"), want: scripthost.Refused, message: "not signed by the bridge"},
		{name: "one part", password: fixed(base64.RawURLEncoding.EncodeToString([]byte(signedHeader))), want: scripthost.Refused, message: "not signed by the bridge"},
		{name: "four parts", password: altered(func(p []string) { p[2] += "." }), want: scripthost.Refused, message: "not signed by the bridge"},
		{name: "a payload that is no object", password: signedText("[]"), want: scripthost.Refused, message: "not a JSON object"},
		{name: "a payload that is no JSON", password: signedText("{"), want: scripthost.Refused, message: "not a JSON object"},

		// It counts where and when it was meant to.
		{name: "a password for another application", password: signedWith(proofKey, "client_id", "another"), want: scripthost.Refused, message: "another application"},
		{name: "a password for no application", password: signedWith(proofKey, "client_id", nil), want: scripthost.Refused, message: "another application"},
		{name: "a password for another connection", password: signedWith(proofKey, "aud", "customers"), want: scripthost.Refused, message: "another connection"},
		{name: "a password for many connections", password: signedWith(proofKey, "aud", []string{proofConnection}), want: scripthost.Refused, message: "another connection"},
		{name: "a password replayed in another connection", password: signedWith(proofKey), settings: signing("NATIVE_BRIDGE_CONNECTION", "customers"), want: scripthost.Refused, message: "another connection"},
		{name: "a password about another tenant's user", password: signedWith(proofKey, "authority", "authsignal https://api.authsignal.com/v1"), want: scripthost.Refused, message: "another Authsignal tenant"},
		{name: "a password that has expired", password: signedWith(proofKey, "auth_time", ago(70*time.Second), "iat", ago(61*time.Second), "exp", ago(time.Second)), want: scripthost.Refused, message: "has expired"},
		{name: "a password that never expires", password: signedWith(proofKey, "exp", nil), want: scripthost.Refused, message: "lacks a time"},
		{name: "a password that is good for an hour", password: signedWith(proofKey, "exp", ago(-time.Hour)), want: scripthost.Refused, message: "good for too long"},
		{name: "a password that does not say when it was signed", password: signedWith(proofKey, "iat", nil), want: scripthost.Refused, message: "lacks a time"},
		{name: "a password whose expiry is a text", password: signedWith(proofKey, "exp", "tomorrow"), want: scripthost.Refused, message: "lacks a time"},
		{name: "a password of a clock that is a little ahead", password: signedWith(proofKey, "iat", ago(-20*time.Second), "exp", ago(-80*time.Second)), want: scripthost.Profile},
		{name: "a password from the future", password: signedWith(proofKey, "iat", ago(-2*time.Minute), "exp", ago(-3*time.Minute)), want: scripthost.Refused, message: "signed in the future"},
		{name: "a password that does not say when the ceremony ended", password: signedWith(proofKey, "auth_time", nil), want: scripthost.Refused, message: "lacks a time"},
		{name: "a ceremony of an hour ago", password: signedWith(proofKey, "auth_time", ago(time.Hour)), want: scripthost.Profile},
		{name: "a ceremony of yesterday", password: signedWith(proofKey, "auth_time", ago(24*time.Hour)), want: scripthost.Refused, message: "too long ago"},
		{name: "a ceremony to come", password: signedWith(proofKey, "auth_time", ago(-10*time.Minute)), want: scripthost.Refused, message: "ended after"},

		// The proof is judged as Authsignal's would be.
		{name: "a signed password of another action", password: signedWith(proofKey, "action", "signUp"), want: scripthost.Refused, message: "another action"},
		{name: "a signed password without an action", password: signedWith(proofKey, "action", nil), want: scripthost.Refused, message: "another action"},
		{name: "a signed password won with a one-time code", password: signedWith(proofKey, "method", "SMS"), want: scripthost.Refused, message: "not won with a passkey"},
		{name: "a signed password of another subject", password: signedWith(proofKey, "sub", "auth0|another"), want: scripthost.Refused, message: "another person's"},
		{name: "a signed password without a subject", password: signedWith(proofKey, "sub", nil), want: scripthost.Refused, message: "does not say who signed in"},
		{name: "a signed password of a bare subject", password: signedWith(proofKey, "sub", "66f0c0de"), identifier: "66f0c0de", want: scripthost.Refused, message: `does not begin with "auth0|"`},
	}
	cases = append(cases, signedEmails()...)
	for i := range cases {
		c := &cases[i]
		if c.settings == nil {
			c.settings = signing()
		}
		if c.identifier == "" {
			c.identifier = provenSubject
		}
		if c.want == scripthost.Profile && c.userID == "" {
			c.userID, c.email, c.verified = "66f0c0de", "jane@example.com", true
		}
	}
	return cases
}

// signedEmails are the cases of the e-mail address, which comes from the bridge's word. The profile is the one that the
// script makes of Authsignal's own answer: see the same cases in loginCases.
func signedEmails() []loginCase {
	with := func(name string, email, verified any, want string, wantVerified bool) loginCase {
		return loginCase{
			name: name, password: signedWith(proofKey, "email", email, "email_verified", verified),
			want: scripthost.Profile, userID: "66f0c0de", email: want, verified: wantVerified,
		}
	}
	const jane = "jane@example.com"
	cases := []loginCase{
		with("a signed email that is not verified", jane, false, jane, false),
		with("a signed email without a flag", jane, nil, jane, false),
		with("a signed email with a flag that is a text", jane, "true", jane, false),
		with("a signed email with a flag that is a number", jane, 1, jane, false),
		with("no signed email", nil, nil, "", false),
		with("no signed email, but a flag", nil, true, "", false),
		with("a signed email that is empty", "", true, "", false),
		with("a signed email that is no text", []string{jane}, true, "", false),
		with("a signed email that is long", strings.Repeat("j", 1000)+"@example.com", true, strings.Repeat("j", 1000)+"@example.com", true),
	}
	for _, email := range oddEmails {
		cases = append(cases, with("the signed email "+email, email, true, email, true))
	}
	return cases
}

// oddEmails are addresses in characters that JSON, HTML or UTF-8 write in a way of their own.
var oddEmails = []string{
	"jöhn@exämple.com", "用户@例子.公司", "😀@example.com", "\"a <b> & c\"@example.com", `back\slash@example.com`, "line\u2028end@example.com", "tab\t@example.com",
}

// Each limit of a signed password's times is tried at its last second and at the one after it, in a time that stands still.
func TestTheTimesOfASignedPasswordAreHeldToTheSecond(t *testing.T) {
	t.Parallel()
	cases, results := embedded(t, func(*testing.T) []loginCase {
		at := func(ceremony, signed, expires int64) func(string) string {
			now := time.Now().Unix()
			return signedWith(proofKey, "auth_time", now+ceremony, "iat", now+signed, "exp", now+expires)
		}
		cases := []loginCase{
			{name: "good for 60 s", password: at(0, 0, 60)},
			{name: "good for 61 s", password: at(0, 0, 61), message: "good for too long"},
			{name: "a second left", password: at(-59, -59, 1)},
			{name: "no second left", password: at(-60, -60, 0), message: "has expired"},
			{name: "signed by a clock 30 s ahead", password: at(0, 30, 90)},
			{name: "signed by a clock 31 s ahead", password: at(0, 31, 91), message: "signed in the future"},
			{name: "a ceremony 5 min ahead", password: at(300-10, -10, 50)},
			{name: "a ceremony 5 min and a second ahead", password: at(301-10, -10, 50), message: "ended after"},
			{name: "a ceremony 1 h 5 min ago", password: at(-3900-10, -10, 50)},
			{name: "a ceremony 1 h 5 min and a second ago", password: at(-3901-10, -10, 50), message: "too long ago"},
		}
		for i := range cases {
			c := &cases[i]
			c.settings, c.identifier, c.want = signing(), provenSubject, scripthost.Refused
			if c.message == "" {
				c.want, c.userID, c.email, c.verified = scripthost.Profile, "66f0c0de", "jane@example.com", true
			}
		}
		return cases
	})
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.check(t, results[i]) })
	}
}

func fixed(password string) func(string) string { return func(string) string { return password } }

// signedWith returns a password that is right but for the claims given, name and value in turn; nil removes.
func signedWith(key string, changes ...any) func(apiURL string) string {
	return func(apiURL string) string {
		now := time.Now().Unix()
		claims := map[string]any{
			"aud": proofConnection, "client_id": clientID, "authority": "authsignal " + apiURL, "sub": provenSubject, "action": pinnedAction,
			"method": "PASSKEY", "proof_id": "0b0f2f0e-6f2b-4a0e-9d59-2f2f9a5d7a11", "auth_time": now - 5, "iat": now, "exp": now + 60,
			"email": "jane@example.com", "email_verified": true,
		}
		for change := range slices.Chunk(changes, 2) {
			claims[change[0].(string)] = change[1]
		}
		maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
		payload, err := json.Marshal(claims)
		if err != nil {
			panic(err)
		}
		return signedJWT(signedHeader, string(payload), key)
	}
}

func signedUnder(header string) func(string) string {
	return func(apiURL string) string {
		payload, err := base64.RawURLEncoding.DecodeString(strings.Split(signedWith(proofKey)(apiURL), ".")[1])
		if err != nil {
			panic(err)
		}
		return signedJWT(header, string(payload), proofKey)
	}
}

func signedText(payload string) func(string) string {
	return func(string) string { return signedJWT(signedHeader, payload, proofKey) }
}

// altered returns a right password whose three parts were changed after it was signed.
func altered(change func(parts []string)) func(string) string {
	return func(apiURL string) string {
		parts := strings.Split(signedWith(proofKey)(apiURL), ".")
		change(parts)
		return strings.Join(parts, ".")
	}
}

// flipped changes a character in the middle, where every bit counts.
func flipped(text string) string {
	at := len(text) / 2
	other := "A"
	if text[at] == 'A' {
		other = "B"
	}
	return text[:at] + other + text[at+1:]
}

func signedJWT(header, payload, key string) string {
	secret, err := hex.DecodeString(key)
	if err != nil {
		panic(err)
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	var sum []byte
	fips140.WithoutEnforcement(func() { // whoever forges takes the key that they like
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(text))
		sum = mac.Sum(nil)
	})
	return text + "." + base64.RawURLEncoding.EncodeToString(sum)
}

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// What Auth0's SDKs send on their defaults is in testdata/sdks, one request a file, as the
// sources that its first lines name build it. Here each is sent to the whole bridge, and
// the answer is read by the rules of that SDK.

// Settings of the bridge: its own defaults, which offer no refresh token, and what the
// documents tell apps to ask an operator for.
func noRefreshTokens() map[string]string {
	return map[string]string{"AUTH0_SCOPE": "openid profile email", "AUTH0_SCOPE_ALLOWED": "openid profile email", "DPOP": "ignore"}
}

func refreshTokens() map[string]string {
	return map[string]string{"AUTH0_SCOPE": "openid profile email", "AUTH0_SCOPE_ALLOWED": "openid profile email offline_access", "DPOP": "ignore"}
}

func TestTheDefaultCallsOfAuth0sSDKsWork(t *testing.T) {
	for name, tt := range map[string]struct {
		settings map[string]string
		granted  map[string]string // by what is asked
	}{
		"by the bridge's defaults": {noRefreshTokens(), map[string]string{
			"openid profile email":                "openid profile email",
			"openid profile email offline_access": "openid profile email",
		}},
		"with refresh tokens": {refreshTokens(), map[string]string{
			"openid profile email":                "openid profile email",
			"openid profile email offline_access": "openid profile email offline_access",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := startBench(t, tt.settings)
			for _, call := range goldenCalls(t, "exchange") {
				t.Run(call.name, func(t *testing.T) {
					status, answer := b.golden(t, call, fill{"subject_token": b.token(t, wish{})})
					if status != http.StatusOK {
						t.Fatalf("%d %s", status, answer)
					}
					want := tt.granted[call.scope(t)]
					kept := call.kept(t, answer)
					kept.wantUsable(t, want)
					if renewable := strings.Contains(want, "offline_access"); renewable != (kept.refreshToken != "") {
						t.Errorf("it can be renewed: %t, want %t", !renewable, renewable)
					}
				})
			}
		})
	}
}

func TestAuth0sSDKsRenewOnTheirDefaults(t *testing.T) {
	b := startBench(t, refreshTokens())
	for _, call := range goldenCalls(t, "renew") {
		t.Run(call.name, func(t *testing.T) {
			status, answer := b.golden(t, call, fill{"refresh_token": b.renewable(t)})
			if status != http.StatusOK {
				t.Fatalf("%d %s", status, answer)
			}
			want := call.scope(t)
			if want == "" { // it keeps what it has
				want = "openid profile email offline_access"
			}
			kept := call.kept(t, answer)
			kept.wantUsable(t, want)
			if kept.refreshToken == "" {
				t.Error("there is no rotated refresh token, and the old one is used up")
			}
		})
	}
}

func TestAuth0sSDKsRevokeOnTheirDefaultsAndKnowThatTheSessionIsOver(t *testing.T) {
	b := startBench(t, refreshTokens())
	for _, call := range goldenCalls(t, "revoke") {
		t.Run(call.name, func(t *testing.T) {
			token := fill{"refresh_token": b.renewable(t)}
			if status, answer := b.golden(t, call, token); status != http.StatusOK || answer != "" { // Auth0.swift takes an empty body of a 200 only
				t.Fatalf("%d %s, want 200 and nothing", status, answer)
			}
			for _, renewal := range goldenCalls(t, "renew") {
				if renewal.sdk != call.sdk {
					continue
				}
				status, answer := b.golden(t, renewal, token)
				var said struct {
					Error       string `json:"error"`
					Description string `json:"error_description"`
				}
				// isInvalidRefreshToken of Auth0.swift and Auth0.Android; react-native-auth0 goes by the code.
				if err := json.Unmarshal([]byte(answer), &said); err != nil || said.Error != "invalid_grant" || said.Description != "Unknown or invalid refresh token." {
					t.Errorf("%s: %d %s, %v", renewal.name, status, answer, err)
				}
			}
		})
	}
}

// A proof that is refused spends nothing: the same token works without it.
func TestAProofIsRefusedWithTheSDKsSwitchAndNothingIsSpent(t *testing.T) {
	settings := refreshTokens()
	delete(settings, "DPOP")
	b := startBench(t, settings)
	proofs := 0
	for _, call := range append(goldenCalls(t, "exchange"), goldenCalls(t, "renew")...) {
		if !call.proves() {
			continue
		}
		proofs++
		t.Run(call.name, func(t *testing.T) {
			tokens := fill{"subject_token": b.token(t, wish{}), "refresh_token": b.renewable(t)}
			status, answer := b.golden(t, call, tokens)
			if status != http.StatusBadRequest || !strings.Contains(answer, `"invalid_request"`) || !strings.Contains(answer, "react-native-auth0, auth0_flutter: useDPoP: false") {
				t.Fatalf("%d %s, want the switch named", status, answer)
			}
			call.headers.Del("DPoP")
			if status, answer := b.golden(t, call, tokens); status != http.StatusOK {
				t.Errorf("without the proof: %d %s", status, answer)
			}
		})
	}
	if proofs == 0 {
		t.Error("no SDK sends a proof by default")
	}
}

// docs/mobile/flutter.md: validateClaims wants the bridge's host as issuer, and cannot be
// told another (auth0_flutter, CustomTokenExchangeApiRequestHandler.kt).
func TestFlutterOnAndroidRefusesTheIssuerOfTheExchange(t *testing.T) {
	b := startBench(t, refreshTokens())
	seen := 0
	for _, call := range goldenCalls(t, "exchange") {
		if !strings.HasPrefix(call.sdk, "auth0-flutter") || !strings.HasSuffix(call.name, "android") {
			continue
		}
		seen++
		_, answer := b.golden(t, call, fill{"subject_token": b.token(t, wish{})})
		claims, err := decodeClaims(call.kept(t, answer).idToken)
		if host := strings.TrimPrefix(b.bridgeURL, "http://"); err != nil || claims["iss"] == "https://"+host+"/" {
			t.Errorf("%s: issuer %v, %v: it would work after all, say so in docs/mobile/flutter.md", call.name, claims["iss"], err)
		}
	}
	if seen != 2 {
		t.Errorf("%d calls were tried, want 2", seen)
	}
}

// goldenCall is a request of an SDK.
type goldenCall struct {
	name, sdk, source string // sdk is the folder
	path              string
	headers           http.Header
	body              string
}

// goldenCalls reads those whose names begin with what they do.
func goldenCalls(t *testing.T, does string) []goldenCall {
	t.Helper()
	files, err := filepath.Glob("testdata/sdks/*/" + does + "*.http")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are none: %v", err)
	}
	var calls []goldenCall
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sdk := filepath.Base(filepath.Dir(file))
		call := goldenCall{name: sdk + " " + strings.TrimSuffix(filepath.Base(file), ".http"), sdk: sdk, headers: http.Header{}}
		head, body, _ := strings.Cut(strings.TrimSuffix(string(text), "\n"), "\n\n")
		call.body = body
		for line := range strings.Lines(head) {
			line = strings.TrimSpace(line)
			if comment, found := strings.CutPrefix(line, "#"); found {
				call.source += comment
			} else if path, found := strings.CutPrefix(line, "POST "); found {
				call.path = path
			} else if name, value, found := strings.Cut(line, ": "); found {
				call.headers.Add(name, value)
			}
		}
		if call.source == "" || call.path == "" || call.body == "" {
			t.Fatalf("%s names no source, no path or no body", file)
		}
		calls = append(calls, call)
	}
	return calls
}

func (c goldenCall) proves() bool { return c.headers.Get("DPoP") != "" }

// scope returns what is asked for, "" if nothing is.
func (c goldenCall) scope(t *testing.T) string {
	t.Helper()
	var body map[string]string
	if err := json.Unmarshal([]byte(c.body), &body); err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	return body["scope"]
}

// fill is what stands for the {{…}} of a request.
type fill map[string]string

// golden sends a request, and returns the status and the body of the answer.
func (b *bench) golden(t *testing.T, call goldenCall, with fill) (int, string) {
	t.Helper()
	values := maps.Clone(with)
	values["client_id"] = clientID
	if call.proves() {
		values["dpop"] = proofFor(t, "https://"+strings.TrimPrefix(b.bridgeURL, "http://")+call.path)
	}
	replace := func(text string) string {
		for name, value := range values {
			text = strings.ReplaceAll(text, "{{"+name+"}}", value)
		}
		return text
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.bridgeURL+call.path, strings.NewReader(replace(call.body)))
	if err != nil {
		t.Fatal(err)
	}
	for name, list := range call.headers {
		for _, value := range list {
			req.Header.Add(name, replace(value))
		}
	}
	resp, err := described.Client(t, nil).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// renewable opens a session with everything that SDKs may ask for, and returns what renews it.
func (b *bench) renewable(t *testing.T) string {
	t.Helper()
	_, session := b.oauth(t, "/oauth/token", exchangeForm(b.token(t, wish{}), "openid profile email offline_access"))
	token, _ := session["refresh_token"].(string)
	if token == "" {
		t.Fatalf("no refresh token: %v", session)
	}
	return token
}

// proofFor makes a proof of possession (RFC 9449, section 4.2) with a key of its own, as
// the SDKs do: the members that DPoPUtil.kt and DPoPProofGenerator.swift write.
func proofFor(t *testing.T, address string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"))
	if err != nil {
		t.Fatal(err)
	}
	proof, err := jwt.Signed(signer).Claims(map[string]any{"htm": "POST", "htu": address, "iat": time.Now().Unix(), "jti": rand.Text()}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

// sdkSession is what an SDK has of an answer once it has decoded it.
type sdkSession struct {
	accessToken, tokenType, idToken, refreshToken, scope string
	expiresIn                                            float64 // seconds
}

// kept reads an answer as the SDK's decoder does.
func (c goldenCall) kept(t *testing.T, answer string) sdkSession {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal([]byte(answer), &members); err != nil {
		t.Fatalf("%s: %v", answer, err)
	}
	text := func(name string) string {
		value, _ := members[name].(string)
		return value
	}
	k := sdkSession{text("access_token"), text("token_type"), text("id_token"), text("refresh_token"), text("scope"), 0}
	switch expires := members["expires_in"].(type) {
	case float64:
		k.expiresIn = expires
	case string: // Credentials.swift only
		if !c.byAndroid() && !c.byJS() {
			k.expiresIn, _ = strconv.ParseFloat(expires, 64)
		}
	}
	if c.byAndroid() { // CredentialsDeserializer.kt: createCredentials takes no null for these
		for _, name := range []string{"id_token", "access_token", "token_type", "expires_in"} {
			if members[name] == nil {
				t.Errorf("Auth0.Android fails: %s is null", name)
			}
		}
		if k.expiresIn != float64(int64(k.expiresIn)) {
			t.Errorf("Auth0.Android fails: expires_in %v is no whole number", k.expiresIn)
		}
	}
	return k
}

func (c goldenCall) byAndroid() bool { return strings.Contains(c.source, "Auth0.Android") }
func (c goldenCall) byJS() bool      { return strings.HasSuffix(c.name, "-js") }

// wantUsable fails the test unless a credentials manager keeps the session for what it is.
func (k sdkSession) wantUsable(t *testing.T, scope string) {
	t.Helper()
	if k.accessToken == "" || k.idToken == "" || k.tokenType != "Bearer" {
		t.Errorf("access token %t, ID token %t, token_type %q", k.accessToken != "", k.idToken != "", k.tokenType)
	}
	if k.expiresIn <= 60 { // minTTL of Auth0.swift 3 and Auth0.Android 4
		t.Errorf("it lives for %v s: the manager does not store it", k.expiresIn)
	}
	// Managers compare sets; a stored scope that is empty differs from every one that is asked for.
	if !slices.Equal(slices.Sorted(strings.FieldsSeq(k.scope)), slices.Sorted(strings.FieldsSeq(scope))) {
		t.Errorf("scope = %q, want %q", k.scope, scope)
	}
	if claims, err := decodeClaims(k.idToken); err != nil || claims["sub"] != "auth0|jane" { // Credentials.user
		t.Errorf("the user is %v, %v", claims["sub"], err)
	}
}

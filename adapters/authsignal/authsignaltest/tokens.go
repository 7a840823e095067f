package authsignaltest

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"
)

// TokenSpec describes a token, and the action it speaks of, for Mint. The zero
// value is a completed passkey sign-in of nobody.
type TokenSpec struct {
	UserID         string
	Action         string        // "" means Options.DefaultAction
	IdempotencyKey string        // "" means a random one; a known one shares the action instance, which is then replaced
	State          State         // "" means CHALLENGE_SUCCEEDED
	StateUpdatedAt time.Time     // zero means IssuedAt
	Method         string        // verificationMethod; "" means PASSKEY for CHALLENGE_SUCCEEDED, none otherwise
	IssuedAt       time.Time     // zero means now
	Life           time.Duration // 0 means Faults.TokenSeconds, or else tokenDurationInMinutes of the tenant, or else 10 minutes; negative is expired at birth
	Scope          string        // "" means read:authenticators
	Alg            string        // "none", "HS256" or "RS256", with the tenant's key; "" means the tenant's own algorithm
	Foreign        bool          // the token names another tenant and is signed with its key
	OmitClaims     []string      // claims left out of the JWT, such as "exp" or "other.actionCode"; the tenant still knows them
	OmitFields     []string      // fields /validate leaves out of its answer to this token
}

// Mint signs a token and registers its action, so that /validate answers
// accordingly. The user is created if unknown. Mint panics if the token cannot
// be signed, which only an unknown Alg can cause.
func (s *Server) Mint(spec TokenSpec) string {
	id := actionID{spec.UserID, cmp.Or(spec.Action, s.defaultAction), cmp.Or(spec.IdempotencyKey, newID())}
	if spec.IssuedAt.IsZero() {
		spec.IssuedAt = s.now()
	}
	if spec.StateUpdatedAt.IsZero() {
		spec.StateUpdatedAt = spec.IssuedAt
	}
	spec.State = cmp.Or(spec.State, StateChallengeSucceeded)
	if spec.Method == "" && spec.State == StateChallengeSucceeded {
		spec.Method = MethodPasskey
	}

	s.store.mu.Lock()
	user := User{}
	if spec.UserID != "" {
		user = s.store.ensureUser(spec.UserID).User
	}
	s.store.actions[id] = &action{
		state: spec.State, stateUpdatedAt: spec.StateUpdatedAt, createdAt: spec.IssuedAt,
		method: spec.Method, omit: slices.Clone(spec.OmitFields),
	}
	c := s.newClaims(id, user, spec)
	s.store.mu.Unlock()

	token := s.sign(c, spec)
	if len(spec.OmitClaims) > 0 {
		s.minted.Store(sha256.Sum256([]byte(token)), c)
	}
	return token
}

// claims of a challenge token. The names are those of the TokenPayload type of
// react-native-authsignal; the value of "aud" is not public.
type claims struct {
	Expiry   int64       `json:"exp"`
	Other    otherClaims `json:"other"`
	Scope    string      `json:"scope,omitempty"`
	Audience string      `json:"aud"`
	IssuedAt int64       `json:"iat"`
	Subject  string      `json:"sub"`
}

type otherClaims struct {
	ActionCode     string `json:"actionCode"`
	IdempotencyKey string `json:"idempotencyKey"`
	PublishableKey string `json:"publishableKey"`
	TenantID       string `json:"tenantId"`
	UserID         string `json:"userId"`
	Username       string `json:"username,omitempty"`
}

func (c claims) action() actionID {
	return actionID{c.Other.UserID, c.Other.ActionCode, c.Other.IdempotencyKey}
}

func (c claims) hasScope(scope string) bool {
	return slices.Contains(strings.Fields(c.Scope), scope)
}

const (
	readAuthenticators   = "read:authenticators"
	addAuthenticators    = "add:authenticators"
	manageAuthenticators = "read:authenticators add:authenticators update:authenticators remove:authenticators"
)

// tokenLife is that of a tenant that has never set tokenDurationInMinutes.
const tokenLife = 10 * time.Minute

// issue signs an ordinary token of the action, good from now on. The caller
// holds store.mu.
func (s *Server) issue(id actionID, user User, scope string) string {
	spec := TokenSpec{IssuedAt: s.now(), Scope: scope}
	return s.sign(s.newClaims(id, user, spec), spec)
}

// newClaims expects store.mu to be held.
func (s *Server) newClaims(id actionID, user User, spec TokenSpec) claims {
	faults := s.Faults()
	configured := time.Duration(s.store.config.tokenMinutes()) * time.Minute
	life := cmp.Or(spec.Life, time.Duration(faults.TokenSeconds)*time.Second, configured, tokenLife)
	tenant := s.tenantID
	if spec.Foreign {
		tenant = uuid.NewString()
	}
	return claims{
		Audience: cmp.Or(faults.Audience, tenant),
		Subject:  id.user,
		IssuedAt: spec.IssuedAt.Unix(),
		Expiry:   spec.IssuedAt.Add(life).Unix(),
		Scope:    cmp.Or(spec.Scope, readAuthenticators),
		Other: otherClaims{
			TenantID: tenant, PublishableKey: tenant, UserID: id.user, Username: user.Username,
			ActionCode: id.code, IdempotencyKey: id.key,
		},
	}
}

// sign makes a compact JWT of c as spec wants it.
func (s *Server) sign(c claims, spec TokenSpec) string {
	payload := must(json.Marshal(c))
	if len(spec.OmitClaims) > 0 {
		payload = omitClaims(payload, spec.OmitClaims)
	}
	alg := spec.Alg
	if alg == "" {
		alg = string(s.algorithm())
	}
	if alg == "none" {
		b64 := base64.RawURLEncoding.EncodeToString
		return b64([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + b64(payload) + "."
	}
	key := s.signingKey(jose.SignatureAlgorithm(alg), spec.Foreign)
	signer := must(jose.NewSigner(key, (&jose.SignerOptions{}).WithType("JWT")))
	return must(must(signer.Sign(payload)).CompactSerialize())
}

func omitClaims(payload []byte, names []string) []byte {
	var all map[string]any
	must(0, json.Unmarshal(payload, &all))
	for _, name := range names {
		if inner, ok := strings.CutPrefix(name, "other."); ok {
			other, _ := all["other"].(map[string]any)
			delete(other, inner)
			continue
		}
		delete(all, name)
	}
	return must(json.Marshal(all))
}

func (s *Server) algorithm() jose.SignatureAlgorithm {
	if s.rs256 {
		return jose.RS256
	}
	return jose.HS256
}

// signingKeys are made when first needed: RSA keys take a while.
type signingKeys struct {
	rsa        func() *jose.JSONWebKey
	foreignRSA func() *jose.JSONWebKey
}

func newSigningKeys() signingKeys {
	return signingKeys{rsa: sync.OnceValue(newRSAKey), foreignRSA: sync.OnceValue(newRSAKey)}
}

func newRSAKey() *jose.JSONWebKey {
	key := must(rsa.GenerateKey(rand.Reader, 2048))
	return &jose.JSONWebKey{Key: key, KeyID: newID(), Algorithm: string(jose.RS256), Use: "sig"}
}

func (s *Server) signingKey(alg jose.SignatureAlgorithm, foreign bool) jose.SigningKey {
	switch {
	case alg == jose.RS256 && foreign:
		return jose.SigningKey{Algorithm: alg, Key: s.keys.foreignRSA()}
	case alg == jose.RS256:
		return jose.SigningKey{Algorithm: alg, Key: s.keys.rsa()}
	case foreign:
		return jose.SigningKey{Algorithm: alg, Key: []byte(newSecret())}
	default:
		return jose.SigningKey{Algorithm: alg, Key: []byte(s.Secret())}
	}
}

// jwks publishes the RS256 key: of tokens if Options.RS256, and of session
// access tokens always.
func (s *Server) jwks(w http.ResponseWriter, r *http.Request) {
	if chi.URLParam(r, "tenantId") != s.tenantID {
		notFound(w, r)
		return
	}
	writeOK(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{s.keys.rsa().Public()}})
}

// tokenError is why a token is no good, in the API's own words.
type tokenError struct{ code, description string }

var ( // values, never changed
	errInvalidToken = &tokenError{codeInvalidToken, "The token is invalid."}
	errExpiredToken = &tokenError{codeExpiredToken, "The token has expired."}
	errSpentToken   = &tokenError{codeInvalidToken, "The token has already been used."}
	errMismatch     = &tokenError{codeInvalidToken, "The token does not belong to this user and action."}
)

// parseToken verifies signature, tenant and expiry.
func (s *Server) parseToken(token string) (claims, *tokenError) {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.HS256, jose.RS256})
	if err != nil {
		return claims{}, errInvalidToken
	}
	var c claims
	keys := s.verificationKeys(parsed.Headers[0].Algorithm)
	if !slices.ContainsFunc(keys, func(key any) bool { return parsed.Claims(key, &c) == nil }) {
		return claims{}, errInvalidToken
	}
	if minted, ok := s.minted.Load(sha256.Sum256([]byte(token))); ok {
		c = minted.(claims)
	}
	if c.Other.TenantID != s.tenantID {
		return claims{}, errInvalidToken
	}
	if !s.now().Before(time.Unix(c.Expiry, 0)) {
		return claims{}, errExpiredToken
	}
	return c, nil
}

func (s *Server) verificationKeys(alg string) []any {
	if alg == string(jose.RS256) {
		return []any{s.keys.rsa().Public()}
	}
	var keys []any
	for _, secret := range s.activeSecrets() {
		keys = append(keys, []byte(secret))
	}
	return keys
}

// spend uses the token up and reports whether rule let it be used once more.
// The caller holds store.mu.
func (s *Server) spend(token string, rule Form) bool {
	hash := sha256.Sum256([]byte(token))
	used := s.store.spent[hash]
	s.store.spent[hash] = true
	return !used || rule == "" || rule == FormIgnored
}

// must is for steps that fail only if the emulator itself is wrong.
func must[T any](v T, err error) T {
	if err != nil {
		panic("authsignaltest: " + err.Error())
	}
	return v
}

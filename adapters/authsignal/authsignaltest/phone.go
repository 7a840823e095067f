package authsignaltest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/google/uuid"
)

// SDK is a client SDK of Authsignal. A Phone imitates its requests.
type SDK string

// The SDKs, with what sets them apart.
const (
	Browser SDK = "browser" // tenant id without colon in Basic; the failure of any step is reported
	IOS     SDK = "ios"     // base64url in Basic, standard base64 for clientDataJSON, plain user handle; goes on without an action if /client/challenge fails
	Android SDK = "android" // origin "android:apk-key-hash:…"; goes on likewise
)

// PhoneOptions says whose app runs on a Phone.
type PhoneOptions struct {
	APIURL     string       // Client API base, "/v1" included; required
	TenantID   string       // required
	RPID       string       // "" means localhost
	SDK        SDK          // "" means Browser
	Origin     string       // of its ceremonies; "" means https://RPID, on Android a key hash of its own
	HTTPClient *http.Client // nil means http.DefaultClient
}

// Phone is a device with a platform authenticator and an app that uses an
// Authsignal SDK: it speaks the Client API and signs with real keys, but asks
// nobody for a fingerprint. It is safe for concurrent use.
type Phone struct {
	options PhoneOptions
	flaws   Flaws
	device  *device
}

// NewPhone returns a phone without passkeys.
func NewPhone(o PhoneOptions) *Phone {
	o.RPID = cmp.Or(o.RPID, defaultRPID)
	o.SDK = cmp.Or(o.SDK, Browser)
	if o.Origin == "" {
		o.Origin = "https://" + o.RPID
		if o.SDK == Android {
			hash := sha256.Sum256([]byte("certificate of the app that is not there"))
			o.Origin = "android:apk-key-hash:" + base64.RawURLEncoding.EncodeToString(hash[:])
		}
	}
	if o.HTTPClient == nil {
		o.HTTPClient = http.DefaultClient
	}
	return &Phone{options: o, device: &device{id: newID(), aaguid: uuid.New()}}
}

// Phone returns a phone with an app of this tenant and allows its origin.
func (s *Server) Phone(sdk SDK) *Phone {
	p := NewPhone(PhoneOptions{APIURL: s.APIURL(), TenantID: s.tenantID, RPID: s.relyingParty(), SDK: sdk})
	s.AllowOrigin(p.Origin())
	return p
}

// Enrol makes u a user with a passkey on the phone: PutUser, a track token
// with scope add:authenticators, SignUp.
func (s *Server) Enrol(ctx context.Context, p *Phone, u User) (SignedUp, error) {
	s.PutUser(u)
	token := s.Mint(TokenSpec{
		UserID: u.ID, Action: EnrolmentAction, State: StateChallengeRequired, Scope: addAuthenticators,
	})
	return p.SignUp(ctx, token, u.Username)
}

// Origin returns the origin the phone's ceremonies come from.
func (p *Phone) Origin() string { return p.options.Origin }

// Flaws make ceremonies fail.
type Flaws struct {
	Origin            string // come from this origin; "" for the right one
	WrongChallenge    bool   // sign a challenge nobody issued
	NoVerification    bool   // do not verify the user
	UnknownCredential bool   // sign in with a passkey that was never registered
	BogusSignature    bool   // sign in with a signature that does not match
}

// With returns the same phone, passkeys included, with flaws.
func (p *Phone) With(f Flaws) *Phone {
	flawed := *p
	flawed.flaws = f
	return &flawed
}

// SignedUp is what an SDK returns from sign-up.
type SignedUp struct {
	IsVerified          bool   `json:"isVerified"`
	Token               string `json:"accessToken"` // manages authenticators, proves no sign-in
	UserID              string `json:"userId"`
	UserAuthenticatorID string `json:"userAuthenticatorId"`
}

// SignedIn is what an SDK returns from sign-in.
type SignedIn struct {
	IsVerified          bool   `json:"isVerified"`
	Token               string `json:"accessToken"` // what an app sends to its backend
	UserID              string `json:"userId"`
	UserAuthenticatorID string `json:"userAuthenticatorId"`
	Username            string `json:"username"`
	DisplayName         string `json:"userDisplayName"`
}

// Errors that arise on the phone.
var (
	ErrNoPasskey       = errors.New("there is no passkey for this on the phone, sign up first")
	ErrPasskeyExcluded = errors.New("the phone already holds a passkey of this user")
	ErrNotVerified     = errors.New("the ceremony was answered without being verified")
)

// APIError is an error answer of the API.
type APIError struct {
	Status      int
	Code        string // errorCode; "" if the answer was not the API's JSON
	Description string
}

// Error returns status, code and description.
func (e *APIError) Error() string {
	return fmt.Sprintf("authsignal answered %d %s: %s", e.Status, e.Code, e.Description)
}

// SignUp creates a passkey and registers it for the user of token, a track
// token, with scope add:authenticators unless it is the user's first.
// username labels the passkey. Refusals are returned as *APIError.
func (p *Phone) SignUp(ctx context.Context, token, username string) (SignedUp, error) {
	const path = "/client/user-authenticators/passkey"
	ask := map[string]any{"username": username}
	if p.options.SDK == Browser {
		ask["authenticatorAttachment"] = "platform"
	}
	var prompt prompt
	if err := p.call(ctx, http.MethodPost, path+"/registration-options", "Bearer "+token, ask, &prompt); err != nil {
		return SignedUp{}, err
	}
	passkey, credential, err := p.create(prompt.Options)
	if err != nil {
		return SignedUp{}, err
	}

	var done SignedUp
	send := map[string]any{"challengeId": prompt.ChallengeID, "registrationCredential": credential}
	if p.options.SDK == Browser {
		send["conditionalCreate"] = false
	} else {
		send["deviceId"] = p.device.id
	}
	if err := p.call(ctx, http.MethodPost, path, "Bearer "+token, send, &done); err != nil {
		return SignedUp{}, err
	}
	if !done.IsVerified || done.Token == "" {
		return done, ErrNotVerified
	}
	p.device.keep(passkey)
	return done, nil
}

// SignIn signs in with the newest passkey on the phone, for action, or for the
// tenant's default action if action is "". Refusals are returned as *APIError.
func (p *Phone) SignIn(ctx context.Context, action string) (SignedIn, error) {
	pending, err := p.Autofill(ctx, action)
	if err != nil {
		return SignedIn{}, err
	}
	return pending.Pick(ctx)
}

// StepUp signs in as the user of token, a track token, completing the action
// it was tracked for.
func (p *Phone) StepUp(ctx context.Context, token string) (SignedIn, error) {
	pending, err := p.ask(ctx, "Bearer "+token, map[string]any{})
	if err != nil {
		return SignedIn{}, err
	}
	return pending.Pick(ctx)
}

// Autofill does what an SDK does when a page with passkey autofill loads: it
// begins a sign-in that waits for somebody to pick a passkey.
func (p *Phone) Autofill(ctx context.Context, action string) (*Autofill, error) {
	ask := map[string]any{}
	if action != "" {
		var begun prompt
		err := p.call(ctx, http.MethodPost, "/client/challenge", p.tenantAuth(), map[string]any{"action": action}, &begun)
		switch {
		case err == nil:
			ask["challengeId"] = begun.ChallengeID
		case p.options.SDK == Browser:
			return nil, err
		}
	}
	return p.ask(ctx, p.tenantAuth(), ask)
}

func (p *Phone) ask(ctx context.Context, auth string, body map[string]any) (*Autofill, error) {
	a := &Autofill{phone: p, auth: auth}
	err := p.call(ctx, http.MethodPost, "/client/user-authenticators/passkey/authentication-options", auth, body, &a.prompt)
	if err != nil {
		return nil, err
	}
	return a, nil
}

// Autofill is a sign-in waiting for a passkey to be picked.
type Autofill struct {
	phone  *Phone
	auth   string
	prompt prompt
}

// Pick signs in with the newest passkey on the phone.
func (a *Autofill) Pick(ctx context.Context) (SignedIn, error) {
	credential, err := a.phone.get(a.prompt.Options)
	if err != nil {
		return SignedIn{}, err
	}
	var done SignedIn
	send := map[string]any{
		"challengeId": a.prompt.ChallengeID, "authenticationCredential": credential, "deviceId": a.phone.device.id,
	}
	if err := a.phone.call(ctx, http.MethodPost, "/client/verify/passkey", a.auth, send, &done); err != nil {
		return SignedIn{}, err
	}
	if !done.IsVerified {
		return done, ErrNotVerified
	}
	return done, nil
}

// prompt is what the SDK asks of the OS.
type prompt struct {
	ChallengeID string          `json:"challengeId"`
	Options     json.RawMessage `json:"options"`
}

// tenantAuth is the Authorization header of an SDK that holds no token.
func (p *Phone) tenantAuth() string {
	switch tenant := p.options.TenantID; p.options.SDK {
	case IOS:
		return "Basic " + base64.RawURLEncoding.EncodeToString([]byte(tenant+":"))
	case Android:
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(tenant+":"))
	default:
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.PathEscape(tenant)))
	}
}

// call speaks JSON to the API. Answers that are not success or not JSON are
// returned as *APIError.
func (p *Phone) call(ctx context.Context, method, path, auth string, body, dst any) error {
	payload, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, p.options.APIURL+path, bytes.NewReader(payload))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", auth)
	req.Header.Set("Content-Type", "application/json")
	p.setHeaders(req.Header)
	res, err := p.options.HTTPClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		var e apiError
		_ = json.Unmarshal(raw, &e) // a proxy's page leaves it empty
		return &APIError{res.StatusCode, e.ErrorCode, e.ErrorDescription}
	}
	if err := json.Unmarshal(raw, dst); err != nil {
		return &APIError{Status: res.StatusCode, Description: "the answer is not JSON"}
	}
	return nil
}

func (p *Phone) setHeaders(h http.Header) {
	version := "2.13.0"
	switch p.options.SDK {
	case IOS:
		h.Set("User-Agent", "AuthsignalIOSSDK/"+version)
	case Android:
		version = "4.3.0"
		h.Set("User-Agent", "AuthsignalAndroidSDK/"+version)
	default:
		h.Set("User-Agent", "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/156.0.0.0 Mobile")
		h.Set("Origin", p.options.Origin)
		return
	}
	h.Set("X-Authsignal-SDK", string(p.options.SDK))
	h.Set("X-Authsignal-Version", version)
	h.Set("X-Authsignal-Tenant-ID", p.options.TenantID)
}

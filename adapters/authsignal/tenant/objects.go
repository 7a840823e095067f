package tenant

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
)

// The objects of the Management API, as far as the bridge needs them. A pointer that
// is nil, or a slice, means a setting that was never set. Each is also the body of a
// PATCH, in which nil means "keep".

// Settings are those of the tenant as a whole ("Get tenant").
type Settings struct {
	ID           string  `json:"tenantId,omitempty"`
	Name         *string `json:"name,omitempty"`
	TokenMinutes *int    `json:"tokenDurationInMinutes,omitempty"`

	members members
}

// Authenticator is the configuration of one verification method ("Update
// authenticator configuration"). Credentials of other vendors, which Authsignal may
// send with it, are not kept.
type Authenticator struct {
	ID               string   `json:"authenticatorId,omitempty"`
	Method           string   `json:"verificationMethod,omitempty"` // PASSKEY, SMS …
	Active           *bool    `json:"isActive,omitempty"`
	RelyingParty     *string  `json:"relyingParty,omitempty"`
	ExpectedOrigins  []string `json:"expectedOrigins,omitempty"`
	UserVerification *string  `json:"userVerificationRequirement,omitempty"` // discouraged, preferred, required

	members members
}

// Action is the configuration of one action ("Create action configuration").
type Action struct {
	Code             string   `json:"actionCode,omitempty"`
	Default          *string  `json:"defaultUserActionResult,omitempty"` // ALLOW, BLOCK, CHALLENGE, REVIEW
	Methods          []string `json:"verificationMethods,omitempty"`
	VerifyWebhookURL *string  `json:"verificationWebhookUrl,omitempty"`

	members members
}

// Rule is one of an action's rules ("Create rule"). The active one of the lowest
// priority whose conditions hold decides in place of the action's default.
type Rule struct {
	ID       string   `json:"ruleId"`
	Name     string   `json:"name"`
	Type     string   `json:"type"` // ALLOW, BLOCK, CHALLENGE, REVIEW
	Active   *bool    `json:"isActive"`
	Priority int      `json:"priority"`
	Methods  []string `json:"verificationMethods"`
}

// MethodPasskey is the verification method that the bridge accepts.
const MethodPasskey = "PASSKEY"

// Settings reads the tenant.
func (m *Management) Settings(ctx context.Context) (Settings, error) {
	var s Settings
	err := m.call(ctx, http.MethodGet, "/tenant", nil, &s)
	return s, err
}

// Authenticators reads the configurations of all verification methods.
func (m *Management) Authenticators(ctx context.Context) ([]Authenticator, error) {
	var list []Authenticator
	err := m.call(ctx, http.MethodGet, "/authenticator-configurations", nil, &list)
	return list, err
}

// Passkey reads the configuration of passkeys. It is nil if they were never set up,
// which only the Portal can do.
func (m *Management) Passkey(ctx context.Context) (*Authenticator, error) {
	list, err := m.Authenticators(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(a Authenticator) bool { return a.Method == MethodPasskey })
	if i < 0 {
		return nil, nil
	}
	return &list[i], nil
}

// Action reads the configuration of an action. It is nil if there is none; the action
// may be in use all the same.
func (m *Management) Action(ctx context.Context, code string) (*Action, error) {
	var a Action
	err := m.call(ctx, http.MethodGet, actionPath(code), nil, &a)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &a, nil
}

// Rules reads the rules of an action that is configured.
func (m *Management) Rules(ctx context.Context, code string) ([]Rule, error) {
	var list []Rule
	err := m.call(ctx, http.MethodGet, actionPath(code)+"/rules", nil, &list)
	return list, err
}

func (m *Management) changeSettings(ctx context.Context, change Settings) error {
	return m.call(ctx, http.MethodPatch, "/tenant", change, nil)
}

func (m *Management) changeAuthenticator(ctx context.Context, id string, change Authenticator) error {
	return m.call(ctx, http.MethodPatch, "/authenticator-configurations/"+url.PathEscape(id), change, nil)
}

func (m *Management) createAction(ctx context.Context, a Action) error {
	return m.call(ctx, http.MethodPost, "/action-configurations", a, nil)
}

func (m *Management) changeAction(ctx context.Context, code string, change Action) error {
	return m.call(ctx, http.MethodPatch, actionPath(code), change, nil)
}

func actionPath(code string) string { return "/action-configurations/" + url.PathEscape(code) }

// members are the names of an object's members, those included that the bridge does
// not know. They tell whether a PATCH dropped one. Values are not kept.
type members []string

// missing returns those of m that after lacks.
func (m members) missing(after members) []string {
	return slices.DeleteFunc(slices.Clone(m), func(name string) bool { return slices.Contains(after, name) })
}

// read decodes an object into fields and returns the names of its members.
func read(body []byte, fields any) (members, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, err
	}
	maps.DeleteFunc(all, func(_ string, value json.RawMessage) bool { return string(value) == "null" })
	return slices.Sorted(maps.Keys(all)), json.Unmarshal(body, fields)
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Settings) UnmarshalJSON(body []byte) (err error) {
	type fields Settings
	s.members, err = read(body, (*fields)(s))
	return err
}

// UnmarshalJSON implements json.Unmarshaler.
func (a *Authenticator) UnmarshalJSON(body []byte) (err error) {
	type fields Authenticator
	a.members, err = read(body, (*fields)(a))
	return err
}

// UnmarshalJSON implements json.Unmarshaler.
func (a *Action) UnmarshalJSON(body []byte) (err error) {
	type fields Action
	a.members, err = read(body, (*fields)(a))
	return err
}

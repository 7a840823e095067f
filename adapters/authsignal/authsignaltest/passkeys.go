package authsignaltest

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"
)

// requestOptions are WebAuthn request options without the usual "publicKey"
// around them and with allowCredentials even when empty: the mobile SDKs
// cannot decode anything else.
type requestOptions struct {
	protocol.PublicKeyCredentialRequestOptions
	AllowCredentials []protocol.CredentialDescriptor `json:"allowCredentials"`
}

// creationOptions are WebAuthn creation options, likewise.
type creationOptions struct {
	protocol.PublicKeyCredentialCreationOptions
	ExcludeCredentials []protocol.CredentialDescriptor `json:"excludeCredentials"`
}

// beginLogin asks for a passkey of u, or of anybody if u is nil or has none.
func (s *Server) beginLogin(settings passkeySettings, u *account) (requestOptions, webauthn.SessionData) {
	allowed := []protocol.CredentialDescriptor{}
	if u != nil {
		allowed = descriptors(u)
	}
	assertion, session, err := settings.webAuthn().BeginDiscoverableLogin(webauthn.WithAllowedCredentials(allowed))
	must(assertion, err)
	return requestOptions{assertion.Response, allowed}, *session
}

// finishLogin verifies an assertion. The passkey is found by its credential
// id: what SDKs return as user handle differs between platforms. In a step-up
// the session allows the passkeys of one user only.
func (s *Server) finishLogin(c ceremony, credential json.RawMessage) (*account, *passkey, *tokenError) {
	settings, failure := s.store.config.passkeySettings()
	if failure != nil {
		return nil, nil, failure
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(standardise(credential))
	if err != nil {
		return nil, nil, badCeremony(err)
	}
	u, p := s.store.passkey(parsed.RawID)
	if p == nil {
		return nil, nil, &tokenError{codeUnknownCredential, "The passkey is unknown."}
	}
	session := c.session
	session.UserID = u.WebAuthnID()
	verified, err := settings.webAuthn().ValidateLogin(u, session, parsed)
	if err != nil {
		return nil, nil, badCeremony(err)
	}
	p.credential = *verified // a sign counter that goes back is tolerated
	return u, p, nil
}

func (s *Server) beginRegistration(settings passkeySettings, u *account, c ceremony, attachment string) (creationOptions, webauthn.SessionData) {
	excluded := descriptors(u)
	creation, session, err := settings.webAuthn().BeginRegistration(u,
		webauthn.WithExclusions(excluded),
		webauthn.WithConveyancePreference(protocol.PreferNoAttestation),
		webauthn.WithCredentialParameters([]protocol.CredentialParameter{
			{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
			{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256},
		}),
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{
			AuthenticatorAttachment: protocol.AuthenticatorAttachment(attachment),
			RequireResidentKey:      new(true),
			ResidentKey:             protocol.ResidentKeyRequirementRequired,
			UserVerification:        settings.verification,
		}),
	)
	must(creation, err)
	creation.Response.User.Name = c.username
	creation.Response.User.DisplayName = c.displayName
	return creationOptions{creation.Response, excluded}, *session
}

func (s *Server) finishRegistration(u *account, c ceremony, credential json.RawMessage) (*passkey, *tokenError) {
	settings, failure := s.store.config.passkeySettings()
	if failure != nil {
		return nil, failure
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(standardise(credential))
	if err != nil {
		return nil, badCeremony(err)
	}
	if _, taken := s.store.passkey(parsed.RawID); taken != nil {
		return nil, &tokenError{codeInvalidCredential, "The passkey is already registered."}
	}
	created, err := settings.webAuthn().CreateCredential(u, c.session, parsed)
	if err != nil {
		return nil, badCeremony(err)
	}
	now := s.now()
	return &passkey{
		id: newID(), credential: *created, username: c.username, displayName: c.displayName,
		createdAt: now, verifiedAt: now,
	}, nil
}

// webAuthn is made for each ceremony, since the settings may change at any time.
// Expiry is ours to check, by Options.Now.
func (p passkeySettings) webAuthn() *webauthn.WebAuthn {
	origins := p.origins
	if len(origins) == 0 {
		origins = []string{"https://no-origin.invalid"} // go-webauthn wants one
	}
	return must(webauthn.New(&webauthn.Config{
		RPID:          p.relyingParty,
		RPDisplayName: "Authsignal emulator",
		RPOrigins:     origins,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			UserVerification: p.verification,
		},
	}))
}

func descriptors(u *account) []protocol.CredentialDescriptor {
	list := []protocol.CredentialDescriptor{}
	for _, credential := range u.WebAuthnCredentials() {
		list = append(list, credential.Descriptor())
	}
	return list
}

// badCeremony says what go-webauthn found wrong.
func badCeremony(err error) *tokenError {
	description := err.Error()
	if detailed, ok := errors.AsType[*protocol.Error](err); ok && detailed.DevInfo != "" {
		description += ": " + strings.TrimSpace(detailed.DevInfo)
	}
	return &tokenError{codeInvalidCredential, description}
}

// standardise rewrites the credential an SDK sends as WebAuthn's JSON form
// (WebAuthn Level 3 §5.1): every binary member becomes unpadded base64url,
// since iOS sends clientDataJSON in the standard alphabet, and the user handle
// is dropped, since iOS sends it in no base64 at all. What cannot be read is
// left for the parser to refuse.
func standardise(credential json.RawMessage) []byte {
	var members map[string]any
	if json.Unmarshal(credential, &members) != nil {
		return credential
	}
	response, _ := members["response"].(map[string]any)
	delete(response, "userHandle")
	for _, object := range []map[string]any{members, response} {
		for _, name := range []string{"id", "rawId", "clientDataJSON", "authenticatorData", "signature", "attestationObject", "publicKey"} {
			if value, ok := object[name].(string); ok {
				object[name] = base64URL(value)
			}
		}
	}
	return must(json.Marshal(members))
}

func formatAAGUID(raw []byte) string {
	id, err := uuid.FromBytes(raw)
	if err != nil {
		return ""
	}
	return id.String()
}

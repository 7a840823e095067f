package authsignaltest

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/descope/virtualwebauthn"
)

// This file is the platform's half of a Phone: the authenticator, and the form
// in which the SDK passes on its results.

// device is what copies of a Phone made by With share.
type device struct {
	id       string
	aaguid   [16]byte
	mu       sync.Mutex
	passkeys []devicePasskey // newest last
}

type devicePasskey struct {
	credential virtualwebauthn.Credential
	userHandle string // as the SDK returns it
}

func (d *device) keep(k devicePasskey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.passkeys = append(d.passkeys, k)
}

func (d *device) holds(match func(devicePasskey) bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.passkeys, match)
}

// create is navigator.credentials.create of the platform. The passkey is not
// kept yet.
func (p *Phone) create(raw json.RawMessage) (devicePasskey, map[string]any, error) {
	options, err := virtualwebauthn.ParseAttestationOptions(string(raw))
	if err != nil {
		return devicePasskey{}, nil, fmt.Errorf("cannot read the registration options: %w", err)
	}
	var sent struct {
		User struct{ ID string } `json:"user"`
	}
	if err := json.Unmarshal(raw, &sent); err != nil {
		return devicePasskey{}, nil, fmt.Errorf("cannot read the registration options: %w", err)
	}
	if p.device.holds(func(k devicePasskey) bool { return k.credential.IsExcludedForAttestation(*options) }) {
		return devicePasskey{}, nil, ErrPasskeyExcluded
	}

	made := devicePasskey{credential: newCredential(), userHandle: sent.User.ID}
	if p.flaws.WrongChallenge {
		options.Challenge = bytes.Repeat([]byte{7}, 32)
	}
	credential := decodeCredential(virtualwebauthn.CreateAttestationResponse(p.relyingParty(), p.authenticator(), made.credential, *options))
	switch p.options.SDK {
	case IOS:
		credential["authenticatorAttachment"] = "cross-platform"
	default:
		credential["authenticatorAttachment"] = "platform"
		inner(credential)["transports"] = []string{"internal"}
	}
	return made, p.accent(credential), nil
}

// get is navigator.credentials.get of the platform.
func (p *Phone) get(raw json.RawMessage) (map[string]any, error) {
	options, err := virtualwebauthn.ParseAssertionOptions(string(raw))
	if err != nil {
		return nil, fmt.Errorf("cannot read the authentication options: %w", err)
	}
	key, err := p.choose(*options)
	if err != nil {
		return nil, err
	}
	if p.flaws.WrongChallenge {
		options.Challenge = bytes.Repeat([]byte{7}, 32)
	}
	credential := decodeCredential(virtualwebauthn.CreateAssertionResponse(p.relyingParty(), p.authenticator(), key.credential, *options))
	response := inner(credential)
	response["userHandle"] = key.userHandle
	if p.flaws.BogusSignature {
		response["signature"] = base64.RawURLEncoding.EncodeToString([]byte("not a signature"))
	}
	switch p.options.SDK {
	case Browser:
		credential["authenticatorAttachment"] = "platform"
	case IOS:
		credential["authenticatorAttachment"] = "cross-platform"
	}
	return p.accent(credential), nil
}

// choose returns the newest passkey the options allow. iOS does not look at
// what they allow.
func (p *Phone) choose(options virtualwebauthn.AssertionOptions) (devicePasskey, error) {
	if p.flaws.UnknownCredential {
		return devicePasskey{credential: newCredential(), userHandle: "bm9ib2R5"}, nil
	}
	p.device.mu.Lock()
	defer p.device.mu.Unlock()
	for _, key := range slices.Backward(p.device.passkeys) {
		if p.options.SDK == IOS || len(options.AllowCredentials) == 0 || key.credential.IsAllowedForAssertion(options) {
			own := *key.credential.Key // signing writes to the key
			key.credential.Key = &own
			return key, nil
		}
	}
	return devicePasskey{}, ErrNoPasskey
}

// accent gives a credential the SDK's own form.
func (p *Phone) accent(credential map[string]any) map[string]any {
	switch p.options.SDK {
	case Browser:
		credential["clientExtensionResults"] = map[string]any{}
	case IOS:
		response := inner(credential)
		clientData := must(decodeBase64(response["clientDataJSON"].(string)))
		response["clientDataJSON"] = base64.StdEncoding.EncodeToString(clientData)
	}
	return credential
}

func (p *Phone) relyingParty() virtualwebauthn.RelyingParty {
	return virtualwebauthn.RelyingParty{ID: p.options.RPID, Origin: cmp.Or(p.flaws.Origin, p.options.Origin)}
}

func (p *Phone) authenticator() virtualwebauthn.Authenticator {
	return virtualwebauthn.Authenticator{
		Aaguid: p.device.aaguid,
		Options: virtualwebauthn.AuthenticatorOptions{
			UserNotVerified: p.flaws.NoVerification, BackupEligible: true, BackupState: true,
		},
	}
}

// coseKeyLength is the length of an EC2 P-256 public key in COSE (RFC 9053
// §7.1.1), whose coordinates must have 32 bytes each.
const coseKeyLength = 77

// newCredential makes an ES256 passkey. virtualwebauthn drops leading zero
// bytes of coordinates, which verifiers refuse, so keys that have one are
// thrown away.
func newCredential() virtualwebauthn.Credential {
	for {
		credential := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
		if len(credential.Key.AttestationData()) == coseKeyLength {
			return credential
		}
	}
}

func decodeCredential(encoded string) map[string]any {
	var credential map[string]any
	must(0, json.NewDecoder(strings.NewReader(encoded)).Decode(&credential))
	return credential
}

func inner(credential map[string]any) map[string]any { return credential["response"].(map[string]any) }

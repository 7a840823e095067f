package authsignal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	strict "github.com/go-jose/go-jose/v4/json"

	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
	"nativebridge/ports"
)

// enrolTimeout bounds each call of an Enroller, with all that it asks Authsignal.
const enrolTimeout = 5 * time.Second

// maxAuthenticators bounds how many of a person's authenticators are read.
const maxAuthenticators = 256

// Enroller is a ports.PasskeyEnroller at Authsignal's Server API. It tracks an action of its
// own with the scope add:authenticators ("Track action"), and lists and deletes the
// authenticators of one user.
type Enroller struct{ verifier *Verifier } // for its requests, and its table of error replies

var _ ports.PasskeyEnroller = (*Enroller)(nil)

// NewEnroller returns an enroller at the tenant that config describes.
func NewEnroller(client *upstream.Client, config Config, now func() time.Time) *Enroller {
	return &Enroller{verifier: NewVerifier(client, config, 0, now)}
}

// Enrol implements ports.PasskeyEnroller. Its request is repeated only if Authsignal cannot
// have seen it.
func (e *Enroller) Enrol(ctx context.Context, subject string, from domain.Client) (domain.Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, enrolTimeout)
	defer cancel()
	asked := map[string]string{"scope": "add:authenticators"}
	if from.Addr.IsValid() {
		asked["ipAddress"] = from.Addr.String()
	}
	if from.UserAgent != "" {
		asked["userAgent"] = from.UserAgent
	}
	body, err := json.Marshal(asked)
	if err != nil {
		return domain.Secret{}, err
	}
	track := func() (*http.Request, error) {
		return e.verifier.request(ctx, http.MethodPost, userPath(subject)+"/actions/"+string(e.verifier.config.EnrolAction), bytes.NewReader(body))
	}
	reply, err := e.verifier.send(track)
	if errors.Is(err, upstream.ErrNotSent) && ctx.Err() == nil {
		reply, err = e.verifier.send(track)
	}
	if err != nil {
		return domain.Secret{}, fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	if reply.Status != http.StatusOK {
		return domain.Secret{}, e.refusal(reply, "track the enrolment")
	}
	return e.tokenOf(reply.Body)
}

// tokenOf reads a 200 of Track action. A rule of the action may block the person, or have
// somebody look at them first; what else it says is no leave to enrol.
func (e *Enroller) tokenOf(body []byte) (domain.Secret, error) {
	var answer struct {
		State string `json:"state"`
		Token string `json:"token"`
	}
	if err := strict.Unmarshal(body, &answer); err != nil || answer.Token == "" {
		return domain.Secret{}, fmt.Errorf("%w: authsignal's answer to the tracked action has no token", domain.ErrUnavailable)
	}
	switch answer.State {
	case "ALLOW", "CHALLENGE_REQUIRED":
		return domain.NewSecret(answer.Token), nil
	}
	return domain.Secret{}, fmt.Errorf("%w: authsignal's rules of the action %s answer %.32q", domain.ErrEnrolmentDenied, e.verifier.config.EnrolAction, answer.State)
}

// Passkeys implements ports.PasskeyEnroller.
func (e *Enroller) Passkeys(ctx context.Context, subject string) ([]domain.Passkey, error) {
	ctx, cancel := context.WithTimeout(ctx, enrolTimeout)
	defer cancel()
	return e.passkeys(ctx, subject)
}

// RemovePasskey implements ports.PasskeyEnroller. It asks for the person's passkeys first, so
// that only an id which Authsignal has just named as theirs is ever in a path: what it answers
// to another person's id is not documented.
func (e *Enroller) RemovePasskey(ctx context.Context, subject, id string) error {
	ctx, cancel := context.WithTimeout(ctx, enrolTimeout)
	defer cancel()
	passkeys, err := e.passkeys(ctx, subject)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(passkeys, func(p domain.Passkey) bool { return p.ID == id }) {
		return fmt.Errorf("%w: the person has no such passkey", domain.ErrPasskeyUnknown)
	}
	reply, err := e.verifier.ask(ctx, func() (*http.Request, error) {
		return e.verifier.request(ctx, http.MethodDelete, userPath(subject)+"/authenticators/"+url.PathEscape(id), nil)
	})
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	case reply.Status >= http.StatusOK && reply.Status < http.StatusMultipleChoices, reply.Status == http.StatusNotFound: // it was there a moment ago
		return nil
	}
	return e.refusal(reply, "delete the passkey")
}

// authenticator is the part of a listed authenticator that is read ("Get authenticators",
// Authsignal Server API).
type authenticator struct {
	UserID     string `json:"userId"`
	ID         string `json:"userAuthenticatorId"`
	Method     string `json:"verificationMethod"`
	CreatedAt  string `json:"createdAt"`
	VerifiedAt string `json:"lastVerifiedAt"`
	Credential struct {
		Name string `json:"name"`
		Kind struct {
			Name string `json:"name"`
		} `json:"aaguidMapping"`
		Synced bool `json:"credentialBackedUp"`
	} `json:"webauthnCredential"`
}

func (e *Enroller) passkeys(ctx context.Context, subject string) ([]domain.Passkey, error) {
	reply, err := e.verifier.ask(ctx, func() (*http.Request, error) {
		return e.verifier.request(ctx, http.MethodGet, userPath(subject)+"/authenticators", nil)
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	if reply.Status != http.StatusOK {
		return nil, e.refusal(reply, "list the authenticators")
	}
	var list []authenticator
	if err := strict.Unmarshal(reply.Body, &list); err != nil || len(list) > maxAuthenticators {
		return nil, fmt.Errorf("%w: authsignal's answer is no list of authenticators", domain.ErrUnavailable)
	}
	passkeys := []domain.Passkey{}
	for _, a := range list {
		switch {
		case a.UserID != "" && a.UserID != subject:
			return nil, errors.New("authsignal lists another user's authenticators: check AUTHSIGNAL_API_URL, and what stands before it")
		case a.Method == domain.MethodPasskey && a.isPathSegment():
			passkeys = append(passkeys, a.passkey())
		}
	}
	return passkeys, nil
}

// isPathSegment reports whether the id can stand in a path: "." and ".." lead elsewhere.
func (a authenticator) isPathSegment() bool { return a.ID != "" && a.ID != "." && a.ID != ".." }

func (a authenticator) passkey() domain.Passkey {
	name := a.Credential.Kind.Name
	if name == "" {
		name = a.Credential.Name
	}
	return domain.Passkey{
		ID: a.ID, Name: name, Synced: a.Credential.Synced,
		CreatedAt: timeOf(a.CreatedAt), LastUsedAt: timeOf(a.VerifiedAt),
	}
}

// timeOf returns a time that is told for information, or zero if it is none.
func timeOf(text string) time.Time {
	at, _ := time.Parse(time.RFC3339, text)
	return at
}

// userPath is the path of a person. An id may have characters such as "|" and "/".
func userPath(subject string) string { return "/users/" + url.PathEscape(subject) }

// refusal returns what an error reply means. It has the reply's code but not its text, which
// may name the person.
func (e *Enroller) refusal(reply upstream.Reply, what string) error {
	code := problemOf(reply).code()
	if !codeForm.MatchString(code) {
		code = "no code"
	}
	said := fmt.Sprintf("authsignal answered %d (%s) when it was asked to %s", reply.Status, code, what)
	var err error
	switch {
	case code == "AUTHENTICATOR_NOT_FOUND":
		err = errors.New(said + ": set passkeys up in the tenant (docs/tenant.md)")
	case reply.Status == http.StatusBadRequest:
		err = fmt.Errorf("%s: check the action %s of AUTHSIGNAL_ENROL_ACTION at Authsignal", said, e.verifier.config.EnrolAction)
	default:
		err = e.verifier.trouble(reply, said)
	}
	if _, known := domain.ReasonOf(err); !known {
		e.verifier.client.Refused(reply)
	}
	return err
}

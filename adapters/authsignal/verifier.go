// Package authsignal asks Authsignal what a challenge token proves.
package authsignal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
	"nativebridge/ports"
)

// VerifyTimeout bounds a verification, its one retry included.
const VerifyTimeout = 3 * time.Second

// Verifier is a ports.IdentityVerifier that asks Authsignal's Server API to
// validate the token ("Validate challenge", POST /validate). It sends neither
// action nor user, so that Authsignal reports what the token is for and
// domain.SignInPolicy alone judges it.
type Verifier struct {
	client *upstream.Client
	config Config
	keys   *upstream.Overlap
	skew   time.Duration
	now    func() time.Time

	asksEmailOf *domain.SubjectRule // see WithEmail; nil if it asks for no e-mail address
}

var _ ports.IdentityVerifier = (*Verifier)(nil)

// NewVerifier returns a verifier for the tenant that config describes. A token counts as
// expired when its exp is further in the past than skew.
func NewVerifier(client *upstream.Client, config Config, skew time.Duration, now func() time.Time) *Verifier {
	return &Verifier{client: client, config: config, keys: upstream.NewOverlap(config.Secret, config.SecretOther), skew: skew, now: now}
}

// Warm opens a connection to Authsignal.
func (v *Verifier) Warm(ctx context.Context) error {
	return v.client.Warm(ctx, string(v.config.APIURL))
}

// Verify implements ports.IdentityVerifier. It rejects what cannot be a live Authsignal
// token without asking.
func (v *Verifier) Verify(ctx context.Context, token domain.PasskeyToken) (domain.Identity, error) {
	if err := screen(token, v.now(), v.skew); err != nil {
		return domain.Identity{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, VerifyTimeout)
	defer cancel()

	identity, err := v.validate(ctx, token)
	if err != nil || v.asksEmailOf == nil {
		return identity, err
	}
	return v.addEmail(ctx, identity)
}

// validate has Authsignal validate the token.
func (v *Verifier) validate(ctx context.Context, token domain.PasskeyToken) (domain.Identity, error) {
	body, err := jsontext.AppendQuote([]byte(`{"token":`), token.Reveal())
	if err != nil {
		return domain.Identity{}, err
	}
	body = append(body, '}')
	reply, err := v.ask(ctx, func() (*http.Request, error) {
		return v.request(ctx, http.MethodPost, "/validate", bytes.NewReader(body))
	})
	if err != nil {
		return domain.Identity{}, fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	if reply.Status != http.StatusOK {
		return domain.Identity{}, v.refusal(reply, token)
	}
	return v.identity(reply.Body)
}

// ask sends a request, and once more if no reply came: all that the bridge asks
// Authsignal is a read, which may be repeated. A reply of any kind is final, and so is
// the deadline.
func (v *Verifier) ask(ctx context.Context, request func() (*http.Request, error)) (upstream.Reply, error) {
	reply, err := v.send(request)
	if noReply := errors.Is(err, upstream.ErrNotSent) || errors.Is(err, upstream.ErrNoReply); noReply && ctx.Err() == nil {
		reply, err = v.send(request)
	}
	return reply, err
}

// send sends a request with a key that Authsignal takes. The first answer to a key that it
// does not take says that the request was not looked at.
func (v *Verifier) send(request func() (*http.Request, error)) (upstream.Reply, error) {
	return v.keys.Try(func(key domain.Secret) (upstream.Reply, error) {
		req, err := request()
		if err != nil {
			return upstream.Reply{}, err
		}
		req.SetBasicAuth(key.Reveal(), "") // secret as user, empty password ("Authentication", Authsignal Server API)
		return v.client.Do(req)
	}, refusesKey)
}

// request returns a request of Authsignal's Server API, for send. A nil body is none.
func (v *Verifier) request(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, string(v.config.APIURL)+path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	return req, nil
}

// validation is the part of a 200 from /validate that the bridge reads. The code of the
// action has two names, and SDKs differ in which one they read. The decoder is strict,
// because the Login script and the Action read the same answer and must not find another
// person in it: names are case-sensitive, and an answer with a duplicate member or half a
// character is no validation.
type validation struct {
	IsValid            *bool   `json:"isValid"`
	State              string  `json:"state"`
	StateUpdatedAt     string  `json:"stateUpdatedAt"`
	UserID             string  `json:"userId"`
	Action             *string `json:"action"`
	ActionCode         *string `json:"actionCode"`
	IdempotencyKey     string  `json:"idempotencyKey"`
	VerificationMethod string  `json:"verificationMethod"`
}

// identity reads a 200. It rejects what proves nobody; an answer that cannot be
// understood is no verdict.
func (v *Verifier) identity(body []byte) (domain.Identity, error) {
	var answer validation
	if err := json.Unmarshal(body, &answer); err != nil || answer.IsValid == nil {
		return domain.Identity{}, fmt.Errorf("%w: authsignal's answer is not a validation", domain.ErrUnavailable)
	}
	switch {
	case answer.isUndecoded():
		return domain.Identity{}, fmt.Errorf("%w: authsignal's answer has a text that could not be decoded", domain.ErrUnavailable)
	case !*answer.IsValid:
		return domain.Identity{}, fmt.Errorf("%w: authsignal says that the token is not valid (state %.32q)", domain.ErrTokenRejected, answer.State)
	case answer.State != "CHALLENGE_SUCCEEDED":
		return domain.Identity{}, fmt.Errorf("%w: the challenge has not succeeded (state %.32q)", domain.ErrTokenRejected, answer.State)
	case answer.UserID == "" || answer.IdempotencyKey == "":
		return domain.Identity{}, fmt.Errorf("%w: authsignal does not say whom the token proves and by which ceremony", domain.ErrUnavailable)
	case answer.StateUpdatedAt == "": // a ceremony at no known time is no fresh one
		return domain.Identity{}, fmt.Errorf("%w: authsignal does not say when the ceremony ended", domain.ErrTokenRejected)
	}
	at, err := time.Parse(time.RFC3339, answer.StateUpdatedAt)
	if err != nil {
		return domain.Identity{}, fmt.Errorf("%w: authsignal's stateUpdatedAt is no time", domain.ErrUnavailable)
	}
	action, err := answer.action()
	if err != nil {
		return domain.Identity{}, err
	}
	return domain.Identity{
		Authority:       v.config.Authority(),
		Subject:         answer.UserID,
		Action:          action,
		Method:          answer.VerificationMethod,
		ProofID:         answer.IdempotencyKey,
		AuthenticatedAt: at,

		AuthenticatedAfter: v.client.Earliest(at),
	}, nil
}

// isUndecoded reports whether a text has U+FFFD, which stands for characters that whoever
// wrote the answer could not decode: two ids could become one. The decoder itself refuses
// what is no UTF-8.
func (a *validation) isUndecoded() bool {
	undecoded := func(text string) bool { return strings.ContainsRune(text, utf8.RuneError) }
	return undecoded(a.UserID) || undecoded(a.IdempotencyKey) || undecoded(a.VerificationMethod) ||
		a.Action != nil && undecoded(*a.Action) || a.ActionCode != nil && undecoded(*a.ActionCode)
}

func (a *validation) action() (string, error) {
	switch {
	case a.Action == nil && a.ActionCode == nil:
		return "", nil
	case a.Action == nil:
		return *a.ActionCode, nil
	case a.ActionCode == nil || *a.Action == *a.ActionCode:
		return *a.Action, nil
	}
	return "", fmt.Errorf("%w: authsignal names two different actions", domain.ErrUnavailable)
}

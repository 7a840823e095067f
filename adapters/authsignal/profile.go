package authsignal

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	strict "github.com/go-jose/go-jose/v4/json"

	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

// WithEmail returns a verifier that also tells the person's e-mail address. It asks
// Authsignal a second time for each token that it verifies ("Retrieve user",
// GET /users/{userId}), within the same VerifyTimeout, unless subjects refuses the
// person's id.
func (v *Verifier) WithEmail(subjects domain.SubjectRule) *Verifier {
	with := *v
	with.asksEmailOf = &subjects
	return &with
}

// addEmail returns identity with the e-mail address that Authsignal has of the person.
// It does not ask about an id that the policy refuses anyway: the ids "." and ".."
// would lead to another path of the API.
func (v *Verifier) addEmail(ctx context.Context, identity domain.Identity) (domain.Identity, error) {
	if !v.asksEmailOf.Accepts(identity.Subject) {
		return identity, nil
	}
	reply, err := v.ask(ctx, func() (*http.Request, error) {
		return v.request(ctx, http.MethodGet, "/users/"+url.PathEscape(identity.Subject), nil)
	})
	if err != nil {
		return domain.Identity{}, fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	if reply.Status != http.StatusOK {
		// Readiness does not tell it as a refusal of the bridge: Authsignal has just taken
		// its key, and the trouble would last until the same person came again.
		return domain.Identity{}, v.trouble(reply, saidOfUser(reply))
	}
	identity.Email, identity.EmailVerified, err = emailOf(reply.Body)
	if err != nil {
		return domain.Identity{}, err
	}
	return identity, nil
}

// emailOf reads a 200 as the Login script does: an empty address, or one that is not a
// text, counts as none, and only the value true counts as verified.
func emailOf(body []byte) (email domain.Secret, verified bool, err error) {
	var user *struct {
		Email         any `json:"email"`
		EmailVerified any `json:"emailVerified"`
	}
	if err := strict.Unmarshal(body, &user); err != nil || user == nil {
		return domain.Secret{}, false, fmt.Errorf("%w: authsignal's answer is not a user", domain.ErrUnavailable)
	}
	text, _ := user.Email.(string)
	if strings.ContainsRune(text, utf8.RuneError) {
		return domain.Secret{}, false, fmt.Errorf("%w: authsignal's answer holds an e-mail address that could not be decoded", domain.ErrUnavailable)
	}
	return domain.NewSecret(text), text != "" && user.EmailVerified == true, nil
}

var codeForm = regexp.MustCompile(`^[A-Za-z_]{1,64}$`)

// saidOfUser returns the beginning of an error about a user. It has the reply's code but
// not its text, which may name the person.
func saidOfUser(reply upstream.Reply) string {
	said := fmt.Sprintf("authsignal answered %d when it was asked for the user", reply.Status)
	if code := problemOf(reply).code(); codeForm.MatchString(code) {
		said += ": " + code
	}
	return said
}

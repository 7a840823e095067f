package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"nativebridge/adapters"
	"nativebridge/adapters/internal/checks"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/app"
	"nativebridge/domain"
	"nativebridge/ports"
)

// Exchange returns a probe that exchanges a passkey token for a session, as serve would,
// and ends the session. It uses the proof up. Nothing of the person is told.
func Exchange(environ map[string]string, run adapters.Runtime, token domain.Secret) ports.Probe {
	const why = "this person, and perhaps everybody, cannot sign in"
	list := []domain.Check{
		{Code: "NB950", Asks: "the bridge can be put together and the token can be one", Why: "no exchange can be tried",
			Remedy: "mend what failed before, and give the token as the app has it, whole and without quotes"},
		{Code: "NB951", Asks: "the verifier accepts the token", Why: why,
			Remedy: "sign in once more and give the new token at once: it lives for minutes. If a new one is refused too, it is of another tenant"},
		{Code: "NB952", Asks: "the token proves a fresh passkey sign-in that was not used before", Why: why,
			Remedy: "let the app sign in with the action of AUTHSIGNAL_ACTION, and enrol users under ids that AUTHSIGNAL_SUBJECTS allows; a used token works never again"},
		{Code: "NB953", Asks: "the issuer opens a session for the token that the bridge has accepted", Why: why,
			Remedy: "make the Login script's or the Action's settings say what the bridge's say"},
		{Code: "NB954", Asks: "the session is the same person's, verifies, and grants no more than is allowed", Why: "such a session is never delivered, and the sign-in is answered 500",
			Remedy: "look the problem up in docs/tenant.md, What goes wrong"},
		{Code: "NB955", Asks: "the session lives long enough for the SDKs' credentials managers", Why: "they throw tokens away that live for 60 s or less, and lose the session",
			Remedy: "give the access tokens of the API a longer life", Grade: domain.Warning},
	}
	return checks.Layers(list, func(ctx context.Context) (string, domain.Finding) { return exchange(ctx, environ, run, token) })
}

func exchange(ctx context.Context, environ map[string]string, run adapters.Runtime, token domain.Secret) (code string, f domain.Finding) {
	config, err := adapters.LoadConfig(environ)
	if err != nil {
		return "NB950", f.CannotTell("the configuration has a fault", "see NB001 first")
	}
	parsed, err := domain.ParsePasskeyToken(token.Reveal())
	if err != nil {
		return "NB950", f.Fail(upstream.Words(err.Error(), token), "")
	}
	run.Log, run.Audit = slog.New(slog.DiscardHandler), io.Discard
	run.Born = run.Now().Add(-2 * time.Hour) // a memory of its own remembers nothing that it could let through
	in := adapters.Instruments{Log: run.Log}
	store, closeStore, err := adapters.OpenStore(ctx, config, run, in)
	if err != nil {
		return "NB950", f.CannotTell(upstream.Words(err.Error()), "see NB702 first")
	}
	defer closeStore()
	audit, closeAudit := adapters.OpenAuditLog(config, run, in)
	defer closeAudit()
	issuer := adapters.OpenIssuer(config, run, in)
	w := &witness{
		IdentityVerifier: adapters.NewIdentityVerifier(config, adapters.OpenVerifiers(config, run, in), in),
		Issuer:           issuer.Issuer,
	}
	issuer.Issuer = w
	use := adapters.NewExchange(w, adapters.NewAdmission(issuer, audit, nil, in), adapters.NewGuard(store, run, in), issuer, audit, adapters.NewSignInPolicies(config),
		adapters.NewAccessPolicy(config), adapters.NewDeadline(config), adapters.Clock(run.Now), adapters.NewOwners(run))
	session, err := use.Execute(ctx, app.Exchange{Token: parsed})
	if err == nil && !session.RefreshToken.IsZero() {
		_ = issuer.Revoke(context.WithoutCancel(ctx), session.RefreshToken) // it ends by itself, otherwise
	}
	if err == nil && session.ExpiresIn <= domain.ShortLife {
		return "NB955", f.Fail(fmt.Sprintf("its access token lives for %s", session.ExpiresIn), "")
	}
	return w.read(err, token)
}

// witness notes what the verifier and the issuer say.
type witness struct {
	ports.IdentityVerifier
	adapters.Issuer

	verified, issued   bool
	subject            string
	verifying, issuing error
}

// Verify implements ports.IdentityVerifier.
func (w *witness) Verify(ctx context.Context, token domain.PasskeyToken) (domain.Identity, error) {
	identity, err := w.IdentityVerifier.Verify(ctx, token)
	w.verified, w.verifying, w.subject = true, err, identity.Subject
	return identity, err
}

// Issue implements ports.TokenIssuer.
func (w *witness) Issue(ctx context.Context, grant domain.Grant) (domain.Session, error) {
	session, err := w.Issuer.Issue(ctx, grant)
	w.issued, w.issuing = true, err
	return session, err
}

// read says at which step the exchange broke, if err says that it did.
func (w *witness) read(err error, token domain.Secret) (code string, f domain.Finding) {
	if err == nil {
		return "", f
	}
	said := upstream.Words(err.Error(), token, domain.NewSecret(w.subject))
	away := errors.Is(err, domain.ErrUnavailable) || errors.Is(err, domain.ErrBusy)
	switch {
	case away && !w.issued:
		return "NB951", f.CannotTell(said, "run it again, with a new token if this one is too old by then")
	case w.verifying != nil:
		return "NB951", f.Fail(said, "")
	case !w.issued:
		return "NB952", f.Fail(said, "")
	case errors.Is(w.issuing, domain.ErrAccessDenied):
		return "NB953", f.Fail(fmt.Sprintf("the token was accepted by the bridge and refused by the issuer: %s", said), "")
	case w.issuing != nil:
		return "NB953", f.Fail(said, "")
	}
	return "NB954", f.Fail(said, "")
}

package httpapi

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"nativebridge/domain"
)

// sdkNeeds tells the operator, once of each kind, that the issuer opens sessions which the
// credentials managers of its SDKs lose. The apps get them all the same.
type sdkNeeds struct {
	log              *slog.Logger
	longer, identity sync.Once
}

func (n *sdkNeeds) look(ctx context.Context, session domain.Session) {
	if session.ExpiresIn <= domain.ShortLife {
		n.longer.Do(func() {
			n.log.WarnContext(ctx, "the issuer's access tokens live for 60 s or less: the credentials managers of Auth0's SDKs throw such tokens away, "+
				"and with them the refresh token: give the API's access tokens a longer life (at Auth0: token_lifetime of the API)",
				"expires_in", int64(session.ExpiresIn/time.Second))
		})
	}
	if session.IDToken.IsZero() {
		n.identity.Do(func() {
			n.log.WarnContext(ctx, "the issuer renews without an ID token: Auth0's SDKs for Android cannot read such an answer, "+
				"and the session is lost: have the provider send an ID token with each refresh")
		})
	}
}

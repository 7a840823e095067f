package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"nativebridge/adapters"
	"nativebridge/adapters/authsignal"
	"nativebridge/adapters/authsignal/authsignaltest"
)

// phones has a software phone with a passkey for each user.
type phones struct {
	tenant *authsignaltest.Server
	config authsignal.Config
	prefix string // what every user id begins with
	mu     *sync.Mutex
	byUser map[string]*authsignaltest.Phone
}

func newPhones(tenant *authsignaltest.Server, config adapters.Config) phones {
	return phones{
		tenant: tenant, config: config.Authsignal, prefix: adapters.NewSignInPolicies(config)[0].Subjects.Prefix,
		mu: new(sync.Mutex), byUser: map[string]*authsignaltest.Phone{},
	}
}

// wish is what POST /dev/token may ask for.
type wish struct {
	User   string `json:"user"`   // a name or a whole user id; "" means jane
	Action string `json:"action"` // "" means the one that the bridge takes for a sign-in
	Flaw   string `json:"flaw"`   // one of flaws; "" for none
}

// flaws are the kinds of token that must get no session. All but "unverified"
// and "sign_up" differ from a sign-in in one thing only.
var flaws = []string{
	"expired", "unverified", "sign_up", "stale", "future", "no_time",
	"wrong_method", "foreign_subject", "foreign_tenant", "alg_none",
}

var errUnknownFlaw = fmt.Errorf("there is no such flaw; choose one of %s", strings.Join(flaws, ", "))

// token goes through a sign-in, or makes a token with the flaw that the wish
// names.
func (p phones) token(ctx context.Context, w wish) (token, userID string, err error) {
	if w.Flaw != "" && !slices.Contains(flaws, w.Flaw) {
		return "", "", errUnknownFlaw
	}
	if w.Action == "" {
		w.Action = string(p.config.Action)
	}
	userID = p.userID(w.User)
	switch w.Flaw {
	case "":
		phone, err := p.of(ctx, userID)
		if err != nil {
			return "", "", err
		}
		signedIn, err := phone.SignIn(ctx, w.Action)
		return signedIn.Token, userID, err
	case "sign_up":
		signedUp, err := p.tenant.Enrol(ctx, p.tenant.Phone(authsignaltest.IOS), p.user(userID))
		return signedUp.Token, userID, err
	}
	p.tenant.PutUser(p.user(userID))
	spec := authsignaltest.TokenSpec{UserID: userID, Action: w.Action}
	switch now := time.Now(); w.Flaw {
	case "expired":
		spec.Life = -time.Minute
	case "unverified":
		spec.State = authsignaltest.StateChallengeRequired
	case "stale":
		spec.StateUpdatedAt = now.Add(-p.config.MaxAge - time.Hour)
	case "future":
		spec.StateUpdatedAt = now.Add(time.Hour)
	case "no_time":
		spec.OmitFields = []string{"stateUpdatedAt"}
	case "wrong_method":
		spec.Method = "SMS"
	case "foreign_subject":
		spec.UserID = "google-oauth2|" + userID
		userID = spec.UserID
	case "foreign_tenant":
		spec.Foreign = true
	case "alg_none":
		spec.Alg = "none"
	}
	return p.tenant.Mint(spec), userID, nil
}

// userID makes a whole id of a name, as the subject rule wants it.
func (p phones) userID(user string) string {
	if user == "" {
		user = "jane"
	}
	if strings.Contains(user, "|") {
		return user
	}
	return p.prefix + user
}

// of returns the phone of the user, who gets a passkey first if they have none.
func (p phones) of(ctx context.Context, userID string) (*authsignaltest.Phone, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if phone := p.byUser[userID]; phone != nil {
		return phone, nil
	}
	phone := p.tenant.Phone(authsignaltest.IOS)
	if _, err := p.tenant.Enrol(ctx, phone, p.user(userID)); err != nil {
		return nil, fmt.Errorf("create a passkey: %w", err)
	}
	p.byUser[userID] = phone
	return phone, nil
}

func (p phones) user(userID string) authsignaltest.User {
	name := cmp.Or(userID[strings.LastIndex(userID, "|")+1:], "nobody")
	email := name
	if !strings.Contains(email, "@") {
		email += "@example.com"
	}
	return authsignaltest.User{
		ID: userID, Email: email, EmailVerified: true, Username: email,
		DisplayName: strings.ToUpper(name[:1]) + name[1:],
	}
}

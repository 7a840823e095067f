package app

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"nativebridge/domain"
)

// What is derived from a refresh token (HKDF, RFC 5869). The purposes keep the two apart: a
// name tells nothing of the key, and neither tells anything of the token.
const (
	purposeName = "native-bridge renewal, name, version 1"
	purposeKey  = "native-bridge renewal, key, version 1"
)

// nameOf returns the name of a refresh token in a memory of renewals.
func nameOf(refresh domain.Secret) (name domain.RenewalName) {
	copy(name[:], derive(refresh, purposeName))
	return name
}

// seal encrypts an answer (AES-256-GCM) so that only who has the refresh token that it
// answers, and calls with the same mark, can open it. The nonce is random; few answers are
// sealed with one key.
func seal(refresh domain.Secret, mark string, answer answer) []byte {
	plain, err := json.Marshal(answer)
	if err != nil {
		panic(fmt.Errorf("an answer that is no JSON: %w", err)) // it holds texts and numbers only
	}
	return cipherOf(refresh).Seal(nil, nil, plain, []byte(mark)) // #nosec G407 -- the nonce is random: this AEAD makes it itself
}

// unseal opens what seal has made. It returns false for what was sealed with another
// refresh token or mark, or is no sealed answer.
func unseal(refresh domain.Secret, mark string, sealed []byte) (answer answer, ok bool) {
	plain, err := cipherOf(refresh).Open(nil, nil, sealed, []byte(mark))
	if err != nil {
		return answer, false
	}
	return answer, json.Unmarshal(plain, &answer) == nil
}

func cipherOf(refresh domain.Secret) cipher.AEAD {
	block, err := aes.NewCipher(derive(refresh, purposeKey))
	if err != nil {
		panic(fmt.Errorf("AES with a key of 32 bytes: %w", err))
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(fmt.Errorf("GCM of AES: %w", err))
	}
	return aead
}

// derive returns 32 bytes for one purpose. The token is the issuer's, and random, so it
// needs no salt. It is hashed first, because FIPS 140-3 has HKDF refuse a short key, and an
// app may send any text.
func derive(refresh domain.Secret, purpose string) []byte {
	hashed := sha256.Sum256([]byte(refresh.Reveal()))
	key, err := hkdf.Key(sha256.New, hashed[:], nil, purpose, sha256.Size)
	if err != nil {
		panic(fmt.Errorf("HKDF of 32 bytes: %w", err))
	}
	return key
}

// answer is what the issuer said to a renewal, in the form that is sealed: a session, or
// the reason why there is none. It holds credentials in the clear, and is not to be printed.
type answer struct {
	Subject string    `json:",omitempty"`
	Access  string    `json:",omitempty"`
	ID      string    `json:",omitempty"`
	Refresh string    `json:",omitempty"`
	Scope   []string  `json:",omitempty"`
	SignIn  time.Time `json:",omitzero"` // the session's AuthenticatedAt
	Expires time.Time `json:",omitzero"` // the access token, by the clock of the replica that was answered

	Lives time.Duration `json:",omitempty"` // the access token did so when it was new

	Asked domain.Access // what was asked for

	Reason     domain.Error  `json:",omitempty"` // why there is no session
	Fault      bool          `json:",omitempty"` // there is none, by a fault of ours
	RetryAfter time.Duration `json:",omitempty"`
}

func answerOf(session domain.Session, asked domain.Access, now time.Time) answer {
	return answer{
		Subject: session.Subject, Access: session.AccessToken.Reveal(), ID: session.IDToken.Reveal(), Refresh: session.RefreshToken.Reveal(),
		SignIn: session.AuthenticatedAt, Scope: session.Scope, Expires: now.Add(session.ExpiresIn), Lives: session.ExpiresIn, Asked: asked,
	}
}

// refusalOf returns the answer that says why there is no session. The cause is not in it:
// whoever asked the issuer logs that.
func refusalOf(err error) answer {
	reason, known := domain.ReasonOf(err)
	if !known && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		reason, known = domain.ErrUnavailable, true
	}
	return answer{Reason: reason, Fault: !known, RetryAfter: domain.RetryAfterOf(err)}
}

// answers reports whether the answer is one to what is asked: a refusal is, to everything.
func (a answer) answers(asked domain.Access) bool {
	sameScope := slices.Equal(slices.Sorted(slices.Values(a.Asked.Scope)), slices.Sorted(slices.Values(asked.Scope)))
	return a.err() != nil || sameScope && a.Asked.Audience == asked.Audience && a.Asked.Organization == asked.Organization
}

// lasts reports whether the access token lives long enough for apps to keep it: for more
// than domain.ShortLife, or, if the issuer's never do, for more than half of their life. A
// refusal lasts.
func (a answer) lasts(now time.Time) bool {
	return a.err() != nil || a.Expires.Sub(now) > min(domain.ShortLife, a.Lives/2)
}

// err returns the refusal, or nil if the answer is a session.
func (a answer) err() error {
	const others = "another renewal with the same refresh token, at the same time, was answered so, and its log line has the cause"
	if a.Fault {
		return fmt.Errorf("a fault: %s", others)
	}
	if a.Reason == "" {
		return nil
	}
	return domain.WithRetryAfter(fmt.Errorf("%w: %s", a.Reason, others), a.RetryAfter)
}

// session returns the session as it is now. Its access token has at least a second, also if
// it is over: apps renew then with the new refresh token.
func (a answer) session(now time.Time) domain.Session {
	return domain.Session{
		Subject: a.Subject, AccessToken: domain.NewSecret(a.Access), IDToken: domain.NewSecret(a.ID), RefreshToken: domain.NewSecret(a.Refresh),
		AuthenticatedAt: a.SignIn, Scope: a.Scope, ExpiresIn: max(a.Expires.Sub(now).Truncate(time.Second), time.Second),
	}
}

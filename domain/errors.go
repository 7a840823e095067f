package domain

import (
	"errors"
	"time"
)

// Error is a reason why an exchange fails, as a stable code. The set below is
// closed: adapters translate a vendor's words into one of these and wrap it with
// the cause; nothing above an adapter sees a status code. An error that wraps
// none of them is a fault of ours.
type Error string

// The reasons. Each comment says what is true when it is given.
const (
	// ErrTokenRejected: the token proves nobody, or its proof is not a sign-in.
	ErrTokenRejected Error = "token_rejected"
	// ErrTokenReplayed: the proof was used before, or may have been.
	ErrTokenReplayed Error = "token_replayed"
	// ErrAccessDenied: the person is proven and the issuer refuses the session.
	ErrAccessDenied Error = "access_denied"
	// ErrMFARequired: the issuer wants a second factor, which this flow cannot give.
	ErrMFARequired Error = "mfa_required"
	// ErrAccountBlocked: the issuer has blocked the account, until somebody unblocks it.
	ErrAccountBlocked Error = "account_blocked"
	// ErrGrantInvalid: the refresh token is unknown, expired, revoked or was used before.
	ErrGrantInvalid Error = "grant_invalid"
	// ErrScopeInvalid: a scope was asked for that is not offered.
	ErrScopeInvalid Error = "scope_invalid"
	// ErrTargetInvalid: an audience or organization was asked for that is not offered.
	ErrTargetInvalid Error = "target_invalid"
	// ErrBusy: a limit is reached, a vendor's or the bridge's. The same proof can succeed later, see ProofInDoubt.
	ErrBusy Error = "busy"
	// ErrUnavailable: a service that the exchange needs gives no answer. The same proof
	// can succeed later, see ProofInDoubt.
	ErrUnavailable Error = "unavailable"

	// The reasons of those who manage their passkeys by an access token.

	// ErrAccessTokenInvalid: the access token proves nobody here.
	ErrAccessTokenInvalid Error = "access_token_invalid"
	// ErrScopeInsufficient: the access token is good, and not for this.
	ErrScopeInsufficient Error = "insufficient_scope"
	// ErrSignInTooOld: the person must sign in again before this.
	ErrSignInTooOld Error = "sign_in_too_old"
	// ErrEnrolmentDenied: the person is known, and gets no passkey here.
	ErrEnrolmentDenied Error = "enrolment_denied"
	// ErrPasskeyUnknown: the person has no such passkey, whoever else may.
	ErrPasskeyUnknown Error = "passkey_unknown"
)

// Error returns the code.
func (e Error) Error() string { return string(e) }

// ReasonOf returns the reason that err wraps; false means a fault of ours.
func ReasonOf(err error) (Error, bool) {
	return errors.AsType[Error](err)
}

// WithRetryAfter returns err carrying how long to wait before trying again. It
// belongs on ErrBusy and ErrUnavailable; a wait of zero or less adds nothing.
func WithRetryAfter(err error, wait time.Duration) error {
	if err == nil || wait <= 0 {
		return err
	}
	return &waiting{err, wait}
}

// RetryAfterOf returns the wait that err carries, or zero.
func RetryAfterOf(err error) time.Duration {
	if w, ok := errors.AsType[*waiting](err); ok {
		return w.wait
	}
	return 0
}

// CapRetryAfter returns err with its wait, if it carries one, cut to most, but not to
// less than a second.
func CapRetryAfter(err error, most time.Duration) error {
	if RetryAfterOf(err) <= most {
		return err
	}
	return WithRetryAfter(err, max(most, time.Second))
}

// WithProofInDoubt returns err, which then also says that the proof may be spent: it
// may have been claimed, and could not be released. Of a renewal it says so of the
// refresh token: the issuer may have used it up.
func WithProofInDoubt(err error) error { return doubtful{err} }

// ProofInDoubt reports whether err says that the proof may be spent.
func ProofInDoubt(err error) bool {
	_, doubted := errors.AsType[doubtful](err)
	return doubted
}

type doubtful struct{ error }

func (d doubtful) Unwrap() error { return d.error }

type waiting struct {
	error
	wait time.Duration
}

func (w *waiting) Unwrap() error { return w.error }

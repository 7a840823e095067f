package domain_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"nativebridge/domain"
)

func TestReasonOf(t *testing.T) {
	cause := errors.New("cause")
	tests := map[string]struct {
		err  error
		want domain.Error // empty: a fault of ours
	}{
		"a bare reason":                          {domain.ErrBusy, domain.ErrBusy},
		"a wrapped reason":                       {fmt.Errorf("%w: %w", domain.ErrTokenRejected, cause), domain.ErrTokenRejected},
		"a reason wrapped twice":                 {fmt.Errorf("a: %w", fmt.Errorf("b: %w", domain.ErrMFARequired)), domain.ErrMFARequired},
		"a reason with a wait":                   {domain.WithRetryAfter(domain.ErrBusy, time.Second), domain.ErrBusy},
		"a reason joined to a fault":             {errors.Join(cause, domain.ErrUnavailable), domain.ErrUnavailable},
		"two reasons joined: the first":          {errors.Join(domain.ErrAccessDenied, domain.ErrUnavailable), domain.ErrAccessDenied},
		"no reason":                              {cause, ""},
		"no error":                               {nil, ""},
		"the caller is gone":                     {context.Canceled, ""},
		"a reason that is quoted, not wrapped":   {fmt.Errorf("it said: %v", domain.ErrAccessDenied), ""},
		"a fault with the text of a reason":      {errors.New("busy"), ""},
		"a fault with a wait is still our fault": {domain.WithRetryAfter(cause, time.Second), ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got, ok := domain.ReasonOf(tt.err); got != tt.want || ok != (tt.want != "") {
				t.Errorf("ReasonOf = %q, %t, want %q, %t", got, ok, tt.want, tt.want != "")
			}
		})
	}
}

func TestRetryAfterOf(t *testing.T) {
	busy := domain.WithRetryAfter(fmt.Errorf("%w: a limit", domain.ErrBusy), 30*time.Second)
	tests := map[string]struct {
		err  error
		want time.Duration
	}{
		"a wait":                           {busy, 30 * time.Second},
		"a wait, wrapped":                  {fmt.Errorf("open the session: %w", busy), 30 * time.Second},
		"a wait, joined":                   {errors.Join(errors.New("cause"), busy), 30 * time.Second},
		"the outer of two waits":           {domain.WithRetryAfter(busy, time.Minute), time.Minute},
		"no wait":                          {domain.ErrBusy, 0},
		"no error":                         {nil, 0},
		"a wait of zero adds nothing":      {domain.WithRetryAfter(domain.ErrBusy, 0), 0},
		"a negative wait adds nothing":     {domain.WithRetryAfter(domain.ErrBusy, -time.Second), 0},
		"a wait of zero hides no other":    {domain.WithRetryAfter(busy, 0), 30 * time.Second},
		"the shortest wait":                {domain.WithRetryAfter(domain.ErrBusy, 1), 1},
		"a wait that is quoted, not there": {fmt.Errorf("it said: %v", busy), 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := domain.RetryAfterOf(tt.err); got != tt.want {
				t.Errorf("RetryAfterOf = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestAWaitChangesNeitherTextNorCause(t *testing.T) {
	err := fmt.Errorf("%w: %w", domain.ErrUnavailable, context.DeadlineExceeded)
	waiting := domain.WithRetryAfter(err, time.Second)
	if waiting.Error() != err.Error() {
		t.Errorf("the text is %q, want %q", waiting, err)
	}
	if !errors.Is(waiting, context.DeadlineExceeded) || !errors.Is(waiting, domain.ErrUnavailable) {
		t.Error("what the error wraps is lost")
	}
}

func TestAWaitMakesNoErrorOfNone(t *testing.T) {
	if err := domain.WithRetryAfter(nil, time.Second); err != nil {
		t.Errorf("err = %v, want none", err)
	}
}

func TestAWaitCanBeCapped(t *testing.T) {
	for name, tt := range map[string]struct{ wait, most, want time.Duration }{
		"a short one":               {time.Second, time.Minute, time.Second},
		"just as long":              {time.Minute, time.Minute, time.Minute},
		"a longer one":              {time.Hour, time.Minute, time.Minute},
		"nothing is left":           {time.Hour, 0, time.Second},
		"less than nothing":         {time.Hour, -time.Hour, time.Second},
		"none":                      {0, time.Minute, 0},
		"none, and nothing is left": {0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			err := domain.CapRetryAfter(domain.WithRetryAfter(domain.ErrUnavailable, tt.wait), tt.most)
			if got := domain.RetryAfterOf(err); got != tt.want || !errors.Is(err, domain.ErrUnavailable) {
				t.Errorf("err = %v after %s, want unavailable after %s", err, got, tt.want)
			}
		})
	}
}

func TestADoubtChangesNeitherTextNorReason(t *testing.T) {
	err := domain.WithRetryAfter(domain.ErrBusy, time.Minute)
	doubted := fmt.Errorf("exchange: %w", domain.WithProofInDoubt(err))
	if !domain.ProofInDoubt(doubted) || domain.ProofInDoubt(err) || domain.ProofInDoubt(nil) {
		t.Error("an error in doubt looks like one that is not")
	}
	if doubted.Error() != "exchange: busy" || !errors.Is(doubted, domain.ErrBusy) || domain.RetryAfterOf(doubted) != time.Minute {
		t.Errorf("err = %v, want its text, reason and wait as they were", doubted)
	}
}

// The audit log's readers depend on them.
func TestEventsAreTheirNames(t *testing.T) {
	for event, want := range map[domain.Event]string{
		domain.EventExchange: "exchange", domain.EventRenew: "renew", domain.EventRevoke: "revoke",
		domain.EventEnrol: "enrol", domain.EventList: "list", domain.EventRemove: "remove",
	} {
		if string(event) != want {
			t.Errorf("the event is %q, want %q", event, want)
		}
	}
}

func TestReasonsAreTheirCodes(t *testing.T) {
	for reason, want := range map[domain.Error]string{
		domain.ErrTokenRejected:  "token_rejected",
		domain.ErrTokenReplayed:  "token_replayed",
		domain.ErrAccessDenied:   "access_denied",
		domain.ErrMFARequired:    "mfa_required",
		domain.ErrAccountBlocked: "account_blocked",
		domain.ErrGrantInvalid:   "grant_invalid",
		domain.ErrScopeInvalid:   "scope_invalid",
		domain.ErrTargetInvalid:  "target_invalid",
		domain.ErrBusy:           "busy",
		domain.ErrUnavailable:    "unavailable",

		domain.ErrAccessTokenInvalid: "access_token_invalid",
		domain.ErrScopeInsufficient:  "insufficient_scope",
		domain.ErrSignInTooOld:       "sign_in_too_old",
		domain.ErrEnrolmentDenied:    "enrolment_denied",
		domain.ErrPasskeyUnknown:     "passkey_unknown",
	} {
		if reason.Error() != want {
			t.Errorf("the code is %q, want %q: callers depend on it", reason.Error(), want)
		}
	}
}

func TestOutcome(t *testing.T) {
	tests := map[string]struct {
		event domain.Event
		err   error
		want  string
	}{
		"a session":              {domain.EventExchange, nil, "session_delivered"},
		"a renewal":              {domain.EventRenew, nil, "session_renewed"},
		"a revocation":           {domain.EventRevoke, nil, "session_revoked"},
		"an enrolment":           {domain.EventEnrol, nil, "enrolment_begun"},
		"a list of passkeys":     {domain.EventList, nil, "passkeys_listed"},
		"a passkey's end":        {domain.EventRemove, nil, "passkey_removed"},
		"a reason":               {domain.EventExchange, domain.ErrTokenReplayed, "token_replayed"},
		"a reason with a cause":  {domain.EventExchange, fmt.Errorf("open: %w", domain.WithRetryAfter(domain.ErrBusy, time.Second)), "busy"},
		"a reason, of a renewal": {domain.EventRenew, domain.ErrGrantInvalid, "grant_invalid"},
		"a fault of ours":        {domain.EventExchange, errors.New("wrong API key"), "fault"},
		"a caller who left":      {domain.EventExchange, fmt.Errorf("claim: %w", context.Canceled), "unavailable"},
		"a deadline that passed": {domain.EventRevoke, fmt.Errorf("post: %w", context.DeadlineExceeded), "unavailable"},
		"a refusal of a caller who left": {
			domain.EventExchange, fmt.Errorf("%w: %w", domain.ErrAccessDenied, context.Canceled), "access_denied"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := (domain.Attempt{Event: tt.event, Err: tt.err}).Outcome(); got != tt.want {
				t.Errorf("Outcome() = %q, want %q", got, tt.want)
			}
		})
	}
}

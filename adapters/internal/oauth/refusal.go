package oauth

import (
	"errors"
	"fmt"
	"net/http"

	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

// Refusal is a row of an issuer's table of error codes: what one of them means.
type Refusal struct {
	// Reason is why the person is refused. "" means that nobody but the bridge or its
	// configuration is at fault.
	Reason domain.Error
	// Hint says to the operator what to do; "" if there is nothing to do.
	Hint string
	// OfUs is whether the issuer refuses the bridge itself, so that it will refuse every
	// request.
	OfUs bool
}

// Ours is the row of a fault of ours.
func Ours(hint string) Refusal { return Refusal{Hint: hint} }

// OfUs is the row of a code by which the issuer refuses the bridge itself.
func OfUs(hint string) Refusal { return Refusal{Hint: hint, OfUs: true} }

// Err returns the error of a reply whose status and words are said. If the request is
// about no person, a refusal is a fault of ours whatever its Reason.
func (r Refusal) Err(said string, aboutPerson bool) error {
	if r.Hint != "" {
		said += ": " + r.Hint
	}
	if r.Reason == "" || !aboutPerson {
		return errors.New(said)
	}
	return fmt.Errorf("%w: %s", r.Reason, said)
}

// RenewalFailed returns the error of a renewal that the server did not answer well. It says
// that the refresh token is in doubt if the server may have used it up, and its answer was
// lost: by an error on the way, or because somebody in between answered.
func RenewalFailed(err error) error {
	if reason, _ := domain.ReasonOf(err); reason == domain.ErrUnavailable && !errors.Is(err, upstream.ErrNotSent) {
		return domain.WithProofInDoubt(err)
	}
	return err
}

// SaysNothing reports whether a status is no verdict on what was asked, so that the same
// request could succeed later: the server failed, was too slow, or somebody else answered.
func SaysNothing(status int) bool {
	return status >= http.StatusInternalServerError || status == http.StatusRequestTimeout || status < http.StatusMultipleChoices
}

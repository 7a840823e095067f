package auth0

import (
	"context"
	"time"
)

// SubjectOf is subjectOf, for the tests.
var SubjectOf = subjectOf

// OnTheInternet is onTheInternet, for the tests.
var OnTheInternet = onTheInternet

// CannotTell is cannotTell, for the tests.
const CannotTell = cannotTell

// SignedLifetime and SignedType are those of a signed proof, for the tests.
const (
	SignedLifetime = signedLifetime
	SignedType     = signedType
)

// ActionRefuses is actionRefuses, for the tests.
const ActionRefuses = actionRefuses

// WaitForLimit is waitForLimit, for the tests.
var WaitForLimit = (*Issuer).waitForLimit

// WaitBy has the ender wait for its turn by another clock.
func (e *SessionEnder) WaitBy(wait func(context.Context, time.Duration) error) { e.wait = wait }

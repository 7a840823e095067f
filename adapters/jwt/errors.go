package jwt

import (
	"fmt"

	"nativebridge/domain"
)

// rejected says why a token does not prove a person. Callers pass our own words, and at
// most a short quote from a token that is verified, because a library's error may quote
// the token.
func rejected(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{domain.ErrTokenRejected}, args...)...)
}

// unavailable says why the bridge cannot tell what a token proves.
func unavailable(cause error) error {
	return fmt.Errorf("%w: %w", domain.ErrUnavailable, cause)
}

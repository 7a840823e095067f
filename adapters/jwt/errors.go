package jwt

import (
	"fmt"

	"nativebridge/domain"
)

// rejected says why a token proves nobody. It is given words of ours, and at most
// a bounded quote from a token that is verified: a library's error may quote
// what it was given.
func rejected(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{domain.ErrTokenRejected}, args...)...)
}

// unavailable says why it cannot be told what a token proves.
func unavailable(cause error) error {
	return fmt.Errorf("%w: %w", domain.ErrUnavailable, cause)
}

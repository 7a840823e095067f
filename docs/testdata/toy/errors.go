package toy

import (
	"fmt"

	"nativebridge/domain"
)

// rejected says why a token proves nobody, without quoting from it.
func rejected(why string) error {
	return fmt.Errorf("%w: the toy token %s", domain.ErrTokenRejected, why)
}

// unavailable says why it cannot be told what a token proves.
func unavailable(cause error) error {
	return fmt.Errorf("%w: %w", domain.ErrUnavailable, cause)
}

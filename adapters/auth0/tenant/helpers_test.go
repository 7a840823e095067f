package tenant_test

import (
	"nativebridge/adapters/auth0"
	"nativebridge/domain"
)

func setProofKey(config *auth0.Config, key string) error {
	config.ProofKey = domain.NewSecret(key)
	return nil
}

package tenant_test

import "nativebridge/adapters/auth0"

func setProofKey(config *auth0.Config, key string) error {
	if key == "" {
		return nil
	}
	return config.ProofKey.UnmarshalText([]byte(key))
}

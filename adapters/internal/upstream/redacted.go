package upstream

import "nativebridge/domain"

// Redacted returns text without the secrets, in whatever encoding they stand there,
// for texts of an upstream that came another way than through a Client.
func Redacted(text string, secrets ...domain.Secret) string { return redact(text, secrets) }

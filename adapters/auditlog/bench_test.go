package auditlog_test

import (
	"io"
	"testing"
	"time"

	"nativebridge/adapters/auditlog"
	"nativebridge/adapters/internal/settings"
	"nativebridge/domain"
)

// BenchmarkRecord writes lines that have every field.
func BenchmarkRecord(b *testing.B) {
	key := settings.HMACKey{Secret: domain.NewSecret(piiKey)}
	for name, config := range map[string]auditlog.Config{"plain": {}, "hashed": {PII: auditlog.PIIHashed, PIIKey: settings.NewRotating(key)}} {
		b.Run(name, func(b *testing.B) {
			log, attempt := auditlog.New(io.Discard, config, "auth0", time.Now, discard()), delivered()
			defer log.Close()
			b.ReportAllocs()
			for b.Loop() {
				if err := log.Record(b.Context(), attempt); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

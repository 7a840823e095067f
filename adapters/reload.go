package adapters

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"nativebridge/adapters/internal/files"
	"nativebridge/adapters/internal/settings"
)

// Reloads read secrets and certificates again that come from files, and have a running
// configuration hold them. Nothing else of it changes. Make one with NewReloads; it is safe
// for concurrent use.
type Reloads struct {
	environ map[string]string
	config  Config
	log     *slog.Logger
	now     Clock
	trouble atomic.Bool
}

// NewReloads returns the reloads of a configuration that was loaded from environ and is
// free of faults. Its copies share what it holds.
func NewReloads(environ map[string]string, config Config, log *slog.Logger, now Clock) *Reloads {
	r := &Reloads{environ: environ, config: config, log: log, now: now}
	r.tellExpiry()
	return r
}

// Run reads the files when they change, and whenever something is received from asked,
// until ctx ends.
func (r *Reloads) Run(ctx context.Context, asked <-chan os.Signal) {
	paths := append(settings.Files(r.environ, r.config.chosen()...), r.config.HTTP.TLS.Files()...)
	files.Watch(ctx, paths, asked, func() { r.Reload(ctx) })
}

// Reload reads the files now. If anything is wrong with what they hold, the running
// configuration keeps all that it has: two files may only be right together. The log tells
// the settings, and never a value.
func (r *Reloads) Reload(ctx context.Context) {
	fresh, err := LoadConfig(r.environ)
	r.trouble.Store(err != nil)
	if err != nil {
		r.log.ErrorContext(ctx, "secrets and certificates were read again, and all of the old ones are kept: mend the files", "cause", strings.TrimSpace(err.Error()))
		return
	}
	adopted, nextStart := r.config.adopt(fresh)
	if len(nextStart) > 0 {
		r.log.WarnContext(ctx, "these settings have changed and are taken at the next start: restart the replicas one after the other", "settings", nextStart)
	}
	r.log.InfoContext(ctx, "secrets and certificates were read again: those of these settings are new, and used from now on", "settings", append([]string{}, adopted...))
	if slices.Contains(adopted, "TLS_CERT_FILE") {
		r.tellExpiry()
	}
}

// Trouble reports whether the last reading has found a fault.
func (r *Reloads) Trouble() bool { return r.trouble.Load() }

// expiresSoon is how long before the end of a certificate its expiry is a warning.
const expiresSoon = 7 * 24 * time.Hour

// tellExpiry tells when the certificate that apps see expires, if there is one.
func (r *Reloads) tellExpiry() {
	expires := r.config.HTTP.TLS.Expires()
	switch left := expires.Sub(r.now()); {
	case expires.IsZero():
	case left <= 0:
		r.log.Error("the certificate of TLS_CERT_FILE has expired, and apps refuse to connect: renew it", "expired", expires.UTC().Format(time.RFC3339))
	case left < expiresSoon:
		r.log.Warn("the certificate of TLS_CERT_FILE expires soon: renew it", "expires", expires.UTC().Format(time.RFC3339))
	default:
		r.log.Info("the bridge serves TLS by the certificate of TLS_CERT_FILE", "expires", expires.UTC().Format(time.RFC3339))
	}
}

// adopt has the configuration hold the credentials of fresh, which was loaded from the same
// environment and is free of faults. It returns the names of the settings that hold
// something new now, and of those that will from the next start on.
func (c *Config) adopt(fresh Config) (adopted, nextStart []string) {
	running, read := c.chosen(), fresh.chosen()
	for i := range running {
		now, later := settings.Adopt(running[i], read[i])
		adopted, nextStart = append(adopted, now...), append(nextStart, later...)
	}
	return append(adopted, c.HTTP.TLS.Adopt(fresh.HTTP.TLS)...), nextStart
}

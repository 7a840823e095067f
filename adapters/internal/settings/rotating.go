package settings

import (
	"encoding"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"sync/atomic"

	"nativebridge/domain"
)

// Secret is a setting that holds a credential, which may be replaced while the process
// runs.
type Secret = Rotating[domain.Secret]

// NewSecret returns a setting that holds text.
func NewSecret(text string) Secret { return NewRotating(domain.NewSecret(text)) }

// credential is what a Rotating can hold: domain.Secret, or a type that embeds one.
type credential interface {
	Reveal() string
	IsZero() bool
}

// Rotating is a setting that holds a credential T, which Adopt may replace while the process
// runs. Copies share what they hold. So an adapter keeps its copy, and calls Get each time
// that it needs the credential. It prints, logs and marshals as domain.Secret does. It is
// safe for concurrent use. The zero value holds the zero T, for good.
type Rotating[T credential] struct{ held *atomic.Pointer[T] }

// NewRotating returns a setting that holds value.
func NewRotating[T credential](value T) Rotating[T] {
	r := Rotating[T]{new(atomic.Pointer[T])}
	r.held.Store(&value)
	return r
}

// Get returns what is held now.
func (r Rotating[T]) Get() (value T) {
	if r.held != nil {
		value = *r.held.Load()
	}
	return value
}

// Reveal returns the text of what is held now. Call it only where the text leaves for the
// party it belongs to.
func (r Rotating[T]) Reveal() string { return r.Get().Reveal() }

// IsZero reports whether nothing is held.
func (r Rotating[T]) IsZero() bool { return r.Get().IsZero() }

// UnmarshalText has T read the text, and holds what came of it, also if the error says that
// this is no good. It shares nothing with what was held before.
func (r *Rotating[T]) UnmarshalText(text []byte) error {
	var value T
	err := any(&value).(encoding.TextUnmarshaler).UnmarshalText(text)
	*r = NewRotating(value)
	return err
}

// String returns "[redacted]".
func (Rotating[T]) String() string { return domain.Secret{}.String() }

// Format writes "[redacted]" whatever the verb and flags.
func (Rotating[T]) Format(f fmt.State, verb rune) { domain.Secret{}.Format(f, verb) }

// MarshalText returns "[redacted]".
func (Rotating[T]) MarshalText() ([]byte, error) { return domain.Secret{}.MarshalText() }

// LogValue returns "[redacted]".
func (Rotating[T]) LogValue() slog.Value { return domain.Secret{}.LogValue() }

// adopt holds what fresh holds, and reports whether that is another credential. Where
// nothing was held from the start on, nothing is later.
func (r Rotating[T]) adopt(fresh any) (changed bool) {
	other := fresh.(Rotating[T])
	if r.held == nil || other.held == nil || r.Reveal() == other.Reveal() {
		return false
	}
	r.held.Store(other.held.Load())
	return true
}

// adopter is a setting whose value can be replaced. Fresh is one of the same type.
type adopter interface {
	adopt(fresh any) (changed bool)
}

// Adopt has running, which points to a struct of settings, hold the credentials of fresh,
// which points to one of the same type that was loaded later and is free of faults. It returns
// the names of the settings that hold another credential now, and the names of those that
// would if they could be replaced: a domain.Secret takes effect at the next start.
func Adopt(running, fresh any) (adopted, nextStart []string) {
	old, read := reflect.ValueOf(running).Elem(), reflect.ValueOf(fresh).Elem()
	for _, setting := range locate(old.Type(), nil) {
		was, is := old.FieldByIndex(setting.index).Interface(), read.FieldByIndex(setting.index).Interface()
		if field, ok := was.(adopter); ok {
			if field.adopt(is) {
				adopted = append(adopted, setting.Name)
			}
		} else if was, ok := was.(revealer); ok && was.Reveal() != is.(revealer).Reveal() {
			nextStart = append(nextStart, setting.Name)
		}
	}
	return adopted, nextStart
}

// Files returns the paths of the files that environ names for the secrets of the structs
// that configs point to, in order.
func Files(environ map[string]string, configs ...any) []string {
	var paths []string
	for _, setting := range Describe(configs...) {
		if path := environ[setting.Name+"_FILE"]; setting.Secret && path != "" && !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	return paths
}

package domain_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"strings"
	"testing"
	"text/template"

	"nativebridge/domain"
)

const secretText = "s3cr3t-t0k3n"

// leak returns the spelling in which output gives the secret's text away, or "".
func leak(output string) string {
	squeezed := strings.ToLower(strings.NewReplacer(" ", "", "0x", "", ",", "").Replace(output))
	decimal := strings.Trim(fmt.Sprintf("%d", []byte(secretText)), "[]")
	switch {
	case strings.Contains(output, secretText):
		return "plain text"
	case strings.Contains(squeezed, hex.EncodeToString([]byte(secretText))):
		return "hexadecimal"
	case strings.Contains(strings.ReplaceAll(output, ",", ""), decimal):
		return "decimal bytes"
	}
	return ""
}

// holders returns values that hold a secret, each in another way.
func holders() map[string]any {
	secret := domain.NewSecret(secretText)
	token, err := domain.ParsePasskeyToken(secretText)
	if err != nil {
		panic(err)
	}
	type exported struct{ Secret domain.Secret }
	type unexported struct{ secret domain.Secret }
	type nested struct {
		outer unexported
		next  *unexported
		list  []domain.Secret
	}
	type embedded struct{ domain.Secret }
	return map[string]any{
		"a secret":                           secret,
		"a pointer to one":                   &secret,
		"an exported field":                  exported{secret},
		"an unexported field":                unexported{secret},
		"a pointer to an unexported field":   &unexported{secret},
		"unexported fields, nested":          nested{unexported{secret}, &unexported{secret}, []domain.Secret{secret}},
		"an embedded secret":                 embedded{secret},
		"a slice":                            []domain.Secret{secret},
		"a slice of pointers":                []*domain.Secret{&secret},
		"an array":                           [1]domain.Secret{secret},
		"an interface in a slice":            []any{secret},
		"a map's value":                      map[string]domain.Secret{"key": secret},
		"a map's key":                        map[domain.Secret]int{secret: 1},
		"a map's value in a struct":          map[string]unexported{"key": {secret}},
		"a passkey token":                    token,
		"a pointer to a passkey token":       &token,
		"a grant":                            domain.Grant{Token: token},
		"a session":                          domain.Session{AccessToken: secret, IDToken: secret, RefreshToken: secret},
		"a pointer to a session":             &domain.Session{AccessToken: secret},
		"a struct with a session in a field": struct{ s domain.Session }{domain.Session{AccessToken: secret}},
	}
}

func TestNoVerbPrintsASecret(t *testing.T) {
	for name, holder := range holders() {
		t.Run(name, func(t *testing.T) {
			for _, verb := range "vsqxXdtpTbcoOeEfFgGUwz" {
				for _, flags := range []string{"", "+", "#", " ", "-", "0", "20", ".3", "+#"} {
					format := "%" + flags + string(verb)
					if output := fmt.Sprintf(format, holder); leak(output) != "" {
						t.Errorf("%s prints %q, which has the text in %s", format, output, leak(output))
					}
				}
			}
		})
	}
}

func TestASecretPrintsAsRedacted(t *testing.T) {
	token, err := domain.ParsePasskeyToken(secretText)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]any{
		"a secret":             domain.NewSecret(secretText),
		"an empty secret":      domain.Secret{},
		"a passkey token":      token,
		"an empty token":       domain.PasskeyToken{},
		"a pointer to a token": &token,
	} {
		t.Run(name, func(t *testing.T) {
			for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%.2s", "%40v"} {
				if got := fmt.Sprintf(format, value); got != "[redacted]" {
					t.Errorf("%s prints %q, want [redacted]", format, got)
				}
			}
		})
	}
	if got := domain.NewSecret(secretText).String(); got != "[redacted]" {
		t.Errorf("String() = %q, want [redacted]", got)
	}
}

// Package fmt calls no methods on unexported fields: it prints what it finds there.
func TestASecretInAnUnexportedFieldPrintsAsRedacted(t *testing.T) {
	held := struct{ secret domain.Secret }{domain.NewSecret(secretText)}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(format, held); !strings.Contains(got, "[redacted]") {
			t.Errorf("%s prints %q, want [redacted] in it", format, got)
		}
	}
}

func TestNoEncoderWritesASecret(t *testing.T) {
	encoders := map[string]func(value any) string{
		"encoding/json": func(value any) string {
			text, err := json.Marshal(value)
			return fmt.Sprint(string(text), err)
		},
		"encoding/xml": func(value any) string {
			text, err := xml.Marshal(value)
			return fmt.Sprint(string(text), err)
		},
		"text/template": func(value any) string {
			var out bytes.Buffer
			err := template.Must(template.New("").Parse("{{.}} {{printf `%#v` .}}")).Execute(&out, value)
			return fmt.Sprint(out.String(), err)
		},
		"log": func(value any) string {
			var out bytes.Buffer
			log.New(&out, "", 0).Printf("value %v %+v", value, value)
			return out.String()
		},
		"log/slog as text": func(value any) string {
			var out bytes.Buffer
			slog.New(slog.NewTextHandler(&out, nil)).With("with", value).Info("m", "value", value, slog.Group("g", "value", value))
			return out.String()
		},
		"log/slog as JSON": func(value any) string {
			var out bytes.Buffer
			slog.New(slog.NewJSONHandler(&out, nil)).With("with", value).Info("m", "value", value, slog.Group("g", "value", value))
			return out.String()
		},
		"an error": func(value any) string {
			err := fmt.Errorf("%w: ask with %v", domain.ErrUnavailable, value)
			return fmt.Sprintf("%v %+v %#v", err, err, errors.Join(err, err))
		},
	}
	for encoder, encode := range encoders {
		for name, holder := range holders() {
			t.Run(encoder+" of "+name, func(t *testing.T) {
				if output := encode(holder); leak(output) != "" {
					t.Errorf("it writes %q, which has the text in %s", output, leak(output))
				}
			})
		}
	}
}

func TestASecretMarshalsAsRedacted(t *testing.T) {
	text, err := json.Marshal(map[string]any{"secret": domain.NewSecret(secretText), "empty": domain.Secret{}})
	if want := `{"empty":"[redacted]","secret":"[redacted]"}`; err != nil || string(text) != want {
		t.Errorf("JSON = %s, %v, want %s", text, err, want)
	}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "secret", domain.NewSecret(secretText))
	if !strings.Contains(out.String(), `"secret":"[redacted]"`) {
		t.Errorf("slog writes %s, want the attribute as [redacted]", out.String())
	}
	// What a handler that neither prints nor marshals gets to see.
	if got := slog.AnyValue(domain.NewSecret(secretText)).Resolve(); got.Kind() != slog.KindString || got.String() != "[redacted]" {
		t.Errorf("slog resolves it to %v, want the string [redacted]", got)
	}
}

func TestASecretKeepsItsText(t *testing.T) {
	if got := domain.NewSecret(secretText).Reveal(); got != secretText {
		t.Errorf("Reveal() = %q, want %q", got, secretText)
	}
	var read struct{ Secret domain.Secret }
	if err := json.Unmarshal([]byte(`{"Secret":"`+secretText+`"}`), &read); err != nil || read.Secret.Reveal() != secretText {
		t.Errorf("from JSON: Reveal() = %q, %v, want %q", read.Secret.Reveal(), err, secretText)
	}
	source := []byte(secretText)
	var fromText domain.Secret
	err := fromText.UnmarshalText(source)
	source[0] = 'X'
	if err != nil || fromText.Reveal() != secretText {
		t.Errorf("from text that is overwritten later: Reveal() = %q, %v, want %q", fromText.Reveal(), err, secretText)
	}
}

func TestSecretsAreEqualByText(t *testing.T) {
	tests := map[string]struct {
		a, b domain.Secret
		want bool
	}{
		"the same text made twice":      {domain.NewSecret("abc"), domain.NewSecret("abc"), true},
		"another text of that length":   {domain.NewSecret("abc"), domain.NewSecret("abd"), false},
		"a prefix":                      {domain.NewSecret("abc"), domain.NewSecret("ab"), false},
		"another case":                  {domain.NewSecret("abc"), domain.NewSecret("ABC"), false},
		"a text and nothing":            {domain.NewSecret("abc"), domain.Secret{}, false},
		"the zero value and empty text": {domain.Secret{}, domain.NewSecret(""), true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.a.Equal(tt.b) != tt.want || tt.b.Equal(tt.a) != tt.want {
				t.Errorf("Equal = %t and %t, want %t", tt.a.Equal(tt.b), tt.b.Equal(tt.a), tt.want)
			}
		})
	}
}

func TestOnlyTheEmptySecretIsZero(t *testing.T) {
	var read domain.Secret
	if err := read.UnmarshalText(nil); err != nil {
		t.Fatal(err)
	}
	for name, empty := range map[string]domain.Secret{"the zero value": {}, "empty text": domain.NewSecret(""), "no text read": read} {
		if !empty.IsZero() || empty.Reveal() != "" || empty.Hash() != "" {
			t.Errorf("%s: IsZero %t, Reveal %q, Hash %q, want the empty secret", name, empty.IsZero(), empty.Reveal(), empty.Hash())
		}
	}
	if domain.NewSecret(" ").IsZero() {
		t.Error("a blank is taken for the empty secret")
	}
}

func TestASecretHashesToItsSHA256(t *testing.T) {
	// FIPS 180-2, appendix B.1.
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	if got := domain.NewSecret("abc").Hash(); got != want {
		t.Errorf("Hash() = %s, want %s", got, want)
	}
}

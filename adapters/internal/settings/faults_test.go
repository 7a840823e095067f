package settings_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"nativebridge/adapters/internal/settings"
	"nativebridge/domain"
)

// word quotes what it refuses, as an adapter's type might; level and flag do not.
type (
	word  string
	level int
	flag  bool
)

func (w *word) UnmarshalText(text []byte) error { return errors.New("I cannot use " + string(text)) }

func (l *level) UnmarshalText([]byte) error { return errors.New("it is low or high") }

func (f *flag) UnmarshalText([]byte) error { return errors.New("it is on or off") }

// kinds is a config with a setting of each kind.
type kinds struct {
	Age   time.Duration `env:"AGE" help:"an age"`
	On    bool          `env:"ON" help:"true or false"`
	Ratio float64       `env:"RATIO" help:"a ratio"`
	Count int           `env:"COUNT" help:"a count"`
	Word  word          `env:"WORD" help:"a word"`
	Level level         `env:"LEVEL" help:"a level"`
	Flag  flag          `env:"FLAG" help:"a flag"`
}

func TestAValueIsToldOnlyIfItCannotBeACredential(t *testing.T) {
	for name, tt := range map[string]struct{ variable, value, problem string }{
		"a duration":                        {"AGE", secretText, "is wrong: it is no duration such as 10s or 5m"},
		"true or false":                     {"ON", secretText, "is wrong: it is neither true nor false"},
		"a number":                          {"COUNT", secretText, "is wrong: it is no number, or too large"},
		"a number with a point":             {"RATIO", secretText, "is wrong: it is no number, or too large"},
		"a type that quotes it":             {"WORD", "s3cr", "is wrong: it has the wrong form"},
		"a type that quotes little":         {"WORD", "abc", "is wrong: I cannot use abc"},
		"a number's type that does not":     {"LEVEL", secretText, "is wrong: it is low or high"},
		"a type of true and false, neither": {"FLAG", secretText, "is wrong: it is on or off"},
		"a short number":                    {"ON", "1234", `is "1234": it is neither true nor false`},
		"a URL":                             {"COUNT", "https://api.example.com/v1?key=x", `is "https://api.example.com": it is no number, or too large`},
		"a URL without TLS":                 {"COUNT", "http://api.example.com", `is "http://api.example.com": it is no number, or too large`},
		"a URL of another scheme":           {"COUNT", "redis://api.example.com", "is wrong: it is no number, or too large"},
		"a URL that is none":                {"COUNT", "https://api.example.com:s3cr3t", "is wrong: it is no number, or too large"},
		"a password made to look like one":  {"COUNT", "https://s3cr3t", "is wrong: it is no number, or too large"},
	} {
		t.Run(name, func(t *testing.T) {
			err := settings.Load(map[string]string{tt.variable: tt.value}, new(kinds))
			faults, _ := errors.AsType[settings.Faults](err)
			if len(faults) != 1 || faults[0].Name != tt.variable || faults[0].Problem != tt.problem {
				t.Errorf("err = %v, want %s %s", err, tt.variable, tt.problem)
			}
		})
	}
}

func TestEachValueOfAKindIsItsOwnFault(t *testing.T) {
	err := settings.Load(map[string]string{"AGE": "x", "ON": "x", "COUNT": "x"}, new(kinds))
	if faults, _ := errors.AsType[settings.Faults](err); len(faults) != 3 {
		t.Errorf("err = %v, want three faults", err)
	}
}

func TestAFileThatOthersMayReadAndRunIsGood(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(secretText), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o555); err != nil {
		t.Fatal(err)
	}
	var config struct {
		Secret domain.Secret `env:"SECRET" help:"a secret"`
	}
	if err := settings.Load(map[string]string{"SECRET_FILE": path}, &config); err != nil || config.Secret.Reveal() != secretText {
		t.Errorf("secret = %q, %v", config.Secret.Reveal(), err)
	}
}

func TestNoEnvironmentIsAnEmptyOne(t *testing.T) {
	var config struct {
		Secret domain.Secret `env:"SECRET" help:"a secret"`
		Name   string        `env:"NAME" envDefault:"default" help:"a name"`
	}
	t.Setenv("NAME", "of the process")
	if err := settings.Load(nil, &config); err != nil || config.Name != "default" {
		t.Errorf("name = %q, %v", config.Name, err)
	}
}

// A secret that cannot be read has one fault, and not that it is not set as well.
func TestAFileThatCannotBeReadIsOneFault(t *testing.T) {
	var config struct {
		Secret domain.Secret `env:"SECRET,required,notEmpty" help:"a secret"`
	}
	err := settings.Load(map[string]string{"SECRET_FILE": filepath.Join(t.TempDir(), "none")}, &config)
	if faults, _ := errors.AsType[settings.Faults](err); len(faults) != 1 || faults[0].Name != "SECRET_FILE" {
		t.Errorf("err = %v, want one fault", err)
	}
}

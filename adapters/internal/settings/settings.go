// Package settings reads configuration structs from environment variables with
// caarlos0/env and says everything that is wrong with them at once. Help text and
// documentation come from the same structs.
//
// A field is a setting if it has an `env` tag; `help` completes the sentence "set
// it to …". A domain.Secret may also come from the file that NAME_FILE names.
package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/caarlos0/env/v11"

	"nativebridge/domain"
)

// Fault is one thing that is wrong with the configuration.
type Fault struct {
	Name    string // of the variable
	Problem string // "is not set"
	Fix     string // "set it to …"
}

// Faults is everything that is wrong, as one error.
type Faults []Fault

// Error lists the faults, each with its fix on a line of its own.
func (f Faults) Error() string {
	noun := "faults"
	if len(f) == 1 {
		noun = "fault"
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%d %s in the configuration\n", len(f), noun)
	for _, fault := range f {
		fmt.Fprintf(&text, "\n  %s %s\n      %s\n", fault.Name, fault.Problem, fault.Fix)
	}
	return text.String()
}

// Checker is a config that has rules beyond those of its single fields.
type Checker interface {
	Check() []Fault
}

// Load fills the structs that configs point to from environ. The error is a
// Faults with everything that is wrong in all of them.
func Load(environ map[string]string, configs ...any) error {
	environ, faults := readFiles(environ, Describe(configs...))
	for _, config := range configs {
		faults = append(faults, parse(environ, config)...)
	}
	for _, config := range configs {
		if checker, ok := config.(Checker); ok {
			faults = appendNew(faults, checker.Check())
		}
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}

// Setting describes one environment variable.
type Setting struct {
	Name     string
	Help     string
	Default  string
	Required bool
	Secret   bool
	field    string
}

// Describe lists the settings of the structs that configs point to, in order.
func Describe(configs ...any) []Setting {
	var list []Setting
	for _, config := range configs {
		structure := reflect.TypeOf(config).Elem()
		for i := range structure.NumField() {
			field := structure.Field(i)
			name, options, _ := strings.Cut(field.Tag.Get("env"), ",")
			if name == "" {
				continue
			}
			list = append(list, Setting{
				Name:     name,
				Help:     field.Tag.Get("help"),
				Default:  field.Tag.Get("envDefault"),
				Required: slices.Contains(strings.Split(options, ","), "required"),
				Secret:   field.Type == reflect.TypeFor[domain.Secret](),
				field:    field.Name,
			})
		}
	}
	return list
}

// readFiles returns environ with each NAME_FILE of a secret replaced by NAME.
func readFiles(environ map[string]string, known []Setting) (map[string]string, Faults) {
	read := map[string]string{}
	for name, value := range environ {
		read[name] = value
	}
	var faults Faults
	for _, setting := range known {
		path := environ[setting.Name+"_FILE"]
		if !setting.Secret || path == "" {
			continue
		}
		if environ[setting.Name] != "" {
			faults = append(faults, Fault{setting.Name, "is set, and " + setting.Name + "_FILE too", "unset one of them"})
			continue
		}
		text, fault := readSecret(path, setting)
		if fault != nil {
			faults = append(faults, *fault)
			text = "unread" // one fault is enough
		}
		read[setting.Name] = text
	}
	return read, faults
}

// readSecret reads a secret from the file at path, without the line breaks at its
// end. The fault does not tell the path, which may be the secret itself, put into
// the wrong variable.
func readSecret(path string, setting Setting) (string, *Fault) {
	content, err := os.ReadFile(path) // #nosec G304 -- the operator names the file
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		err = failed.Err
	}
	text := strings.TrimRight(string(content), "\r\n")
	switch {
	case err != nil:
		return "", &Fault{setting.Name + "_FILE", "names a file that cannot be read: " + err.Error(),
			"mount the file there, readable for this user"}
	case text == "":
		return "", &Fault{setting.Name + "_FILE", "names a file that is empty", "write into it " + setting.Help}
	}
	return text, nil
}

func parse(environ map[string]string, config any) Faults {
	err := env.ParseWithOptions(config, env.Options{Environment: environ})
	if err == nil {
		return nil
	}
	aggregate, ok := errors.AsType[env.AggregateError](err)
	if !ok {
		return Faults{{"configuration", err.Error(), "this is a fault of native-bridge: please report it"}}
	}
	var faults Faults
	for _, err := range aggregate.Errors {
		faults = append(faults, faultOf(err, environ, Describe(config)))
	}
	return faults
}

// faultOf puts an error of caarlos0/env into words that name the variable, its
// value unless that is a secret, and the fix.
func faultOf(err error, environ map[string]string, known []Setting) Fault {
	find := func(match func(Setting) bool) Setting {
		if i := slices.IndexFunc(known, match); i >= 0 {
			return known[i]
		}
		return Setting{}
	}
	var (
		unset  env.VarIsNotSetError
		empty  env.EmptyVarError
		failed env.ParseError
	)
	switch {
	case errors.As(err, &unset), errors.As(err, &empty):
		name := unset.Key + empty.Key
		setting := find(func(s Setting) bool { return s.Name == name })
		if lookalike := lookalike(name, environ, known); lookalike != "" {
			return Fault{name, "is not set, but " + lookalike + " is", "rename " + lookalike + " to " + name}
		}
		return Fault{name, "is not set", "set it to " + setting.Help}
	case errors.As(err, &failed):
		setting := find(func(s Setting) bool { return s.field == failed.Name })
		return Fault{setting.Name, wrong(environ[setting.Name], failed.Err), "set it to " + setting.Help}
	}
	return Fault{"configuration", err.Error(), "this is a fault of native-bridge: please report it"}
}

// wrong shows a value and what is wrong with it. A value with an "@" may hold the
// password of a URL: neither is it shown then, nor a cause that quotes from it.
func wrong(value string, cause error) string {
	switch why := cause.Error(); {
	case !strings.Contains(value, "@"):
		return fmt.Sprintf("is %q: %s", value, why)
	case strings.Contains(why, `"`):
		return "is not shown here: it has the wrong form"
	default:
		return "is not shown here: " + why
	}
}

// appendNew appends those of more whose variable, or its file, has no fault yet.
func appendNew(faults Faults, more []Fault) Faults {
	for _, fault := range more {
		if !slices.ContainsFunc(faults, func(f Fault) bool { return f.Name == fault.Name || f.Name == fault.Name+"_FILE" }) {
			faults = append(faults, fault)
		}
	}
	return faults
}

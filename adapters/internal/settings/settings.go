// Package settings reads configuration structs from environment variables with
// caarlos0/env and says everything that is wrong with them at once. Help text and
// documentation come from the same structs.
//
// A field is a setting if it has an `env` tag; `help`, or its type's Help, completes
// the sentence "set it to …". A credential, which is a domain.Secret, a type that embeds
// one, or a Rotating, may also come from the file that NAME_FILE names.
package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
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

// Load fills the structs that configs point to from environ. The error is a Faults that
// lists everything that is wrong in all of them.
func Load(environ map[string]string, configs ...any) error {
	environ, faults := readSecrets(environ, Describe(configs...))
	faults = append(faults, takeOutCredentials(environ, Describe(configs...))...)
	for _, config := range configs {
		faults = appendNew(faults, parse(environ, config))
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

// Describe lists the settings of the structs that configs point to, in order. A field that
// is a struct without an `env` tag has settings too. No two fields of one config may have
// the same name.
func Describe(configs ...any) []Setting {
	var list []Setting
	for _, config := range configs {
		for _, found := range locate(reflect.TypeOf(config).Elem(), nil) {
			list = append(list, found.Setting)
		}
	}
	return list
}

// located is a setting, and the way to its field (reflect.Value.FieldByIndex).
type located struct {
	Setting
	index []int
}

// locate lists the settings of a struct that path leads to.
func locate(structure reflect.Type, path []int) []located {
	var list []located
	for i := range structure.NumField() {
		field := structure.Field(i)
		at := append(slices.Clone(path), i)
		name, options, _ := strings.Cut(field.Tag.Get("env"), ",")
		switch {
		case name != "":
			list = append(list, located{Setting{
				Name:     name,
				Help:     help(field),
				Default:  field.Tag.Get("envDefault"),
				Required: slices.Contains(strings.Split(options, ","), "required"),
				Secret:   field.Type.Implements(reflect.TypeFor[revealer]()),
				field:    field.Name,
			}, at})
		case field.Type.Kind() == reflect.Struct && field.IsExported():
			list = append(list, locate(field.Type, at)...)
		}
	}
	return list
}

// revealer is the type of a credential. A type that embeds domain.Secret is one too,
// and may have an UnmarshalText of its own, which must quote nothing.
type revealer interface {
	Reveal() string
}

// Helper is the type of a setting whose help is computed, and so cannot be a tag.
type Helper interface {
	Help() string // completes "set it to …", as a tag does
}

func help(field reflect.StructField) string {
	if helper, ok := reflect.Zero(field.Type).Interface().(Helper); ok {
		return helper.Help()
	}
	return field.Tag.Get("help")
}

// readSecrets returns a copy of environ with the value of each secret, which comes from
// the file that NAME_FILE names if that is set. Line breaks at the end are cut off.
func readSecrets(environ map[string]string, known []Setting) (map[string]string, Faults) {
	read := maps.Clone(environ)
	if read == nil {
		read = map[string]string{}
	}
	var faults Faults
	for _, setting := range known {
		path, value := environ[setting.Name+"_FILE"], strings.TrimRight(environ[setting.Name], "\r\n")
		var fault *Fault
		switch {
		case !setting.Secret, path == "" && value == "":
			continue
		case path == "":
			if problem := checkSecret(value); problem != "" {
				fault = &Fault{setting.Name, problem, "set it to " + setting.Help + ", and to nothing else"}
			}
		case value != "":
			fault = &Fault{setting.Name, "is set, and " + setting.Name + "_FILE too", "unset one of them"}
		default:
			value, fault = readSecret(path, setting)
		}
		if fault != nil {
			faults = append(faults, *fault)
			value = "unread" // one fault is enough
		}
		read[setting.Name] = value
	}
	return read, faults
}

// readSecret reads a secret from the file at path. The fault does not show the path,
// which may be the secret itself in the wrong variable.
func readSecret(path string, setting Setting) (string, *Fault) {
	fault := Fault{Name: setting.Name + "_FILE"}
	content, err := os.ReadFile(path) // #nosec G304 -- the operator names the file
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		err = failed.Err
	}
	text := strings.TrimRight(string(content), "\r\n")
	switch problem := checkSecret(text); {
	case err != nil:
		fault.Problem, fault.Fix = "names a file that cannot be read: "+err.Error(), "mount the file there, readable for this user"
	case writableForAll(path):
		fault.Problem, fault.Fix = "names a file that every user may write to, so that anybody could choose the secret", "take that permission away: chmod o-w"
	case text == "":
		fault.Problem, fault.Fix = "names a file that is empty", "write into it "+setting.Help
	case problem != "":
		fault.Problem, fault.Fix = "names a file whose content "+problem, "write into it "+setting.Help+", and nothing else"
	default:
		return text, nil
	}
	return "", &fault
}

func writableForAll(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o002 != 0
}

// takeOutCredentials empties each setting that is no secret but looks like one, so that
// nothing that shows the setting shows a credential.
func takeOutCredentials(environ map[string]string, known []Setting) Faults {
	var faults Faults
	for _, setting := range known {
		if setting.Secret || isPath(setting.Name, environ[setting.Name]) || !looksLikeCredential(environ[setting.Name]) {
			continue
		}
		faults = append(faults, Fault{setting.Name, "looks like a key, a token or a password, which does not belong into it", "set it to " + setting.Help})
		environ[setting.Name] = ""
	}
	return faults
}

// isPath reports whether the value of a setting is the path of a file, which may have the
// form of a random secret. Few secrets begin with a slash.
func isPath(setting, value string) bool {
	return strings.HasSuffix(setting, "_FILE") && strings.HasPrefix(value, "/")
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

// faultOf puts an error of caarlos0/env into words that name the variable and the
// fix.
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
		if candidate, meant := lookalike(setting, environ, known); candidate != "" {
			return Fault{name, "is not set, but " + candidate + " is", "rename " + candidate + " to " + meant}
		}
		return Fault{name, "is not set", "set it to " + setting.Help}
	case errors.As(err, &failed):
		setting := find(func(s Setting) bool { return s.field == failed.Name })
		return Fault{setting.Name, wrong(environ[setting.Name], setting.Secret, failed), "set it to " + setting.Help}
	}
	return Fault{"configuration", err.Error(), "this is a fault of native-bridge: please report it"}
}

// wrong says what is wrong with a value. It does not show a secret, or a value that may
// be a credential in the wrong variable, and no cause that quotes one.
func wrong(value string, secret bool, failed env.ParseError) string {
	why := failed.Err.Error()
	switch quotes := strings.Contains(why, `"`) || len(value) > 3 && strings.Contains(why, value); {
	case quotes && failed.Type == reflect.TypeFor[time.Duration]():
		why = "it is no duration such as 10s or 5m"
	case quotes && failed.Type.Kind() == reflect.Bool:
		why = "it is neither true nor false"
	case quotes && failed.Type.Kind() >= reflect.Int && failed.Type.Kind() <= reflect.Float64:
		why = "it is no number, or too large"
	case quotes:
		why = "it has the wrong form"
	}
	if harmless := shown(value); harmless != "" && !secret {
		return fmt.Sprintf("is %q: %s", harmless, why)
	}
	return "is wrong: " + why
}

// short is a number or a duration.
var short = regexp.MustCompile(`^-?[0-9]{1,4}[a-z]{0,2}$`)

// shown returns the part of a value that may be shown: a short number or duration, or the
// scheme and host of a URL.
func shown(value string) string {
	if short.MatchString(value) {
		return value
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || !strings.Contains(u.Hostname(), ".") {
		return ""
	}
	return u.Scheme + "://" + u.Host
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

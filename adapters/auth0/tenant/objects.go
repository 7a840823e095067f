package tenant

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"nativebridge/domain"
)

// object is an object of the tenant as JSON. All that Auth0 tells is kept, also what
// the SDK has no field for.
type object map[string]any

// objectOf returns what the SDK decoded, as an object.
func objectOf(decoded any) (object, error) {
	text, err := json.Marshal(decoded)
	if err != nil {
		return nil, fmt.Errorf("read what Auth0 answered: %w", err)
	}
	var o object
	if err := json.Unmarshal(text, &o); err != nil {
		return nil, fmt.Errorf("read what Auth0 answered: %w", err)
	}
	return o, nil
}

// at returns what stands at a path such as "options.import_mode"; nil if nothing does.
func (o object) at(path string) any {
	var here any = map[string]any(o)
	for _, name := range strings.Split(path, ".") {
		members, ok := here.(map[string]any)
		if !ok {
			return nil
		}
		here = members[name]
	}
	return here
}

func (o object) text(path string) string { text, _ := o.at(path).(string); return text }
func (o object) flag(path string) bool   { flag, _ := o.at(path).(bool); return flag }

func (o object) texts(path string) []string {
	list, _ := o.at(path).([]any)
	var texts []string
	for _, item := range list {
		if text, ok := item.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// put returns a copy that has the value at the path.
func (o object) put(path string, value any) object {
	copied := maps.Clone(o)
	if copied == nil {
		copied = object{}
	}
	name, rest, deeper := strings.Cut(path, ".")
	if !deeper {
		copied[name] = value
		return copied
	}
	inner, _ := copied[name].(map[string]any)
	copied[name] = map[string]any(object(inner).put(rest, value))
	return copied
}

// without returns a copy that lacks a member.
func (o object) without(name string) object {
	copied := maps.Clone(o)
	delete(copied, name)
	return copied
}

// setting is what must hold at one place of an object.
type setting struct {
	path string
	want any    // what is written there; JSON
	why  string // in one sentence
	// holds says whether what stands there will do; nil: it must equal want.
	holds func(have any) bool
	// says is shown in place of the value that is there, or is wanted; nil: the value.
	says func(value any) string
	// merges makes what is written of what is there; nil: want is written.
	merges func(have any) any
	// sealed is whether Auth0 never tells the value again, so that it is always written.
	sealed bool
}

// is wants one value.
func is(path string, want any, why string) setting {
	return setting{path: path, want: want, why: why}
}

// exactly wants a list to have these items, in any order.
func exactly(path string, items []string, why string) setting {
	s := is(path, anys(items), why)
	s.holds = func(have any) bool {
		list := object{"l": have}.texts("l")
		return len(list) == len(items) && subset(items, list)
	}
	return s
}

// includes wants a list to have these items among others.
func includes(path string, items []string, why string) setting {
	s := is(path, anys(items), why)
	s.holds = func(have any) bool { return subset(items, object{"l": have}.texts("l")) }
	s.merges = func(have any) any {
		list := object{"l": have}.texts("l")
		for _, item := range items {
			if !slices.Contains(list, item) {
				list = append(list, item)
			}
		}
		return anys(list)
	}
	return s
}

// sealed wants something secret, which Auth0 never tells again: it is there or not.
// stale says that what is there was written with other values.
func sealed(path string, want domain.Secret, stale bool, why string) setting {
	return setting{
		path: path, want: want.Reveal(), why: why, sealed: true,
		holds: func(have any) bool { text, _ := have.(string); return text != "" && !stale },
		says:  func(any) string { return "(not shown)" },
	}
}

// absent wants nothing to be there.
func absent(path, why string) setting {
	return setting{
		path: path, why: why,
		holds: func(have any) bool { return have == nil },
		says: func(have any) string {
			if have == nil {
				return "(removed)"
			}
			return "(not shown)"
		},
	}
}

// long wants a text that is too long to show. stands says that what is there will do.
func long(path, want string, stands bool, why string, says func(value any) string) setting {
	return setting{path: path, want: want, why: why, says: says, holds: func(any) bool { return stands }}
}

func (s setting) ok(o object) bool {
	have := o.at(s.path)
	if s.holds != nil {
		return s.holds(have)
	}
	return same(have, s.want)
}

func (s setting) change(o object) domain.SettingChange {
	show := s.says
	if show == nil {
		show = shown
	}
	change := domain.SettingChange{Setting: s.path, To: show(s.target(o)), Why: s.why}
	if have := o.at(s.path); have != nil {
		change.From = show(have)
	}
	return change
}

// target is what the place holds afterwards.
func (s setting) target(o object) any {
	if s.merges != nil {
		return s.merges(o.at(s.path))
	}
	return s.want
}

// differences lists what must change in o.
func differences(o object, wanted []setting) []domain.SettingChange {
	var changes []domain.SettingChange
	for _, s := range wanted {
		if !s.ok(o) {
			changes = append(changes, s.change(o))
		}
	}
	return changes
}

// patched returns o as wanted. What holds already stays as it is, but for what is sealed.
func patched(o object, wanted []setting) object {
	for _, s := range wanted {
		if s.sealed || !s.ok(o) {
			o = o.put(s.path, s.target(o))
		}
	}
	return o
}

// stepOf returns what becomes of an object: nil stands for one that does not exist.
func stepOf(id, name string, o object, wanted []setting) domain.TenantStep {
	step := domain.TenantStep{ID: id, Object: name, Action: domain.Keep, Changes: differences(o, wanted)}
	switch {
	case o == nil:
		step.Action = domain.Create
	case len(step.Changes) > 0:
		step.Action = domain.Change
	}
	return step
}

// same compares as JSON does, where all numbers are alike.
func same(a, b any) bool {
	normal := func(v any) (n any) {
		text, err := json.Marshal(v)
		if err != nil || json.Unmarshal(text, &n) != nil {
			return v
		}
		return n
	}
	return reflect.DeepEqual(normal(a), normal(b))
}

func shown(value any) string {
	if list := (object{"l": value}).texts("l"); len(list) > 0 {
		return strings.Join(list, ", ")
	}
	if text, ok := value.(string); ok {
		return text
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "(unreadable)"
	}
	return string(text)
}

func anys(items []string) []any {
	list := make([]any, 0, len(items))
	for _, item := range items {
		list = append(list, item)
	}
	return list
}

func subset(items, of []string) bool {
	return !slices.ContainsFunc(items, func(item string) bool { return !slices.Contains(of, item) })
}

package auth0test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// members are the names that a body may have, and of which JSON type each is.
type members map[string]string

// membersOf reads a table such as "string: name description; bool: sso".
func membersOf(table string) members {
	m := make(members)
	for part := range strings.SplitSeq(table, ";") {
		kind, names, _ := strings.Cut(strings.TrimSpace(part), ":")
		for name := range strings.FieldsSeq(names) {
			m[name] = kind
		}
	}
	return m
}

// object checks the body of a call as Auth0 does: a member that the table lacks is
// refused, and so is one of a wrong type. Null is let through.
func (m *managed) object(allowed members, required ...string) (document, error) {
	body, ok := m.body.(map[string]any)
	if !ok {
		return nil, payloadError("Expected type object but found type " + typeOf(m.body))
	}
	for _, name := range slices.Sorted(maps.Keys(body)) {
		kind, ok := allowed[name]
		if !ok {
			return nil, payloadError("Additional properties not allowed: " + name)
		}
		if got := typeOf(body[name]); body[name] != nil && got != kind {
			return nil, apiRefusal(400, "invalid_body",
				fmt.Sprintf("Payload validation error: 'Expected type %s but found type %s' on property %s.", kind, got, name))
		}
	}
	for _, name := range required {
		if body[name] == nil {
			return nil, payloadError("Missing required property: " + name)
		}
	}
	return body, nil
}

func payloadError(what string) *refusal {
	return invalidBody("Payload validation error: '" + what + "'.")
}

func typeOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "object"
}

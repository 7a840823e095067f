package auth0test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Auth0's sizes of a page.
const (
	defaultPage = 50
	maxPage     = 100
)

// page answers with a part of a list. Where a list has checkpoint paging it is asked
// for by take or from; all others know page, per_page and include_totals.
func (m *managed) page(name string, all documents, checkpoint bool) (answer, error) {
	query := m.URL.Query()
	if checkpoint && (query.Has("take") || query.Has("from")) {
		return m.checkpoint(name, all)
	}
	number, err := m.queryInt("page", 0)
	if err != nil {
		return answer{}, err
	}
	size, err := m.queryInt("per_page", defaultPage)
	if err != nil {
		return answer{}, err
	}
	if size < 1 || size > maxPage {
		return answer{}, queryError("per_page", fmt.Sprintf("Value %d is greater than maximum %d", size, maxPage))
	}
	start := min(number*size, len(all))
	part := m.fields(all[start:min(start+size, len(all))])
	if query.Get("include_totals") != "true" {
		return jsonAnswer(part)
	}
	return jsonAnswer(claims{{name, part}, {"start", number * size}, {"limit", size}, {"length", len(part)}, {"total", len(all)}})
}

// checkpoint answers with the objects after a cursor, and the next cursor if there are more.
func (m *managed) checkpoint(name string, all documents) (answer, error) {
	size, err := m.queryInt("take", defaultPage)
	if err != nil {
		return answer{}, err
	}
	if size < 1 || size > maxPage {
		return answer{}, queryError("take", fmt.Sprintf("Value %d is greater than maximum %d", size, maxPage))
	}
	start := 0
	if from := m.URL.Query().Get("from"); from != "" {
		if start, err = readCursor(from); err != nil {
			return answer{}, err
		}
	}
	start = min(start, len(all))
	end := min(start+size, len(all))
	body := claims{{name, m.fields(all[start:end])}}
	if end < len(all) {
		body.set("next", base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(end))))
	}
	return jsonAnswer(body)
}

func readCursor(from string) (int, error) {
	text, err := base64.RawURLEncoding.DecodeString(from)
	if err != nil {
		return 0, queryError("from", "The cursor is invalid")
	}
	at, err := strconv.Atoi(string(text))
	if err != nil || at < 0 {
		return 0, queryError("from", "The cursor is invalid")
	}
	return at, nil
}

// fields leaves only the members asked for, or all others with include_fields=false.
func (m *managed) fields(docs documents) documents {
	asked := m.URL.Query().Get("fields")
	if asked == "" {
		return append(documents{}, docs...)
	}
	names := strings.Split(asked, ",")
	include := m.URL.Query().Get("include_fields") != "false"
	part := documents{}
	for _, doc := range docs {
		some := document{}
		for name, value := range doc {
			if slices.Contains(names, name) == include {
				some[name] = value
			}
		}
		part = append(part, some)
	}
	return part
}

// one answers with an object, or the members of it that are asked for.
func (m *managed) one(doc document) (answer, error) { return jsonAnswer(m.fields(documents{doc})[0]) }

func (m *managed) queryInt(name string, otherwise int) (int, error) {
	text := m.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, queryError(name, "Expected type integer but found type string")
	}
	return n, nil
}

func queryError(name, what string) *refusal {
	return apiRefusal(400, "invalid_query_string", fmt.Sprintf("Query validation error: '%s' on property %s.", what, name))
}

package httpapi

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"unicode/utf8"

	"nativebridge/domain"
)

// params are the parameters of an OAuth request. One that was sent empty is as if
// it was left out (RFC 6749, section 3.2).
type params map[string]string

// maxCredentialBytes bounds refresh tokens, which are opaque. Auth0's have some
// hundred characters.
const maxCredentialBytes = 4 << 10

// credential returns a parameter that is an opaque credential. What cannot be one
// is refused, so that nobody is asked about it.
func (p params) credential(name string) (domain.Secret, *problem) {
	switch value := p[name]; {
	case value == "":
		return domain.Secret{}, new(invalidRequest(name + " is missing"))
	case len(value) > maxCredentialBytes || !isPrintable(value):
		return domain.Secret{}, new(invalidRequest(name + " is longer than 4 KiB or has a character that no token has"))
	default:
		return domain.NewSecret(value), nil
	}
}

// readParams reads the body of an OAuth request, a form or the same as JSON, as
// Auth0's SDKs send it. It refuses what two readers could understand differently,
// whatever asks for something that the bridge does not do, and a client that is
// not its own.
func (s *Server) readParams(w http.ResponseWriter, r *http.Request) (params, *problem) {
	if bad := checkOAuthRequest(r); bad != nil {
		return nil, bad
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || (media != "application/json" && media != "application/x-www-form-urlencoded") {
		return nil, new(unsupportedMediaType("the Content-Type must be application/x-www-form-urlencoded or application/json"))
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	if err != nil {
		return nil, unreadable(err)
	}
	parse := parseForm
	if media == "application/json" {
		parse = parseJSONParams
	}
	params, err := parse(body)
	if err != nil {
		return nil, new(invalidRequest(err.Error()))
	}
	if params["client_secret"] != "" || params["client_assertion"] != "" {
		return nil, new(invalidClient)
	}
	if id := params["client_id"]; id != "" && id != string(s.clientID) {
		return nil, new(invalidClient)
	}
	return params, nil
}

// checkOAuthRequest looks at everything but the body.
func checkOAuthRequest(r *http.Request) *problem {
	switch {
	case r.URL.RawQuery != "":
		return new(invalidRequest("parameters belong into the body: what stands in a URL is logged on its way"))
	case r.Header.Get("Authorization") != "":
		return new(invalidClient)
	case r.Header.Get("DPoP") != "":
		return new(invalidRequest("DPoP is not offered: its proof would not reach the issuer"))
	case len(r.Header.Values("Content-Type")) > 1:
		return new(invalidRequest("there are two Content-Types"))
	case r.Header.Get("Content-Encoding") != "":
		return new(unsupportedMediaType("the body must not have a Content-Encoding"))
	}
	return nil
}

// parseForm reads application/x-www-form-urlencoded. A parameter must not come
// twice (RFC 6749, section 3.2).
func parseForm(body []byte) (params, error) {
	if !utf8.Valid(body) {
		return nil, errors.New("the body is not UTF-8")
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errors.New("the body is not a form")
	}
	parsed := params{}
	for name, list := range values {
		if len(list) > 1 {
			return nil, errors.New("a parameter stands twice in the body")
		}
		if !utf8.ValidString(list[0]) {
			return nil, errors.New("the body is not UTF-8")
		}
		parsed[name] = list[0]
	}
	return parsed, nil
}

// parseJSONParams reads the same as a JSON object. Members that are no strings are
// refused if the bridge would look at them, and otherwise ignored.
func parseJSONParams(body []byte) (params, error) {
	members, err := parseObject(body)
	if err != nil {
		return nil, err
	}
	parsed := params{}
	for name, value := range members {
		var text *string
		if err := json.Unmarshal(value, &text); err != nil {
			if isOAuthParam(name) {
				return nil, errors.New("a parameter is not a string")
			}
			continue
		}
		if text != nil {
			parsed[name] = *text
		}
	}
	return parsed, nil
}

func isOAuthParam(name string) bool {
	switch name {
	case "grant_type", "client_id", "client_secret", "client_assertion", "scope", "audience", "organization", "resource",
		"subject_token", "subject_token_type", "actor_token", "actor_token_type", "requested_token_type",
		"refresh_token", "token":
		return true
	}
	return false
}

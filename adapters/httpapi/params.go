package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"nativebridge/adapters/internal/sized"
	"nativebridge/domain"
)

// params are the parameters of an OAuth request. One that was sent empty is as if
// it was left out (RFC 6749, section 3.2).
type params map[string]string

// maxCredentialBytes bounds refresh tokens, which are opaque. Auth0's have some
// hundred characters.
const maxCredentialBytes = 4 << 10

// credential returns a parameter that is an opaque credential. It refuses what cannot be
// one, so that no issuer is asked about it.
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

// readParams reads the body of an OAuth request: a form, or the same as JSON, as
// Auth0's SDKs send it. It refuses a body that two readers could understand differently,
// a request for something that the bridge does not do, and a client that is not the
// bridge's own.
func (s *Server) readParams(w http.ResponseWriter, r *http.Request) (params, *problem) {
	if bad := s.checkOAuthRequest(r); bad != nil {
		return nil, bad
	}
	media, bad := mediaOf(r)
	if bad != nil {
		return nil, bad
	}
	parse := parseForm
	switch media {
	case mediaForm:
	case mediaJSON:
		parse = parseJSONParams
	default:
		return nil, new(unsupportedMediaType("the Content-Type must be application/x-www-form-urlencoded or application/json"))
	}
	body, err := sized.Read(http.MaxBytesReader(w, r.Body, maxBodyBytes), r.ContentLength, maxBodyBytes+1)
	if err != nil {
		return nil, unreadable(err)
	}
	read, err := parse(body)
	if err != nil {
		return nil, new(invalidRequest(err.Error()))
	}
	params, err := paramsOf(read)
	if errors.Is(err, domain.ErrTargetInvalid) {
		return nil, new(problemOf(err))
	}
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

// checkOAuthRequest checks the URL and the headers, except those that describe the body.
func (s *Server) checkOAuthRequest(r *http.Request) *problem {
	switch {
	case r.URL.RawQuery != "":
		return new(invalidRequest("parameters belong in the body: proxies log what is in a URL"))
	case len(r.Header.Values("Authorization")) > 0 && !s.isPublicClient(r):
		return new(invalidClient)
	case len(r.Header.Values("DPoP")) > 0 && s.config.DPoP != DPoPIgnore:
		return new(invalidRequest("DPoP is not offered: turn it off in the SDK (react-native-auth0, auth0_flutter: useDPoP: false; Auth0.swift, Auth0.Android: no useDPoP)"))
	}
	return nil
}

// isPublicClient reports whether r's one Authorization header names the bridge's
// client by Basic with an empty password. So do public clients whose library knows
// no other way to send a client_id (RFC 6749, section 2.3.1, whose form encoding
// is undone).
func (s *Server) isPublicClient(r *http.Request) bool {
	name, password, ok := r.BasicAuth()
	id, err := url.QueryUnescape(name)
	return ok && err == nil && password == "" && id == string(s.clientID) && len(r.Header.Values("Authorization")) == 1
}

// values are what a body holds under each name, before anybody has judged it. nil is a
// value that is no text.
type values map[string][]string

// parseForm reads application/x-www-form-urlencoded.
func parseForm(body []byte) (values, error) {
	if !utf8.Valid(body) {
		return nil, errNoUTF8
	}
	if bytes.Count(body, []byte{'&'}) >= maxMembers {
		return nil, errManyMembers
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errors.New("the body is not a form")
	}
	return values(form), nil
}

// parseJSONParams reads the same as a JSON object. null is as if it was left out.
func parseJSONParams(body []byte) (values, error) {
	members, err := parseObject(body)
	if err != nil {
		return nil, err
	}
	read := values{}
	for name, value := range members {
		switch value.Kind() {
		case jsontext.KindString:
			read[name] = []string{textOf(value)}
		case jsontext.KindNull:
		default:
			read[name] = nil
		}
	}
	return read, nil
}

// paramsOf judges what a body holds. A parameter must not come twice (RFC 6749, section
// 3.2). Those that say what a token is for may by their own RFCs (8693, section 2.1; 8707,
// section 2), but no more than one is offered here. What is no text is refused if the
// bridge would look at it, and otherwise ignored.
func paramsOf(read values) (params, error) {
	judged := params{}
	for name, list := range read {
		switch {
		case list == nil && isOAuthParam(name):
			return nil, errors.New("a parameter is not a string")
		case list == nil:
			continue
		case len(list) > 1 && (name == "audience" || name == "resource"):
			return nil, fmt.Errorf("%w: more than one %s is asked for", domain.ErrTargetInvalid, name)
		case len(list) > 1:
			return nil, errors.New("a parameter stands twice in the body")
		case !utf8.ValidString(list[0]):
			return nil, errNoUTF8
		}
		judged[name] = list[0]
	}
	return judged, nil
}

func isOAuthParam(name string) bool {
	switch name {
	case "grant_type", "client_id", "client_secret", "client_assertion", "scope", "audience", "organization", "resource",
		"subject_token", "subject_token_type", "actor_token", "actor_token_type", "requested_token_type",
		"refresh_token", "token", "token_type_hint":
		return true
	}
	return false
}

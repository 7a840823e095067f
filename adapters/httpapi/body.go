package httpapi

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"nativebridge/adapters/internal/sized"
	"nativebridge/domain"
)

// readToken reads the body of POST /v1/sessions. The problem it returns tells the
// app's developer what to mend and quotes nothing.
func readToken(w http.ResponseWriter, r *http.Request) (domain.PasskeyToken, *problem) {
	if bad := checkJSON(r); bad != nil {
		return domain.PasskeyToken{}, bad
	}
	body, err := sized.Read(http.MaxBytesReader(w, r.Body, maxBodyBytes), r.ContentLength, maxBodyBytes+1)
	if err != nil {
		return domain.PasskeyToken{}, unreadable(err)
	}
	token, err := parseToken(body)
	if err != nil {
		return domain.PasskeyToken{}, new(invalidRequest(err.Error()))
	}
	return token, nil
}

// checkJSON wants application/json, in UTF-8 and not encoded further.
func checkJSON(r *http.Request) *problem {
	media, bad := mediaOf(r)
	if bad == nil && media != mediaJSON {
		bad = new(unsupportedMediaType("the Content-Type must be application/json"))
	}
	return bad
}

// Kinds of bodies that are read.
const (
	mediaJSON = "application/json"
	mediaForm = "application/x-www-form-urlencoded"
)

// mediaOf returns the media type of r's body, "" if no header says it. Headers that
// describe the body must not come twice, JSON must be in UTF-8 (RFC 8259, section 8.1), and
// no body may be encoded further.
func mediaOf(r *http.Request) (string, *problem) {
	for _, name := range []string{"Content-Type", "Content-Encoding"} {
		if len(r.Header.Values(name)) > 1 {
			return "", new(invalidRequest("there are two " + name + " headers"))
		}
	}
	if r.Header.Get("Content-Encoding") != "" {
		return "", new(unsupportedMediaType("the body must not have a Content-Encoding"))
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return "", nil
	}
	if charset := params["charset"]; media == mediaJSON && charset != "" && !strings.EqualFold(charset, "utf-8") {
		return "", new(unsupportedMediaType("the Content-Type must be application/json in UTF-8"))
	}
	return media, nil
}

func unreadable(err error) *problem {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return new(requestTooLarge)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return new(requestTimeout)
	}
	return new(invalidRequest("the body ended early"))
}

// parseToken returns the token of {"token": "…"}. Unknown members are ignored.
func parseToken(body []byte) (domain.PasskeyToken, error) {
	members, err := parseObject(body)
	if err != nil {
		return domain.PasskeyToken{}, err
	}
	value, ok := members["token"]
	if !ok {
		return domain.PasskeyToken{}, errors.New("the member token is missing")
	}
	if value.Kind() != jsontext.KindString {
		return domain.PasskeyToken{}, errors.New("the member token is not a string")
	}
	return domain.ParsePasskeyToken(textOf(value))
}

// maxMembers bounds the members of an object and the parameters of a form. An honest
// request has at most a dozen.
const maxMembers = 64

var (
	errNoUTF8      = errors.New("the body is not UTF-8")
	errNoDocument  = errors.New("the body is not one JSON document")
	errNoObject    = errors.New("the body is not a JSON object")
	errManyMembers = fmt.Errorf("the body has more than %d members or parameters", maxMembers)
)

// parseObject returns the members of the one JSON object that body is. Its decoder is
// stricter than encoding/json, in ways that two readers could understand differently: names
// are exact and not doubled, the text is UTF-8, and nothing follows (RFC 8259 sections 4 and
// 8.1).
func parseObject(body []byte) (map[string]jsontext.Value, error) {
	var members map[string]jsontext.Value
	err := json.Unmarshal(body, &members)
	_, isOther := errors.AsType[*json.SemanticError](err)
	switch {
	case err != nil && !utf8.Valid(body):
		return nil, errNoUTF8
	case errors.Is(err, jsontext.ErrDuplicateName):
		return nil, errors.New("a member stands twice in the body")
	case isOther, err == nil && members == nil: // null
		return nil, errNoObject
	case err != nil:
		return nil, errNoDocument
	case len(members) > maxMembers:
		return nil, errManyMembers
	}
	return members, nil
}

// textOf returns the text of a JSON string.
func textOf(value jsontext.Value) string {
	text, _ := jsontext.AppendUnquote(nil, value) // the decoder has taken it for a string
	return string(text)
}

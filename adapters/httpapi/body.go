package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"unicode/utf8"

	"nativebridge/domain"
)

// readToken reads the body of POST /v1/sessions. The problem it returns tells the
// app's developer what to mend and quotes nothing.
func readToken(w http.ResponseWriter, r *http.Request) (domain.PasskeyToken, *problem) {
	if bad := checkJSON(r); bad != nil {
		return domain.PasskeyToken{}, bad
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
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
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	if err != nil || media != "application/json" || (charset != "" && charset != "utf-8" && charset != "UTF-8") {
		return new(unsupportedMediaType("the Content-Type must be application/json"))
	}
	if r.Header.Get("Content-Encoding") != "" {
		return new(unsupportedMediaType("the body must not have a Content-Encoding"))
	}
	return nil
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
	var text *string
	if err := json.Unmarshal(value, &text); err != nil || text == nil {
		return domain.PasskeyToken{}, errors.New("the member token is not a string")
	}
	return domain.ParsePasskeyToken(*text)
}

// parseObject returns the members of the one JSON object that body is. It is
// stricter than encoding/json, in ways that two readers could understand
// differently: names are exact and not doubled, the text is UTF-8, and nothing
// follows (RFC 8259 sections 4 and 8.1).
func parseObject(body []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(body) {
		return nil, errors.New("the body is not UTF-8")
	}
	if !json.Valid(body) {
		return nil, errors.New("the body is not one JSON document")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, errors.New("the body is not a JSON object")
	}
	members := map[string]json.RawMessage{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, errors.New("the body is not a JSON object")
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, errors.New("the body is not a JSON object")
		}
		if _, doubled := members[name.(string)]; doubled {
			return nil, fmt.Errorf("a member stands twice in the body")
		}
		members[name.(string)] = value
	}
	return members, nil
}

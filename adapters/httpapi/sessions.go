package httpapi

import (
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"nativebridge/app"
	"nativebridge/domain"
)

// createSession answers POST /v1/sessions: {"token": "…"} in, a session out.
func (s *Server) createSession(w http.ResponseWriter, r *http.Request) {
	token, bad := readToken(w, r)
	if bad != nil {
		s.refuse(w, r, *bad)
		return
	}
	session, err := s.use.Exchange.Execute(r.Context(), app.Exchange{Token: token, Client: clientOf(r)})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.writeSession(w, r, session, "")
}

// sessionBody is a session as apps get it, with the names of RFC 6749 section 5.1.
type sessionBody struct {
	AccessToken     string `json:"access_token"`
	IssuedTokenType string `json:"issued_token_type,omitzero"` // RFC 8693 section 2.2.1
	TokenType       string `json:"token_type"`
	ExpiresIn       int64  `json:"expires_in"`        // seconds
	IDToken         string `json:"id_token,omitzero"` // a renewal may have none
	RefreshToken    string `json:"refresh_token,omitzero"`
	Scope           string `json:"scope,omitzero"`
}

func (s *Server) writeSession(w http.ResponseWriter, r *http.Request, session domain.Session, issuedTokenType string) {
	s.needs.look(r.Context(), session)
	w.Header().Set("Content-Type", "application/json")
	body, err := json.Marshal(sessionBody{
		AccessToken:     session.AccessToken.Reveal(),
		IssuedTokenType: issuedTokenType,
		TokenType:       "Bearer",
		ExpiresIn:       int64(session.ExpiresIn / time.Second),
		IDToken:         session.IDToken.Reveal(),
		RefreshToken:    session.RefreshToken.Reveal(),
		Scope:           strings.Join(session.Scope, " "),
	}, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		panic(err) // a struct of strings and a number can always be encoded
	}
	_, _ = w.Write(append(body, '\n')) // an app that left before its answer is not told so by anybody
}

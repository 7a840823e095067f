package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Names that the page may enrol: of an emulated tenant, and of a real one, where whole
// user ids may be typed too.
var (
	usernameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._@-]{0,63}$`)
	userForm     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@|-]{0,127}$`)
)

var (
	errNotAName = errors.New(`send {"username":…} of up to 64 small letters, digits and . _ @ -, beginning with a letter or digit`)
	errNotHere  = errors.New("others than this machine can open this page, so it gives nobody of a real tenant a passkey: start the sandbox with --enrol USER to allow it for one user")
)

// devEnrol answers POST /dev/enrol as the app's own back-end would, but without
// asking who is there: it returns a token with which to add a passkey.
func (s *sandbox) devEnrol(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Username string `json:"username"`
	}
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&asked) != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": errNotAName.Error()})
		return
	}
	user, err := s.enrollable(asked.Username)
	if err != nil {
		status := http.StatusBadRequest
		if errors.Is(err, errNotHere) {
			status = http.StatusForbidden
		}
		writeJSON(w, status, map[string]string{"error": err.Error()})
		return
	}
	token, err := s.track(r.Context(), user)
	if err != nil {
		writeJSON(w, http.StatusBadGateway, map[string]string{"error": err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"token": token, "user_id": user.id, "username": user.name})
}

// enrols reports whether people get a passkey from the bridge, by an access token of the
// emulated Auth0's. Elsewhere a back-end of the app's own asks Authsignal.
func (s *sandbox) enrols() bool { return s.real == nil && !s.hasProvider() && s.config.Enrolment.On() }

// devPassword answers POST /dev/password with the access token of somebody who has just signed
// in at the emulated Auth0 without a passkey: a page with a password is not emulated, and every
// password is right.
func (s *sandbox) devPassword(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Username string `json:"username"`
	}
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&asked) != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": errNotAName.Error()})
		return
	}
	user, err := s.enrollable(asked.Username)
	if err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	sub := user.id
	if !strings.Contains(sub, "|") {
		sub = "auth0|" + sub // as Auth0 writes it
	}
	enrolment := s.config.Enrolment
	token, err := s.auth0.MintAccessToken(sub, enrolment.Audience, "openid "+string(enrolment.Scope), map[string]any{enrolment.TimeClaim: time.Now().Unix()})
	if err != nil {
		writeJSON(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"access_token": token, "user_id": user.id, "username": user.name})
}

// newcomer is somebody who gets a passkey.
type newcomer struct{ id, name, email string }

// enrollable says who has the name, or why they get no passkey here. At a real tenant,
// whoever may enrol anybody can become anybody: so only this machine may, and others only
// for the user whom the operator named.
func (s *sandbox) enrollable(name string) (newcomer, error) {
	if s.real == nil {
		if !usernameForm.MatchString(name) {
			return newcomer{}, errNotAName
		}
		user := s.phones.user(s.phones.userID(name))
		s.authsignal.PutUser(user)
		return newcomer{user.ID, user.Username, user.Email}, nil
	}
	if !userForm.MatchString(name) {
		return newcomer{}, errors.New("a name has letters, digits and . _ @ -, and a whole user id also |")
	}
	id, err := s.userID(name)
	if err != nil {
		return newcomer{}, err
	}
	if !s.reach.onlyHere() && id != s.real.enrol {
		return newcomer{}, errNotHere
	}
	user := newcomer{id: id, name: name[strings.LastIndex(name, "|")+1:]}
	if strings.Contains(user.name, "@") {
		user.email = user.name
	}
	return user, nil
}

// trackTimeout bounds the question for a token.
const trackTimeout = 10 * time.Second

// track asks Authsignal for a token that may add a passkey ("Track action", Server API).
// An error never holds what was sent or answered.
func (s *sandbox) track(ctx context.Context, user newcomer) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, trackTimeout)
	defer cancel()
	asked := map[string]string{"scope": "add:authenticators", "username": user.name}
	if user.email != "" {
		asked["email"] = user.email
	}
	body, err := json.Marshal(asked)
	if err != nil {
		return "", err
	}
	address := string(s.config.Authsignal.APIURL) + "/users/" + url.PathEscape(user.id) + "/actions/" + string(s.config.Authsignal.EnrolAction)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.SetBasicAuth(s.config.Authsignal.Secret.Reveal(), "")
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", backEndAgent)
	// A redirect is not followed: the secret would be sent to wherever it leads.
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("track the enrolment: %w", err)
	}
	defer resp.Body.Close()
	var answer struct {
		State string `json:"state"`
		Token string `json:"token"`
	}
	switch err := json.NewDecoder(http.MaxBytesReader(nil, resp.Body, 1<<20)).Decode(&answer); {
	case resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden:
		return "", fmt.Errorf("track the enrolment: authsignal answered %d: check AUTHSIGNAL_SECRET and AUTHSIGNAL_API_URL", resp.StatusCode)
	case err != nil || answer.Token == "":
		return "", fmt.Errorf("track the enrolment: authsignal answered %d", resp.StatusCode)
	case answer.State == "BLOCK" || answer.State == "REVIEW_REQUIRED":
		return "", fmt.Errorf("track the enrolment: a rule of the action %s answered %s", s.config.Authsignal.EnrolAction, answer.State)
	}
	return answer.Token, nil
}

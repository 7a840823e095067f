package authsignaltest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/fips140"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"
)

// SignatureHeader is the header that carries a webhook's signature.
const SignatureHeader = "X-Signature-V2"

// Webhook returns the body of an event and the value of SignatureHeader to
// send it with, signed with every active secret: two after RotateSecret.
// Nothing is sent. The kinds of event, "authenticator.deleted" for one, are
// those of Authsignal's webhook documentation; data is the event's own part.
func (s *Server) Webhook(kind string, data any) (signature string, body []byte, err error) {
	body, err = s.webhookBody(kind, data)
	return SignWebhook(body, s.now(), s.activeSecrets()...), body, err
}

func (s *Server) webhookBody(kind string, data any) ([]byte, error) {
	body, err := json.Marshal(map[string]any{
		"version":  1,
		"type":     kind,
		"id":       newID(),
		"source":   "https://authsignal.com",
		"time":     timestamp(s.now()),
		"tenantId": s.tenantID,
		"data":     data,
	})
	if err != nil {
		return nil, fmt.Errorf("authsignaltest: cannot encode webhook: %w", err)
	}
	return body, nil
}

// SignWebhook returns the value of SignatureHeader for a body sent at a time,
// with one v2 for each secret: base64 without padding of the HMAC-SHA256 over
// "<unix time>.<body>".
func SignWebhook(body []byte, at time.Time, secrets ...string) string {
	var header strings.Builder
	fmt.Fprintf(&header, "t=%d", at.Unix())
	for _, secret := range secrets {
		fips140.WithoutEnforcement(func() { // whoever forges takes the key that they like
			mac := hmac.New(sha256.New, []byte(secret))
			fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
			header.WriteString(",v2=" + base64.RawStdEncoding.EncodeToString(mac.Sum(nil)))
		})
	}
	return header.String()
}

// Authsignal delivers an event of an authenticator again if it is not answered 2xx: up to
// three times, each 30 s or more after the last ("Webhooks", Authsignal documentation).
const (
	webhookTries = 4
	webhookPause = 30 * time.Second
)

// webhooks are the events of authenticators that wait for their delivery.
type webhooks struct {
	mu      sync.Mutex
	url     string // "" if nobody is told
	waiting []delivery
	lost    int
}

type delivery struct {
	body  []byte
	tries int
	due   time.Time
}

// SendWebhooks sets the "Authenticator events webhook URL" of the tenant. From then on each
// passkey that is made or deleted has its event. Deliver sends them.
func (s *Server) SendWebhooks(url string) {
	s.webhooks.mu.Lock()
	defer s.webhooks.mu.Unlock()
	s.webhooks.url = url
}

// emit notes an event for Deliver. The caller may hold store.mu.
func (s *Server) emit(kind string, data any) {
	s.webhooks.mu.Lock()
	defer s.webhooks.mu.Unlock()
	if s.webhooks.url == "" {
		return
	}
	body := must(s.webhookBody(kind, data))
	s.webhooks.waiting = append(s.webhooks.waiting, delivery{body: body, due: s.now()})
}

// Deliver sends the events that are due by the clock of Options, signs each anew, and
// returns how many wait for another try. It returns an error if ctx ends. An event whose
// last try fails is lost.
func (s *Server) Deliver(ctx context.Context) (waiting int, err error) {
	s.webhooks.mu.Lock()
	url, all := s.webhooks.url, s.webhooks.waiting
	s.webhooks.waiting = nil
	s.webhooks.mu.Unlock()

	var again []delivery
	lost := 0
	for _, d := range all {
		if ctx.Err() != nil || s.now().Before(d.due) {
			again = append(again, d)
			continue
		}
		if s.send(ctx, url, d.body) {
			continue
		}
		if d.tries++; d.tries == webhookTries {
			lost++
			continue
		}
		d.due = s.now().Add(webhookPause)
		again = append(again, d)
	}
	s.webhooks.mu.Lock()
	defer s.webhooks.mu.Unlock()
	s.webhooks.waiting = append(again, s.webhooks.waiting...)
	s.webhooks.lost += lost
	return len(s.webhooks.waiting), ctx.Err()
}

// LostWebhooks returns how many events were given up.
func (s *Server) LostWebhooks() int {
	s.webhooks.mu.Lock()
	defer s.webhooks.mu.Unlock()
	return s.webhooks.lost
}

// send reports whether an event was answered 2xx.
func (s *Server) send(ctx context.Context, url string, body []byte) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return false
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(SignatureHeader, SignWebhook(body, s.now(), s.activeSecrets()...))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode/100 == 2
}

// deleted is the data of authenticator.deleted. The name of the time of the deletion is not
// public.
func (p *passkey) deleted(userID string, at time.Time) map[string]any {
	return map[string]any{
		"userId": userID, "verificationMethod": cmp.Or(p.method, MethodPasskey), "createdAt": timestamp(p.createdAt), "deletedAt": timestamp(at),
		"userAuthenticatorId": p.id, "credentialId": base64.RawURLEncoding.EncodeToString(p.credential.ID), "credentialName": "Passkey",
	}
}

// UserDeletion is what a tenant tells when a user is deleted.
type UserDeletion string

// What the documentation leaves open.
const (
	// UserDeletionTellsPasskeys: authenticator.deleted for each passkey, which is the default.
	UserDeletionTellsPasskeys UserDeletion = ""
	// UserDeletionTellsUser: user.deleted.
	UserDeletionTellsUser UserDeletion = "user"
	// UserDeletionTellsNothing: nothing at all.
	UserDeletionTellsNothing UserDeletion = "nothing"
)

// UnmarshalText accepts the three.
func (u *UserDeletion) UnmarshalText(text []byte) error {
	return oneOf(u, text, UserDeletionTellsPasskeys, UserDeletionTellsUser, UserDeletionTellsNothing)
}

// emitUserDeletion tells that a user is deleted.
func (s *Server) emitUserDeletion(u *account) {
	switch s.Faults().UserDeletion {
	case UserDeletionTellsPasskeys:
		for _, p := range u.passkeys {
			s.emit("authenticator.deleted", p.deleted(u.ID, s.now()))
		}
	case UserDeletionTellsUser:
		s.emit("user.deleted", map[string]any{"userId": u.ID})
	}
}

// AddAuthenticator gives a user an authenticator without a ceremony: a passkey that no phone
// has, or another kind, such as "SMS".
func (s *Server) AddAuthenticator(userID, method string, at time.Time) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	u := s.store.ensureUser(userID)
	u.passkeys = append(u.passkeys, &passkey{
		id: newID(), method: method, createdAt: at, verifiedAt: at, credential: webauthn.Credential{ID: []byte(newID())},
	})
}

// DeletePasskeys deletes all passkeys of a user, as somebody at the Portal does one by one.
func (s *Server) DeletePasskeys(userID string) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	u := s.store.ensureUser(userID)
	for _, p := range u.passkeys {
		s.emit("authenticator.deleted", p.deleted(userID, s.now()))
	}
	u.passkeys = nil
}

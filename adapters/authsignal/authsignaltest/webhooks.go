package authsignaltest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// SignatureHeader is the header that carries a webhook's signature.
const SignatureHeader = "X-Signature-V2"

// Webhook returns the body of an event and the value of SignatureHeader to
// send it with, signed with every active secret: two after RotateSecret.
// Nothing is sent. The kinds of event, "authenticator.deleted" for one, are
// those of Authsignal's webhook documentation; data is the event's own part.
func (s *Server) Webhook(kind string, data any) (signature string, body []byte, err error) {
	body, err = json.Marshal(map[string]any{
		"version":  1,
		"type":     kind,
		"id":       newID(),
		"source":   "https://authsignal.com",
		"time":     timestamp(s.now()),
		"tenantId": s.tenantID,
		"data":     data,
	})
	if err != nil {
		return "", nil, fmt.Errorf("authsignaltest: cannot encode webhook: %w", err)
	}
	return SignWebhook(body, s.now(), s.activeSecrets()...), body, nil
}

// SignWebhook returns the value of SignatureHeader for a body sent at a time,
// with one v2 for each secret: base64 without padding of the HMAC-SHA256 over
// "<unix time>.<body>".
func SignWebhook(body []byte, at time.Time, secrets ...string) string {
	var header strings.Builder
	fmt.Fprintf(&header, "t=%d", at.Unix())
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
		header.WriteString(",v2=" + base64.RawStdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return header.String()
}

package authsignal_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/authsignal"
	"nativebridge/adapters/authsignal/authsignaltest"
	"nativebridge/adapters/internal/settings"
	"nativebridge/domain"
)

// The vector was made by hand with the rule of Authsignal's SDKs.
const (
	vectorSecret    = "test-secret-key-123"
	vectorBody      = `{"version":1,"id":"ffffffff-ffff-ffff-ffff-ffffffffffff","source":"https://authsignal.com","time":"2026-11-24T00:00:00.000Z","tenantId":"7752d28e-e627-4b1b-bb81-b45d68d617bc","type":"authenticator.deleted","data":{"userId":"auth0|66f0c0de","verificationMethod":"PASSKEY"}}`
	vectorTime      = 1795478400
	vectorSignature = "pwXzhB6emSXrJcEO3CGPiynZB7aUImkzyZctUaglCm0"
)

// webhooksAt returns a reader whose clock stands still.
func webhooksAt(at time.Time, secrets ...string) *authsignal.Webhooks {
	config := authsignal.Config{Secret: settings.NewSecret(secrets[0]), APIURL: "https://api.example.com/v1"}
	if len(secrets) > 1 {
		config.SecretOther = settings.NewSecret(secrets[1])
	}
	return authsignal.NewWebhooks(config, func() time.Time { return at })
}

func TestASignedWebhookTellsWhoLostAPasskeyAndWhen(t *testing.T) {
	got, tells, err := webhooksAt(time.Unix(vectorTime, 0), vectorSecret).Read(fmt.Sprintf("t=%d,v2=%s", vectorTime, vectorSignature), []byte(vectorBody))
	want := domain.Departure{
		ID: "ffffffff-ffff-ffff-ffff-ffffffffffff", Authority: "authsignal https://api.example.com/v1", Subject: "auth0|66f0c0de",
		At: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC), Why: domain.NotePasskeyDeleted,
	}
	if err != nil || !tells || got != want {
		t.Errorf("read %+v, %t, %v, want %+v", got, tells, err, want)
	}
}

func TestOnlyASignatureOfTheTenantsIsTaken(t *testing.T) {
	at := time.Unix(vectorTime, 0)
	sign := func(body string, at time.Time, secrets ...string) string {
		return authsignaltest.SignWebhook([]byte(body), at, secrets...)
	}
	right := fmt.Sprintf("t=%d,v2=%s", vectorTime, vectorSignature)
	for name, tt := range map[string]struct {
		header string
		body   string // "" for the vector's
		taken  bool
	}{
		"the tenant's":                         {header: right, taken: true},
		"with parts that nobody knows":         {header: "v1=x," + right + ",v3=y,z", taken: true},
		"by two keys, ours is the first":       {header: sign(vectorBody, at, vectorSecret, "another-tenants-key"), taken: true},
		"by two keys, ours is the last":        {header: sign(vectorBody, at, "another-tenants-key", vectorSecret), taken: true},
		"by the other key that is configured":  {header: sign(vectorBody, at, "the-other-tenants-key"), taken: true},
		"five minutes old":                     {header: sign(vectorBody, at.Add(-5*time.Minute), vectorSecret), taken: true},
		"a second older":                       {header: sign(vectorBody, at.Add(-5*time.Minute-time.Second), vectorSecret)},
		"of the future":                        {header: sign(vectorBody, at.Add(5*time.Minute+time.Second), vectorSecret)},
		"none":                                 {header: ""},
		"no time":                              {header: "v2=" + vectorSignature},
		"a time that is none":                  {header: "t=now,v2=" + vectorSignature},
		"no value":                             {header: fmt.Sprintf("t=%d", vectorTime)},
		"an empty value":                       {header: fmt.Sprintf("t=%d,v2=", vectorTime)},
		"a value under an older name":          {header: fmt.Sprintf("t=%d,v1=%s", vectorTime, vectorSignature)},
		"with its padding":                     {header: right + "="},
		"in base64url":                         {header: strings.NewReplacer("+", "-", "/", "_").Replace(sign(vectorBody+" ", at, vectorSecret)), body: vectorBody},
		"cut short":                            {header: right[:len(right)-1]},
		"by a stranger's key":                  {header: sign(vectorBody, at, "a stranger's key")},
		"by the empty key":                     {header: sign(vectorBody, at, "")},
		"of another time":                      {header: fmt.Sprintf("t=%d,v2=%s", vectorTime+1, vectorSignature)},
		"of another body":                      {header: right, body: strings.Replace(vectorBody, "66f0c0de", "66f0c0df", 1)},
		"of the body with a line feed":         {header: right, body: vectorBody + "\n"},
		"of an empty body":                     {header: right, body: " "},
		"nine values, of which the last is it": {header: fmt.Sprintf("t=%d%s,v2=%s", vectorTime, strings.Repeat(",v2=x", 8), vectorSignature)},
	} {
		t.Run(name, func(t *testing.T) {
			body := vectorBody
			if tt.body != "" {
				body = tt.body
			}
			_, tells, err := webhooksAt(at, vectorSecret, "the-other-tenants-key").Read(tt.header, []byte(body))
			if refused := errors.Is(err, domain.ErrTokenRejected); refused == tt.taken || tells != tt.taken {
				t.Errorf("tells %t, %v, want it taken: %t", tells, err, tt.taken)
			}
			if err != nil && (strings.Contains(err.Error(), vectorSecret) || strings.Contains(err.Error(), vectorSignature)) {
				t.Errorf("err = %v tells the key or the signature", err)
			}
		})
	}
}

func TestWhatASignedWebhookSays(t *testing.T) {
	event := func(change ...string) string {
		return strings.NewReplacer(change...).Replace(vectorBody)
	}
	for name, tt := range map[string]struct {
		body  string
		tells bool
		wrong bool
	}{
		"a passkey was deleted":           {body: vectorBody, tells: true},
		"a person was deleted":            {body: event("authenticator.deleted", "user.deleted", `,"verificationMethod":"PASSKEY"`, ""), tells: true},
		"something else was deleted":      {body: event("PASSKEY", "SMS")},
		"a passkey was made":              {body: event("authenticator.deleted", "authenticator.created")},
		"a kind that nobody knows":        {body: `{"type":"tea.made"}`},
		"a batch of log events":           {body: `{"records":[` + vectorBody + `]}`},
		"of nobody":                       {body: event("auth0|66f0c0de", ""), wrong: true},
		"of somebody who is not decoded":  {body: event("66f0c0de", "\xff"), wrong: true},
		"at no time":                      {body: event("2026-11-24T00:00:00.000Z", ""), wrong: true},
		"at a time that is none":          {body: event("2026-11-24T00:00:00.000Z", "now"), wrong: true},
		"of another version":              {body: event(`"version":1`, `"version":2`), wrong: true},
		"without an id":                   {body: event("ffffffff-ffff-ffff-ffff-ffffffffffff", ""), wrong: true},
		"without data":                    {body: event(`"data":{`, `"info":{`), wrong: true},
		"of two people":                   {body: event(`"userId":"auth0|66f0c0de"`, `"userId":"auth0|a","userId":"auth0|b"`), wrong: true},
		"by names in other letters":       {body: event(`"userId"`, `"USERID"`), wrong: true},
		"a list":                          {body: `[` + vectorBody + `]`, wrong: true},
		"no JSON":                         {body: `tea`, wrong: true},
		"two documents":                   {body: vectorBody + vectorBody, wrong: true},
		"a text that only begins like it": {body: vectorBody + "x", wrong: true},
	} {
		t.Run(name, func(t *testing.T) {
			at := time.Unix(vectorTime, 0)
			departure, tells, err := webhooksAt(at, vectorSecret).Read(authsignaltest.SignWebhook([]byte(tt.body), at, vectorSecret), []byte(tt.body))
			if tells != tt.tells || (err != nil) != tt.wrong || errors.Is(err, domain.ErrTokenRejected) {
				t.Errorf("read %+v, %t, %v", departure, tells, err)
			}
			if tells && departure.Subject != "auth0|66f0c0de" {
				t.Errorf("it is about %q", departure.Subject)
			}
		})
	}
}

// FuzzWebhook holds that a signed body either tells of somebody at some time, or of nothing.
func FuzzWebhook(f *testing.F) {
	f.Add(vectorBody)
	f.Add(strings.Replace(vectorBody, "authenticator.deleted", "user.deleted", 1))
	f.Add(`{"type":"authenticator.deleted","version":1,"id":"x","time":"2026-11-24T00:00:00Z","data":{"userId":"a","verificationMethod":"PASSKEY"}}`)
	f.Add(`{"records":[]}`)
	f.Add("")
	at := time.Unix(vectorTime, 0)
	webhooks := webhooksAt(at, vectorSecret)
	f.Fuzz(func(t *testing.T, body string) {
		departure, tells, err := webhooks.Read(authsignaltest.SignWebhook([]byte(body), at, vectorSecret), []byte(body))
		if tells != (departure.Subject != "") || tells == departure.At.IsZero() || tells && err != nil {
			t.Errorf("%q is read as %+v, %t, %v", body, departure, tells, err)
		}
		if _, _, err := webhooks.Read(body, []byte(vectorBody)); !errors.Is(err, domain.ErrTokenRejected) {
			t.Errorf("the signature %q is taken", body)
		}
	})
}

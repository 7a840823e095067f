package authsignal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	strict "github.com/go-jose/go-jose/v4/json"

	"nativebridge/domain"
)

// SignatureHeader carries the signature of a webhook.
const SignatureHeader = "X-Signature-V2"

// signatureTolerance is how far the time of a signature may be from now, as in Authsignal's
// SDKs, which only bound how old it may be.
const signatureTolerance = 5 * time.Minute

// Webhooks reads the webhooks of a tenant. It is safe for concurrent use.
type Webhooks struct {
	config Config
	now    func() time.Time
}

// NewWebhooks returns a reader of the webhooks of the tenant that config describes.
func NewWebhooks(config Config, now func() time.Time) *Webhooks { return &Webhooks{config, now} }

// Read checks the signature of a webhook, which is the value of SignatureHeader, and
// returns the departure that it tells of. Tells is false if it is about something else,
// such as a new passkey. Body is as it came, byte for byte.
//
// The error wraps domain.ErrTokenRejected if the signature is missing, wrong or too old:
// then the webhook may be anybody's. Any other error says that a signed one is none of
// Authsignal's form.
func (w *Webhooks) Read(signature string, body []byte) (departure domain.Departure, tells bool, err error) {
	if err := w.checkSignature(signature, body); err != nil {
		return domain.Departure{}, false, err
	}
	return w.departure(body)
}

// checkSignature does what Authsignal's SDKs do ("Webhooks", authsignal-node,
// src/webhook.ts): the header is t=<Unix seconds> and a v2 for each active API key, which
// is the base64, without padding, of the HMAC-SHA256 over t, a full stop and the body. One
// that is right is enough.
func (w *Webhooks) checkSignature(header string, body []byte) error {
	var stamp string
	var sent [][]byte
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "t":
			stamp = value
		case "v2":
			sent = append(sent, []byte(value))
		}
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || len(sent) == 0 || len(sent) > 8 {
		return fmt.Errorf("%w: %s has no time, or no value that could be checked", domain.ErrTokenRejected, SignatureHeader)
	}
	if age := w.now().Sub(time.Unix(seconds, 0)); age > signatureTolerance || age < -signatureTolerance {
		return fmt.Errorf("%w: it is of another time, by %s: check the clock of the bridge's machine", domain.ErrTokenRejected, age.Round(time.Second))
	}
	right := false
	for _, secret := range []domain.Secret{w.config.Secret.Get(), w.config.SecretOther.Get()} {
		if secret.IsZero() {
			continue
		}
		mac := hmac.New(sha256.New, []byte(secret.Reveal()))
		_, _ = mac.Write([]byte(stamp + "."))
		_, _ = mac.Write(body)
		want := []byte(base64.RawStdEncoding.EncodeToString(mac.Sum(nil)))
		for _, value := range sent { // all of them, so that the time tells nothing
			right = hmac.Equal(value, want) || right
		}
	}
	if !right {
		return fmt.Errorf("%w: check that AUTHSIGNAL_SECRET, or AUTHSIGNAL_SECRET_OTHER, is an active key of the tenant that sends the webhooks", domain.ErrTokenRejected)
	}
	return nil
}

// event is the envelope of a webhook ("Webhooks", Authsignal documentation), as far as it
// is read. The decoder is strict for the same reason as that of validation.
type event struct {
	Version int    `json:"version"`
	Type    string `json:"type"`
	ID      string `json:"id"`
	Time    string `json:"time"`
	Data    *struct {
		UserID             string `json:"userId"`
		VerificationMethod string `json:"verificationMethod"`
	} `json:"data"`
}

func (w *Webhooks) departure(body []byte) (departure domain.Departure, tells bool, err error) {
	var told event
	if err := strict.Unmarshal(body, &told); err != nil {
		return domain.Departure{}, false, errors.New("the body is no event of Authsignal's")
	}
	departure = domain.Departure{ID: told.ID, Authority: w.config.Authority()}
	switch told.Type {
	case "authenticator.deleted":
		departure.Why = domain.NotePasskeyDeleted
	case "user.deleted": // not documented: whether a deleted user has an event of their own is not known
		departure.Why = domain.NoteUserDeleted
	default:
		return domain.Departure{}, false, nil
	}
	at, timeErr := time.Parse(time.RFC3339, told.Time)
	switch {
	case told.Version != 1 || told.ID == "" || told.Data == nil || timeErr != nil:
		return domain.Departure{}, false, fmt.Errorf("the event %.32q is not of version 1, or has no id, time or data", told.Type)
	case told.Data.UserID == "" || strings.ContainsRune(told.Data.UserID, utf8.RuneError):
		return domain.Departure{}, false, fmt.Errorf("the event %.32q does not say whom it is about", told.Type)
	case departure.Why == domain.NotePasskeyDeleted && told.Data.VerificationMethod != domain.MethodPasskey:
		return domain.Departure{}, false, nil
	}
	departure.Subject, departure.At = told.Data.UserID, at
	return departure, true, nil
}

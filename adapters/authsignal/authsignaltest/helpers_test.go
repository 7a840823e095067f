package authsignaltest_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"nativebridge/adapters/authsignal/authsignaltest"
)

const signIn = "signInWithPasskey"

var jane = authsignaltest.User{ID: "auth0|66f0c0de", Email: "jane@example.com", EmailVerified: true, Username: "jane@example.com", DisplayName: "Jane"}

// start runs an emulator for the length of the test.
func start(t *testing.T, o authsignaltest.Options) *authsignaltest.Server {
	t.Helper()
	s, err := authsignaltest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// enrol makes jane a user with a passkey on a new phone.
func enrol(t *testing.T, s *authsignaltest.Server, sdk authsignaltest.SDK) *authsignaltest.Phone {
	t.Helper()
	phone := s.Phone(sdk)
	if _, err := s.Enrol(t.Context(), phone, jane); err != nil {
		t.Fatal(err)
	}
	return phone
}

type reply struct {
	status int
	header http.Header
	raw    string
	object map[string]any // nil if the body is not an object
}

// send sends body as JSON, a string as it is, nil as nothing. auth is the whole
// Authorization header.
func send(t *testing.T, method, url, auth string, body any) reply {
	t.Helper()
	res, raw, err := try(t, method, url, auth, body)
	if err != nil {
		t.Fatal(err)
	}
	r := reply{status: res.StatusCode, header: res.Header, raw: string(raw)}
	_ = json.Unmarshal(raw, &r.object)
	return r
}

// try is send for answers that may not come.
func try(t *testing.T, method, url, auth string, body any) (*http.Response, []byte, error) {
	t.Helper()
	var payload []byte
	switch b := body.(type) {
	case nil:
	case string:
		payload = []byte(b)
	default:
		payload = encode(t, b)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(payload))
	if err != nil {
		t.Fatal(err)
	}
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	// A connection of its own: a reset must not be retried on another one.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	return res, raw, err
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func basic(user string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(user)) }

// secret is the Authorization header of the Server API.
func secret(s *authsignaltest.Server) string { return basic(s.Secret() + ":") }

func validate(t *testing.T, s *authsignaltest.Server, body any) reply {
	t.Helper()
	return send(t, http.MethodPost, s.APIURL()+"/validate", secret(s), body)
}

type object = map[string]any

// wantError checks status and code, and that the body has the three keys that
// SDKs between them read and no other.
func wantError(t *testing.T, r reply, status int, code string) {
	t.Helper()
	if r.status != status || r.object["error"] != code || r.object["errorCode"] != code {
		t.Fatalf("got %d %s, want %d %s", r.status, r.raw, status, code)
	}
	if description, _ := r.object["errorDescription"].(string); description == "" || len(r.object) != 3 {
		t.Fatalf("error body %s, want error, errorCode and errorDescription", r.raw)
	}
}

// wantFields checks that a 200 answer has these fields with these values.
func wantFields(t *testing.T, r reply, want object) {
	t.Helper()
	if r.status != http.StatusOK {
		t.Fatalf("got %d %s, want 200", r.status, r.raw)
	}
	for name, value := range want {
		if got, wanted := encode(t, r.object[name]), encode(t, value); !bytes.Equal(got, wanted) {
			t.Errorf("%s is %s, want %s", name, got, wanted)
		}
	}
}

// wantAPIError checks an error of a Phone.
func wantAPIError(t *testing.T, err error, status int, code string) {
	t.Helper()
	e, ok := errors.AsType[*authsignaltest.APIError](err)
	if !ok || e.Status != status || e.Code != code {
		t.Fatalf("got error %v, want %d %s", err, status, code)
	}
}

// clock is a clock that moves only when told.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

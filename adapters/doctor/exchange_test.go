package doctor_test

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters"
	"nativebridge/adapters/authsignal/authsignaltest"
	"nativebridge/adapters/doctor"
	"nativebridge/domain"
)

func TestAnExchangeOfATokenNamesTheStepThatBreaks(t *testing.T) {
	for name, tt := range map[string]struct {
		before        func(*world)
		after         func(*world)
		action        string
		code, problem string
	}{
		"all is well":                     {nil, nil, action, "", ""},
		"a token of another action":       {nil, nil, "pay", "NB952", "action"},
		"a token of another tenant's key": {nil, func(w *world) { w.Environ["AUTHSIGNAL_SECRET"] = "s3cr3t-of-another-tenant" }, action, "NB951", "401"},
		"accepted by the bridge, refused by the Login script": {func(w *world) { w.Settings["AUTHSIGNAL_ACTION"] = "pay" }, nil, action,
			"NB953", "accepted by the bridge and refused by the issuer"},
		"a token that works only once": {nil, func(w *world) {
			w.authsignal.SetFaults(authsignaltest.Faults{SingleUse: authsignaltest.FormInvalid})
		}, action, "NB953", "accepted by the bridge and refused by the issuer"},
		"a session of a minute": {func(w *world) { w.Auth0.APIs[0].TokenLifetime = time.Minute }, nil, action, "NB955", "1m0s"},
		"no token":              {nil, nil, "", "NB950", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			if tt.before != nil {
				tt.before(w)
			}
			w.begin(t)
			token := "no token at all"
			if tt.action != "" {
				phone := w.authsignal.Phone(authsignaltest.IOS)
				if _, err := w.authsignal.Enrol(t.Context(), phone, authsignaltest.User{ID: "auth0|jane-the-person"}); err != nil {
					t.Fatal(err)
				}
				signedIn, err := phone.SignIn(t.Context(), tt.action)
				if err != nil {
					t.Fatal(err)
				}
				token = signedIn.Token
			}
			if tt.after != nil {
				tt.after(w)
			}
			probe := doctor.Exchange(w.Environ, adapters.Runtime{
				Log: slog.New(slog.DiscardHandler), Audit: io.Discard, Now: time.Now, Random: rand.Reader, RootCAs: w.trusted,
			}, domain.NewSecret(token))
			var diagnosis domain.Diagnosis
			probe.Run(t.Context(), func(finding domain.Finding) { diagnosis = append(diagnosis, finding) })
			wantFirst(t, diagnosis, tt.code)
			for _, finding := range diagnosis {
				if finding.Code == tt.code && !strings.Contains(finding.Problem, tt.problem) {
					t.Errorf("the problem is %q, want %q in it", finding.Problem, tt.problem)
				}
			}
			for _, secret := range []string{token, "jane-the-person", "s3cr3t"} {
				if strings.Contains(fmt.Sprintf("%+v", diagnosis), secret) {
					t.Errorf("it tells %q", secret)
				}
			}
		})
	}
}

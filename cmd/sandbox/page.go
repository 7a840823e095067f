package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"nativebridge/adapters/authsignal/authsignaltest"
)

//go:embed web/index.html web/unbuilt.html web/style.css web/icon.svg all:web/dist
var embedded embed.FS

// webFiles is what the page is made of. The bundle, dist/app.js, is there only if
// it was built before this program was.
var webFiles, _ = fs.Sub(embedded, "web") // fails for a malformed name only

// page serves the page and the endpoints that people and scripts try the
// sandbox with. Faults are switched here, so it answers only requests that name
// this machine, and none from another site's page.
func (s *sandbox) page(files fs.FS) http.Handler {
	r := chi.NewRouter()
	r.Use(s.onlyByOwnName, http.NewCrossOriginProtection().Handler, s.guarded)

	r.Get("/", s.home(files))
	for path, file := range map[string]string{"/style.css": "style.css", "/icon.svg": "icon.svg", "/app.js": "dist/app.js"} {
		r.Get(path, func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, files, file) })
	}
	r.Post("/bridge/*", s.toBridge)

	r.Get("/dev/config", s.devConfig)
	r.Get("/dev/events", s.devEvents)
	r.Get("/dev/scenarios", s.devScenarios)
	r.Post("/dev/scenario", s.devScenario)
	r.Post("/dev/enrol", s.devEnrol)
	r.Post("/dev/token", s.devToken)
	return r
}

// onlyByOwnName refuses Host names that are not ours: a site whose name
// resolves to this machine would send its own.
func (s *sandbox) onlyByOwnName(next http.Handler) http.Handler {
	_, port, _ := strings.Cut(strings.TrimPrefix(s.pageURL, "http://"), ":")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Host {
		case "localhost:" + port:
			next.ServeHTTP(w, r)
		case "127.0.0.1:" + port:
			if r.URL.Path == "/" {
				http.Redirect(w, r, s.pageURL, http.StatusTemporaryRedirect) // an IP address has no passkeys
				return
			}
			next.ServeHTTP(w, r)
		default:
			writeJSON(w, http.StatusMisdirectedRequest, map[string]string{"error": "the sandbox is at " + s.pageURL})
		}
	})
}

// guarded lets the page load and ask nothing but itself and the emulated Authsignal.
func (s *sandbox) guarded(next http.Handler) http.Handler {
	policy := strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'",
		"connect-src 'self' " + s.authsignal.URL(),
		"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
	}, "; ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// home serves the page, or the one that says how to build it.
func (s *sandbox) home(files fs.FS) http.HandlerFunc {
	name := "index.html"
	if _, err := fs.Stat(files, "dist/app.js"); err != nil {
		name = "unbuilt.html"
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(text)
	}
}

// toBridge passes POST /bridge/… on to the bridge and notes the hop. Browsers need
// it because the bridge has no CORS; a native app asks the bridge itself.
func (s *sandbox) toBridge(w http.ResponseWriter, r *http.Request) {
	start, path := time.Now(), "/"+chi.URLParam(r, "*")
	bridge, err := url.Parse(s.bridgeURL)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Path, p.Out.URL.RawPath = path, ""
			p.SetURL(bridge)
			p.Out.Header.Del("Cookie") // the SDK's, which every port of localhost gets
		},
		ModifyResponse: func(resp *http.Response) error {
			s.hops.atBridge(start, r.Method, path, resp.StatusCode)
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			writeJSON(w, http.StatusBadGateway, map[string]string{"error": "the bridge does not answer: " + err.Error()})
		},
	}
	proxy.ServeHTTP(w, r)
}

// devConfig answers GET /dev/config: what an app would have built in. None of it
// is secret.
func (s *sandbox) devConfig(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{
		"tenant_id":      s.authsignal.TenantID(),
		"authsignal_url": s.authsignal.APIURL(),
		"auth0_url":      s.auth0.URL(),
		"issuer":         string(s.config.Issuer),
		"bridge_url":     s.bridgeURL,
		"action":         string(s.config.Authsignal.Action),
	})
}

// heartbeat is how often an idle event stream shows that it lives.
const heartbeat = 15 * time.Second

// devEvents answers GET /dev/events with what happens from now on, as server-sent
// events ("Server-sent events", HTML Standard).
func (s *sandbox) devEvents(w http.ResponseWriter, r *http.Request) {
	events, stop := s.hops.listen()
	defer stop()
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w).Flush
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()

	line := ": listening\n\n"
	for {
		if _, err := io.WriteString(w, line); err != nil || flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
			line = ": still here\n\n"
		case e := <-events:
			text, err := json.Marshal(e)
			if err != nil {
				return
			}
			line = "data: " + string(text) + "\n\n"
		}
	}
}

var usernameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._@-]{0,63}$`)

// devEnrol answers POST /dev/enrol as the app's own back-end would, but without
// asking who is there: it returns a token with which to add a passkey.
func (s *sandbox) devEnrol(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Username string `json:"username"`
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&asked)
	if err != nil || !usernameForm.MatchString(asked.Username) {
		writeJSON(w, http.StatusBadRequest, map[string]string{
			"error": `send {"username":…} of up to 64 small letters, digits and . _ @ -, beginning with a letter or digit`,
		})
		return
	}
	user := s.phones.user(s.phones.userID(asked.Username))
	s.authsignal.PutUser(user)
	token, err := s.track(r.Context(), user)
	if err != nil {
		writeJSON(w, http.StatusBadGateway, map[string]string{"error": err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"token": token, "user_id": user.ID, "username": user.Username})
}

// track asks Authsignal for a token that may add a passkey ("Track action", Server API).
func (s *sandbox) track(ctx context.Context, user authsignaltest.User) (string, error) {
	body, err := json.Marshal(map[string]string{"scope": "add:authenticators", "email": user.Email, "username": user.Username})
	if err != nil {
		return "", err
	}
	address := s.authsignal.APIURL() + "/users/" + url.PathEscape(user.ID) + "/actions/" + authsignaltest.EnrolmentAction
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.SetBasicAuth(s.authsignal.Secret(), "")
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", backEndAgent)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("track the enrolment: %w", err)
	}
	defer resp.Body.Close()
	var answer struct {
		Token string `json:"token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Token == "" {
		return "", fmt.Errorf("track the enrolment: authsignal answered %d", resp.StatusCode)
	}
	return answer.Token, nil
}

// devToken answers POST /dev/token: it goes through a passkey sign-in with a
// software passkey, as the optional wish says.
func (s *sandbox) devToken(w http.ResponseWriter, r *http.Request) {
	var asked wish
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&asked); err != nil && !errors.Is(err, io.EOF) {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": `send nothing, or {"user":…, "action":…, "flaw":…}: ` + err.Error()})
		return
	}
	token, userID, err := s.phones.token(r.Context(), asked)
	switch {
	case errors.Is(err, errUnknownFlaw):
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
	case err != nil:
		writeJSON(w, http.StatusBadGateway, map[string]string{"error": err.Error()})
	default:
		writeJSON(w, http.StatusOK, map[string]string{"token": token, "user_id": userID})
	}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

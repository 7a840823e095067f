package main

import (
	"embed"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
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
	if s.real == nil {
		r.HandleFunc("/authsignal/v1/client/*", s.toAuthsignal)
		r.Post("/dev/token", s.devToken)
	}
	if s.enrols() {
		r.Post("/dev/password", s.devPassword)
	}

	r.Get("/dev/config", s.devConfig)
	r.Get("/dev/events", s.devEvents)
	r.Get("/dev/figures", s.devFigures)
	r.Get("/dev/scenarios", s.devScenarios)
	r.Post("/dev/scenario", s.devScenario)
	r.Post("/dev/enrol", s.devEnrol)
	r.Get("/dev/breakages", s.devBreakages)
	r.Post("/dev/breakage", s.devBreakage)
	r.Post("/dev/doctor", s.devDoctor)
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
			if s.reach.isOwn(r) {
				if s.real == nil {
					s.authsignal.AllowOrigin("https://" + r.Host)
				}
				next.ServeHTTP(w, r)
				return
			}
			writeJSON(w, http.StatusMisdirectedRequest, map[string]string{"error": "the sandbox is at " + s.origin() + ", and SANDBOX_RP_ID can give it another name"})
		}
	})
}

// guarded lets the page load nothing but itself, and ask nobody else but Authsignal and the
// bridge.
func (s *sandbox) guarded(next http.Handler) http.Handler {
	authsignal, _ := url.Parse(string(s.config.Authsignal.APIURL)) // a setting that was checked
	policy := strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'",
		"connect-src 'self' " + authsignal.Scheme + "://" + authsignal.Host + " " + s.bridgeURL,
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

// toBridge passes POST /bridge/… on to the bridge and notes the hop. The page asks by it
// under a name of the operator's own: what stands before the page leads to the page alone,
// and whoever looks at it is at another machine than the bridge.
func (s *sandbox) toBridge(w http.ResponseWriter, r *http.Request) {
	start, path := time.Now(), "/"+chi.URLParam(r, "*")
	passOn(w, r, s.bridgeURL+path, "bridge", func(resp *http.Response) {
		s.hops.atBridge(start, r.Method, path, resp.StatusCode)
	})
}

// toAuthsignal passes on the emulated Client API, which is for apps and browsers, and no
// other: it is how a page or an app on a phone gets to it.
func (s *sandbox) toAuthsignal(w http.ResponseWriter, r *http.Request) {
	path := chi.URLParam(r, "*")
	if !fs.ValidPath(path) || strings.Contains(path, "%") { // "..", by whichever spelling, leads to the other APIs
		writeJSON(w, http.StatusNotFound, map[string]string{"error": "the Client API has no such path"})
		return
	}
	passOn(w, r, s.authsignal.APIURL()+"/client/"+path, "emulated Authsignal", func(*http.Response) {})
}

// passOn sends the request to another address, and tells the answer to seen.
func passOn(w http.ResponseWriter, r *http.Request, address, name string, seen func(*http.Response)) {
	target, err := url.Parse(address)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	target.RawQuery = r.URL.RawQuery
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL, p.Out.Host = target, target.Host
			p.Out.Header.Del("Cookie") // the SDK's, which every port of localhost gets
		},
		ModifyResponse: func(resp *http.Response) error { seen(resp); return nil },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			writeJSON(w, http.StatusBadGateway, map[string]string{"error": "the " + name + " does not answer: " + err.Error()})
		},
	}
	proxy.ServeHTTP(w, r)
}

// devConfig answers GET /dev/config: what an app would have built in. None of it
// is secret.
func (s *sandbox) devConfig(w http.ResponseWriter, r *http.Request) {
	config := map[string]any{
		"tenant_id":      s.tenantID,
		"authsignal_url": string(s.config.Authsignal.APIURL),
		"issuer":         string(s.config.Issuer),
		"bridge_url":     s.bridgeURL,
		"bridge_hops":    bridgeHops(),
		"action":         string(s.config.Authsignal.Action),
		"real":           s.real != nil,
		"enrols":         s.enrols(),
	}
	switch {
	case s.real != nil:
		config["enrol"] = s.real.enrol
	case s.reach.isOwn(r): // an emulator answers on loopback only
		config["authsignal_url"] = "https://" + r.Host + "/authsignal/v1"
	}
	if s.reach.isOwn(r) {
		config["bridge_url"] = "https://" + r.Host + "/bridge"
	}
	writeJSON(w, http.StatusOK, config)
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

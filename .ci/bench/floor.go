package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof" // the floor's profile is compared with the bridge's
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// floor is the least that an exchange in Go can be: a request in, the two calls over a
// well-fed pool, Auth0's answer out. There is no log, no metric, no limit and no check,
// unless key is set: then the ID token's signature is checked, as everybody must. What is
// above it is what an implementation costs. Hence it puts its requests together by hand.
type floor struct {
	transport       *http.Transport
	validate, grant question
	key             func() (*rsa.PublicKey, error)
}

// question is a request that is the same each time, but for what follows the opening of
// its body.
type question struct {
	url     *url.URL
	header  http.Header
	opening string
}

// serveFloor serves until the process ends.
func serveFloor(verify bool) error {
	f, err := newFloor(os.Getenv("AUTHSIGNAL_URL"), os.Getenv("AUTH0_URL"), verify)
	if err != nil {
		return err
	}
	go func() { _ = http.ListenAndServe(os.Getenv("METRICS_ADDR"), nil) }() // profiles
	server := &http.Server{Addr: os.Getenv("LISTEN_ADDR"), Handler: f, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute}
	return server.ListenAndServe()
}

func newFloor(authsignalURL, auth0URL string, verify bool) (*floor, error) {
	authsignal, err := url.Parse(authsignalURL + "/v1/validate")
	if err != nil {
		return nil, err
	}
	auth0, err := url.Parse(auth0URL + "/oauth/token")
	if err != nil {
		return nil, err
	}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(authsignalSecret+":"))
	f := &floor{
		transport: &http.Transport{MaxIdleConns: 4096, MaxIdleConnsPerHost: 1024, IdleConnTimeout: 90 * time.Second, DisableCompression: true,
			ForceAttemptHTTP2: true, DialContext: (&net.Dialer{Timeout: 3 * time.Second}).DialContext},
		validate: question{authsignal, http.Header{"Content-Type": {"application/json"}, "Authorization": {basic}}, `{"token":"`},
		grant: question{auth0, http.Header{"Content-Type": {"application/json"}},
			`{"grant_type":"http://auth0.com/oauth/grant-type/password-realm","realm":"` + connection + `","client_id":"` + clientID +
				`","client_secret":"` + clientSecret + `","audience":"` + audience + `","scope":"openid profile email","username":"`},
	}
	if verify {
		f.key = sync.OnceValues(f.fetchKey)
	}
	return f, nil
}

func (f *floor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), deadline)
	defer cancel()
	var asked struct{ Token string }
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err != nil || json.Unmarshal(body, &asked) != nil || strings.Count(asked.Token, ".") != 2 {
		http.Error(w, `{"error":"invalid_request"}`, http.StatusBadRequest)
		return
	}
	session, err := f.exchange(ctx, asked.Token)
	if err != nil {
		http.Error(w, `{"error":"failed"}`, http.StatusBadGateway)
		return
	}
	w.Header()["Content-Type"] = f.grant.header["Content-Type"]
	_, _ = w.Write(session)
}

func (f *floor) exchange(ctx context.Context, token string) ([]byte, error) {
	body, err := f.ask(ctx, f.validate, token)
	if err != nil {
		return nil, err
	}
	var verdict struct {
		IsValid       bool
		State, UserID string
	}
	if json.Unmarshal(body, &verdict) != nil || !verdict.IsValid || verdict.State != "CHALLENGE_SUCCEEDED" {
		return nil, errors.New("the token proves nobody")
	}
	session, err := f.ask(ctx, f.grant, verdict.UserID+`","password":"`+token)
	if err != nil {
		return nil, err
	}
	if f.key != nil {
		return session, f.check(session)
	}
	if !json.Valid(session) {
		return nil, errors.New("no JSON")
	}
	return session, nil
}

func (f *floor) ask(ctx context.Context, q question, rest string) ([]byte, error) {
	text := make([]byte, 0, len(q.opening)+len(rest)+2)
	text = append(append(append(text, q.opening...), rest...), `"}`...)
	body := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
	req := &http.Request{Method: http.MethodPost, URL: q.url, Host: q.url.Host, Header: q.header, ContentLength: int64(len(text)), GetBody: body}
	req.Body, _ = body()
	resp, err := f.transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.ContentLength < 0 {
		return nil, errors.New(resp.Status)
	}
	answer := make([]byte, resp.ContentLength)
	_, err = io.ReadFull(resp.Body, answer)
	return answer, err
}

// check returns an error unless the session's ID token is signed by Auth0's key.
func (f *floor) check(session []byte) error {
	var tokens struct {
		IDToken string `json:"id_token"`
	}
	if err := json.Unmarshal(session, &tokens); err != nil {
		return err
	}
	end := max(strings.LastIndexByte(tokens.IDToken, '.'), 0)
	signature, err := base64.RawURLEncoding.DecodeString(tokens.IDToken[min(end+1, len(tokens.IDToken)):])
	if err != nil {
		return err
	}
	key, err := f.key()
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(tokens.IDToken[:end]))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature)
}

func (f *floor) fetchKey() (*rsa.PublicKey, error) {
	address := *f.grant.url
	address.Path = "/.well-known/jwks.json"
	resp, err := f.transport.RoundTrip(&http.Request{Method: http.MethodGet, URL: &address, Header: http.Header{}})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var set jose.JSONWebKeySet
	if err := json.NewDecoder(resp.Body).Decode(&set); err != nil || len(set.Keys) == 0 {
		return nil, errors.New("Auth0 shows no key")
	}
	key, _ := set.Keys[0].Key.(*rsa.PublicKey)
	return key, nil
}

package auth0test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Manage calls the Management API over the network, as the application with that id and
// secret: so a test, or a page, does what somebody at the dashboard would. Path begins
// behind /api/v2. Body is sent as JSON unless it is nil, and a good answer is decoded into
// answer unless that is nil or there is none. Any other answer is an error that quotes it.
func (s *Server) Manage(ctx context.Context, id, secret, method, path string, body, answer any) error {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.CertPool(), MinVersion: tls.VersionTLS12}}}
	defer client.CloseIdleConnections()
	form := url.Values{"grant_type": {GrantClientCredentials}, "client_id": {id}, "client_secret": {secret}, "audience": {s.ManagementAudience()}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL()+"/oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := answered(client, request, &token); err != nil {
		return err
	}
	sent, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if body == nil {
		sent = nil
	}
	if request, err = http.NewRequestWithContext(ctx, method, s.URL()+"/api/v2"+path, bytes.NewReader(sent)); err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token.AccessToken)
	request.Header.Set("Content-Type", "application/json")
	return answered(client, request, answer)
}

func answered(client *http.Client, request *http.Request, answer any) error {
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s was answered %d %s", request.Method, request.URL.Path, response.StatusCode, text)
	}
	if answer == nil || len(text) == 0 {
		return nil
	}
	return json.Unmarshal(text, answer)
}

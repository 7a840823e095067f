package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// phase is a part of the load: a scenario of the sandbox, its share of the time, and how
// many sign-ins begin in a second.
type phase struct {
	scenario string
	share    float64
	rate     float64
}

var phases = []phase{
	{"all_well", 0.25, 6},
	{"auth0_slow", 0.12, 6},
	{"all_well", 0.12, 6},
	{"auth0_down", 0.12, 6},
	{"all_well", 0.17, 6},
	{"all_well", 0.10, 30}, // a launch
	{"all_well", 0.12, 6},
}

// load goes through the phases, and returns how the requests were answered. It is an
// open loop: sign-ins begin whether or not others have ended.
func (s sandbox) load(ctx context.Context, length time.Duration) string {
	crowd := &crowd{sandbox: s, answers: map[int]int{}, dice: rand.New(rand.NewPCG(1, 2))}
	var signIns sync.WaitGroup
	for _, phase := range phases {
		s.choose(ctx, phase.scenario)
		tick := time.NewTicker(time.Duration(float64(time.Second) / phase.rate))
		end := time.After(time.Duration(phase.share * float64(length)))
		for going := true; going && ctx.Err() == nil; {
			select {
			case <-tick.C:
				signIns.Go(func() { crowd.signIn(ctx) })
			case <-end:
				going = false
			}
		}
		tick.Stop()
	}
	signIns.Wait()
	return fmt.Sprint("answers by status: ", crowd.answers)
}

// crowd is many people, most of whom sign in as they should.
type crowd struct {
	sandbox
	mu      sync.Mutex
	answers map[int]int
	dice    *rand.Rand
}

func (c *crowd) signIn(ctx context.Context) {
	c.mu.Lock()
	user, luck := fmt.Sprintf("user%d", c.dice.IntN(200)), c.dice.Float64()
	c.mu.Unlock()
	asked := map[string]string{"user": user}
	if luck < 0.04 {
		asked["flaw"] = "expired"
	}
	var made struct{ Token string }
	if c.post(ctx, c.Page+"/dev/token", "application/json", asJSON(asked), &made) != http.StatusOK {
		return
	}
	var session struct {
		RefreshToken string `json:"refresh_token"`
	}
	sessions, body := c.Bridge+"/v1/sessions", asJSON(map[string]string{"token": made.Token})
	status := c.ask(ctx, sessions, "application/json", body, &session)
	switch {
	case status == http.StatusOK && luck > 0.97: // an app that sends a token twice
		c.ask(ctx, sessions, "application/json", body, nil)
	case status == http.StatusOK && luck > 0.7 && session.RefreshToken != "":
		form := "grant_type=refresh_token&refresh_token=" + session.RefreshToken
		c.ask(ctx, c.Bridge+"/oauth/token", "application/x-www-form-urlencoded", form, nil)
	}
}

// ask counts the answer of the bridge.
func (c *crowd) ask(ctx context.Context, url, contentType, body string, into any) int {
	status := c.post(ctx, url, contentType, body, into)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers[status]++
	return status
}

func (s sandbox) choose(ctx context.Context, scenario string) {
	s.post(ctx, s.Page+"/dev/scenario", "application/json", asJSON(map[string]string{"id": scenario}), nil)
}

// post returns the status of the answer, or 0 if there was none.
func (s sandbox) post(ctx context.Context, url, contentType, body string, into any) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && into != nil && resp.StatusCode == http.StatusOK {
		_ = json.NewDecoder(bytes.NewReader(text)).Decode(into)
	}
	return resp.StatusCode
}

func asJSON(members map[string]string) string {
	text, _ := json.Marshal(members)
	return string(text)
}

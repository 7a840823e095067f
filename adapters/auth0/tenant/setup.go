// Package tenant sets an Auth0 tenant up for the bridge and finds what is wrong with
// one. It works through the Management API with Auth0's SDK, which serve does not link
// to (docs/decisions/0037).
package tenant

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"nativebridge/adapters/auth0"
	"nativebridge/adapters/internal/settings"
	"nativebridge/domain"
)

// Setup makes an Auth0 tenant ready for the bridge. It is for one caller at a time.
type Setup struct {
	management *Management
	config     Config
	choices    Choices
}

// Choices are what an operator chooses on the command line.
type Choices struct {
	// Application is the name of the bridge's application.
	Application string
	// Adopt is the client id of an application that exists already and is to become
	// the bridge's; "" means that setup makes one.
	Adopt string
	// CreateUsersIn is the connection in which the Action makes users that do not
	// exist yet; "" means that it makes none.
	CreateUsersIn string
}

// NewSetup returns a Setup of the tenant that management is connected to.
func NewSetup(management *Management, config Config, choices Choices) *Setup {
	management.secrets = append(management.secrets, config.AuthsignalSecret, config.ProofKey.Secret)
	return &Setup{management, config, choices}
}

// part is one object that the bridge needs of the tenant.
type part struct {
	id    string
	reads []source                          // all that plan and apply look at, in order
	stops func(*state) []domain.Instruction // what keeps apply from being done; nil: nothing
	plan  func(*state) domain.TenantStep
	apply func(context.Context, *state) error
}

// parts are what the bridge needs, in an order in which each needs only those before.
func (s *Setup) parts() []part {
	type reads = []source
	var parts []part
	if s.config.Audience != "" {
		parts = append(parts, part{"api", reads{ofAPI}, nil, s.planAPI, s.applyAPI})
	}
	parts = append(parts, part{"application", reads{ofApplication}, s.applicationBlockers, s.planApplication, s.applyApplication})
	use := reads{ofApplication, ofConnection, ofUse}
	if s.config.exchanges() {
		parts = append(parts,
			part{"action", reads{ofApplication, ofAction}, s.actionBlockers, s.planAction, s.applyAction},
			part{"profile", reads{ofAction, ofProfile}, s.profileBlockers, s.planProfile, s.applyProfile},
		)
		if s.choices.CreateUsersIn != "" {
			parts = append(parts, part{"users-connection", use, s.usersConnectionBlockers, s.planUsersConnection, s.applyUsersConnection})
		}
		return parts
	}
	return append(parts,
		part{"connection", reads{ofApplication, ofConnection}, s.connectionBlockers, s.planConnection, s.applyConnection},
		part{"connection-applications", use, nil, s.planApplicationsOfConnection, s.applyApplicationsOfConnection},
		part{"application-connections", use, nil, s.planConnectionsOfApplication, s.applyConnectionsOfApplication},
	)
}

// Scopes lists the rights that setting up needs, in the order in which they are used.
func (s *Setup) Scopes() []string {
	var scopes []string
	if s.config.Audience != "" {
		scopes = append(scopes, "read:resource_servers", "create:resource_servers", "update:resource_servers")
	}
	scopes = append(scopes, "read:clients", "read:client_keys", "create:clients", "update:clients")
	if s.config.exchanges() {
		scopes = append(scopes, "read:actions", "create:actions", "update:actions", "read:token_exchange_profiles", "create:token_exchange_profiles")
		if s.choices.CreateUsersIn != "" {
			scopes = append(scopes, "read:connections", "read:connections_options", "update:connections")
		}
		return scopes
	}
	return append(scopes, "read:connections", "read:connections_options", "create:connections", "update:connections", "update:connections_options")
}

// Plan implements ports.TenantSetup.
func (s *Setup) Plan(ctx context.Context) (domain.TenantPlan, error) {
	plan := domain.TenantPlan{Tenant: strings.TrimPrefix(s.config.Domain.URL(""), "https://")}
	if missing := s.management.Missing(s.Scopes()); len(missing) > 0 {
		return plan, fmt.Errorf("the token lacks the scopes %s of the Management API: grant them: %s", strings.Join(missing, ", "), grantScopes)
	}
	now, err := s.readAll(ctx)
	if err != nil {
		return plan, err
	}
	for _, part := range s.parts() {
		plan.Steps = append(plan.Steps, part.plan(now))
		if part.stops != nil {
			plan.Blockers = append(plan.Blockers, part.stops(now)...)
		}
	}
	plan.Remarks = s.remarks(now)
	plan.ByHand = s.byHand()
	return plan, nil
}

// Apply implements ports.TenantSetup. It reads no more than the step is about.
func (s *Setup) Apply(ctx context.Context, step domain.TenantStep) error {
	for _, part := range s.parts() {
		if part.id == step.ID {
			return s.apply(ctx, part)
		}
	}
	return fmt.Errorf("there is no step %q", step.ID)
}

func (s *Setup) apply(ctx context.Context, part part) error {
	now, err := s.read(ctx, part.reads)
	if err != nil {
		return err
	}
	if part.plan(now).Action == domain.Keep {
		return nil
	}
	if part.stops != nil {
		if stops := part.stops(now); len(stops) > 0 {
			return fmt.Errorf("the tenant has changed since it was planned: %s", stops[0].What)
		}
	}
	return part.apply(ctx, now)
}

// Settings implements ports.TenantSetup.
func (s *Setup) Settings(ctx context.Context) ([]domain.TenantSetting, error) {
	now, err := s.readAll(ctx)
	if err != nil {
		return nil, err
	}
	if now.application == nil {
		return nil, fmt.Errorf("the application %q does not exist yet", s.choices.Application)
	}
	plain := func(name, value, note string) domain.TenantSetting {
		return domain.TenantSetting{Name: name, Value: domain.NewSecret(value), Note: note}
	}
	list := []domain.TenantSetting{
		plain("TOKEN_ISSUER", s.config.Issuer, ""),
		plain("AUTH0_DOMAIN", strings.TrimPrefix(s.config.Domain.URL(""), "https://"), ""),
		plain("AUTH0_CLIENT_ID", now.application.text("client_id"), ""),
		plain("AUTH0_CLIENT_SECRET", now.application.text("client_secret"), ""),
		plain("AUTH0_AUDIENCE", s.config.Audience, "without one, access tokens are good for /userinfo only"),
		plain("AUTH0_SCOPE", strings.Join(s.config.Scope, " "), ""),
		plain("AUTH0_SCOPE_ALLOWED", strings.Join(s.config.ScopeAllowed, " "), ""),
		plain("AUTH0_REFRESH_LEEWAY", s.missingLeeway(now.application), "no more than the application's Rotation Overlap Period"),
		plain("AUTHSIGNAL_API_URL", string(s.config.AuthsignalURL), ""),
		plain("AUTHSIGNAL_SECRET", s.config.AuthsignalSecret.Reveal(), ""),
		plain("AUTHSIGNAL_ACTION", s.config.AuthsignalAction, ""),
		plain("AUTHSIGNAL_SUBJECTS", string(s.config.AuthsignalSubjects), ""),
	}
	if s.config.exchanges() {
		list = append(list,
			plain("AUTH0_SUBJECT_TOKEN_TYPE", string(s.config.SubjectTokenType), ""),
			plain("AUTH0_ORGANIZATIONS_ALLOWED", strings.Join(s.config.Organizations, ","), ""))
	} else {
		list = append(list,
			plain("AUTH0_CONNECTION", s.config.Connection, ""),
			plain("AUTH0_PROOF", string(s.config.Proof), ""),
			domain.TenantSetting{Name: "AUTH0_PROOF_KEY", Value: s.config.ProofKey.Secret})
	}
	return slices.DeleteFunc(list, func(setting domain.TenantSetting) bool { return setting.Value.IsZero() }), nil
}

// bridge returns the bridge's own configuration of Auth0, as far as scripts go by it.
func (s *Setup) bridge(clientID string) auth0.Config {
	return auth0.Config{
		Domain: s.config.Domain, Client: clientID, Connection: s.config.Connection,
		Proof: s.config.Proof, ProofKey: settings.NewRotating(s.config.ProofKey), SubjectTokenType: s.config.SubjectTokenType,
	}
}

// createUsersIn is the Action's secret that names a connection for people who are new.
const createUsersIn = "CREATE_USERS_IN"

// asksAuthsignal reports whether Auth0 must hold Authsignal's key, to ask it about
// tokens. With signed proofs it takes the bridge's word.
func (s *Setup) asksAuthsignal() bool {
	return s.config.exchanges() || s.config.Proof != auth0.ProofSigned
}

// scriptSettings returns what the Login script or the Action reads of its settings, as
// names and values.
func (s *Setup) scriptSettings(clientID string) map[string]string {
	named := map[string]string{
		"AUTHSIGNAL_API_URL":  string(s.config.AuthsignalURL),
		"AUTHSIGNAL_ACTION":   s.config.AuthsignalAction,
		"AUTHSIGNAL_SUBJECTS": string(s.config.AuthsignalSubjects),
	}
	if s.asksAuthsignal() {
		named["AUTHSIGNAL_SECRET"] = s.config.AuthsignalSecret.Reveal()
	}
	more := s.bridge(clientID).LoginSettings()
	if s.config.exchanges() {
		more = s.bridge(clientID).ActionSecrets()
		if s.choices.CreateUsersIn != "" {
			named[createUsersIn] = s.choices.CreateUsersIn
		}
	}
	maps.Copy(named, more)
	return named
}

// marked returns a script with a first line that tells which values its settings were
// written with, since Auth0 never tells them again.
func marked(script string, values map[string]string) string { return markOf(values) + "\n" + script }

// markOf holds a hash of the values. A secret of at least 128 random bits is among
// them, or none is, so that nobody finds one by guessing.
func markOf(values map[string]string) string {
	hash := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, text := range []string{name, values[name]} {
			_ = binary.Write(hash, binary.BigEndian, uint64(len(text))) // a hash never fails
			hash.Write([]byte(text))
		}
	}
	return markPrefix + base64.RawURLEncoding.EncodeToString(hash.Sum(nil)[:16])
}

// stands reports whether a script that stands somewhere is ours, and has the mark of
// these values: in full, or as an export knows them, which is all but notInFiles.
func stands(have, ours string, values map[string]string) bool {
	mark, rest := unmarked(have)
	return rest == ours && isMarkOf(mark, values)
}

func isMarkOf(mark string, values map[string]string) bool {
	return mark == markOf(values) || mark == markOf(inFiles(values))
}

const markPrefix = "// Made by native-bridge setup. Do not edit; run it again. Settings: "

// unmarked returns the mark's line and the script without it.
func unmarked(script string) (mark, rest string) {
	if !strings.HasPrefix(script, markPrefix) {
		return "", script
	}
	mark, rest, _ = strings.Cut(script, "\n")
	return mark, rest
}

// version names a script of ours, or any other, by its first bytes' hash.
func version(script string) string {
	sum := sha256.Sum256([]byte(script))
	return fmt.Sprintf("%x", sum[:4])
}

// saysScript tells what script stands somewhere, ours being the given one.
func saysScript(name, ours string) func(any) string {
	return func(value any) string {
		text, _ := value.(string)
		mark, rest := unmarked(text)
		switch {
		case rest == ours && mark == "":
			return name + " " + version(ours) + ", pasted by hand"
		case rest == ours:
			return name + " " + version(ours) + ", settings " + mark[len(mark)-6:]
		}
		return fmt.Sprintf("another script (%s, %d lines)", version(rest), strings.Count(rest, "\n")+1)
	}
}

// byHand is what only the operator can decide.
func (s *Setup) byHand() []domain.Instruction {
	if !s.config.exchanges() || s.choices.CreateUsersIn != "" {
		return nil
	}
	return []domain.Instruction{{
		Where: fmt.Sprintf("dashboard, Applications, %s, Connections", s.choices.Application),
		What:  "turn on the connection whose users sign in, and no other",
		Why:   "the Action finds people by their user id, and Auth0 lets only people of the application's connections in",
	}}
}

// remarks are what an operator should know and setup leaves as it is.
func (s *Setup) remarks(now *state) []domain.Instruction {
	remarks := slices.Concat(s.apiRemarks(now), s.applicationRemarks(now), s.exportRemarks(now))
	if s.config.exchanges() {
		return remarks
	}
	remarks = append(remarks, s.connectionRemarks(now)...)
	if s.asksAuthsignal() {
		remarks = append(remarks, domain.Instruction{
			Where: "AUTH0_PROOF=signed",
			What:  "Auth0 holds Authsignal's server key; with signed proofs it holds none",
			Why:   "that key can also plant passkeys, and it signs Authsignal's webhooks",
		})
	}
	return remarks
}

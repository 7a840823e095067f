package tenant

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"nativebridge/adapters/auth0"
	"nativebridge/domain"
	"nativebridge/ports"
)

// Probe looks at an Auth0 tenant through the Management API. It asks for everything
// that setup makes, by the same tables, and for what else of the tenant can break the
// flow. It changes nothing.
type Probe struct {
	connect func(context.Context) (*Management, error)
	config  Config
	client  string // id of the bridge's application
}

var _ ports.Probe = (*Probe)(nil)

// NewProbe returns a probe of the tenant of config, in which the bridge's application has
// the client id. connect is called once in a run; an error of it is the first finding.
func NewProbe(connect func(context.Context) (*Management, error), config Config, clientID string) *Probe {
	return &Probe{connect, config, clientID}
}

// ErrNoAccess is what connect returns if nothing was configured to let doctor in: then
// the checks are not made, and nothing has failed.
var ErrNoAccess = errors.New("no credentials of the Management API are set")

// accessFix says how doctor gets in.
var accessFix = "set AUTH0_MANAGEMENT_CLIENT_ID and AUTH0_MANAGEMENT_CLIENT_SECRET to a machine-to-machine application with these scopes of the Auth0 Management API: " +
	strings.Join(DoctorScopes(), ", ")

// DoctorScopes lists the rights that the probe uses, all of them to read.
func DoctorScopes() []string {
	return []string{
		"read:clients", "read:connections", "read:connections_options", "read:resource_servers",
		"read:actions", "read:token_exchange_profiles", "read:mfa_policies", "read:attack_protection",
		"read:rate_limit_policies", "read:tenant_settings",
	}
}

// Checks implements ports.Probe.
func (p *Probe) Checks() []domain.Check {
	checks := []domain.Check{checkAccess}
	look := p.look(&Management{})
	for _, subject := range p.subjects() {
		checks = append(checks, subject.checks(look)...)
	}
	for _, row := range surroundings {
		checks = append(checks, row.check)
	}
	return checks
}

// AllChecks lists the checks of every kind of issuer at Auth0, each once.
func AllChecks() []domain.Check {
	var list []domain.Check
	for _, issuer := range []string{issuerPassword, issuerExchange} {
		whole := Config{Issuer: issuer, Audience: "https://api.example.com", EnrolAudience: "https://bridge.example.com/passkeys", Scope: []string{"read:things", "offline_access"}}
		for _, check := range NewProbe(nil, whole, "").Checks() {
			if !slices.ContainsFunc(list, func(c domain.Check) bool { return c.Code == check.Code }) {
				list = append(list, check)
			}
		}
	}
	return list
}

// Run implements ports.Probe.
func (p *Probe) Run(ctx context.Context, report func(domain.Finding)) {
	management, err := p.connect(ctx)
	if err != nil {
		p.reportNoAccess(err, report)
		return
	}
	report(checkAccess.Pass())
	look := p.look(management)
	for _, subject := range p.subjects() {
		look.at(ctx, subject, report)
	}
	for _, row := range surroundings {
		report(row.find(ctx, look))
	}
}

func (p *Probe) reportNoAccess(err error, report func(domain.Finding)) {
	why := "it builds upon " + checkAccess.Code + ", which has not passed"
	if _, refused := errors.AsType[*refusal](err); refused {
		report(checkAccess.Fail(err.Error(), accessFix))
	} else {
		report(checkAccess.CannotTell(err.Error(), accessFix))
	}
	for _, check := range p.Checks()[1:] {
		report(check.CannotTell(why, accessFix))
	}
}

// look is one run of the probe.
type look struct {
	*Setup
	now *state
}

func (p *Probe) look(management *Management) *look {
	return &look{NewSetup(management, p.config, Choices{Adopt: p.client, Application: p.client}), &state{}}
}

// subject is an object of the tenant that the bridge needs: how it is read, what must
// hold of it, and what else is asked about it.
type subject struct {
	id       string // the first part of the names in settingChecks
	name     string // in fixes
	where    string // in the dashboard
	exists   domain.Check
	read     func(*look, context.Context) error
	object   func(*look) object
	settings func(*look) []setting // nil if setup makes none of them
	more     []extra
}

// extra is a check about an object that is no single setting of it.
type extra struct {
	check domain.Check
	judge func(*look) (problem, fix string)
}

// checks lists them in the order in which they are reported.
func (s subject) checks(l *look) []domain.Check {
	checks := []domain.Check{s.exists}
	for _, wanted := range s.asked(l) {
		checks = append(checks, wanted.check)
	}
	for _, extra := range s.more {
		checks = append(checks, extra.check)
	}
	return checks
}

// askedSetting is a setting that doctor asks for.
type askedSetting struct {
	setting
	check domain.Check
	where string
}

// asked lists the settings that doctor asks for, the worst first.
func (s subject) asked(l *look) []askedSetting {
	var asked []askedSetting
	if s.settings == nil {
		return nil
	}
	for _, wanted := range s.settings(l) {
		if of, found := settingChecks[s.id+"."+wanted.path]; found {
			asked = append(asked, askedSetting{wanted, domain.Check{Code: of.code, Asks: of.asks, Why: wanted.why, Remedy: "native-bridge setup auth0; by hand: " + of.where, Grade: of.grade}, s.where + ", " + of.where})
		}
	}
	slices.SortStableFunc(asked, func(a, b askedSetting) int { return strings.Compare(a.check.Code, b.check.Code) })
	return asked
}

// at reports what there is to say about one object.
func (l *look) at(ctx context.Context, s subject, report func(domain.Finding)) {
	err := s.read(l, ctx)
	switch {
	case err != nil:
		report(s.exists.CannotTell(err.Error(), accessFix))
	case s.object(l) == nil:
		report(s.exists.Fail(fmt.Sprintf("Auth0 has no %s", s.name), "native-bridge setup auth0"))
	default:
		report(s.exists.Pass())
		l.inside(s, report)
		return
	}
	for _, check := range s.checks(l)[1:] {
		report(check.CannotTell("it builds upon "+s.exists.Code, "see "+s.exists.Code))
	}
}

func (l *look) inside(s subject, report func(domain.Finding)) {
	for _, asked := range s.asked(l) {
		if asked.ok(s.object(l)) {
			report(asked.check.Pass())
			continue
		}
		change := asked.change(s.object(l))
		have := "it is not set"
		if change.From != "" {
			have = "it is " + change.From
		}
		report(asked.check.Fail(fmt.Sprintf("%s: %s, and must be %s", asked.path, have, change.To), "native-bridge setup auth0; by hand: "+asked.where))
	}
	for _, extra := range s.more {
		problem, fix := extra.judge(l)
		if problem == "" {
			report(extra.check.Pass())
			continue
		}
		report(extra.check.Fail(problem, fix))
	}
}

// subjects are the objects that the bridge needs, in the order in which they are used.
func (p *Probe) subjects() []subject {
	list := []subject{p.application()}
	if p.config.exchanges() {
		list = append(list, p.profile(), p.action())
	} else {
		list = append(list, p.connection())
	}
	if p.config.Audience != "" {
		list = append(list, p.api())
	}
	if p.config.EnrolAudience != "" {
		list = append(list, p.enrolment())
	}
	return list
}

func (p *Probe) application() subject {
	return subject{
		id: "application", name: "application " + p.client + " (AUTH0_CLIENT_ID)", where: "dashboard, Applications, " + p.client,
		exists: checkApplication,
		read: func(l *look, ctx context.Context) error {
			err := l.readApplication(ctx, l.now)
			if isStatus(err, http.StatusNotFound) {
				return nil
			}
			return err
		},
		object:   func(l *look) object { return l.now.application },
		settings: func(l *look) []setting { return l.applicationSettings() },
		more: []extra{{checkBound, func(l *look) (string, string) {
			if l.now.application.flag("require_proof_of_possession") {
				return "require_proof_of_possession is true", "dashboard, Applications, " + p.client + ", Settings: require no sender constraining"
			}
			return "", ""
		}}, {checkOtherGrants, func(l *look) (string, string) {
			var told []string
			for _, remark := range l.applicationRemarks(l.now) {
				told = append(told, remark.What)
			}
			return strings.Join(told, "; "), "dashboard, Applications, " + p.client + ", Settings: take them away, or give the bridge an application of its own"
		}}, {checkLeeway, (*look).judgeLeeway}},
	}
}

func (p *Probe) connection() subject {
	name := p.config.Connection
	return subject{
		id: "connection", name: fmt.Sprintf("database connection %q (AUTH0_CONNECTION)", name), where: "dashboard, Authentication, Database, " + name,
		exists: checkConnection,
		read: func(l *look, ctx context.Context) error {
			if err := l.readConnection(ctx, l.now); err != nil {
				return err
			}
			if l.now.connection != nil && l.now.connection.at("options") == nil {
				return fmt.Errorf("auth0 does not tell the connection's options: the scope read:connections_options is missing")
			}
			return l.readUse(ctx, l.now)
		},
		object: func(l *look) object {
			if l.now.connection.text("strategy") != "auth0" {
				return nil
			}
			return l.now.connection
		},
		settings: func(l *look) []setting { return scriptAlone(l.connectionSettings(l.now)) },
		more: []extra{
			{checkParameters, (*look).judgeParameters},
			{checkValues, (*look).judgeValues},
			{checkEnabled, (*look).judgeEnabled},
			{checkOtherApps, (*look).judgeOtherApplications},
			{checkOtherConns, (*look).judgeOtherConnections},
		},
	}
}

// scriptAlone makes the setting of the Login script hold whichever values the script's
// settings were written with: that is asked for apart.
func scriptAlone(settings []setting) []setting {
	for i, s := range settings {
		if s.path != loginScript {
			continue
		}
		settings[i].holds = func(have any) bool {
			text, _ := have.(string)
			_, rest := unmarked(text)
			return rest == auth0.LoginScript
		}
	}
	return settings
}

func (l *look) parametersWhere() string {
	return fmt.Sprintf("native-bridge setup auth0; by hand: dashboard, Authentication, Database, %s, Custom Database, Configuration Parameters", l.config.Connection)
}

func (l *look) judgeParameters() (problem, fix string) {
	wanted := l.scriptSettings(l.clientID(l.now))
	var told []string
	for name := range wanted {
		if !slices.Contains(l.now.parameters(), name) {
			told = append(told, name+" is missing")
		}
	}
	for _, name := range l.now.parameters() {
		if _, needed := wanted[name]; !needed && name != previousKey {
			told = append(told, name+" is there and is not needed")
		}
	}
	slices.Sort(told)
	return strings.Join(told, ", "), l.parametersWhere()
}

// judgeValues compares the mark that setup has left, since Auth0 never tells values.
func (l *look) judgeValues() (problem, fix string) {
	script := l.now.connection.text(loginScript)
	if mark, _ := unmarked(script); mark == "" || isMarkOf(mark, l.scriptSettings(l.clientID(l.now))) {
		return "", ""
	}
	return "setup wrote them with other values than the bridge has now", l.parametersWhere()
}

func (l *look) judgeEnabled() (problem, fix string) {
	if slices.Contains(l.now.applicationsOfConnection, l.clientID(l.now)) {
		return "", ""
	}
	return "it is not", fmt.Sprintf("native-bridge setup auth0; by hand: dashboard, Authentication, Database, %s, Applications", l.config.Connection)
}

func (l *look) judgeOtherApplications() (problem, fix string) {
	others := slices.DeleteFunc(slices.Clone(l.now.applicationsOfConnection), func(id string) bool { return id == l.clientID(l.now) })
	if len(others) == 0 {
		return "", ""
	}
	return "it is enabled for " + strings.Join(others, ", ") + " too", fmt.Sprintf("native-bridge setup auth0; by hand: dashboard, Authentication, Database, %s, Applications", l.config.Connection)
}

func (l *look) judgeOtherConnections() (problem, fix string) {
	var names []string
	for _, connection := range l.foreign(l.now) {
		names = append(names, connection.text("name"))
	}
	if len(names) == 0 {
		return "", ""
	}
	return "it has " + strings.Join(names, ", ") + " too", "dashboard, Applications, " + l.clientID(l.now) + ", Connections: turn them off"
}

func (p *Probe) api() subject {
	return subject{
		id: "api", name: fmt.Sprintf("API %q (AUTH0_AUDIENCE)", p.config.Audience), where: "dashboard, Applications, APIs, " + p.config.Audience,
		exists:   checkAPI,
		read:     func(l *look, ctx context.Context) error { return l.readAPI(ctx, l.now) },
		object:   func(l *look) object { return l.now.api },
		settings: func(l *look) []setting { return l.apiSettings(l.now) },
		more: []extra{{checkAPIAlg, func(l *look) (string, string) {
			for _, remark := range l.apiRemarks(l.now) {
				return remark.What, remark.Where
			}
			return "", ""
		}}, {checkAPIScope, (*look).judgeScope}, {checkAPIBound, func(l *look) (string, string) {
			if l.now.api.flag("proof_of_possession.required") {
				return "proof_of_possession.required is true", "dashboard, Applications, APIs, " + p.config.Audience + ", Settings: require no sender constraining"
			}
			return "", ""
		}}, {checkAPILife, (*look).judgeLife}},
	}
}

// judgeLife wants access tokens that the SDKs keep. An API that tells no lifetime has
// Auth0's default, a day.
func (l *look) judgeLife() (problem, fix string) {
	seconds, told := l.now.api.at("token_lifetime").(float64)
	if !told || seconds > domain.ShortLife.Seconds() {
		return "", ""
	}
	return fmt.Sprintf("token_lifetime is %.0f", seconds), "dashboard, Applications, APIs, " + l.config.Audience + ", Settings, Maximum Access Token Lifetime"
}

// judgeScope wants AUTH0_SCOPE to name a scope of the API (docs/decisions/0028).
func (l *look) judgeScope() (problem, fix string) {
	defined := scopeNames(l.now.api.at("scopes"))
	named := slices.ContainsFunc(l.config.Scope, func(scope string) bool { return slices.Contains(defined, scope) })
	if named || len(defined) == 0 {
		return "", ""
	}
	return "the API has " + strings.Join(defined, ", ") + ", and AUTH0_SCOPE names none of them", "AUTH0_SCOPE: add at least one of the API's scopes"
}

func (p *Probe) profile() subject {
	return subject{
		id: "profile", name: "token exchange profile " + string(p.config.SubjectTokenType) + " (AUTH0_SUBJECT_TOKEN_TYPE)", where: "Management API",
		exists:   checkProfile,
		read:     func(l *look, ctx context.Context) error { return l.readProfile(ctx, l.now) },
		object:   func(l *look) object { return l.now.profile },
		settings: func(l *look) []setting { return l.profileSettings(l.now)[:2] }, // whose Action it is comes next
	}
}

func (p *Probe) action() subject {
	return subject{
		id: "action", name: "Action that the token exchange profile names", where: "dashboard, Actions, Library",
		exists:   checkAction,
		read:     (*look).readActionOfProfile,
		object:   func(l *look) object { return l.now.action },
		settings: func(l *look) []setting { return actionAlone(l.actionSettings(l.now)) },
		more:     []extra{{checkValues, (*look).judgeSecrets}},
	}
}

func (l *look) readActionOfProfile(ctx context.Context) error {
	if l.now.profile == nil {
		return fmt.Errorf("it builds upon %s", checkProfile.Code)
	}
	read, err := l.management.api.Actions.Get(ctx, l.now.profile.text("action_id"))
	if isStatus(err, http.StatusNotFound) {
		return nil
	}
	if err != nil {
		return l.management.explain("read the Action of the profile", err)
	}
	l.now.action, err = objectOf(read)
	return err
}

// actionAlone makes code and secrets hold whichever values the secrets were written
// with: that is asked for apart.
func actionAlone(settings []setting) []setting {
	for i, s := range settings {
		switch s.path {
		case "code":
			settings[i].holds = func(have any) bool {
				text, _ := have.(string)
				_, rest := unmarked(text)
				return rest == auth0.ExchangeAction
			}
		case "secrets":
			settings[i].holds = func(have any) bool { return subset(secretNames(s.want), secretNames(have)) }
		}
	}
	return settings
}

// judgeSecrets compares the mark that setup has left. If the
// Action makes users, the mark holds the connection's name, which nobody knows here.
func (l *look) judgeSecrets() (problem, fix string) {
	for _, secret := range secretNames(l.now.action.at("secrets")) {
		if secret == createUsersIn {
			return "", ""
		}
	}
	mark, _ := unmarked(l.now.action.text("code"))
	if mark == "" || isMarkOf(mark, l.scriptSettings(l.clientID(l.now))) {
		return "", ""
	}
	return "setup wrote them with other values than the bridge has now", "native-bridge setup auth0; by hand: dashboard, Actions, Library, its secrets"
}

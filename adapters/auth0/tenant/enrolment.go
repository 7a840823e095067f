package tenant

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// unspoken is the claim that Auth0 puts into no access token, and lets no Action put there.
const unspoken = "auth_time"

// enrolment is the API by whose access tokens people manage their passkeys (docs/enrol.md),
// and the Action that says in them when somebody signed in. Setup makes neither.
func (p *Probe) enrolment() subject {
	where := "dashboard, Applications, APIs, " + p.config.EnrolAudience
	return subject{
		id: "enrolment", name: fmt.Sprintf("API %q (ENROL_AUDIENCE)", p.config.EnrolAudience), where: where,
		exists: checkEnrolAPI,
		read: func(l *look, ctx context.Context) (err error) {
			if l.now.enrolAPI, err = l.apiOf(ctx, p.config.EnrolAudience); err != nil {
				return err
			}
			l.now.postLogin, err = l.postLoginActions(ctx)
			return err
		},
		object: func(l *look) object { return l.now.enrolAPI },
		more: []extra{{checkEnrolScope, func(l *look) (string, string) {
			if slices.Contains(scopeNames(l.now.enrolAPI.at("scopes")), p.config.EnrolScope) {
				return "", ""
			}
			return "it has no permission " + p.config.EnrolScope + " (ENROL_SCOPE)", where + ", Permissions"
		}}, {checkEnrolAlg, func(l *look) (string, string) {
			if algorithm := l.now.enrolAPI.text("signing_alg"); algorithm != "RS256" {
				return "it signs with " + algorithm, where + ", Settings, Signing Algorithm"
			}
			return "", ""
		}}, {checkEnrolBound, func(l *look) (string, string) {
			if l.now.enrolAPI.flag("proof_of_possession.required") {
				return "proof_of_possession.required is true", where + ", Settings: require no sender constraining"
			}
			return "", ""
		}}, {checkEnrolTime, (*look).judgeEnrolTime}},
	}
}

// judgeEnrolTime wants an Action to name the claim, as far as its code shows.
func (l *look) judgeEnrolTime() (problem, fix string) {
	claim := l.config.EnrolClaim
	if claim == unspoken {
		return "ENROL_AUTH_TIME_CLAIM is " + unspoken + ", which Auth0 puts into no access token", "ENROL_AUTH_TIME_CLAIM: a URL of your own, and the Action of docs/enrol.md"
	}
	for _, action := range l.now.postLogin {
		if strings.Contains(action.text("code"), claim) {
			return "", ""
		}
	}
	return "the code of no Action of the trigger post-login names " + claim, "dashboard, Actions, Triggers, post-login: the Action of docs/enrol.md, deployed"
}

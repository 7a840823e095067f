package auditlog_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/auditlog"
	"nativebridge/adapters/auditlog/auditlogtest"
	"nativebridge/domain"
)

// lineOf returns the line of an attempt, field by field.
func lineOf(t *testing.T, config auditlog.Config, attempt domain.Attempt) map[string]any {
	t.Helper()
	var out bytes.Buffer
	if err := openAs(t, config, &out, discard()).Record(t.Context(), attempt); err != nil {
		t.Fatal(err)
	}
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	return line
}

func TestALineOfEachOutcomeIsOfTheDocumentedForm(t *testing.T) {
	renewal := domain.Attempt{Event: domain.EventRenew, At: delivered().At, Client: delivered().Client, TokenHash: delivered().TokenHash,
		Identity: domain.Identity{Subject: "auth0|jane"}, Access: delivered().Access}
	revocation := renewal
	revocation.Event, revocation.Identity, revocation.Access = domain.EventRevoke, domain.Identity{}, domain.Access{}
	person := domain.Identity{Authority: "https://issuer.example/", Subject: "auth0|jane", AuthenticatedAt: delivered().At}
	enrolment := domain.Attempt{Event: domain.EventEnrol, At: delivered().At, TokenHash: delivered().TokenHash, Client: delivered().Client, Identity: person, Proof: delivered().Proof}
	listing, removal := enrolment, enrolment
	listing.Event, listing.Proof, listing.Identity.AuthenticatedAt = domain.EventList, domain.ProofKey{}, time.Time{}
	removal.Event, removal.Proof, removal.Passkey = domain.EventRemove, domain.ProofKey{}, strings.Repeat("\"", 300)
	for _, attempt := range []domain.Attempt{delivered(), renewal, revocation, enrolment, listing, removal} {
		for _, err := range []error{
			nil, errors.New("a fault of ours"),
			domain.ErrTokenRejected, domain.ErrTokenReplayed, domain.ErrAccessDenied, domain.ErrMFARequired, domain.ErrAccountBlocked,
			domain.ErrGrantInvalid, domain.ErrScopeInvalid, domain.ErrTargetInvalid, domain.ErrBusy, domain.ErrUnavailable,
			domain.ErrAccessTokenInvalid, domain.ErrScopeInsufficient, domain.ErrSignInTooOld, domain.ErrEnrolmentDenied, domain.ErrPasskeyUnknown,
		} {
			attempt.Err = err
			if got := lineOf(t, auditlog.Config{}, attempt)["outcome"]; got != attempt.Outcome() { // the log itself holds it against the schema
				t.Errorf("the outcome is %v, want %s", got, attempt.Outcome())
			}
		}
	}
}

func TestALineWithoutWhatAVerifierDoesNotSayIsOfTheDocumentedForm(t *testing.T) {
	withoutAction, refused := delivered(), delivered()
	withoutAction.Identity.Action = "" // signed tokens may have none
	refused.Identity.Method, refused.Identity.AuthenticatedAt = "", time.Time{}
	refused.Proof, refused.Err = domain.ProofKey{}, domain.ErrTokenRejected
	for field, attempt := range map[string]domain.Attempt{"action": withoutAction, "method": refused, "authenticated_at": refused} {
		if value, there := lineOf(t, auditlog.Config{}, attempt)[field]; there { // the log itself holds it against the schema
			t.Errorf("%s is %v, want none", field, value)
		}
	}
}

// The documented form is no form if anything has it.
func TestALineOfAnotherFormIsRefused(t *testing.T) {
	long := strings.Repeat("x", 2049)
	for name, broken := range map[string]map[string]any{
		"a field that is not documented":        {"email": "jane@example.com"},
		"a token":                               {"token_sha256": tokenText},
		"a hash that is cut":                    {"token_sha256": strings.Repeat("a", 63)},
		"a hash in capitals":                    {"proof_sha256": strings.Repeat("A", 64)},
		"no time":                               {"time": nil},
		"a local time":                          {"time": "2026-01-31T11:00:00+01:00"},
		"no day of the calendar":                {"time": "2026-02-31T10:00:00Z"},
		"a time in seconds":                     {"time": 1769853600},
		"no event":                              {"event": nil},
		"an event that is not known":            {"event": "sign_in"},
		"no outcome":                            {"outcome": nil},
		"a cause in place of an outcome":        {"outcome": "access_denied: blocked by a rule"},
		"the outcome of another event":          {"outcome": "session_renewed"},
		"a duration in words":                   {"duration_ms": "10ms"},
		"a duration with a fraction":            {"duration_ms": 10.5},
		"a duration below nothing":              {"duration_ms": -1},
		"no request":                            {"request_id": nil},
		"an empty request id":                   {"request_id": ""},
		"an address with words":                 {"client": "203.0.113.7 or so"},
		"an address that is empty":              {"client": ""},
		"a user agent that is too long":         {"user_agent": long},
		"an issuer that is not known":           {"issuer": "okta"},
		"an empty subject":                      {"subject": ""},
		"a subject that is too long":            {"subject": long},
		"a subject that is a list":              {"subject": []string{"auth0|jane"}},
		"a scope that is a list":                {"scope": []string{"openid"}},
		"a scope that is too long":              {"scope": long},
		"an audience that is too long":          {"audience": long},
		"an organization that is too long":      {"organization": long},
		"a session of nobody":                   {"subject": nil},
		"a session without a proof":             {"proof_sha256": nil},
		"a person whose method is not told":     {"method": nil},
		"a person whose time is not told":       {"authenticated_at": nil},
		"a person who is hashed in part":        {"subject": hashOfJane},
		"an address that is hashed alone":       {"client": hashOfJane},
		"a hash of another kind":                {"client": "sha256:" + strings.Repeat("a", 64)},
		"a revocation of somebody":              {"event": "revoke", "outcome": "session_revoked"},
		"a passkey at a sign-in":                {"passkey": "1"},
		"an enrolment by an action":             {"event": "enrol", "outcome": "enrolment_begun", "method": nil, "scope": nil, "audience": nil},
		"an enrolment without a proof":          {"event": "enrol", "outcome": "enrolment_begun", "method": nil, "scope": nil, "audience": nil, "action": nil, "proof_sha256": nil},
		"a list with a proof":                   {"event": "list", "outcome": "passkeys_listed", "method": nil, "scope": nil, "audience": nil, "action": nil},
		"a removal of nothing":                  {"event": "remove", "outcome": "passkey_removed", "method": nil, "scope": nil, "audience": nil, "action": nil, "proof_sha256": nil},
		"a renewal with a proof":                {"event": "renew", "outcome": "session_renewed"},
		"an action at nobody's":                 {"proof_sha256": nil, "authority": nil, "method": nil, "authenticated_at": nil, "outcome": "token_rejected"},
		"an authority that is null":             {"authority": json.RawMessage("null")},
		"an action that is no text":             {"action": 1},
		"a proof without whom it is a proof of": {"authority": nil, "authenticated_at": nil},
	} {
		t.Run(name, func(t *testing.T) {
			line := lineOf(t, auditlog.Config{}, delivered())
			maps.Copy(line, broken)
			maps.DeleteFunc(line, func(_ string, value any) bool { return value == nil })
			text, err := json.Marshal(line)
			if err != nil {
				t.Fatal(err)
			}
			if auditlogtest.Valid(text) == nil {
				t.Errorf("%s is called good", text)
			}
		})
	}
	for name, text := range map[string]string{"no object": `["exchange"]`, "two in one line": `{} {}`, "half a line": `{"time":"2026-01-31T1`, "nothing": ``} {
		if auditlogtest.Valid([]byte(text)) == nil {
			t.Errorf("%s is called good", name)
		}
	}
}

// jane's user id, hashed with piiKey as docs/audit.md says:
// printf %s 'auth0|jane' | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$AUDIT_PII_KEY"
const hashOfJane = "hmac-sha256:0b33bb648d50f7e32983aeec80a01f0ae254d20e45dffd77d814d395ee4c5340"

// persons are the fields that name a person.
func persons() []string { return []string{"client", "subject", "user_agent"} }

func TestAHashedLineNamesNobodyAndTellsTheRestAsBefore(t *testing.T) {
	plain, hashed := lineOf(t, auditlog.Config{}, delivered()), lineOf(t, hashing(t, piiKey), delivered())
	if hashed["subject"] != hashOfJane {
		t.Errorf("the subject is %v, want what openssl makes of it, %s", hashed["subject"], hashOfJane)
	}
	for _, field := range persons() {
		if text, _ := hashed[field].(string); !strings.HasPrefix(text, "hmac-sha256:") {
			t.Errorf("%s is %q, want a form that says that it is hashed", field, text)
		}
		delete(plain, field)
		delete(hashed, field)
	}
	text, _ := json.Marshal(hashed)
	for _, name := range []string{"jane", "203.0.113.7", "app/1"} {
		if strings.Contains(string(text), name) {
			t.Errorf("%s has %q in it", text, name)
		}
	}
	if !maps.Equal(plain, hashed) {
		t.Errorf("the rest is %v, want %v", hashed, plain)
	}
}

func TestTheSamePersonHasTheSameHashAndNobodyElseHas(t *testing.T) {
	other := delivered()
	other.Identity.Subject = "auth0|Jane"
	long, longer := delivered(), delivered()
	long.Identity.Subject, longer.Identity.Subject = strings.Repeat("x", 600), strings.Repeat("x", 601) // cut alike, if they were plain
	of := func(key string, attempt domain.Attempt) any { return lineOf(t, hashing(t, key), attempt)["subject"] }
	hashes := []any{of(piiKey, delivered()), of(piiKey, other), of(piiKey, long), of(piiKey, longer), of(otherPIIKey, delivered())}
	for i, hash := range hashes {
		if slices.Contains(hashes[:i], hash) {
			t.Errorf("number %d is the hash of another, %v", i, hash)
		}
	}
	if again := of(piiKey, delivered()); again != hashes[0] {
		t.Errorf("the hash is %v, and then %v", hashes[0], again)
	}
}

func TestWhatIsNotKnownIsNotHashed(t *testing.T) {
	line := lineOf(t, hashing(t, piiKey), domain.Attempt{
		Event: domain.EventExchange, At: delivered().At, Client: domain.Client{RequestID: "req-1"},
		TokenHash: delivered().TokenHash, Err: domain.ErrTokenRejected,
	})
	for _, field := range persons() {
		if hash, there := line[field]; there {
			t.Errorf("%s is %v, want none", field, hash)
		}
	}
}

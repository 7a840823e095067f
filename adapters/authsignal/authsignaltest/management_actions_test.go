package authsignaltest_test

import (
	"net/http"
	"testing"

	"nativebridge/adapters/authsignal/authsignaltest"
)

// No client of the Management API that somebody else wrote is served by a registry that
// these tests can reach. They keep the forms of Authsignal's documents.

func TestActionsAreMadeChangedAndDeletedByTheManagementAPI(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	const path = "/action-configurations/" + signIn
	wantError(t, manage(t, s, http.MethodGet, path, nil), 404, "not_found")
	wantFields(t, manage(t, s, http.MethodPost, "/action-configurations", object{
		"actionCode": signIn, "defaultUserActionResult": "CHALLENGE", "verificationMethods": []string{"PASSKEY"},
	}), object{"actionCode": signIn, "tenantId": s.TenantID(), "defaultUserActionResult": "CHALLENGE"})

	r := manage(t, s, http.MethodPatch, path, object{"verificationMethods": nil})
	wantFields(t, r, object{"defaultUserActionResult": "CHALLENGE"}) // absent keeps
	if _, kept := r.object["verificationMethods"]; kept {
		t.Errorf("null must clear: %s", r.raw)
	}
	wantFields(t, manage(t, s, http.MethodDelete, path, nil), object{"success": true})
	wantError(t, manage(t, s, http.MethodGet, path, nil), 404, "not_found")
}

func TestRulesAreMadeAndDeletedByTheManagementAPI(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{Actions: []string{signIn}})
	rule := object{"name": "known devices", "isActive": true, "priority": 0, "type": "ALLOW", "conditions": object{"var": "device.isRemembered"}}
	for _, rules := range []string{"/action-configurations/" + signIn + "/rules", "/action_configurations/" + signIn + "/rules"} {
		made := manage(t, s, http.MethodPost, rules, rule)
		wantFields(t, made, object{"actionCode": signIn, "type": "ALLOW", "name": "known devices"})
		id, _ := made.object["ruleId"].(string)
		if second := manage(t, s, http.MethodPost, rules, rule); second.status != http.StatusBadRequest {
			t.Errorf("a second rule of that priority: %d, want 400", second.status)
		}
		wantFields(t, manage(t, s, http.MethodDelete, rules+"/"+id, nil), object{"success": true})
		wantError(t, manage(t, s, http.MethodGet, rules+"/"+id, nil), 404, "not_found")
	}
}

package authsignal_test

import (
	"encoding/json"
	"os"
	"testing"

	"nativebridge/domain"
)

// The table of documents is shared with the tests of Auth0's scripts, which read the same answers.
func TestWhomAnAnswerProvesIsReadStrictly(t *testing.T) {
	text, err := os.ReadFile("testdata/validations.json")
	if err != nil {
		t.Fatal(err)
	}
	var documents []struct {
		Name, Document, Bridge string
		Base64                 []byte
	}
	if err := json.Unmarshal(text, &documents); err != nil || len(documents) == 0 {
		t.Fatalf("%d documents: %v", len(documents), err)
	}
	for _, tt := range documents {
		t.Run(tt.Name, func(t *testing.T) {
			verifier, _ := upstreamWith(t, answering(200, tt.Document+string(tt.Base64)))
			identity, err := verifier.Verify(t.Context(), live(t))
			if identity.Subject != tt.Bridge {
				t.Errorf("subject = %q, want %q", identity.Subject, tt.Bridge)
			}
			if reason, _ := domain.ReasonOf(err); (err == nil) != (tt.Bridge != "") || err != nil && reason != domain.ErrUnavailable {
				t.Errorf("err = %v (reason %q), want none, or unavailable", err, reason)
			}
		})
	}
}

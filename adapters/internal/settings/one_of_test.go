package settings_test

import (
	"testing"

	"nativebridge/adapters/internal/settings"
)

func TestOneOfTakesWhatItListsAndNothingElse(t *testing.T) {
	type fruit string
	got := fruit("plum")
	err := settings.OneOf(&got, []byte("Apple"), "apple", "pear", "plum")
	if err == nil || err.Error() != "it is apple, pear or plum" || got != "plum" {
		t.Errorf("Apple: %v and %q, want what it may be, and what it was", err, got)
	}
	if err := settings.OneOf(&got, []byte("pear"), "apple", "pear", "plum"); err != nil || got != "pear" {
		t.Errorf("pear: %v and %q", err, got)
	}
}

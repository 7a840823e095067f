package tenant

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// CheckRelyingParty says what keeps id from being a relying party id: it must be a
// domain that somebody can register, or localhost (WebAuthn Level 3, section 5.1.2,
// and "is a registrable domain suffix of or is equal to", HTML).
func CheckRelyingParty(id string) error {
	switch {
	case id == "localhost":
		return nil
	case id == "" || strings.ToLower(id) != id || strings.ContainsAny(id, ":/ @?#") || strings.HasPrefix(id, ".") || strings.HasSuffix(id, "."):
		return fmt.Errorf("the relying party id %q is no domain: write it as example.com, in lower case, without https://, port or path", id)
	case net.ParseIP(id) != nil:
		return fmt.Errorf("the relying party id %q is an address: passkeys need a domain", id)
	}
	if suffix, _ := publicsuffix.PublicSuffix(id); suffix == id {
		return fmt.Errorf("the relying party id %q is a public suffix: browsers refuse it, take the domain under it that is yours", id)
	}
	return nil
}

const androidOrigin = "android:apk-key-hash:"

// CheckOrigin says what keeps ceremonies of origin from using passkeys of the relying
// party: its host must be id or a name under it, and the scheme https, or http on
// localhost. An Android app's origin is tied to the domain by assetlinks.json, so only
// its form is checked.
func CheckOrigin(id, origin string) error {
	if hash, ok := strings.CutPrefix(origin, androidOrigin); ok {
		if sum, err := base64.RawURLEncoding.DecodeString(hash); err != nil || len(sum) != 32 {
			return fmt.Errorf("the origin %q has no SHA-256 in unpadded base64url behind %s", origin, androidOrigin)
		}
		return nil
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || origin != u.Scheme+"://"+u.Host {
		return fmt.Errorf("the origin %q is none: write it as https://app.example.com, without path or slash at the end", origin)
	}
	host := u.Hostname()
	if u.Scheme != "https" && (u.Scheme != "http" || host != "localhost") {
		return fmt.Errorf("the origin %q must begin with https://", origin)
	}
	if host != id && !strings.HasSuffix(host, "."+id) {
		return fmt.Errorf("the origin %q is not under the relying party id %s: browsers refuse the ceremony", origin, id)
	}
	return nil
}

// Check says everything that is wrong with w, each with how to mend it.
func (w Wanted) Check() error {
	faults := []error{CheckRelyingParty(w.RelyingParty)}
	if faults[0] == nil {
		for _, origin := range w.Origins {
			faults = append(faults, CheckOrigin(w.RelyingParty, origin))
		}
	}
	for _, action := range []string{w.SignInAction, w.EnrolAction} {
		if !actionForm.MatchString(action) {
			faults = append(faults, fmt.Errorf("the action %q must have 1 to 64 letters, digits, - and _", action))
		}
	}
	if w.SignInAction == w.EnrolAction {
		faults = append(faults, errors.New("sign-in and enrolment need different actions: a token that adds a passkey must not sign anybody in"))
	}
	if w.TokenMinutes < 1 || w.TokenMinutes > 60 {
		faults = append(faults, fmt.Errorf("tokens of %d minutes: choose 1 to 60, such as 10", w.TokenMinutes))
	}
	if w.VerifyWebhookURL != "" && !strings.HasPrefix(w.VerifyWebhookURL, "https://") {
		faults = append(faults, errors.New("the verification webhook must have an https:// URL"))
	}
	return errors.Join(faults...)
}

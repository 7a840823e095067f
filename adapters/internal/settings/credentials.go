package settings

import (
	"regexp"
	"strings"
)

// The forms of credentials. No proper value of a setting has one of them: URLs and scopes
// have colons or dots, and ids are shorter.
var (
	jwtForm    = regexp.MustCompile(`^eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$`)
	randomForm = regexp.MustCompile(`^[A-Za-z0-9+/_=-]{40,}$`) // hexadecimal, base64 and base64url
	twoDigits  = regexp.MustCompile(`[0-9].*[0-9]`)            // long words have none
)

// looksLikeCredential reports whether value, or an item of it if it is a list, has the
// form of a private key, a token or a long random secret. It finds what was pasted into
// the wrong variable. It does not find every credential.
func looksLikeCredential(value string) bool {
	if strings.Contains(value, "-----BEGIN") {
		return true
	}
	for item := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ',' || r <= ' ' }) {
		if _, bare, found := strings.Cut(item, "://"); found { // https:// is put before anything
			item = strings.TrimRight(bare, "/")
		}
		if jwtForm.MatchString(item) || randomForm.MatchString(item) && twoDigits.MatchString(item) {
			return true
		}
	}
	return false
}

// checkSecret returns what is wrong with a secret, whatever it is for, or "".
func checkSecret(text string) string {
	switch {
	case strings.TrimSpace(text) == "":
		return "is blank"
	case strings.HasPrefix(text, "\ufeff"), strings.HasPrefix(text, "\xff\xfe"), strings.HasPrefix(text, "\xfe\xff"):
		return "begins with a byte order mark, which some editors and PowerShell write"
	case strings.TrimSpace(text) != text:
		return "begins or ends with white space"
	}
	return ""
}

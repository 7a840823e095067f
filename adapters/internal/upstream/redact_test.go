package upstream_test

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

const aSecret = "Zk7-q_pLw9/x+T3&vB~Qr" // with what encodings treat differently

func jsonEscaped(s string) string {
	text, _ := json.Marshal(s)
	return strings.ReplaceAll(strings.Trim(string(text), `"`), "/", `\/`)
}

// everyByte writes each byte of s in a form of its own.
func everyByte(format func(c byte) string) func(string) string {
	return func(s string) string {
		var b strings.Builder
		for i := range len(s) {
			b.WriteString(format(s[i]))
		}
		return b.String()
	}
}

const hexDigits = "0123456789abcdef"

// encodings are the forms that a vendor may echo a secret in.
var encodings = map[string]func(string) string{
	"as it is":              func(s string) string { return s },
	"base64":                func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 unpadded":       func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) },
	"base64url":             func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
	"base64url unpadded":    func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
	"base64, as user":       func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s + ":no")) },
	"base64, as a password": func(s string) string { return base64.StdEncoding.EncodeToString([]byte("me:" + s)) },
	"in a form":             url.QueryEscape,
	"in a path":             url.PathEscape,
	"each byte in percent":  everyByte(func(c byte) string { return "%" + string([]byte{hexDigits[c>>4], hexDigits[c&15]}) }),
	"in JSON":               jsonEscaped,
	"each in JSON":          everyByte(func(c byte) string { return `\u00` + string([]byte{hexDigits[c>>4], hexDigits[c&15]}) }),
	"in HTML":               html.EscapeString,
}

func TestASecretIsFoundInEveryEncoding(t *testing.T) {
	for name, encode := range encodings {
		for outer, again := range encodings {
			t.Run(name+", then "+outer, func(t *testing.T) {
				if strings.HasPrefix(name, "base") && strings.HasPrefix(outer, "base") {
					return // no vendor echoes base64 of base64
				}
				text := again(encode(aSecret))
				got := upstream.Words("it has <"+text+"> in it", domain.NewSecret(aSecret))
				size := 12 // more than is left of what is no secret, such as padding
				if strings.HasPrefix(name, "each") || strings.HasPrefix(outer, "each") {
					size = 25
				}
				if left := leftOf(got, text, size); left != "" || !strings.HasPrefix(got, "it has <") || !strings.HasSuffix(got, "> in it") {
					t.Errorf("Words = %q, with %q left", got, left)
				}
			})
		}
	}
}

// Eight characters are found wherever they stand within something longer, and no
// more is taken out than they are written in.
func TestASecretIsFoundInBase64AtEveryPlace(t *testing.T) {
	encodings := map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding}
	for kind, encoding := range encodings {
		for _, secret := range []string{"Zk7qpLw9", "~>~>~>~>", "????????"} { // the last two are written with + or -, and with / or _
			for before := range 3 { // bytes, in the same base64
				for glued := range 4 { // digits, which are of something else
					for name, start := range map[string]string{"first": "", "after a word": "word "} {
						encoded := encoding.EncodeToString([]byte("me:"[:before] + secret))
						text := start + "AAAA"[:glued] + encoded
						want := start + "AAAA"[:glued] + encoded[:before] + "[redacted]"
						if got := upstream.Words(text, domain.NewSecret(secret)); got != want {
							t.Errorf("%s, %s: Words(%q) = %q, want %q", kind, name, text, got, want)
						}
					}
				}
			}
		}
	}
}

// The first three characters are in the four digits that the point parts.
func TestBase64BeginsAnewBehindAnythingElse(t *testing.T) {
	const secret = "Zk7qpLw9xYz"
	encoded := base64.RawStdEncoding.EncodeToString([]byte(secret))
	text, want := encoded[:1]+"."+encoded[1:], encoded[:1]+"."+encoded[1:4]+"[redacted]"
	if got := upstream.Words(text, domain.NewSecret(secret)); got != want {
		t.Errorf("Words(%q) = %q, want %q", text, got, want)
	}
}

func TestASecretIsFoundUnderEveryEscape(t *testing.T) {
	const secret = "JKLMNOjk" // whose bytes have letters in hexadecimal
	for name, tt := range map[string]struct{ secret, text, want string }{
		"percent, in upper case":        {secret, "%4A%4B%4C%4D%4E%4F%6A%6B", "[redacted]"},
		"percent, in lower case":        {secret, "%4a%4b%4c%4d%4e%4f%6a%6b", "[redacted]"},
		"JSON, in upper case":           {secret, `\u004A\u004B\u004C\u004D\u004E\u004F\u006A\u006B`, "[redacted]"},
		"JSON, in lower case":           {secret, `\u004a\u004b\u004c\u004d\u004e\u004f\u006a\u006b`, "[redacted]"},
		"JSON, beyond ASCII":            {"€€€", `\u20ac\u20ac\u20ac`, "[redacted]"},
		"JSON, what must be":            {`"/\"/\"/`, `\"\/\\\"\/\\\"\/`, "[redacted]"},
		"HTML, with names":              {`<>&"'<>&`, "&lt;&gt;&amp;&quot;&apos;&lt;&gt;&amp;", "[redacted]"},
		"HTML, decimal":                 {secret, "&#74;&#75;&#76;&#77;&#78;&#79;&#106;&#107;", "[redacted]"},
		"HTML, hexadecimal":             {secret, "&#x4A;&#x4b;&#X4C;&#X4d;&#x4E;&#x4f;&#x6A;&#x6b;", "[redacted]"},
		"all but the first character":   {secret, "J%4B%4C%4D%4E%4F%6A%6B", "[redacted]"},
		"the first character alone":     {secret, "%4AKLMNOjk", "[redacted]"},
		"with others before and behind": {secret, "%21%4AKLMNOjk%21", "%21[redacted]%21"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := upstream.Words(tt.text, domain.NewSecret(tt.secret)); got != tt.want {
				t.Errorf("Words(%q) = %q, want %q", tt.text, got, tt.want)
			}
		})
	}
}

func TestFourEscapesOnTopOfEachOtherAreTakenAway(t *testing.T) {
	const secret = "JKLMNOjk"
	escape := encodings["each byte in percent"]
	text := escape(secret)
	for layers := 1; layers <= 5; layers++ {
		encoded := base64.StdEncoding.EncodeToString([]byte(text))
		for _, told := range []string{text, encoded} {
			got := upstream.Words(told, domain.NewSecret(secret))
			if hidden := strings.HasPrefix(got, "[redacted]"); hidden != (layers <= 4) {
				t.Errorf("%d layers: Words(%q) = %q", layers, told, got)
			}
		}
		text = strings.ReplaceAll(text, "%", "%25")
	}
}

// leftOf returns size characters of secret, in a row, that are in text.
func leftOf(text, secret string, size int) string {
	for i := 0; i+size <= len(secret); i++ {
		if strings.Contains(text, secret[i:i+size]) {
			return secret[i : i+size]
		}
	}
	return ""
}

// Nothing of eight characters is left of any secret, nor of sixteen of any of its
// encodings, wherever a vendor cuts it.
func FuzzNothingOfASecretIsLeft(f *testing.F) {
	for seed := range uint64(200) {
		f.Add(seed, "the vendor says ", " and more")
	}
	var names []string
	for name := range encodings {
		names = append(names, name)
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="
	f.Fuzz(func(t *testing.T, seed uint64, before, after string) {
		random := rand.New(rand.NewPCG(seed, 0))
		secret := make([]byte, 16+random.IntN(64))
		for i := range secret {
			secret[i] = alphabet[random.IntN(len(alphabet))]
		}
		from := random.IntN(len(secret) / 2)
		echoed := string(secret[from : from+8+random.IntN(len(secret)-from-7)])
		name := names[random.IntN(len(names))]
		encoded := encodings[name](echoed)
		got := upstream.Words(before+encoded+after, domain.NewSecret(string(secret)))
		if leftOf(before, string(secret), 8) != "" || leftOf(after, string(secret), 8) != "" {
			return
		}
		if left := leftOf(got, echoed, 8); left != "" {
			t.Errorf("%s: %q of %q is left in %q", name, left, echoed, got)
		}
		if left := leftOf(got, encoded, 16); left != "" && !strings.Contains(before+after, left) {
			t.Errorf("%s: %q of %q is left in %q", name, left, encoded, got)
		}
	})
}

func TestWhatLooksLikeATokenIsNotTold(t *testing.T) {
	const jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"
	for name, text := range map[string]string{
		"a JWT":                 jwt,
		"a JWE":                 jwt + ".AAAA.BBBB",
		"without its signature": jwt[:strings.LastIndexByte(jwt, '.')+1],
		"its header alone":      jwt[:20],
		"in a URL":              strings.ReplaceAll(jwt, ".", "%2E"),
	} {
		t.Run(name, func(t *testing.T) {
			if got, want := upstream.Words("bad token "+text+", sorry"), "bad token [redacted], sorry"; got != want {
				t.Errorf("Words = %q, want %q", got, want)
			}
		})
	}
}

func TestEveryTokenIsTakenOut(t *testing.T) {
	const jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"
	if got, want := upstream.Words("neither "+jwt+" nor "+jwt), "neither [redacted] nor [redacted]"; got != want {
		t.Errorf("Words = %q, want %q", got, want)
	}
}

func TestARepliesFirstWordsAreToldIfItIsNoJSON(t *testing.T) {
	secret := domain.NewSecret(aSecret)
	for name, tt := range map[string]struct{ body, found, want string }{
		"what was found":      {`{"error":"no"}`, "no", "no"},
		"nothing in JSON":     {`{"mfa_token":"x"}`, "", ""},
		"nothing at all":      {"", "", ""},
		"a page":              {"<html>\r\n  <title>502 Bad Gateway</title>\n", "", "<html> <title>502 Bad Gateway</title>"},
		"a page and a word":   {"<html>", "no", "no"},
		"words far behind":    {strings.Repeat(" ", 2<<10) + "late", "", ""},
		"a page with an echo": {"you sent " + aSecret, "", "you sent [redacted]"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (upstream.Reply{Body: []byte(tt.body)}).Words(tt.found, secret); got != tt.want {
				t.Errorf("Words = %q, want %q", got, tt.want)
			}
		})
	}
}
